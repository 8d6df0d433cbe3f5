"""Makes snapshots beside the blocks: one thread, one reader of one version.

The reader is opened when the block is committed, so a snapshot holds exactly one
height. Blocks go on meanwhile, on pages of their own. What they share is the interpreter's
lock: while the thread works, blocks take three times as long. So it rests most of the
time, the longer the more it was held up itself.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from threading import Event, Thread
from typing import Final

import structlog

from huitong.core.errors import HuitongError
from huitong.core.limits import SNAPSHOT_CHUNK_SIZE_BYTES
from huitong.core.store.multistore import MultiStore
from huitong.core.store.snapshot_layout import SideRows
from huitong.core.store.snapshot_writer import cut_chunks, write_snapshot
from huitong.core.store.view import ReadView
from huitong.storage.snapshot_files import SnapshotFiles

#: How much longer than a piece of work, of some 4 ms, the rest after it takes: blocks are
#: then slower by less than they differ. A snapshot of 10^5 records takes 10 s beside an
#: idle zone and 40 s beside a busy one.
_REST_FACTOR: Final = 9
_log: Final = structlog.get_logger("snapshots")


class SnapshotMaker:
    """Decides when a snapshot is due and has it made."""

    def __init__(
        self,
        *,
        state: MultiStore,
        sides: Sequence[SideRows],
        files: SnapshotFiles,
        every_blocks: int,
        kept: int,
    ) -> None:
        """Prepare; nothing runs before the first block that is due.

        Args:
            state: the committed state.
            sides: what goes along beside it.
            files: where snapshots are kept.
            every_blocks: one is due at each height that this divides; 0 for none.
            kept: how many stay, at least 1.
        """
        self._state = state
        self._sides = tuple(sides)
        self._files = files
        self._every_blocks = every_blocks
        self._kept = kept
        self._stopping = Event()
        self._thread: Thread | None = None
        self._height: int | None = None

    def block_committed(self, height: int) -> None:
        """Begin a snapshot if one is due; returns at once.

        To be called after the block is durable, by the thread that commits.
        """
        if not self._every_blocks or height % self._every_blocks:
            return
        if height in self._files.heights() or self._stopping.is_set():
            return
        if self._thread is not None and self._thread.is_alive():
            _log.warning("snapshot_skipped", height=height, why="one is being made")
            return
        view = self._state.at(height)
        self._height = height
        self._thread = Thread(
            target=self._make, args=(view,), name="snapshot", daemon=True
        )
        self._thread.start()

    def heights(self) -> list[int]:
        """Return the heights that there are snapshots of, or will be, ascending."""
        made, making = self._files.heights(), self._height
        return made if making is None or making in made else sorted([*made, making])

    def wait(self) -> None:
        """Wait until the snapshot that is being made is done."""
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """Give up the snapshot that is being made and begin no more."""
        self._stopping.set()
        self.wait()

    def _make(self, view: ReadView) -> None:
        height, began_ns = view.version, time.monotonic_ns()
        try:
            with view, closing(self._pieces(view)) as pieces:
                chunks = cut_chunks(pieces, SNAPSHOT_CHUNK_SIZE_BYTES)
                stored = self._files.save(height, chunks)
            self._files.keep_newest(self._kept)
        except _StoppedError:
            return
        except HuitongError as error:
            _log.error("snapshot_failed", height=height, error=str(error))
            return
        finally:
            self._height = None
        _log.info(
            "snapshot_made",
            height=height,
            chunks=stored.chunk_count,
            hash=stored.hash.hex(),
            duration_ms=(time.monotonic_ns() - began_ns) // 1_000_000,
        )

    def _pieces(self, view: ReadView) -> Generator[bytes, None, None]:
        began_s = time.monotonic()
        for piece in write_snapshot(view, self._sides):
            yield piece
            if self._stopping.wait(_REST_FACTOR * (time.monotonic() - began_s)):
                raise _StoppedError
            began_s = time.monotonic()


class _StoppedError(Exception):
    """The node ends; what is half made is of no use."""
