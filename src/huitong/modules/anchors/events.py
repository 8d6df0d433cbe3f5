"""What the module ``anchors`` tells the world."""

from __future__ import annotations

from huitong.core.events import Event, event
from huitong.modules.anchors.state import kind_name
from huitong.proto.huitong.anchors.v1.anchors_pb2 import Anchor


def log_anchored(anchor: Anchor) -> Event:
    """A member can no longer change this batch of its log."""
    return event(
        "log_anchored",
        member_id=anchor.member_id,
        kind=kind_name(anchor.kind),
        stream=anchor.stream,
        sequence=anchor.sequence,
        root=anchor.root.hex(),
        count=anchor.count,
        first_time=anchor.first_time,
        last_time=anchor.last_time,
        anchored_by=anchor.anchored_by,
    )
