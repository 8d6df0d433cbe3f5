"""A write that fails at any row leaves the block before, and can be tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from huitong.core.store.backend import Batch, MemoryBackend, NodeBackend, TableReader
from huitong.core.store.errors import StorageFullError
from huitong.core.store.multistore import MultiStore
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend
from tests.crash.store_blocks import (
    NAMES,
    VERSIONS_KEPT,
    block,
    check_whole,
    commit,
    expected_roots,
    side_rows,
)

BLOCKS = 12


class FailingBackend:
    """Passes everything on, and fails a batch at the n-th row that it is given."""

    def __init__(self, backend: NodeBackend) -> None:
        self._backend = backend
        self.path = backend.path
        self.rows_until_failure = 0

    def declare_tables(self, tables: Iterable[bytes]) -> None:
        self._backend.declare_tables(tables)

    def latest(self) -> TableReader:
        return self._backend.latest()

    def snapshot(self) -> TableReader:
        return self._backend.snapshot()

    def clear(self) -> None:
        self._backend.clear()

    def close(self) -> None:
        self._backend.close()

    def apply_batch(self, batch: Batch) -> None:
        if self.rows_until_failure:
            batch.rows = {t: _Rows(r, self) for t, r in batch.rows.items()}
            batch.appended = {t: _Rows(r, self) for t, r in batch.appended.items()}
        self._backend.apply_batch(batch)


class _Rows(list):  # type: ignore[type-arg]
    def __init__(self, rows: Iterable[object], backend: FailingBackend) -> None:
        super().__init__(rows)
        self._backend = backend

    def __iter__(self) -> Iterator[object]:
        for row in super().__iter__():
            self._backend.rows_until_failure -= 1
            if self._backend.rows_until_failure == 0:
                raise StorageFullError(path=self._backend.path, reason="injected")
            yield row


def _memory(folder: Path) -> NodeBackend:
    return MemoryBackend()


def _lmdb(folder: Path) -> NodeBackend:
    return LmdbBackend(LmdbEnvironment(folder, durable=False))


@pytest.mark.parametrize("make", [_memory, _lmdb])
def test_failure_at_every_row_keeps_whole_blocks(
    tmp_path: Path, make: Callable[[Path], NodeBackend]
) -> None:
    roots = expected_roots(BLOCKS)
    backend = FailingBackend(make(tmp_path))
    store = MultiStore(backend, NAMES, versions_kept=VERSIONS_KEPT)
    for _ in range(BLOCKS - 1):
        commit(store)
    pending = store.commit_changes(BLOCKS, block(BLOCKS))
    failures = 0
    while store.version < BLOCKS:
        backend.rows_until_failure = failures + 1
        try:
            store.persist(pending, side_rows(BLOCKS))
        except StorageFullError:
            failures += 1
            assert store.version == BLOCKS - 1
            if failures % 25 == 1:
                again = MultiStore(backend, NAMES, versions_kept=VERSIONS_KEPT)
                check_whole(again, roots)
    backend.rows_until_failure = 0
    assert failures > 100
    check_whole(store, roots)
    check_whole(MultiStore(backend, NAMES, versions_kept=VERSIONS_KEPT), roots)
    backend.close()


def test_failed_block_may_be_given_up_and_made_again(tmp_path: Path) -> None:
    roots = expected_roots(4)
    backend = FailingBackend(_lmdb(tmp_path))
    store = MultiStore(backend, NAMES, versions_kept=VERSIONS_KEPT)
    for version in range(1, 5):
        for row in (1, 20, 90):
            pending = store.commit_changes(version, block(version))
            backend.rows_until_failure = row
            with pytest.raises(StorageFullError):
                store.persist(pending, side_rows(version))
            store.discard(pending)
        backend.rows_until_failure = 0
        commit(store)
        check_whole(store, roots)
    backend.close()
