"""The engine: blocks when due, whole after a restart, never going on when wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from huitong.core.abci import BlockRequest, FinalizedBlock, ValidatorUpdate
from huitong.core.errors import HuitongError
from huitong.core.store.backend import Batch, MemoryBackend
from huitong.core.store.errors import StorageCorruptError, StorageFullError
from huitong.engines.embedded.chain import ENGINE, CommittedBlock
from huitong.engines.embedded.replay import replay
from huitong.engines.embedded.schedule import Due
from huitong.engines.errors import (
    EngineStoppedError,
    QuorumLostError,
    StateDivergedError,
    WrongChainError,
)
from huitong.engines.genesis import ConsensusParams
from huitong.engines.validator_key import validator_key_from_seed
from huitong.node.parts import open_application
from huitong.storage.blocks import (
    BLOCK_META,
    COMMITS,
    find_block,
    find_commit,
    find_validators_row,
    height_key,
)
from huitong.testing.embedded import EmbeddedZone
from tests.unit.engines.messages import ACCOUNTS, publish


@pytest.fixture
def zone(tmp_path: Path) -> EmbeddedZone:
    made = EmbeddedZone(accounts=ACCOUNTS, folder=tmp_path)
    made.start()
    return made


def _reopen(zone: EmbeddedZone) -> EmbeddedZone:
    return EmbeddedZone(
        accounts=ACCOUNTS, folder=zone.folder, backend=zone.backend, clock=zone.clock
    )


def test_published_record_is_in_the_next_block(zone: EmbeddedZone) -> None:
    assert zone.send("tax", publish(zone, "INV-1")).code == 0
    block = zone.work()
    assert [tx.result.code for tx in block.txs] == [0]
    assert block.height == 3
    assert zone.engine.mempool.counts() == (0, 0)


def test_transactions_of_one_account_keep_their_order(zone: EmbeddedZone) -> None:
    for number in range(5):
        assert zone.send("tax", publish(zone, f"A-{number}")).code == 0
        assert zone.send("road", publish(zone, f"B-{number}", "road")).code == 0
    block = zone.work()
    assert [tx.result.code for tx in block.txs] == [0] * 10


def test_block_holds_no_more_gas_than_it_may(tmp_path: Path) -> None:
    params = ConsensusParams(block_gas_max=500_000)
    zone = EmbeddedZone(accounts=ACCOUNTS, folder=tmp_path, params=params)
    zone.start()
    for number in range(5):
        zone.send("tax", publish(zone, f"A-{number}"))
    assert [len(zone.work().txs) for _ in range(3)] == [2, 2, 1]


def test_block_holds_no_more_bytes_than_it_may(tmp_path: Path) -> None:
    params = ConsensusParams(block_size_bytes_max=5_100)
    zone = EmbeddedZone(accounts=ACCOUNTS, folder=tmp_path, params=params)
    zone.start()
    for number in range(6):
        zone.send("tax", publish(zone, f"A-{number}"))
    blocks = [zone.work() for _ in range(3)]
    assert all(block.block.size_bytes <= 5_100 for block in blocks)
    assert sum(len(block.txs) for block in blocks) == 6


def test_transaction_that_never_fits_a_block_does_not_stop_others(
    tmp_path: Path,
) -> None:
    params = ConsensusParams(block_size_bytes_max=4_200)
    zone = EmbeddedZone(accounts=ACCOUNTS, folder=tmp_path, params=params)
    zone.start()
    assert zone.send("tax", publish(zone, "INV-1")).code == 0
    assert len(zone.work().txs) == 0
    assert zone.engine.mempool.counts() == (0, 0)


def test_step_makes_the_block_that_is_due(zone: EmbeddedZone) -> None:
    zone.send("tax", publish(zone, "INV-1"))
    zone.clock.advance(10**9)
    made: list[CommittedBlock] = []
    zone.engine.on_block(made.append)
    for _ in range(2):
        zone.engine.step()
    assert [len(block.txs) for block in made] == [1, 0]  # the work, then its proof
    zone.clock.advance(5 * 10**9)
    zone.engine.step()
    assert len(made) == 3  # a heartbeat


def test_clock_block_brings_header_time_up_to_date(zone: EmbeddedZone) -> None:
    zone.clock.advance(3 * 10**9)
    zone.send("tax", publish(zone, "INV-1"))
    zone.clock.advance(10**8)
    clock = zone.engine.step()
    assert clock is not None
    assert clock.txs == ()
    zone.clock.advance(10**8)
    work = zone.engine.step()
    assert work is not None
    assert len(work.txs) == 1
    assert zone.clock.now_ns - work.block.header.time_ns == 10**8


def test_thread_makes_blocks_and_stops(zone: EmbeddedZone) -> None:
    ended: list[bool] = []
    zone.engine.on_end(lambda: ended.append(True))
    zone.engine.start()
    zone.engine.stop()
    zone.engine.stop()
    assert (ended, zone.engine.failure()) == ([True], None)
    with pytest.raises(EngineStoppedError):
        zone.engine.mempool.add(b"late")


def test_failure_in_the_thread_ends_it_and_is_kept(zone: EmbeddedZone) -> None:
    failure = StateDivergedError(height=1, what="x", actual=1, expected=2)

    def fail(request: BlockRequest) -> FinalizedBlock:
        raise failure

    zone.app.finalize_block = fail  # type: ignore[method-assign]
    zone.clock.advance(10**10)
    zone.engine.start()
    assert zone.engine._thread is not None
    zone.engine._thread.join(10)
    assert zone.engine.failure() is failure


# --- restart --------------------------------------------------------------------------


def test_chain_goes_on_where_it_ended(zone: EmbeddedZone) -> None:
    zone.send("tax", publish(zone, "INV-1"))
    before = zone.work()
    again = _reopen(zone)
    assert again.chain.state == zone.chain.state
    again.start()
    after = again.empty()
    assert after.height == before.height + 3
    reader = again.chain.snapshot()
    first = find_block(reader, before.height + 1)
    assert first is not None
    assert first.header.last_block_id == before.block.block_id
    assert first.header.app_hash == before.finalized.app_hash


def test_crash_before_the_commit_leaves_the_block_before(zone: EmbeddedZone) -> None:
    zone.send("tax", publish(zone, "INV-1"))
    block = zone.chain.propose(zone.engine.mempool.reap())
    zone.chain.finalize(block)
    again = _reopen(zone)
    assert again.chain.state.height == 2
    again.start()
    assert again.empty().height == 5


def test_full_disk_leaves_nothing_and_the_block_can_be_made_again(
    zone: EmbeddedZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(zone.backend, MemoryBackend)

    def full(batch: Batch) -> None:
        raise StorageFullError(path="x", reason="no space")

    zone.send("tax", publish(zone, "INV-1"))
    with monkeypatch.context() as patched:
        patched.setattr(zone.backend, "apply_batch", full)
        with pytest.raises(StorageFullError):
            zone.work()
    assert (zone.chain.state.height, zone.engine.state.height) == (2, 2)
    assert len(zone.work().txs) == 1


def test_replay_from_genesis_gives_the_same_hashes(zone: EmbeddedZone) -> None:
    for number in range(4):
        zone.send("tax", publish(zone, f"INV-{number}"))
        zone.work()
        zone.empty()
    state = zone.chain.state
    fresh = open_application(zone.genesis, MemoryBackend(), 10)
    report = replay(
        zone.genesis, zone.chain.snapshot(), state.height, fresh, state.app_hash
    )
    assert (report.height, report.txs, report.app_hash) == (10, 4, state.app_hash)


def test_replay_of_a_changed_chain_is_refused(zone: EmbeddedZone) -> None:
    zone.send("tax", publish(zone, "INV-1"))
    zone.work()
    state = zone.chain.state
    genesis = replace(zone.genesis, app_state={})
    fresh = open_application(genesis, MemoryBackend(), 10)
    with pytest.raises(StateDivergedError):
        replay(genesis, zone.chain.snapshot(), state.height, fresh, state.app_hash)


def test_replay_with_a_missing_block_is_refused(zone: EmbeddedZone) -> None:
    fresh = open_application(zone.genesis, MemoryBackend(), 10)
    with pytest.raises(StorageCorruptError):
        replay(zone.genesis, zone.chain.snapshot(), 9, fresh, b"")


# --- refusing to go on ----------------------------------------------------------------


def _tamper(zone: EmbeddedZone, table: bytes, key: bytes, value: bytes | None) -> None:
    batch = Batch()
    batch.write(table, [(key, value)])
    zone.backend.apply_batch(batch)


def _changed_state(zone: EmbeddedZone, field: str, value: Any) -> bytes:
    row = zone.chain.snapshot().get(ENGINE, b"state")
    assert row is not None
    return orjson.dumps({**orjson.loads(row), field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("app_hash", "00" * 32),
        ("block_hash", "00" * 32),
        ("parts_hash", "00" * 32),
        ("validators", [["07" * 32, 10]]),
    ],
)
def test_record_that_contradicts_the_chain_stops_the_start(
    zone: EmbeddedZone, field: str, value: Any
) -> None:
    _tamper(zone, ENGINE, b"state", _changed_state(zone, field, value))
    with pytest.raises(StateDivergedError):
        _reopen(zone)


def test_state_ahead_of_the_blocks_stops_the_start(zone: EmbeddedZone) -> None:
    _tamper(zone, ENGINE, b"state", None)
    with pytest.raises(StateDivergedError):
        _reopen(zone)


@pytest.mark.parametrize("table", [BLOCK_META, COMMITS])
def test_missing_last_block_stops_the_start(zone: EmbeddedZone, table: bytes) -> None:
    _tamper(zone, table, height_key(2), None)
    with pytest.raises(StorageCorruptError):
        _reopen(zone)


def test_unreadable_record_stops_the_start(zone: EmbeddedZone) -> None:
    _tamper(zone, ENGINE, b"state", b"garbage")
    with pytest.raises(StorageCorruptError):
        _reopen(zone)


def test_other_genesis_stops_the_start(zone: EmbeddedZone) -> None:
    with pytest.raises(WrongChainError):
        EmbeddedZone(backend=zone.backend, folder=zone.folder)


def test_malformed_genesis_state_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(HuitongError):
        EmbeddedZone(accounts={"x": ("", "no-such-role")}, folder=tmp_path)


# --- validators -----------------------------------------------------------------------


def _with_updates(zone: EmbeddedZone, *updates: ValidatorUpdate) -> None:
    finalize = zone.app.finalize_block

    def finalize_with_updates(request: BlockRequest) -> FinalizedBlock:
        done = finalize(request)
        if request.height == 3:
            return replace(done, validator_updates=updates)
        return done

    zone.app.finalize_block = finalize_with_updates  # type: ignore[method-assign]


def test_validator_update_signs_two_blocks_later(zone: EmbeddedZone) -> None:
    other = b"\x05" * 32
    key = validator_key_from_seed(other).public_key
    _with_updates(zone, ValidatorUpdate(public_key=key, power=4))
    before = zone.chain.state.validators.hash
    blocks = [zone.empty() for _ in range(4)]
    hashes = [block.block.header.validators_hash for block in blocks]
    following = [block.block.header.next_validators_hash for block in blocks]
    assert [value == before for value in hashes] == [True, True, False, False]
    assert [value == before for value in following] == [True, False, False, False]
    votes = blocks[2].commit.signatures
    assert [vote.flag.name for vote in votes] == ["COMMIT", "ABSENT"]
    reader = zone.chain.snapshot()
    rows = [find_validators_row(reader, height) for height in range(1, 9)]
    assert len(set(rows[:4])) == 1
    assert len(set(rows[4:])) == 1
    assert rows[3] != rows[4]
    assert _reopen(zone).empty().height == 7


def test_update_that_takes_the_quorum_stops_before_it_is_written(
    zone: EmbeddedZone,
) -> None:
    _with_updates(zone, ValidatorUpdate(public_key=b"\x05" * 32, power=5))
    with pytest.raises(QuorumLostError):
        zone.empty()
    assert _reopen(zone).chain.state.height == 2


def test_every_commit_is_kept(zone: EmbeddedZone) -> None:
    block = zone.empty()
    reader = zone.chain.snapshot()
    assert find_commit(reader, block.height) == block.commit
    assert find_commit(reader, block.height + 1) is None


def test_proof_block_follows_events_once(zone: EmbeddedZone) -> None:
    assert zone.engine.make_block(Due.HEARTBEAT).finalized.events == ()
    assert zone.engine._proof_is_due is False
