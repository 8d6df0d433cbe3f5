"""Requests that wait: who may end the waiting, and how it ends."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.modules.exchange.deciding import write_decision
from huitong.modules.exchange.decisions import encode_decision
from huitong.modules.exchange.errors import (
    DeadlinePassedError,
    ExchangeStatusError,
    NotPartyError,
)
from huitong.modules.exchange.state import (
    delete_waiting,
    get_waiting,
    status_name,
)
from huitong.modules.links.packets import write_acknowledgement
from huitong.modules.members.state import get_member_id
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb


def check_party(ctx: Context, signer: str, expected: str) -> None:
    """Check that an account acts for a party of the exchange.

    Raises:
        NoMemberError: it acts for no member.
        NotPartyError: it acts for another one.
    """
    member_id = get_member_id(ctx, signer)
    if member_id != expected:
        raise NotPartyError(actual=member_id, expected=expected)


def check_waiting(ctx: Context, exchange: pb.Exchange) -> None:
    """Check that a request waits and that its deadline has not come.

    Raises:
        ExchangeStatusError: it does not wait.
        DeadlinePassedError: it is too late.
    """
    if exchange.status != pb.EXCHANGE_STATUS_REQUESTED:
        raise ExchangeStatusError(
            channel_id=exchange.channel_id,
            sequence=exchange.sequence,
            status=status_name(exchange.status),
            wanted="a decision",
        )
    if ctx.block.time_ns >= exchange.deadline:
        raise DeadlinePassedError(
            channel_id=exchange.channel_id,
            sequence=exchange.sequence,
            deadline=exchange.deadline,
        )


def settle_waiting(ctx: Context, exchange: pb.Exchange, decision: pb.Decision) -> None:
    """Write the decision on a waiting request and acknowledge its packet with it.

    Raises:
        RejectedError: the channel does not take it, see ``links.write_acknowledgement``.
    """
    packet = get_waiting(ctx, exchange)
    delete_waiting(ctx, exchange)
    exchange.ClearField("deadline")
    write_decision(ctx, exchange, decision)
    write_acknowledgement(ctx, packet, encode_decision(decision))
