"""Refuse requests that waited for an officer beyond their deadline.

A packet that was received cannot time out on the other zone any more, so this zone owes
it an answer, whatever its officers do.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.limits import DEADLINES_PER_BLOCK_MAX
from huitong.modules.exchange import events
from huitong.modules.exchange.decisions import (
    POLICY,
    encode_decision,
    make_decision,
)
from huitong.modules.exchange.keys import PROVIDER
from huitong.modules.exchange.policy import REFUSED
from huitong.modules.exchange.state import (
    delete_waiting,
    due_exchanges,
    get_exchange,
    get_waiting,
    save_exchange,
)
from huitong.modules.links.packets import write_acknowledgement
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb


def refuse_overdue(ctx: Context) -> None:
    """Refuse the waiting requests whose deadline has come, some in each block.

    Cost: one step of a walk if none is due; about 8 writes for each that is.
    """
    due = due_exchanges(ctx, ctx.block.time_ns, DEADLINES_PER_BLOCK_MAX)
    for channel_id, sequence in due:
        exchange = get_exchange(ctx, PROVIDER, channel_id, sequence)
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
        exchange.status = pb.EXCHANGE_STATUS_REFUSED
        exchange.decision.CopyFrom(decision)
        save_exchange(ctx, exchange)
        ctx.emit(events.exchange_decided(exchange))
        branch = ctx.branch()
        try:
            write_acknowledgement(branch, packet, encode_decision(decision))
        except RejectedError:
            continue  # the channel is closed: nobody can be told
        ctx.merge(branch)
