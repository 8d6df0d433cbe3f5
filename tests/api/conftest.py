"""Fixtures of the interface's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.api.rpc_kit import RpcZone, rpc_zone


@pytest_asyncio.fixture
async def rpc() -> AsyncIterator[RpcZone]:
    """Serve a zone in memory."""
    async with rpc_zone() as made:
        yield made
