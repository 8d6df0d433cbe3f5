"""The LMDB environment: locks, growth, full disks, damage, side tables."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from huitong.core.store.backend import Batch
from huitong.core.store.errors import (
    StorageBusyError,
    StorageCorruptError,
    StorageFullError,
    VersionPrunedError,
)
from huitong.core.store.multistore import MultiStore
from huitong.storage import environment as environment_module
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend

T = b"table"


def _backend(folder: Path, map_size_bytes: int = 2**30) -> LmdbBackend:
    backend = LmdbBackend(
        LmdbEnvironment(folder, map_size_bytes=map_size_bytes, durable=False)
    )
    backend.declare_tables([T])
    return backend


def _fill(backend: LmdbBackend, first: int, count: int, size: int = 1_000) -> None:
    batch = Batch()
    rows = range(first, first + count)
    batch.write(T, [(b"%08d" % n, b"x" * size) for n in rows])
    backend.apply_batch(batch)


def _count(backend: LmdbBackend) -> int:
    return sum(1 for _ in backend.latest().iterate(T, b"", None))


def test_second_owner_of_a_folder_is_refused(tmp_path: Path) -> None:
    backend = _backend(tmp_path)
    with pytest.raises(StorageBusyError):
        LmdbEnvironment(tmp_path)
    backend.close()
    _backend(tmp_path).close()


def test_map_grows_when_it_is_full(tmp_path: Path) -> None:
    backend = _backend(tmp_path, map_size_bytes=2**20)
    for round_number in range(8):
        _fill(backend, round_number * 1_000, 1_000)
    assert _count(backend) == 8_000
    backend.close()
    backend = _backend(tmp_path, map_size_bytes=2**20)
    assert _count(backend) == 8_000
    backend.close()


def test_map_that_readers_hold_is_told_as_full_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment_module, "GROW_WAIT_NS_MAX", 1_000_000)
    backend = _backend(tmp_path, map_size_bytes=2**20)
    _fill(backend, 0, 10)
    snapshot = backend.snapshot()
    with pytest.raises(StorageFullError):
        _fill(backend, 10, 2_000)
    assert _count(backend) == 10
    snapshot.close()
    _fill(backend, 10, 2_000)
    assert _count(backend) == 2_010
    backend.close()


def test_open_reader_does_not_stand_in_the_way_of_growth(tmp_path: Path) -> None:
    backend = LmdbBackend(LmdbEnvironment(tmp_path, durable=False))
    backend.declare_tables([T])
    _fill(backend, 0, 10)
    snapshot = backend.snapshot()
    for round_number in range(1, 9):
        _fill(backend, round_number * 10_000, 4_000)
    assert sum(1 for _ in snapshot.iterate(T, b"", None)) == 10
    snapshot.close()
    assert _count(backend) == 32_010
    backend.close()


def test_disk_is_full_before_the_map_is(tmp_path: Path) -> None:
    disk = os.statvfs(tmp_path)
    environment = LmdbEnvironment(tmp_path, durable=False)
    assert environment.map_size_bytes >= min(
        2 * disk.f_blocks * disk.f_frsize, environment_module.MAP_SIZE_BYTES_MAX
    )
    environment.close()


def test_tables_of_an_earlier_run_can_be_read_at_once(tmp_path: Path) -> None:
    backend = _backend(tmp_path)
    _fill(backend, 0, 3)
    backend.close()
    backend = LmdbBackend(LmdbEnvironment(tmp_path, durable=False))
    assert backend.latest().count(T) == _count(backend) == 3
    backend.close()


def test_growing_waits_for_a_reader_that_is_about_to_finish(tmp_path: Path) -> None:
    backend = _backend(tmp_path, map_size_bytes=2**20)
    snapshot = backend.snapshot()
    timer = threading.Timer(0.02, snapshot.close)
    timer.start()
    _fill(backend, 0, 2_000)
    timer.join()
    assert _count(backend) == 2_000
    backend.close()


_FULL_DISK = """
import resource, sys
from pathlib import Path
from huitong.core.store.errors import StorageFullError
from huitong.core.store.errors import VersionPrunedError
from huitong.core.store.multistore import MultiStore
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend

