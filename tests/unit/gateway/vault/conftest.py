"""Vaults that the tests of this folder share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.vault_kit import Room, open_room


@pytest.fixture(params=["folder", "s3"])
async def room(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path
) -> AsyncIterator[Room]:
    """Give a vault on each database and each store."""
    server = request.getfixturevalue("s3_server") if request.param == "s3" else None
    async with open_room(tmp_path, url=database_url, server=server) as made:
        yield made


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Room]:
    """Give a vault on SQLite in a folder."""
    async with open_room(tmp_path) as made:
        yield made
