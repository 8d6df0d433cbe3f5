"""Zones of real processes on CometBFT; each test says that it did not run without it."""

from __future__ import annotations

import pytest

from huitong.engines.cometbft.binary import find_binary
from huitong.engines.cometbft.errors import CometBftMissingError


@pytest.fixture(autouse=True)
def _cometbft() -> None:
    try:
        find_binary()
    except CometBftMissingError:
        pytest.skip("not run: cometbft is not installed; make peers")
