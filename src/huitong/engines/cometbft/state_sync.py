"""Gives this node's snapshots to others, and begins an empty node from one of theirs.

What CometBFT guarantees: an offered snapshot comes with an app hash that its light client
verified; chunks come in order, one at a time; after RETRY_SNAPSHOT the snapshot is offered
again. What it does not: that anything in snapshot or chunks is honest.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import structlog

from huitong.core.app import Application
from huitong.core.hashing import HASH_SIZE_BYTES
from huitong.core.invariants import invariant
from huitong.core.limits import SNAPSHOT_CHUNK_SIZE_BYTES, SNAPSHOT_CHUNKS_MAX
from huitong.core.store.backend import NodeBackend
from huitong.core.store.errors import SnapshotInvalidError
from huitong.core.store.restoring import Restoring
from huitong.core.store.snapshot_layout import FORMAT
from huitong.engines.cometbft.snapshots import (
    ApplyAnswer,
    ApplyResult,
    OfferAnswer,
    SnapshotInfo,
)
from huitong.storage.snapshot_files import SnapshotFiles, StoredSnapshot

_log: Final = structlog.get_logger("state_sync")


class NodeSnapshots:
    """The ``SnapshotExchange`` of one node; see the protocol for the methods.

    ``offer`` and ``apply_chunk`` write the database: never while a block is carried out.
    """

    def __init__(
        self,
        *,
        app: Application,
        backend: NodeBackend,
        files: SnapshotFiles,
        initial_height: int,
    ) -> None:
        """Prepare for both directions.

        Args:
            app: the application above ``backend``.
            backend: the database that a snapshot would fill.
            files: the snapshots that this node gives.
            initial_height: height of the zone's first block.
        """
        self._app = app
        self._backend = backend
        self._files = files
        self._initial_height = initial_height
        self._taken: _Taken | None = None

    # --- giving -----------------------------------------------------------------------

    def list(self) -> Sequence[SnapshotInfo]:
        """Return the snapshots that this node has, the newest first."""
        return [_info_of(stored) for stored in self._files.stored()]

    def load_chunk(self, height: int, format: int, index: int) -> bytes:
        """Return a chunk; nothing where there is no such chunk."""
        return self._files.find_chunk(height, format, index) or b""

    # --- taking -----------------------------------------------------------------------

    def offer(self, info: SnapshotInfo, app_hash: bytes) -> OfferAnswer:
        """Decide about a snapshot and make the database ready for it.

        Raises:
            StorageFullError, StorageCorruptError: the database cannot be written.
        """
        if self._taken is not None:
            self._give_up()
        elif self._app.state.is_as_restored:
            # CometBFT ended between our last chunk and its own first record.
            self._backend.clear()
            self._app.reopen()
        elif self._app.state.version:
            _log.error("snapshot_refused", why="this node has a state already")
            return OfferAnswer.ABORT
        answer = _judge(info, app_hash, self._initial_height)
        if answer is not OfferAnswer.ACCEPT:
            _log.warning("snapshot_refused", height=info.height, answer=answer.name)
            return answer
        _log.info("snapshot_accepted", height=info.height, chunks=info.chunks)
        self._taken = _Taken(
            info,
            Restoring(
                self._backend,
                version=info.height,
                app_hash=app_hash,
                store_names=self._app.state.store_names,
                sides=self._app.side_rows,
                initial_height=self._initial_height,
            ),
        )
        return OfferAnswer.ACCEPT

    def apply_chunk(self, index: int, chunk: bytes, sender: str) -> ApplyAnswer:
        """Take one chunk of the accepted snapshot; the last one ends the restore.

        Raises:
            StorageFullError, StorageCorruptError: the database cannot be written.
        """
        taken = self._taken
        if taken is None:
            return ApplyAnswer(result=ApplyResult.ABORT)
        if not taken.is_chunk(index, chunk):
            _log.warning("chunk_refused", index=index, sender=sender)
            return ApplyAnswer(
                result=ApplyResult.RETRY,
                refetch=(index,),
                reject_senders=(sender,) if sender else (),
            )
        if index < taken.next_index:
            return ApplyAnswer(result=ApplyResult.ACCEPT)  # the same again
        if index > taken.next_index:
            return ApplyAnswer(result=ApplyResult.RETRY_SNAPSHOT)
        try:
            taken.restoring.take(chunk)
            taken.next_index += 1
            if taken.next_index == taken.info.chunks:
                taken.restoring.finish()
                self._begin_from(taken.info)
        except SnapshotInvalidError as wrong:
            _log.warning("snapshot_refused", height=taken.info.height, why=str(wrong))
            self._give_up()
            return ApplyAnswer(result=ApplyResult.REJECT_SNAPSHOT)
        return ApplyAnswer(result=ApplyResult.ACCEPT)

    def _begin_from(self, info: SnapshotInfo) -> None:
        self._taken = None
        self._app.reopen()
        invariant(
            self._app.state.version == info.height,
            "the restored state is that of the snapshot",
            version=self._app.state.version,
            height=info.height,
        )
        _log.info("snapshot_restored", height=info.height)

    def _give_up(self) -> None:
        """Empty the database again."""
        if self._taken is not None:
            self._taken.restoring.abandon()
            self._taken = None
        self._app.reopen()


class _Taken:
    """The snapshot that is being taken."""

    __slots__ = ("info", "next_index", "restoring")

    def __init__(self, info: SnapshotInfo, restoring: Restoring) -> None:
        self.info = info
        self.restoring = restoring
        self.next_index = 0

    def is_chunk(self, index: int, chunk: bytes) -> bool:
        """Tell whether the metadata names these bytes as that chunk."""
        if not 0 <= index < self.info.chunks or len(chunk) > SNAPSHOT_CHUNK_SIZE_BYTES:
            return False
        start = index * HASH_SIZE_BYTES
        due = self.info.metadata[start : start + HASH_SIZE_BYTES]
        return sha256(chunk).digest() == due


def _info_of(stored: StoredSnapshot) -> SnapshotInfo:
    return SnapshotInfo(
        height=stored.height,
        format=stored.format,
        chunks=stored.chunk_count,
        hash=stored.hash,
        metadata=stored.metadata,
    )


def _judge(info: SnapshotInfo, app_hash: bytes, initial_height: int) -> OfferAnswer:
    """Decide by what a peer says of a snapshot."""
    if info.format != FORMAT:
        return OfferAnswer.REJECT_FORMAT
    if info.chunks > SNAPSHOT_CHUNKS_MAX or info.height < initial_height:
        return OfferAnswer.REJECT
    is_whole = len(info.metadata) == HASH_SIZE_BYTES * info.chunks and info.chunks > 0
    if not is_whole or sha256(info.metadata).digest() != info.hash:
        return OfferAnswer.REJECT_SENDER  # nobody who runs this software offers that
    if len(app_hash) != HASH_SIZE_BYTES:
        return OfferAnswer.REJECT
    return OfferAnswer.ACCEPT
