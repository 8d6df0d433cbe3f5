"""Refusals of the module ``anchors``, codespace ``anchors``.

What can never be right in a message is ``sdk`` 18.
"""

from __future__ import annotations

from huitong.core.errors import RejectedError


class AnchorNotFoundError(
    RejectedError,
    codespace="anchors",
    code=2,
    text="no anchor {sequence} of {stream} ({kind}) of {member_id}",
):
    """The member has anchored no such batch."""


class AnchorSequenceError(
    RejectedError,
    codespace="anchors",
    code=3,
    text="anchor {actual} of {stream}: expected {expected}",
    next_step="Ask for the newest anchor, and go on from it.",
):
    """A log is anchored without gaps, and nothing is anchored twice."""


class AnchorChainError(
    RejectedError,
    codespace="anchors",
    code=4,
    text="anchor {sequence} of {stream} follows root {actual}, expected {expected}",
    next_step="Another copy of the log was anchored: find out which one is right.",
):
    """The batch follows another one than the newest that is anchored."""


class AnchorTimeError(
    RejectedError,
    codespace="anchors",
    code=5,
    text="lines until {last_time}, but it is {now}",
    next_step="Set the clock of the gateway.",
):
    """A log has no lines of the future."""


class TooManyAnchorsError(
    RejectedError,
    codespace="anchors",
    code=6,
    text="{member_id} has anchored {count} batches in this block, at most {maximum}",
    next_step="Send it again in the next block, or make larger batches.",
):
    """One member does not fill a block."""


class NotInAnchorError(
    RejectedError,
    codespace="anchors",
    code=7,
    text="not in anchor {sequence} of {stream}: {reason}",
):
    """A line is not among those that the anchor covers."""
