"""Programs of others that some tests need; without one, those tests say *not run*."""

from __future__ import annotations

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
