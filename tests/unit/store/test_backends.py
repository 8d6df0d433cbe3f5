"""What every backend promises: whole batches, snapshots that stay, walks in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from huitong.core.store.backend import Batch, MemoryBackend, NodeBackend, TableReader
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend

A, B = b"table-a", b"table-b"


@pytest.fixture(params=["memory", "lmdb"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NodeBackend]:
    made: NodeBackend
    if request.param == "memory":
        made = MemoryBackend()
    else:
        made = LmdbBackend(LmdbEnvironment(tmp_path, durable=False))
    made.declare_tables([A, B])
    yield made
    made.close()


def _apply(
    backend: NodeBackend, rows: dict[bytes, bytes | None], table: bytes = A
) -> None:
    batch = Batch()
    batch.write(table, list(rows.items()))
    backend.apply_batch(batch)


def _all(reader: TableReader, table: bytes = A) -> dict[bytes, bytes]:
    return dict(reader.iterate(table, b"", None))


def test_latest_reader_follows_batches(backend: NodeBackend) -> None:
    latest = backend.latest()
    assert latest.get(A, b"k") is None
    _apply(backend, {b"k": b"1", b"l": b"2"})
    _apply(backend, {b"k": None, b"absent": None})
    assert _all(latest) == {b"l": b"2"}
    assert latest.get(B, b"l") is None


def test_snapshot_shows_one_batch_boundary_for_ever(backend: NodeBackend) -> None:
    _apply(backend, {b"a": b"1", b"b": b"2"})
    snapshot = backend.snapshot()
    _apply(backend, {b"a": b"9", b"b": None, b"c": b"3"})
    _apply(backend, {b"d": b"4", b"a": None})
    assert _all(snapshot) == {b"a": b"1", b"b": b"2"}
    assert [snapshot.get(A, key) for key in (b"a", b"b", b"c")] == [b"1", b"2", None]
    assert dict(snapshot.iterate(A, b"b", None, reverse=True)) == {b"b": b"2"}
    snapshot.close()
    snapshot.close()
    assert _all(backend.latest()) == {b"c": b"3", b"d": b"4"}


def test_walk_that_began_keeps_its_boundary(backend: NodeBackend) -> None:
    _apply(backend, {bytes([n]): b"x" for n in range(1, 100)})
    walk = backend.latest().iterate(A, b"", None)
    first = next(walk)
    _apply(backend, {bytes([n]): None for n in range(1, 100)})
    assert [first, *walk] == [(bytes([n]), b"x") for n in range(1, 100)]
    assert _all(backend.latest()) == {}


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (b"", None, b"bdf"),
        (b"a", b"z", b"bdf"),
        (b"b", b"f", b"bd"),
        (b"c", b"e", b"d"),
        (b"d", b"d", b""),
        (b"e", b"a", b""),
        (b"g", None, b""),
        (b"", b"", b""),
        (b"b\0", b"f\0", b"df"),
        (b"x" * 600, None, b""),
        (b"", b"d" * 600, b"bd"),
        (b"b" * 600, b"f" * 600, b"df"),
    ],
)
def test_walk_keeps_to_its_range(
    backend: NodeBackend, start: bytes, end: bytes | None, found: bytes
) -> None:
    _apply(backend, {b"b": b"1", b"d": b"2", b"f": b"3"})
    _apply(backend, {b"d": b"other table"}, table=B)
    for reader in (backend.latest(), backend.snapshot()):
        up = b"".join(key for key, _ in reader.iterate(A, start, end))
        down = b"".join(key for key, _ in reader.iterate(A, start, end, reverse=True))
        assert (up, down) == (found, found[::-1])


def test_no_key_is_found_under_what_cannot_be_one(backend: NodeBackend) -> None:
    assert backend.latest().get(A, b"") is None
    assert backend.latest().get(A, b"k" * 600) is None


def test_batch_whose_rows_fail_leaves_nothing(backend: NodeBackend) -> None:
    _apply(backend, {b"a": b"1"})

    class Failing(list):  # type: ignore[type-arg]
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield b"z", b"1"
            raise RuntimeError

    batch = Batch()
    batch.write(A, [(b"a", b"2"), (b"b", None)])
    batch.rows[B] = Failing([(b"z", b"1")])
    with pytest.raises(RuntimeError):
        backend.apply_batch(batch)
    assert _all(backend.latest()) == {b"a": b"1"}
    assert _all(backend.latest(), B) == {}


def test_appended_rows_and_later_tables_are_found(backend: NodeBackend) -> None:
    batch = Batch()
    batch.append(A, [(b"1", b"a"), (b"2", b"b")])
    batch.write(A, [(b"0", b"z"), (b"1", None)])
    backend.apply_batch(batch)
    backend.declare_tables([A, b"later"])
    assert _all(backend.latest(), b"later") == {}
    _apply(backend, {b"k": b"v"}, table=b"later")
    assert _all(backend.latest(), b"later") == {b"k": b"v"}
    assert _all(backend.latest()) == {b"0": b"z", b"2": b"b"}


def test_unknown_table_is_an_error_of_ours_and_writes_nothing(
    backend: NodeBackend,
) -> None:
    batch = Batch()
    batch.write(A, [(b"k", b"v")])
    batch.write(b"undeclared", [(b"k", b"v")])
    with pytest.raises(KeyError):
        backend.apply_batch(batch)
    assert _all(backend.latest()) == {}


def test_clearing_removes_all_rows_and_leaves_snapshots_alone(
    backend: NodeBackend,
) -> None:
    _apply(backend, {b"a": b"1", b"b": b"2"})
    _apply(backend, {b"a": b"3"}, B)
    snapshot = backend.snapshot()
    backend.clear()
    assert [backend.latest().count(table) for table in (A, B)] == [0, 0]
    assert [snapshot.count(table) for table in (A, B)] == [2, 1]
    assert _all(snapshot) == {b"a": b"1", b"b": b"2"}
    _apply(backend, {b"c": b"4"})
    assert _all(backend.latest()) == {b"c": b"4"}
    snapshot.close()
