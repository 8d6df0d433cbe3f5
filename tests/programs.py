"""Programs: those of others, without which tests say *not run*, and what of ours is left."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from huitong.engines.cometbft.binary import find_binary
from huitong.engines.cometbft.errors import CometBftMissingError
from huitong.testing.s3 import find_rclone
from huitong.testing.soft_token import find_softhsm


def need_cometbft() -> Path:
    """Return the program, where the fixture ``cometbft`` is of no use: by parameter."""
    try:
        return find_binary()
    except CometBftMissingError:
        pytest.skip("not run: cometbft is not installed; make peers")


def need_rclone() -> Path:
    """Return the program that serves S3."""
    program = find_rclone()
    if program is None:
        pytest.skip("not run: rclone is not installed; make services")
    return program


def need_softhsm() -> Path:
    """Return the library of a PKCS#11 token in software."""
    module = find_softhsm()
    if module is None:
        pytest.skip("not run: SoftHSM is not installed; apt install softhsm2")
    return module


def processes_of(home: Path) -> list[int]:
    """Return the processes whose command line names ``home``."""
    found = []
    for place in Path("/proc").iterdir():
        with suppress(OSError):
            if place.name.isdigit() and str(home) in (place / "cmdline").read_text():
                found.append(int(place.name))
    return found
