"""Who may send what, and which messages can be redundant."""

from __future__ import annotations

import pytest

from huitong.core.module import MessageRoute
from huitong.modules import links
from huitong.modules.links.routes import MESSAGES
from huitong.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.proto.ibc.core.connection.v1 import tx_pb2 as connection_tx_pb2

GOVERNED = {
    "ibc.core.client.v1.MsgRecoverClient",
    "ibc.core.client.v1.MsgUpdateParams",
    "ibc.core.connection.v1.MsgUpdateParams",
}
REDUNDANT = {
    "ibc.core.client.v1.MsgUpdateClient",
    "ibc.core.channel.v1.MsgRecvPacket",
    "ibc.core.channel.v1.MsgAcknowledgement",
    "ibc.core.channel.v1.MsgTimeout",
    "ibc.core.channel.v1.MsgTimeoutOnClose",
}
#: Of channel upgrades and of software upgrades by message we know nothing.
LEFT_OUT = ("Upgrade", "IBCSoftwareUpgrade", "PruneAcknowledgements", "UpdateChannel")


def name_of(route: MessageRoute) -> str:
    return route.request.DESCRIPTOR.full_name


@pytest.mark.parametrize("route", MESSAGES, ids=name_of)
def test_relayers_relay_and_members_decide(route: MessageRoute) -> None:
    is_governed = name_of(route) in GOVERNED
    assert route.governed is is_governed
    assert route.roles == (() if is_governed else ("relayer", "operator"))
    assert (route.is_redundant is not None) is (name_of(route) in REDUNDANT)
    assert route.signer(route.request(signer="ht1abc")) == "ht1abc"


def test_every_message_of_the_handshakes_and_of_packets_has_a_route() -> None:
    routed = {name_of(route) for route in links.MODULE.messages}
    for module in (client_tx_pb2, connection_tx_pb2, channel_tx_pb2):
        for method in module.DESCRIPTOR.services_by_name["Msg"].methods:
            if method.name == "UpgradeClient" or not any(
                part in method.name for part in LEFT_OUT
            ):
                assert method.input_type.full_name in routed
