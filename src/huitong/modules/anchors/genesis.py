"""Anchors in the genesis file.

::

    {"anchors": [Anchor…]}

The anchors of a stream stand in their order.
"""

from __future__ import annotations

from typing import Any

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.genesis import (
    GenesisError,
    check_known_keys,
    message_to_json,
    messages_from_json,
)
from huitong.modules.anchors.handlers import check_follows, check_form
from huitong.modules.anchors.state import add_anchor, all_anchors
from huitong.modules.members.state import get_member
from huitong.proto.huitong.anchors.v1.anchors_pb2 import Anchor


def init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Write the anchors of a genesis file.

    Raises:
        GenesisError: anything in it is unknown, malformed, out of order or without its
            member.
    """
    check_known_keys(state, ("anchors",), "anchors")
    where = "anchors.anchors"
    anchors = messages_from_json(Anchor, state.get("anchors", []), where)
    for index, anchor in enumerate(anchors):
        try:
            get_member(ctx, anchor.member_id)
            check_form(anchor)
            check_follows(ctx, anchor)
        except RejectedError as wrong:
            raise GenesisError(where=f"{where}[{index}]", reason=str(wrong)) from wrong
        add_anchor(ctx, anchor)


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return all anchors, each stream in its order."""
    return {"anchors": [message_to_json(anchor) for anchor in all_anchors(ctx)]}
