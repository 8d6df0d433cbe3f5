"""Bundles on disk: bounded when read, whole when written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from huitong.core.limits import BUNDLE_SIZE_BYTES_MAX
from huitong.evidence.bundle_file import read_bundle, write_file
from huitong.evidence.container import decode_container
from huitong.evidence.errors import (
    BundleTooLargeError,
    BundleUnreadableError,
    BundleWriteError,
    ContainerError,
)


def test_written_file_is_read_back_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "evidence.zip"
    write_file(path, b"first")
    write_file(path, b"second")
    assert read_bundle(path) == b"second"
    assert list(tmp_path.iterdir()) == [path]


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(BundleUnreadableError, match="No such file"):
        read_bundle(tmp_path / "absent")
    with pytest.raises(BundleUnreadableError, match="Is a directory"):
        read_bundle(tmp_path)


def test_size_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(BUNDLE_SIZE_BYTES_MAX)
    assert len(read_bundle(path)) == BUNDLE_SIZE_BYTES_MAX
    with path.open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleTooLargeError, match=str(BUNDLE_SIZE_BYTES_MAX + 1)):
        read_bundle(path)
    with pytest.raises(ContainerError):
        decode_container(bytes(BUNDLE_SIZE_BYTES_MAX + 1))


def test_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "evidence.zip"
    write_file(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(BundleWriteError, match="No space left"):
            write_file(path, b"new")
    assert read_bundle(path) == b"old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(BundleWriteError):
        write_file(tmp_path / "absent" / "evidence.zip", b"")
