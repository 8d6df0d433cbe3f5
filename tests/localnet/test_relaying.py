"""The relayer between two zones on CometBFT, through CometBFT's own RPC."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from huitong.localnet.consortium import LocalZone
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from tests.e2e.test_relay_restarts import (
    Relayer,
    grant,
    make_link,
    request,
    statuses,
    wait_until_settled,
)

pytestmark = pytest.mark.heavy


@dataclass(frozen=True)
class OneNode:
    """A zone as the tests of the relayer see it: one node."""

    zone: LocalZone

    @property
    def chain_id(self) -> str:
        return self.zone.chain_id

    @property
    def rpc_url(self) -> str:
        return self.zone.nodes[0].rpc_url

    def private_key(self, name: str) -> bytes:
        return self.zone.private_key(name)

    def kill(self) -> None:
        self.zone.nodes[0].kill()

    def start(self) -> None:
        self.zone.nodes[0].start()


@pytest.fixture
def zones(tmp_path: Path) -> Iterator[tuple[OneNode, OneNode]]:
    relayer = AccountSpec(name="relayer-0", roles=("relayer",))
    provider = LocalZone(
        tmp_path / "hangzhou",
        "hangzhou-1",
        validators=1,
        members=[MemberSpec(member_id="hz-tax")],
        accounts=[
            relayer,
            AccountSpec(name="tax", member_id="hz-tax", roles=("publisher",)),
        ],
    )
    requester = LocalZone(
        tmp_path / "chongqing",
        "chongqing-1",
        validators=1,
        members=[MemberSpec(member_id="cq-bank")],
        accounts=[
            relayer,
            AccountSpec(name="bank", member_id="cq-bank", roles=("requester",)),
        ],
    )
    for zone in (provider, requester):
        zone.init()
    with provider, requester:
        yield OneNode(provider), OneNode(requester)


async def test_nodes_killed_under_a_running_relayer_are_followed_again(zones, tmp_path):
    provider, requester = zones
    relayer = Relayer(tmp_path / "relayer", zones, 0)
    link = await make_link(relayer, zones)
    relayer.configure(zones, link)
    await grant(provider, link)
    with relayer:
        for zone in zones:
            await request(requester, link, 20)
            zone.kill()
            zone.start()
        await request(requester, link, 20)
        await wait_until_settled(requester, link)
        assert relayer.end(signal.SIGTERM) == 0
    granted = exchange_pb2.EXCHANGE_STATUS_GRANTED
    assert await statuses(requester, link) == [granted] * 60
