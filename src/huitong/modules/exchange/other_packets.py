"""Packets besides requests and receipts: pushes, ends of subscriptions, hand-overs."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.ports import ReceiveOutcome
from huitong.modules.exchange.hand_overs import receive_hand_over, settle_hand_over
from huitong.modules.exchange.pushes import receive_push, settle_push
from huitong.modules.exchange.subscriptions import receive_end, settle_end
from huitong.proto.huitong.exchange.v1.exchange_pb2 import ExchangePacketData
from huitong.proto.ibc.core.channel.v1.channel_pb2 import Packet


def receive_other(
    ctx: Context, packet: Packet, data: ExchangePacketData
) -> ReceiveOutcome:
    """Take a packet of one of these kinds.

    Raises:
        RejectedError: it is refused, see the functions below.
    """
    kind = data.WhichOneof("packet")
    if kind == "push":
        return receive_push(ctx, packet, data.push)
    if kind == "end":
        return receive_end(ctx, packet, data.end)
    return receive_hand_over(ctx, packet, data.hand_over)


def settle_other(
    ctx: Context,
    packet: Packet,
    data: ExchangePacketData,
    acknowledgement: bytes | None,
) -> None:
    """Settle a packet of ours; None: it timed out. Does not raise."""
    kind = data.WhichOneof("packet")
    if kind == "push":
        settle_push(ctx, packet, data.push, acknowledgement)
    elif kind == "end":
        settle_end(ctx, packet, data.end, acknowledgement)
    else:
        settle_hand_over(ctx, packet, acknowledgement)
