"""State sync as the ABCI methods see it: four questions, and what is answered.

Names and numbers are those of CometBFT v0.38 (``ListSnapshots``, ``OfferSnapshot``,
``LoadSnapshotChunk``, ``ApplySnapshotChunk``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotInfo:
    """One snapshot, as nodes tell each other of it."""

    height: int
    """Height whose state it holds, at least 1."""
    format: int
    """Layout of the chunks; ours is 1."""
    chunks: int
    """How many chunks it has, at least 1."""
    hash: bytes
    """What makes it the same snapshot on two nodes: SHA-256 of the metadata."""
    metadata: bytes
    """SHA-256 of each chunk, one after the other: 32 bytes for each."""


@unique
class OfferAnswer(Enum):
    """What becomes of a snapshot that CometBFT offers; its numbers."""

    ACCEPT = 1
    """Its chunks may come."""
    ABORT = 2
    """State sync must end: this node cannot take any."""
    REJECT = 3
    """Not this one; offer another."""
    REJECT_FORMAT = 4
    """None of this format."""
    REJECT_SENDER = 5
    """None from who offered this one."""


@unique
class ApplyResult(Enum):
    """What becomes of a chunk; CometBFT's numbers."""

    ACCEPT = 1
    """It is kept."""
    ABORT = 2
    """State sync must end: this node cannot take any."""
    RETRY = 3
    """Give this chunk again, after those of ``refetch`` were fetched anew."""
    RETRY_SNAPSHOT = 4
    """Begin this snapshot again."""
    REJECT_SNAPSHOT = 5
    """Not this snapshot; offer another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyAnswer:
    """The answer to one chunk."""

    result: ApplyResult
    """What becomes of it."""
    refetch: tuple[int, ...] = ()
    """Indices of chunks to be fetched again, from anybody."""
    reject_senders: tuple[str, ...] = ()
    """Peers from which nothing is to be taken any more, as CometBFT named them."""


class SnapshotExchange(Protocol):
    """Gives snapshots to other nodes, and takes one to begin from."""

    def list(self) -> Sequence[SnapshotInfo]:
        """Return the snapshots that this node has, the newest first."""
        ...

    def load_chunk(self, height: int, format: int, index: int) -> bytes:
        """Return a chunk; nothing where there is no such chunk."""
        ...

    def offer(self, info: SnapshotInfo, app_hash: bytes) -> OfferAnswer:
        """Decide about a snapshot.

        Args:
            info: as a peer describes it; nothing of it can be trusted.
            app_hash: of its height, as CometBFT's light client verified it.
        """
        ...

    def apply_chunk(self, index: int, chunk: bytes, sender: str) -> ApplyAnswer:
        """Take one chunk of the accepted snapshot; the last one ends the restore.

        Args:
            index: which chunk, from 0; they come in order.
            chunk: as a peer sent it.
            sender: the peer, as CometBFT names it.
        """
        ...
