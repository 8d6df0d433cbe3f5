"""Evidence that has been verified and waits for a block.

What is proven goes into the next block, and its hash is remembered with that block, so
that nobody is accused twice. What waits lies in memory only: between its coming and its
block there are milliseconds, and whoever sends evidence can send it again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Final, final

import structlog

from huitong.core.store.backend import TableReader
from huitong.engines.embedded.chain_state import decode_validator_set
from huitong.engines.errors import EvidencePoolFullError
from huitong.light.tendermint.evidence import Evidence, encode_evidence_list
from huitong.light.tendermint.evidence_checks import EvidenceTerms, verify_evidence
from huitong.light.tendermint.header import BlockHeader
from huitong.light.tendermint.signed_header import SignedHeader
from huitong.light.tendermint.validator_set import ValidatorSet
from huitong.storage.blocks import (
    find_block,
    find_commit,
    find_validators_row,
    is_evidence_committed,
)

#: Pieces of evidence that wait at one time: each accuses a validator of one height.
EVIDENCE_WAITING_MAX: Final = 64
_log: Final = structlog.get_logger("engine")


@final
class EvidencePool:
    """The evidence that waits on one node. Any thread may call."""

    def __init__(
        self,
        snapshot: Callable[[], TableReader],
        terms: Callable[[], EvidenceTerms],
        *,
        on_work: Callable[[], None],
    ) -> None:
        """Begin empty.

        Args:
            snapshot: opens the present rows.
            terms: tells how old evidence may be, and the present.
            on_work: called when evidence was taken.
        """
        self._snapshot = snapshot
        self._terms = terms
        self._on_work = on_work
        self._lock = threading.Lock()
        self._waiting: dict[bytes, Evidence] = {}
        self._set_aside: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, evidence: Evidence) -> None:
        """Verify evidence and let it wait; what waits or stands in a block is passed over.

        Raises:
            InvalidEvidenceError: it proves nothing.
            EvidencePoolFullError: too much waits.
        """
        name = evidence.hash
        with closing(self._snapshot()) as reader:
            if name in self._waiting or name in self._set_aside:
                return
            if is_evidence_committed(reader, name):
                return
            verify_evidence(evidence, StoredRecord(reader), self._terms())
        with self._lock:
            if len(self._waiting) >= EVIDENCE_WAITING_MAX:
                raise EvidencePoolFullError(maximum=EVIDENCE_WAITING_MAX)
            self._waiting[name] = evidence
        _log.error(
            "evidence_proven",
            hash=name.hex().upper(),
            height=evidence.height,
            validators=_accused(evidence),
        )
        self._on_work()

    def take(self, size_bytes_max: int) -> tuple[Evidence, ...]:
        """Return what goes into the next block, the oldest heights first.

        Args:
            size_bytes_max: of the encoded list.
        """
        with self._lock:
            waiting = [(item.height, name) for name, item in self._waiting.items()]
            ordered = [self._waiting[name] for _, name in sorted(waiting)]
        taken: tuple[Evidence, ...] = ()
        for item in ordered:
            if len(encode_evidence_list((*taken, item))) > size_bytes_max:
                break
            taken = (*taken, item)
        return taken

    def committed(self, evidence: Iterable[Evidence]) -> None:
        """Let go of what stands in a block now."""
        with self._lock:
            for item in evidence:
                self._waiting.pop(item.hash, None)

    def set_aside(self, evidence: Iterable[Evidence]) -> None:
        """Keep evidence out of blocks: without the accused nobody could make them.

        Until the node starts again it is not taken a second time.
        """
        for item in evidence:
            with self._lock:
                self._waiting.pop(item.hash, None)
                if len(self._set_aside) < EVIDENCE_WAITING_MAX:
                    self._set_aside.add(item.hash)
            _log.error(
                "evidence_set_aside",
                hash=item.hash.hex().upper(),
                height=item.height,
                validators=_accused(item),
            )


def _accused(evidence: Evidence) -> list[str]:
    return [item.validator_address.hex().upper() for item in evidence.misbehaviours()]


@final
class StoredRecord:
    """What the stored blocks say of the chain (``evidence_checks.ChainRecord``)."""

    def __init__(self, reader: TableReader) -> None:
        self._reader = reader

    def header_at(self, height: int) -> BlockHeader | None:
        """Return the header of a height."""
        block = find_block(self._reader, height)
        return None if block is None else block.header

    def signed_header_at(self, height: int) -> SignedHeader | None:
        """Return the header of a height with the votes for it."""
        header, commit = self.header_at(height), find_commit(self._reader, height)
        if header is None or commit is None:
            return None
        return SignedHeader(header=header, commit=commit)

    def validators_at(self, height: int) -> ValidatorSet | None:
        """Return the set that signed a height."""
        row = find_validators_row(self._reader, height)
        return None if row is None else decode_validator_set(row)
