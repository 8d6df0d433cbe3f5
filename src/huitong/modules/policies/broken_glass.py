"""Uses of broken glass: begun by an exchange, due for review, overdue."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.limits import OVERDUE_PER_BLOCK_MAX
from huitong.core.time import NS_PER_SECOND
from huitong.modules.policies import events
from huitong.modules.policies.errors import ReviewOverdueError
from huitong.modules.policies.state import (
    due_uses,
    find_overdue,
    get_params,
    get_use,
    next_use_id,
    save_next_use_id,
    save_use,
)
from huitong.proto.huitong.policies.v1 import policies_pb2 as pb
from huitong.proto.huitong.policies.v1.policies_pb2 import BreakGlassUse


def check_may_break_glass(ctx: Context, user: str) -> None:
    """Raise if a user has a use whose review is overdue.

    Raises:
        ReviewOverdueError: it has.
    """
    overdue = find_overdue(ctx, user)
    if overdue is not None:
        raise ReviewOverdueError(
            user=user, use_id=overdue.use_id, review_due=overdue.review_due
        )


def begin_use(ctx: Context, use: BreakGlassUse) -> int:
    """Write a use that must be reviewed in the zone's term; return its id.

    Args:
        ctx: the branch to write to.
        use: who, what and why; id, times and status are filled in.
    """
    use.use_id = next_use_id(ctx)
    save_next_use_id(ctx, use.use_id + 1)
    use.status = pb.USE_STATUS_OPEN
    use.used_height = ctx.block.height.revision_height
    use.used_time = ctx.block.time_ns
    use.review_due = ctx.block.time_ns + get_params(ctx).review_term * NS_PER_SECOND
    save_use(ctx, use)
    ctx.emit(events.glass_broken(use))
    return use.use_id


def mark_overdue(ctx: Context) -> None:
    """Mark the uses whose review was due, some in each block.

    A user is blocked from the moment the review is due, whenever this comes to it.

    Cost: one step of a walk if none is due; about 2 writes for each that is.
    """
    for use_id in due_uses(ctx, ctx.block.time_ns, OVERDUE_PER_BLOCK_MAX):
        use = get_use(ctx, use_id)
        use.status = pb.USE_STATUS_OVERDUE
        save_use(ctx, use)
        ctx.emit(events.review_overdue(use))
