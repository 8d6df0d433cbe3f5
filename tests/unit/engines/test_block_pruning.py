"""Old blocks go, bounded, with every row that leads to them; what is kept stays whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from huitong.core.abci import BlockParams, TxResult
from huitong.core.hashing import sha256
from huitong.core.store.backend import Batch, MemoryBackend
from huitong.engines.embedded.replay import replay
from huitong.engines.errors import BlocksElsewhereError, BlocksPrunedError
from huitong.node.config import NodeConfig
from huitong.node.home import Home
from huitong.node.parts import open_application, replay_home
from huitong.storage import block_pruning, blocks, index
from huitong.storage.block_pruning import BlockPruner, find_lowest
from huitong.storage.blocks import (
    BLOCK_META,
    BLOCK_PARAMS,
    COMMITS,
    VALIDATORS,
    StoredTx,
    block_txs,
    find_commit,
    find_params,
    find_validators_row,
    height_key,
    params_row,
    place_key,
    validators_row,
)
from huitong.testing.embedded import EmbeddedZone
from tests.unit.engines.messages import ACCOUNTS, publish

Rows = Mapping[bytes, Mapping[bytes, bytes]]
TABLES = (*blocks.TABLES, *index.TABLES)
_AT_END = {
    blocks.TXS: 12,
    blocks.TX_RESULTS: 12,
    index.TX_INDEX: 12,
    index.BLOCK_INDEX: 8,
}


def _zone(kept: int, backend: MemoryBackend | None = None) -> EmbeddedZone:
    return EmbeddedZone(accounts=ACCOUNTS, backend=backend, blocks_kept=kept)


def _run(zone: EmbeddedZone, blocks_made: int, txs: int = 2) -> None:
    """Make blocks; every third has transactions."""
    zone.start()
    for number in range(blocks_made):
        if number % 3 == 0:
            for place in range(txs):
                zone.send("tax", publish(zone, f"INV-{number}-{place}"))
            zone.work()
        else:
            zone.empty()


def _rows(backend: MemoryBackend) -> dict[bytes, dict[bytes, bytes]]:
    reader = backend.snapshot()
    found = {table: dict(reader.iterate(table, b"", None)) for table in TABLES}
    reader.close()
    return found


def _height_of(table: bytes, key: bytes, value: bytes) -> int:
    if table in (blocks.TX_HASHES, blocks.BLOCK_HASHES):
        return int.from_bytes(value[:8], "big")
    if table in _AT_END:
        return int.from_bytes(key[-_AT_END[table] :][:8], "big")
    return int.from_bytes(key[:8], "big")


def _expected(archive: Rows, lowest: int) -> dict[bytes, dict[bytes, bytes]]:
    """Return what is left of an archive's rows when the queue is empty."""
    first = {COMMITS: lowest - 1, VALIDATORS: 0, BLOCK_PARAMS: 0}
    left = {
        table: {
            key: value
            for key, value in rows.items()
            if _height_of(table, key, value) >= first.get(table, lowest)
        }
        for table, rows in archive.items()
    }
    left[VALIDATORS] = {
        key: value
        for key, value in archive[VALIDATORS].items()
        if key >= height_key(lowest) or len(value) > 8
    }
    return left


@pytest.mark.parametrize("kept", [1, 4, 30])
def test_pruned_database_is_the_end_of_the_archive(kept: int) -> None:
    archive, pruned = MemoryBackend(), MemoryBackend()
    zones = [_zone(0, archive), _zone(kept, pruned)]
    for zone in zones:
        _run(zone, 40)
    height = zones[1].chain.state.height
    lowest = zones[1].chain.lowest_height
    assert lowest == max(1, height - kept + 1)
    assert _rows(pruned) == _expected(_rows(archive), lowest)
    assert zones[0].chain.lowest_height == 1


def test_setting_that_was_lowered_is_reached_in_slices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(block_pruning, "BLOCKS_PRUNED_SLICE_MAX", 3)
    monkeypatch.setattr(block_pruning, "TXS_PRUNED_SLICE_MIN", 4)
    archive, backend = MemoryBackend(), MemoryBackend()
    _run(_zone(0, archive), 30, txs=5)
    _run(_zone(0, backend), 30, txs=5)
    other, zone = _zone(0, archive), _zone(10, backend)
    lowest, queue = zone.chain.lowest_height, []
    for _ in range(40):
        other.clock.now_ns = zone.clock.now_ns
        zone.empty()
        other.empty()
        assert 0 <= zone.chain.lowest_height - lowest <= 3
        lowest = zone.chain.lowest_height
        reader = backend.snapshot()
        assert find_lowest(reader) == lowest
        due = reader.iterate(blocks.TXS, b"", height_key(lowest))
        queue.append(sum(1 for _ in due))
        reader.close()
    assert lowest == zone.chain.state.height - 9
    assert max(queue) > 4
    assert queue[-1] == 0
    assert _rows(backend) == _expected(_rows(archive), lowest)


