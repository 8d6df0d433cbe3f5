"""The record of signed heights: nothing is signed twice, whatever was put back."""

from __future__ import annotations

from pathlib import Path

import pytest

from huitong.core.store.errors import StorageFullError
from huitong.engines.embedded.sign_guard import SignGuard
from huitong.engines.errors import DoubleSignError, SignStateError
from huitong.testing.embedded import EmbeddedZone

HASH, OTHER = b"\x01" * 32, b"\x02" * 32


def test_record_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    SignGuard(path).record(7, HASH)
    again = SignGuard(path)
    assert (again.height, again.block_hash) == (7, HASH)
    assert [item.name for item in tmp_path.iterdir()] == ["state.json"]


def test_signed_height_is_refused(tmp_path: Path) -> None:
    guard = SignGuard(tmp_path / "state.json")
    guard.record(7, HASH)
    guard.check(8)
    for height in (6, 7):
        with pytest.raises(DoubleSignError):
            guard.check(height)


@pytest.mark.parametrize(("height", "block_hash"), [(6, HASH), (7, OTHER), (0, b"")])
def test_older_or_other_database_is_refused(
    tmp_path: Path, height: int, block_hash: bytes
) -> None:
    guard = SignGuard(tmp_path / "state.json")
    guard.record(7, HASH)
    with pytest.raises(DoubleSignError):
        guard.catch_up(height, block_hash)


def test_guard_catches_up_with_a_block_that_a_crash_left_unrecorded(
    tmp_path: Path,
) -> None:
    guard = SignGuard(tmp_path / "state.json")
    guard.record(7, HASH)
    guard.catch_up(8, OTHER)
    assert SignGuard(tmp_path / "state.json").height == 8
    guard.catch_up(8, OTHER)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"height":"x","block_hash":""}', b"[" * 100_000]
)
def test_unreadable_record_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(data)
    with pytest.raises(SignStateError):
        SignGuard(path)


def test_record_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    guard = SignGuard(tmp_path / "missing" / "state.json")
    with pytest.raises(SignStateError):
        guard.record(1, HASH)
    assert guard.height == 0


def test_full_disk_is_told_apart(tmp_path: Path) -> None:
    guard = SignGuard(tmp_path / "state.json")
    error = guard._unwritable(OSError(28, "No space left on device"))
    assert isinstance(error, StorageFullError)


def test_engine_refuses_a_database_that_was_put_back(tmp_path: Path) -> None:
    zone = EmbeddedZone(folder=tmp_path)
    zone.start()
    with pytest.raises(DoubleSignError):
        EmbeddedZone(folder=tmp_path)
