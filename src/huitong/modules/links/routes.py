"""Which message goes to which handler, and who may send it.

Relaying is open to accounts with the role ``relayer``, the operator's included: whoever
may relay can only carry what both chains have proven. Parameters and recovery are
decided by vote.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from google.protobuf.message import Message

from huitong.core.context import Context
from huitong.core.module import MessageRoute
from huitong.modules.links.handlers import (
    acknowledge_packet,
    close_channel,
    create_client,
    open_channel,
    open_connection,
    recover_client,
    recv_packet,
    timeout_on_close,
    timeout_packet,
    update_client,
    update_params,
    upgrade_client,
)
from huitong.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.proto.ibc.core.connection.v1 import tx_pb2 as connection_tx_pb2

RELAYERS: Final = ("relayer", "operator")


def _relayed(
    request: type[Message],
    check: Callable[[Context, Any], None],
    apply: Callable[[Context, Any], Message],
    is_redundant: Callable[[Context, Any], bool] | None = None,
    brings_header: bool = False,
) -> MessageRoute:
    return MessageRoute(
        request=request,
        check=check,
        apply=apply,
        roles=RELAYERS,
        is_redundant=is_redundant,
        brings_header=brings_header,
    )


def _governed(
    request: type[Message],
    check: Callable[[Context, Any], None],
    apply: Callable[[Context, Any], Message],
) -> MessageRoute:
    return MessageRoute(request=request, check=check, apply=apply, governed=True)


MESSAGES: Final[tuple[MessageRoute, ...]] = (
    _relayed(
        client_tx_pb2.MsgCreateClient,
        create_client.check_create_client,
        create_client.apply_create_client,
    ),
    _relayed(
        client_tx_pb2.MsgUpdateClient,
        update_client.check_update_client,
        update_client.apply_update_client,
        update_client.is_update_redundant,
        brings_header=True,
    ),
    _relayed(
        client_tx_pb2.MsgSubmitMisbehaviour,
        update_client.check_submit_misbehaviour,
        update_client.apply_submit_misbehaviour,
    ),
    _relayed(
        client_tx_pb2.MsgUpgradeClient,
        upgrade_client.check_upgrade_client,
        upgrade_client.apply_upgrade_client,
    ),
    _governed(
        client_tx_pb2.MsgRecoverClient,
        recover_client.check_recover_client,
        recover_client.apply_recover_client,
    ),
    _governed(
        client_tx_pb2.MsgUpdateParams,
        update_params.check_update_client_params,
        update_params.apply_update_client_params,
    ),
    _governed(
        connection_tx_pb2.MsgUpdateParams,
        update_params.check_update_connection_params,
        update_params.apply_update_connection_params,
    ),
    _relayed(
        connection_tx_pb2.MsgConnectionOpenInit,
        open_connection.check_open_init,
        open_connection.apply_open_init,
    ),
    _relayed(
        connection_tx_pb2.MsgConnectionOpenTry,
        open_connection.check_open_try,
        open_connection.apply_open_try,
    ),
    _relayed(
        connection_tx_pb2.MsgConnectionOpenAck,
        open_connection.check_open_ack,
        open_connection.apply_open_ack,
    ),
    _relayed(
        connection_tx_pb2.MsgConnectionOpenConfirm,
        open_connection.check_open_confirm,
        open_connection.apply_open_confirm,
    ),
    _relayed(
        channel_tx_pb2.MsgChannelOpenInit,
        open_channel.check_open_init,
        open_channel.apply_open_init,
    ),
    _relayed(
        channel_tx_pb2.MsgChannelOpenTry,
        open_channel.check_open_try,
        open_channel.apply_open_try,
    ),
    _relayed(
        channel_tx_pb2.MsgChannelOpenAck,
        open_channel.check_open_ack,
        open_channel.apply_open_ack,
    ),
    _relayed(
        channel_tx_pb2.MsgChannelOpenConfirm,
        open_channel.check_open_confirm,
        open_channel.apply_open_confirm,
    ),
    _relayed(
        channel_tx_pb2.MsgChannelCloseInit,
        close_channel.check_close_init,
        close_channel.apply_close_init,
    ),
    _relayed(
        channel_tx_pb2.MsgChannelCloseConfirm,
        close_channel.check_close_confirm,
        close_channel.apply_close_confirm,
    ),
    _relayed(
        channel_tx_pb2.MsgRecvPacket,
        recv_packet.check_recv_packet,
        recv_packet.apply_recv_packet,
        recv_packet.is_recv_packet_redundant,
    ),
    _relayed(
        channel_tx_pb2.MsgAcknowledgement,
        acknowledge_packet.check_acknowledge_packet,
        acknowledge_packet.apply_acknowledge_packet,
        acknowledge_packet.is_acknowledgement_redundant,
    ),
    _relayed(
        channel_tx_pb2.MsgTimeout,
        timeout_packet.check_timeout_packet,
        timeout_packet.apply_timeout_packet,
        timeout_packet.is_timeout_redundant,
    ),
    _relayed(
        channel_tx_pb2.MsgTimeoutOnClose,
        timeout_on_close.check_timeout_on_close,
        timeout_on_close.apply_timeout_on_close,
        timeout_on_close.is_timeout_on_close_redundant,
    ),
)
