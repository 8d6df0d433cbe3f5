"""A node that removes old blocks says which ones it has, in CometBFT's words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from huitong.core.hashing import sha256
from tests.api.rpc_kit import RpcZone, base64_of, rpc_zone

KEPT = 4


@pytest_asyncio.fixture
async def pruned() -> AsyncIterator[RpcZone]:
    """Serve a zone that keeps few blocks, with a record in an old and in a new one."""
    async with rpc_zone(KEPT) as made:
        made.publish("INV-old")
        for _ in range(10):
            made.zone.empty()
        made.publish("INV-new")
        yield made


def _lowest(rpc: RpcZone) -> int:
    return rpc.zone.chain.state.height - KEPT + 1


async def test_status_names_the_oldest_block_and_moves_on(pruned: RpcZone) -> None:
    for _ in range(2):
        sync = (await pruned.call("status"))["sync_info"]
        lowest = _lowest(pruned)
        header = (await pruned.call("header", height=str(lowest)))["header"]
        assert sync["earliest_block_height"] == header["height"] == str(lowest)
        assert sync["earliest_block_time"] == header["time"]
        assert sync["earliest_app_hash"] == header["app_hash"]
        pruned.zone.empty()


@pytest.mark.parametrize(
    "method",
    ["block", "block_results", "commit", "header", "validators", "consensus_params"],
)
async def test_height_that_is_gone_is_told_with_the_lowest(
    pruned: RpcZone, method: str
) -> None:
    lowest = _lowest(pruned)
    assert await pruned.call(method, height=str(lowest))
    for gone in (1, lowest - 1):
        refusal = await pruned.refusal(method, height=str(gone))
        assert refusal["data"] == (
            f"height {gone} is not available, lowest height is {lowest}"
        )


async def test_oldest_block_is_shown_whole(pruned: RpcZone) -> None:
    lowest = _lowest(pruned)
    block = (await pruned.call("block", height=str(lowest)))["block"]
    assert block["last_commit"]["height"] == str(lowest - 1)
    assert block["last_commit"]["signatures"]


async def test_range_of_headers_begins_with_the_oldest(pruned: RpcZone) -> None:
    metas = (await pruned.call("blockchain"))["block_metas"]
    heights = [int(meta["header"]["height"]) for meta in metas]
    assert heights == list(
        range(pruned.zone.chain.state.height, _lowest(pruned) - 1, -1)
    )


async def test_transactions_of_removed_blocks_are_not_found(pruned: RpcZone) -> None:
    query = "message.sender='{}'".format(pruned.zone.address("tax"))
    found = await pruned.call("tx_search", query=query)
    assert found["total_count"] == "1"
    new = found["txs"][0]
    assert int(new["height"]) >= _lowest(pruned)
    by_hash = await pruned.call("tx", hash=base64_of(bytes.fromhex(new["hash"])))
    assert by_hash["height"] == new["height"]
    old = pruned.zone.sign("tax", pruned.message("INV-old"), sequence=0)
    refusal = await pruned.refusal("tx", hash=base64_of(sha256(old)))
    assert "not found" in refusal["data"]


async def test_removed_transactions_that_still_wait_for_removal_are_not_shown(
    pruned: RpcZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huitong.storage.block_pruning.TXS_PRUNED_SLICE_MIN", 0)
    raw = pruned.zone.sign("road", pruned.message("INV-road", by="road"))
    pruned.zone.engine.mempool.add(raw)
    pruned.zone.work()
    query = "message.sender='{}'".format(pruned.zone.address("road"))
    assert (await pruned.call("tx_search", query=query))["total_count"] == "1"
    for _ in range(KEPT + 1):
        pruned.zone.empty()
    assert (await pruned.call("tx_search", query=query))["total_count"] == "0"
    by_height = await pruned.call("tx_search", query="tx.height>0")
    assert by_height["total_count"] == "0"
    by_hash = f"tx.hash='{sha256(raw).hex().upper()}'"
    assert (await pruned.call("tx_search", query=by_hash))["total_count"] == "0"
    assert (
        "not found" in (await pruned.refusal("tx", hash=base64_of(sha256(raw))))["data"]
    )
