"""Snapshots on disk and the thread that makes them; which blocks stay."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from huitong.core.store.errors import StorageCorruptError, StorageFullError
from huitong.core.store.snapshot_layout import FORMAT
from huitong.core.store.tables import NODES
from huitong.engines.cometbft.retaining import retain_height
from huitong.storage import snapshot_files
from huitong.storage.snapshot_files import SnapshotFiles
from huitong.storage.snapshot_maker import SnapshotMaker
from huitong.testing.embedded import EmbeddedZone


@pytest.fixture
def files(tmp_path: Path) -> SnapshotFiles:
    return SnapshotFiles(tmp_path / "snapshots")


def _left(tmp_path: Path) -> list[str]:
    return sorted(item.name for item in (tmp_path / "snapshots").iterdir())


# --- files ------------------------------------------------------------------------------


def test_saved_snapshot_is_there_after_a_restart(
    files: SnapshotFiles, tmp_path: Path
) -> None:
    stored = files.save(7, [b"one", b"two"])
    opened = SnapshotFiles(tmp_path / "snapshots")
    assert opened.stored() == files.stored() == [stored]
    assert stored.metadata == sha256(b"one").digest() + sha256(b"two").digest()
    assert stored.hash == sha256(stored.metadata).digest()
    assert (stored.height, stored.format, stored.chunk_count) == (7, FORMAT, 2)
    assert [opened.find_chunk(7, FORMAT, index) for index in (0, 1, 2, -1)] == [
        b"one",
        b"two",
        None,
        None,
    ]


def test_chunk_of_unknown_height_or_format_is_absent(files: SnapshotFiles) -> None:
    files.save(7, [b"one"])
    assert files.find_chunk(8, FORMAT, 0) is None
    assert files.find_chunk(7, FORMAT + 1, 0) is None


def test_chunk_that_the_disk_damaged_or_lost_is_absent(
    files: SnapshotFiles, tmp_path: Path
) -> None:
    files.save(7, [b"one", b"two"])
    (tmp_path / "snapshots" / "7" / "00000").write_bytes(b"0ne")
    (tmp_path / "snapshots" / "7" / "00001").unlink()
    assert [files.find_chunk(7, FORMAT, index) for index in (0, 1)] == [None, None]


def test_only_the_newest_are_kept(files: SnapshotFiles, tmp_path: Path) -> None:
    for height in (9, 10, 11, 100):
        files.save(height, [b"chunk"])
    files.keep_newest(2)
    assert files.heights() == [11, 100]
    assert [item.height for item in files.stored()] == [100, 11]
    assert _left(tmp_path) == ["100", "11"]


def test_half_made_snapshot_is_removed_at_the_start(
    files: SnapshotFiles, tmp_path: Path
) -> None:
    files.save(7, [b"one"])
    shutil.copytree(tmp_path / "snapshots" / "7", tmp_path / "snapshots" / "8.part")
    assert SnapshotFiles(tmp_path / "snapshots").heights() == [7]
    assert _left(tmp_path) == ["7"]


def test_folder_that_is_no_snapshot_is_not_listed(
    files: SnapshotFiles, tmp_path: Path
) -> None:
    for name, manifest in (("7", b"{}"), ("8", b"x"), ("9", b'{"chunks":["zz"]}')):
        (tmp_path / "snapshots" / name).mkdir()
        (tmp_path / "snapshots" / name / "snapshot.json").write_bytes(manifest)
    (tmp_path / "snapshots" / "10").mkdir()
    assert SnapshotFiles(tmp_path / "snapshots").stored() == []


def test_snapshot_that_cannot_be_finished_leaves_nothing(
    files: SnapshotFiles, tmp_path: Path
) -> None:
    def chunks(error: Exception) -> Iterator[bytes]:
        yield b"one"
        raise error

    with pytest.raises(StorageFullError, match="No space left"):
        files.save(7, chunks(OSError(28, "No space left on device")))
    with pytest.raises(StorageCorruptError):
        files.save(7, chunks(StorageCorruptError(path="p", reason="r")))
    assert files.heights() == []
    assert _left(tmp_path) == []


def test_snapshot_has_a_limit_of_chunks(
    files: SnapshotFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_files, "SNAPSHOT_CHUNKS_MAX", 3)
    files.save(7, [b"one"] * 3)
    with pytest.raises(StorageFullError, match="more than 3 chunks"):
        files.save(8, [b"one"] * 4)
    assert _left(tmp_path) == ["7"]


# --- the maker --------------------------------------------------------------------------


def _zone(blocks: int = 4) -> EmbeddedZone:
    zone = EmbeddedZone(accounts={"tax": ("hz-tax", "publisher")})
    zone.start()
    while zone.app.state.version < blocks:
        zone.empty()
    return zone


def _maker(
    zone: EmbeddedZone, files: SnapshotFiles, every: int = 5, kept: int = 2
) -> SnapshotMaker:
    return SnapshotMaker(
        state=zone.app.state,
        sides=zone.app.side_rows,
        files=files,
        every_blocks=every,
        kept=kept,
    )


def test_snapshots_are_made_when_due_and_the_newest_stay(files: SnapshotFiles) -> None:
    zone = _zone()
    maker = _maker(zone, files)
    while zone.app.state.version < 23:
        maker.block_committed(zone.empty().height)
        maker.wait()
    assert files.heights() == [15, 20]


def test_no_snapshot_is_made_where_none_is_wanted(files: SnapshotFiles) -> None:
    zone = _zone(5)
    maker = _maker(zone, files, every=0)
    maker.block_committed(5)
    maker.wait()
    assert files.heights() == []


def test_snapshot_made_while_blocks_go_on_holds_its_own_height(
    files: SnapshotFiles, tmp_path: Path
) -> None:
    zone = _zone(10)
    alone = SnapshotFiles(tmp_path / "alone")
    quiet = _maker(zone, alone)
    quiet.block_committed(10)
    quiet.wait()
    gate = _Gate(files)
    maker = _maker(zone, gate)
    maker.block_committed(10)
    for _ in range(8):
        maker.block_committed(zone.empty().height)  # 15 is due, and skipped
    assert files.heights() == []
    assert maker.heights() == [10]  # its blocks stay meanwhile
    gate.open.set()
    maker.wait()
    assert files.heights() == [10]
    assert files.stored() == alone.stored()


def test_snapshot_of_an_older_version_is_the_one_made_then(
    files: SnapshotFiles, tmp_path: Path
) -> None:
    zone = _zone(10)
    maker = _maker(zone, files)
    maker.block_committed(10)
    maker.wait()
    for _ in range(8):
        zone.empty()
    later = SnapshotFiles(tmp_path / "later")
    maker = _maker(zone, later)
    maker.block_committed(10)
    maker.wait()
    assert later.stored() == files.stored()


class _Gate(SnapshotFiles):
    """Waits before the first chunk is asked for."""

    def __init__(self, files: SnapshotFiles) -> None:
        super().__init__(files._folder)
        self._files = files
        self.open = threading.Event()

    def save(self, height, chunks):  # type: ignore[no-untyped-def]
        assert self.open.wait(30)
        return self._files.save(height, chunks)


def test_stop_gives_up_what_is_half_made(files: SnapshotFiles, tmp_path: Path) -> None:
    zone = _zone(5)
    gate = _Gate(files)
    maker = _maker(zone, gate)
    maker.block_committed(5)
    threading.Timer(0.05, gate.open.set).start()
    maker.stop()
    maker.block_committed(10)
    assert _left(tmp_path) == []


def test_damaged_node_makes_no_snapshot_and_goes_on(
    files: SnapshotFiles, tmp_path: Path
) -> None:
    zone = _zone(5)
    with zone.app.state.at(5) as view:
        refs = {ref for name in view.store_names for ref, _ in view.iterate_nodes(name)}
    ref = min(refs)
    record = zone.backend.latest().get(NODES, ref) or b""
    zone.backend._tables[NODES].values[ref] = record[:-1] + b"?"  # type: ignore[attr-defined]
    maker = _maker(zone, files)
    maker.block_committed(5)
    maker.wait()
    assert _left(tmp_path) == []
    zone.empty()


def test_full_disk_costs_the_snapshot_only(
    files: SnapshotFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    zone = _zone(5)
    maker = _maker(zone, files)
    with monkeypatch.context() as patch:
        patch.setattr(snapshot_files.os, "fsync", full)
        maker.block_committed(5)
        maker.wait()
    assert _left(tmp_path) == []
    while zone.app.state.version < 10:
        maker.block_committed(zone.empty().height)
    maker.wait()
    assert files.heights() == [10]


# --- which blocks stay --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("height", "kept", "evidence", "snapshots", "lowest"),
    [
        (1_000, 0, 10, [], 0),  # an archive
        (1_000, 100, 10, [], 901),
        (1_000, 1, 10, [], 990),  # whoever voted twice can still be accused
        (1_000, 100, 10, [950, 990], 901),
        (1_000, 100, 10, [500, 950], 500),  # a node may begin from the oldest snapshot
        (50, 100, 10, [], 0),
        (50, 10, 100, [], 0),
        (100, 100, 10, [], 1),
    ],
)
def test_blocks_stay_as_long_as_somebody_may_need_them(
    height: int, kept: int, evidence: int, snapshots: list[int], lowest: int
) -> None:
    assert lowest == retain_height(
        height,
        blocks_kept=kept,
        evidence_age_blocks=evidence,
        snapshot_heights=snapshots,
    )
