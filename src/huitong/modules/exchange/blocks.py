"""What the module does at the beginning of each block."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.modules.exchange.deadlines import refuse_overdue
from huitong.modules.exchange.subscriptions import end_overdue


def begin_block(ctx: Context) -> None:
    """Answer what waited too long, and end permissions whose term is over."""
    refuse_overdue(ctx)
    end_overdue(ctx)
