"""Zones of real processes on CometBFT; each test says that it did not run without it."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _cometbft(cometbft: Path) -> None:
    """Ask for the program."""
