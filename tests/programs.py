"""Programs: those of others, without which tests say *not run*, and what of ours is left."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from huitong.engines.cometbft.binary import find_binary
from huitong.engines.cometbft.errors import CometBftMissingError


def need_cometbft() -> Path:
    """Return the program, where the fixture ``cometbft`` is of no use: by parameter."""
    try:
        return find_binary()
    except CometBftMissingError:
        pytest.skip("not run: cometbft is not installed; make peers")


def processes_of(home: Path) -> list[int]:
    """Return the processes whose command line names ``home``."""
    found = []
    for place in Path("/proc").iterdir():
        with suppress(OSError):
            if place.name.isdigit() and str(home) in (place / "cmdline").read_text():
                found.append(int(place.name))
    return found