def test_pruning_goes_on_after_a_restart() -> None:
    backend = MemoryBackend()
    _run(_zone(5, backend), 20)
    zone = _zone(5, backend)
    assert zone.chain.lowest_height == zone.chain.state.height - 4
    zone.empty()
    assert zone.chain.lowest_height == zone.chain.state.height - 4
    reader = backend.snapshot()
    assert reader.count(BLOCK_META) == 5
    reader.close()


def test_oldest_block_is_whole() -> None:
    backend = MemoryBackend()
    zone = _zone(4, backend)
    _run(zone, 22)
    lowest = zone.chain.lowest_height
    reader = backend.snapshot()
    assert find_commit(reader, lowest - 1) is not None  # it stands in the oldest block
    assert find_commit(reader, lowest - 2) is None
    assert block_txs(reader, lowest)
    assert find_validators_row(reader, lowest) is not None
    assert find_params(reader, lowest) is not None
    reader.close()


def test_only_the_sets_and_limits_that_still_bind_stay() -> None:
    backend = MemoryBackend()
    backend.declare_tables(TABLES)
    batch = Batch()
    stands = {1: 1, 2: 1, 3: 3, 4: 3, 5: 3, 6: 6, 7: 7, 8: 7, 9: 7}
    for height, at in stands.items():
        row = validators_row(height, b"a longer set" if at == height else None, at)
        batch.write(VALIDATORS, [row[1:]])
    for height in (1, 5, 8):
        limits = BlockParams(size_bytes_max=height, gas_max=height)
        batch.write(BLOCK_PARAMS, [params_row(height, limits)[1:]])
    backend.apply_batch(batch)
    pruner = BlockPruner(1, 1)
    reader = backend.latest()
    for lowest in range(2, 10):
        change = Batch()
        for table, key, value in pruner.plan(reader, lowest, 0):
            change.write(table, [(key, value)])
        backend.apply_batch(change)
        pruner.written()
        assert pruner.lowest == lowest
        left = [
            int.from_bytes(key, "big")
            for key, _ in reader.iterate(VALIDATORS, b"", None)
        ]
        due = {height for height in stands if height >= lowest}
        assert left == sorted(due | {stands[lowest]})
        for height in due:
            assert find_validators_row(reader, height) == b"a longer set"
            limits = find_params(reader, height) or limits
            assert limits.gas_max == max(at for at in (1, 5, 8) if at <= height)
        assert (
            reader.count(BLOCK_PARAMS) == len([at for at in (5, 8) if at > lowest]) + 1
        )


def test_hash_that_leads_to_a_later_block_stays() -> None:
    backend = MemoryBackend()
    backend.declare_tables(TABLES)
    tx_hash = sha256(b"tx")
    for height, code in ((1, 5), (2, 0)):  # refused the first time, then carried out
        result = TxResult(
            code=code,
            codespace="",
            data=b"",
            log="",
            gas_wanted=1,
            gas_used=1,
            events=(),
        )
        tx = StoredTx(height=height, index=0, hash=tx_hash, raw=b"tx", result=result)
        batch = Batch()
        for table, key, value in blocks.tx_rows([tx], backend.latest()):
            batch.write(table, [(key, value)])
        backend.apply_batch(batch)
    pruner = BlockPruner(1, 1)
    gone = [row[:2] for row in pruner.plan(backend.latest(), 2, 0)]
    assert (blocks.TXS, place_key(1, 0)) in gone
    assert (blocks.TX_HASHES, tx_hash) not in gone
    pruner.written()
    gone = [row[:2] for row in pruner.plan(backend.latest(), 3, 0)]
    assert (blocks.TX_HASHES, tx_hash) in gone


def test_pruned_node_says_that_it_cannot_replay() -> None:
    backend = MemoryBackend()
    zone = _zone(4, backend)
    _run(zone, 20)
    fresh = open_application(zone.genesis, MemoryBackend(), 2)
    state = zone.chain.state
    reader = backend.snapshot()
    with pytest.raises(BlocksPrunedError) as caught:
        replay(zone.genesis, reader, state.height, fresh, state.app_hash)
    reader.close()
    lowest = zone.chain.lowest_height
    assert str(caught.value).startswith(
        f"the oldest block that this node keeps is {lowest}, and 1 is needed"
    )


def test_node_on_cometbft_says_that_it_cannot_replay(tmp_path: Path) -> None:
    config = NodeConfig(moniker="a", engine="cometbft")
    with pytest.raises(BlocksElsewhereError):
        replay_home(Home(tmp_path), config)
    assert list(tmp_path.iterdir()) == []
