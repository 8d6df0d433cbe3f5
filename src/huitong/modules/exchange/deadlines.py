"""Refuse requests, and return hand-overs, that waited for an officer too long.

A packet that was received cannot time out on the other zone any more, so this zone owes
it an answer, whatever its officers do.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.limits import DEADLINES_PER_BLOCK_MAX
from huitong.modules.exchange.deciding import write_decision
from huitong.modules.exchange.decisions import (
    POLICY,
    encode_decision,
    make_decision,
)
from huitong.modules.exchange.hand_overs import return_overdue
from huitong.modules.exchange.keys import PROVIDER
from huitong.modules.exchange.policy import REFUSED
from huitong.modules.exchange.state import (
    delete_waiting,
    due_exchanges,
    find_exchange,
    get_waiting,
)
from huitong.modules.links.packets import write_acknowledgement
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb


def refuse_overdue(ctx: Context) -> None:
    """Answer what waits and whose deadline has come, some in each block.

    Cost: one step of a walk if none is due; about 8 writes for each that is.
    """
    due = due_exchanges(ctx, ctx.block.time_ns, DEADLINES_PER_BLOCK_MAX)
    for channel_id, sequence in due:
        # All packets that come in on a channel share its sequences.
        exchange = find_exchange(ctx, PROVIDER, channel_id, sequence)
        if exchange is None:
            return_overdue(ctx, channel_id, sequence)
        else:
            _refuse(ctx, exchange)


def _refuse(ctx: Context, exchange: pb.Exchange) -> None:
    packet = get_waiting(ctx, exchange)
    decision = make_decision(
        ctx,
        exchange.request,
        outcome=REFUSED,
        reason_code="deadline",
        reason="",
        decided_by=POLICY,
        header=None,
        fields=(),
        grant_id=0,
    )
    delete_waiting(ctx, exchange)
    exchange.ClearField("deadline")
    write_decision(ctx, exchange, decision)
    branch = ctx.branch()
    try:
        write_acknowledgement(branch, packet, encode_decision(decision))
    except RejectedError:
        return  # the channel is closed: nobody can be told
    ctx.merge(branch)
