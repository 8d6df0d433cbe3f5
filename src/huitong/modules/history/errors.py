"""Refusals of the module ``history``, codespace ``history``."""

from __future__ import annotations

from huitong.core.errors import RejectedError, UnavailableError


class HeightNotInHistoryError(
    RejectedError,
    codespace="history",
    code=2,
    text="height {height} is not in the history, which has {first} to {last}",
):
    """The accumulator has no header of this height."""


class HistoryProofError(
    RejectedError, codespace="history", code=3, text="history proof: {reason}"
):
    """The proof does not connect the header to the accumulator."""


class HistoryNodesMissingError(
    UnavailableError,
    codespace="history",
    code=4,
    text="this node does not keep what a proof for height {height} needs",
    next_step="Ask a node that has followed the zone from its first block.",
):
    """Nodes of the history stand beside the state; an imported state has none."""
