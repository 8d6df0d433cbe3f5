"""Finds the program ``cometbft`` and checks that it is of the line that we speak with."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from huitong.engines.cometbft.errors import (
    CometBftMissingError,
    CometBftProgramError,
    CometBftVersionError,
)

#: The version that this software is tested with.
COMETBFT_VERSION: Final = "0.38.25"
#: Versions with the same protocol begin so.
_LINE: Final = "0.38."
_PROGRAM: Final = "cometbft"
_VERSION_TIMEOUT_S: Final = 20.0


def find_binary(configured: str = "") -> Path:
    """Return the program, checked.

    Args:
        configured: its path; empty for PATH, then Go's folders of binaries.

    Raises:
        CometBftMissingError: it is nowhere.
        CometBftProgramError: it does not run.
        CometBftVersionError: it is of another line.
    """
    path = Path(configured) if configured else _search()
    if not path.is_file():
        raise CometBftMissingError(places=path)
    found = binary_version(path)
    if not found.startswith(_LINE):
        raise CometBftVersionError(path=path, found=found, wanted=f"{_LINE}x")
    return path


def binary_version(path: Path) -> str:
    """Return what the program says of itself, for example ``0.38.25``.

    Raises:
        CometBftProgramError: it does not run.
    """
    try:
        told = subprocess.run(
            [path, "version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_VERSION_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as failure:
        raise CometBftProgramError(path=path, reason=failure) from None
    return told.stdout.strip().removeprefix("v")


def _search() -> Path:
    on_path = shutil.which(_PROGRAM)
    if on_path is not None:
        return Path(on_path)
    folders = go_folders()
    for folder in folders:
        if os.access(folder / _PROGRAM, os.X_OK):
            return folder / _PROGRAM
    places = ", ".join(["PATH", *map(str, folders)])
    raise CometBftMissingError(places=places)


def go_folders() -> list[Path]:
    """Return where ``go install`` puts programs, as its variables and defaults say.

    Go itself is not asked: a machine that only runs nodes has none.
    """
    folders: list[Path] = []
    if named := os.environ.get("GOBIN"):
        folders.append(Path(named))
    for part in os.environ.get("GOPATH", "").split(os.pathsep):
        if part:
            folders.append(Path(part) / "bin")
    folders.append(Path.home() / "go" / "bin")
    return folders
