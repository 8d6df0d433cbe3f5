"""Backups that somebody prepared: nothing outside of the new home is touched or awaited."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from huitong.node.backup import restore_backup, take_backup
from huitong.node.backup.errors import BackupDamagedError, RestoreRunsError
from huitong.node.backup.manifest import MANIFEST
from huitong.node.config import NodeConfig
from huitong.node.home import Home, make_home
from huitong.node.parts import open_zone

CONFIG = NodeConfig(moniker="node", is_durable=False)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Return a backup in a folder, taken of a home that is gone."""
    home = Home(tmp_path / "home")
    make_home(home, CONFIG, "hangzhou-1")
    with open_zone(home, CONFIG, None):
        pass
    taken = take_backup(home, CONFIG, tmp_path / "backup")
    shutil.rmtree(home.path)
    return taken.path


@pytest.fixture
def copy(tmp_path: Path) -> Home:
    return Home(tmp_path / "copy")


def refuse(source: Path, copy: Home) -> None:
    with pytest.raises(BackupDamagedError):
        restore_backup(source, copy)
    names = [path.name for path in copy.path.parent.iterdir()]
    assert not [name for name in names if "copy" in name]


def test_link_in_a_backup_is_refused_and_its_target_stays_as_it_was(
    backup: Path, copy: Home, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o644)
    for name in ("evil", "data/evil", MANIFEST):
        (backup / name).unlink(missing_ok=True)
        (backup / name).symlink_to(victim)
        refuse(backup, copy)
        assert victim.stat().st_mode & 0o777 == 0o644
        (backup / name).unlink()
    assert victim.read_text() == "precious"


def test_pipe_in_a_backup_and_as_one_is_refused_at_once(
    backup: Path, copy: Home, tmp_path: Path
) -> None:
    os.mkfifo(backup / "pipe")
    refuse(backup, copy)
    os.mkfifo(tmp_path / "pipe.tar")
    refuse(tmp_path / "pipe.tar", copy)
    refuse(Path("/dev/null"), copy)


@pytest.mark.parametrize("name", [MANIFEST, "config/genesis.json", "data/new"])
def test_file_without_end_is_neither_read_nor_copied(
    backup: Path, copy: Home, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    copied: list[Path] = []
    copyfile = shutil.copyfile

    def watched(source: Path, target: Path, **options: bool) -> None:
        assert source.stat().st_size < 1 << 20
        copied.append(source)
        copyfile(source, target, **options)

    monkeypatch.setattr(shutil, "copyfile", watched)
    with (backup / name).open("ab") as file:
        file.truncate(1 << 31)  # a hole, which takes no room
    refuse(backup, copy)
    assert backup / name not in copied


def _sparse_tar(path: Path) -> None:
    """Write a tar of 2 KiB in which a file says that it has 16 GiB."""
    item = tarfile.TarInfo("config/genesis.json")
    item.size = 512
    header = bytearray(item.tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:398], header[398:410] = b"%011o\0" % 0, b"%011o\0" % 512
    header[483:495] = b"%011o\0" % (1 << 34 - 1)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(bytes(header) + bytes(512 + 1024))


def test_sparse_file_does_not_fill_the_disk(tmp_path: Path, copy: Home) -> None:
    _sparse_tar(tmp_path / "sparse.tar")
    with tarfile.open(tmp_path / "sparse.tar") as tar:
        assert next(iter(tar)).size > 1 << 30
    refuse(tmp_path / "sparse.tar", copy)


def test_folder_of_the_shell_itself_may_become_the_home(
    backup: Path, copy: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy.path.mkdir()
    monkeypatch.chdir(copy.path)
    restore_backup(backup, Home(Path()))
    assert copy.genesis_file.exists()


def test_one_restore_into_a_home_at_a_time(backup: Path, copy: Home) -> None:
    partial = copy.path.with_name(".copy.restoring")
    partial.mkdir()
    (partial / "half").touch()
    handle = os.open(partial, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(RestoreRunsError):
        restore_backup(backup, copy)
    assert (partial / "half").exists()
    os.close(handle)
    restore_backup(backup, copy)
    assert not (copy.path / "half").exists()


def test_restore_that_is_killed_is_repeated(backup: Path, copy: Home) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from huitong.node.backup import restoring\n"
        "from huitong.node.home import Home\n"
        "restoring.make_durable = lambda folder: os._exit(9)\n"
        "restoring.restore_backup(Path(sys.argv[1]), Home(Path(sys.argv[2])))\n"
    )
    arguments = [sys.executable, "-c", code, str(backup), str(copy.path)]
    assert subprocess.run(arguments, check=False).returncode == 9
    assert copy.path.with_name(".copy.restoring").exists()
    restore_backup(backup, copy)
    assert not copy.path.with_name(".copy.restoring").exists()