store = MultiStore(
    LmdbBackend(LmdbEnvironment(Path(sys.argv[1]))), ["ibc"], versions_kept=3
)
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
for version in range(1, 500):
    rows = [(b"%d/%d" % (version, n), b"x" * 500) for n in range(100)]
    pending = store.commit_changes(version, {"ibc": sorted(rows)})
    try:
        store.persist(pending)
    except StorageFullError:
        break
assert store.store("ibc").get(b"1/1") is not None
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
print(store.version, store.root_hash.hex(), flush=True)
"""


@pytest.mark.parametrize("limit", [400_000, 1_000_000, 1_000_001, 1_234_567])
def test_full_disk_loses_only_the_block_that_did_not_fit(
    tmp_path: Path, limit: int
) -> None:
    command = [sys.executable, "-c", _FULL_DISK, str(tmp_path), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    version, root_hash = done.stdout.split()
    backend = LmdbBackend(LmdbEnvironment(tmp_path))
    store = MultiStore(backend, ["ibc"], versions_kept=3)
    assert (str(store.version), store.root_hash.hex()) == (version, root_hash)
    assert store.check_integrity() == 100 * store.version
    store.persist(store.commit_changes(store.version + 1, {"ibc": [(b"k", b"v")]}))
    backend.close()


def test_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"not a database" * 1_000)
    with pytest.raises(StorageCorruptError):
        LmdbEnvironment(tmp_path)


def test_file_that_was_cut_short_is_told(tmp_path: Path) -> None:
    backend = _backend(tmp_path)
    _fill(backend, 0, 5_000)
    backend.close()
    data = tmp_path / "data.mdb"
    whole = data.read_bytes()
    for left in (len(whole) // 2, len(whole) // 10):
        data.write_bytes(whole[:left])
        with pytest.raises(StorageCorruptError) as caught:
            LmdbEnvironment(tmp_path)
        assert "\n" not in str(caught.value)
    data.write_bytes(whole)
    backend = _backend(tmp_path)
    assert _count(backend) == 5_000
    backend.close()


def test_overwritten_pages_are_told_and_do_not_crash(tmp_path: Path) -> None:
    backend = _backend(tmp_path)
    _fill(backend, 0, 5_000)
    backend.close()
    data = tmp_path / "data.mdb"
    whole = bytearray(data.read_bytes())
    whole[4096 * 4 :] = bytes(len(whole) - 4096 * 4)
    data.write_bytes(whole)
    for _ in range(2):  # the first attempt lets go of the folder
        with pytest.raises(StorageCorruptError):
            LmdbEnvironment(tmp_path, durable=False)


def test_reads_at_a_height_go_on_while_blocks_are_committed(tmp_path: Path) -> None:
    backend = LmdbBackend(LmdbEnvironment(tmp_path, durable=False))
    store = MultiStore(backend, ["ibc"], versions_kept=4)
    rows = [(b"k%03d" % n, b"v") for n in range(200)]
    store.persist(store.commit_changes(1, {"ibc": rows}))
    stop = threading.Event()
    failures: list[BaseException] = []

    def read() -> None:
        try:
            while not stop.is_set():
                try:
                    opened = store.at(store.version)
                except VersionPrunedError:
                    continue  # four blocks came while this thread did not run
                with opened as view:
                    pairs = list(view.store("ibc").iterate(b"", None))
                    assert len(pairs) == 200
                    assert {value for _, value in pairs[:50]} == {pairs[0][1]}
                    assert view.prove("ibc", b"k001").value == pairs[1][1]
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for version in range(2, 60):
        changes = [(key, b"%d" % version) for key, _ in rows[:50]]
        store.persist(store.commit_changes(version, {"ibc": changes}))
    stop.set()
    for reader in readers:
        reader.join()
    backend.close()
    assert failures == []
