"""One bundle while it is checked: what has been read of it so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from huitong.evidence.errors import (
    HistoryError,
)
from huitong.evidence.model import (
    Addendum,
    Evidence,
    Subject,
)
from huitong.evidence.statement import Statement
from huitong.light.tendermint.signed_header import LightBlock


@dataclass(slots=True, kw_only=True)
class Case:
    """One bundle while it is checked; filled in by the checks."""

    entries: Mapping[str, bytes]
    """Everything in the container."""
    public_key: bytes
    """Whose signature is on the manifest."""
    created_ns: int
    """When the bundle was made, as the manifest says."""
    now_ns: int
    """The verifier's clock, nanoseconds since the epoch, UTC."""
    evidence: Evidence = field(init=False)
    """The proofs; there after ``check_entries``."""
    addenda: tuple[Addendum, ...] = field(init=False)
    """What refreshes added; there after ``check_entries``."""
    statement: Statement = field(init=False)
    """What the values say; there after ``check_entries``."""

    @property
    def subject(self) -> Subject:
        """Return which exchange the bundle is about."""
        return self.evidence.subject

    def chain_id(self, side: str) -> str:
        """Return the zone of one side."""
        return self.subject.zone(side).chain_id

    def headers(self, side: str) -> dict[int, LightBlock]:
        """Return all headers of one zone by height, those of addenda too.

        Raises:
            HistoryError: two headers of one height differ.
        """
        pool = dict(self.evidence.zones[side].headers)
        for addendum in self.addenda:
            block = addendum.headers.get(side)
            if block is None:
                continue
            height = block.signed_header.header.height
            if pool.setdefault(height, block) != block:
                raise HistoryError(
                    zone=self.chain_id(side), reason=f"two headers of height {height}"
                )
        return pool
