"""Taking a snapshot as CometBFT gives it: what is accepted, refused, asked for again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from huitong.core.abci import BlockRequest
from huitong.core.limits import SNAPSHOT_CHUNKS_MAX
from huitong.core.store.backend import Batch, MemoryBackend
from huitong.core.store.tables import META, RESTORING_KEY
from huitong.engines.cometbft.snapshots import (
    ApplyAnswer,
    ApplyResult,
    OfferAnswer,
    SnapshotInfo,
)
from huitong.engines.genesis import genesis_request
from huitong.modules.history.errors import HistoryNodesMissingError
from huitong.proto.huitong.history.v1 import history_pb2
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend
from huitong.testing.embedded import EmbeddedZone
from tests.unit.snapshots.sources import (
    Source,
    Target,
    open_source,
    open_target,
    save_snapshot,
)

ACCEPT = ApplyAnswer(result=ApplyResult.ACCEPT)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return open_source(tmp_path)


@pytest.fixture
def target(tmp_path: Path, source: Source) -> Target:
    return open_target(tmp_path / "target", source.zone.genesis)


def _repeat_block(zone: EmbeddedZone, target: Target) -> None:
    """Make the next block on the zone and carry it out on the target as well."""
    header = zone.empty().block.header
    block_hash = zone.chain.state.block_id.hash
    target.app.finalize_block(
        BlockRequest(
            height=header.height,
            time_ns=header.time_ns,
            header_hash=block_hash,
            proposer_address=header.proposer_address,
            next_validators_hash=header.next_validators_hash,
            txs=(),
        )
    )
    target.app.commit()


def test_restored_node_is_the_replayed_node(source: Source, target: Target) -> None:
    assert source.info.chunks > 3
    assert target.exchange.offer(source.info, source.app_hash) is OfferAnswer.ACCEPT
    assert target.take_all(source) == [ACCEPT] * source.info.chunks
    original, restored = source.zone.app, target.app
    assert restored.info() == original.info()
    assert restored.block_gas_max == original.block_gas_max > 0
    assert restored.export_genesis() == original.export_genesis()
    assert restored.state.check_integrity() == original.state.check_integrity()
    for _ in range(3):
        _repeat_block(source.zone, target)
        assert restored.state.root_hash == original.state.root_hash


def test_restored_node_makes_the_same_snapshots(
    source: Source, target: Target, tmp_path: Path
) -> None:
    target.exchange.offer(source.info, source.app_hash)
    target.take_all(source)
    for _ in range(3):
        _repeat_block(source.zone, target)
    again = open_target(tmp_path / "again", source.zone.genesis, app=target.app)
    save_snapshot(source.zone.app, source.files)
    save_snapshot(target.app, again.exchange._files)
    assert again.exchange.list()[0].height == source.info.height + 3
    assert (
        again.exchange.list()[0]
        == open_target(
            tmp_path / "other",
            source.zone.genesis,
            app=source.zone.app,
            files=source.files,
        ).exchange.list()[0]
    )


def test_restored_node_proves_its_whole_history(source: Source, target: Target) -> None:
    target.exchange.offer(source.info, source.app_hash)
    target.take_all(source)
    for height in range(1, source.info.height + 1):
        request = history_pb2.QueryHistoryProofRequest(height=height)
        answers = [
            app.query(
                "/huitong.history.v1.Query/HistoryProof",
                request.SerializeToString(),
                0,
                False,
            )
            for app in (source.zone.app, target.app)
        ]
        assert answers[0].code == 0
        assert answers[0].value == answers[1].value


def _with(**changes: Any) -> Callable[[SnapshotInfo], SnapshotInfo]:
    return lambda info: replace(info, **changes)


def _metadata(metadata: bytes) -> Callable[[SnapshotInfo], SnapshotInfo]:
    return _with(metadata=metadata, hash=sha256(metadata).digest())


_LARGE = bytes(32 * (SNAPSHOT_CHUNKS_MAX + 1))


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        (_with(format=1), OfferAnswer.REJECT_FORMAT),
        (_with(format=0), OfferAnswer.REJECT_FORMAT),
        (_with(height=0), OfferAnswer.REJECT),
        (_with(hash=bytes(32)), OfferAnswer.REJECT_SENDER),
        (_with(hash=b""), OfferAnswer.REJECT_SENDER),
        (_with(chunks=1), OfferAnswer.REJECT_SENDER),
        (
            _with(chunks=0, metadata=b"", hash=sha256().digest()),
            OfferAnswer.REJECT_SENDER,
        ),
        (_metadata(b"short"), OfferAnswer.REJECT_SENDER),
        (
            lambda info: replace(
                _metadata(_LARGE)(info), chunks=SNAPSHOT_CHUNKS_MAX + 1
            ),
            OfferAnswer.REJECT,
        ),
    ],
)
def test_offer_that_cannot_be_used_is_refused_by_its_reason(
    source: Source,
    target: Target,
    change: Callable[[SnapshotInfo], SnapshotInfo],
    answer: OfferAnswer,
) -> None:
    assert target.exchange.offer(change(source.info), source.app_hash) is answer
    assert target.row_count() == 0
    assert target.exchange.apply_chunk(0, source.chunk(0), "peer") == ApplyAnswer(
        result=ApplyResult.ABORT
    )


def test_offer_without_a_usable_app_hash_is_refused(
    source: Source, target: Target
) -> None:
    assert target.exchange.offer(source.info, b"") is OfferAnswer.REJECT


def test_node_with_a_state_of_its_own_takes_no_snapshot(
    source: Source, tmp_path: Path
) -> None:
    zone = source.zone
    own = open_target(
        tmp_path / "own", zone.genesis, app=zone.app, backend=zone.backend
    )
    assert own.exchange.offer(source.info, source.app_hash) is OfferAnswer.ABORT
    assert zone.app.state.check_integrity()


def test_wrong_chunk_is_asked_for_again_from_somebody_else(
    source: Source, target: Target
) -> None:
    target.exchange.offer(source.info, source.app_hash)
    flipped = bytearray(source.chunk(0))
    flipped[100] ^= 1
    wrong = [
        bytes(flipped),
        source.chunk(1),
        source.chunk(0)[:-1],
        b"",
        bytes(9_000_000),
    ]
    rows = target.row_count()
    for chunk in wrong:
        assert target.exchange.apply_chunk(0, chunk, "liar") == ApplyAnswer(
            result=ApplyResult.RETRY, refetch=(0,), reject_senders=("liar",)
        )
        assert target.row_count() == rows  # nothing of it is kept
    assert target.exchange.apply_chunk(0, b"", "").reject_senders == ()
    assert target.take_all(source)[-1] == ACCEPT
    assert target.app.state.root_hash == source.app_hash


def test_chunk_outside_of_the_snapshot_is_refused(
    source: Source, target: Target
) -> None:
    target.exchange.offer(source.info, source.app_hash)
    for index in (-1, source.info.chunks):
        answer = target.exchange.apply_chunk(index, source.chunk(0), "liar")
        assert answer.result is ApplyResult.RETRY


def test_chunk_that_comes_twice_counts_once(source: Source, target: Target) -> None:
    target.exchange.offer(source.info, source.app_hash)
    for _ in range(2):
        assert target.exchange.apply_chunk(0, source.chunk(0), "peer") == ACCEPT
    assert target.take_all(source)[-1] == ACCEPT
    assert target.app.state.root_hash == source.app_hash


def test_missing_chunk_begins_the_snapshot_again(
    source: Source, target: Target
) -> None:
    target.exchange.offer(source.info, source.app_hash)
    target.exchange.apply_chunk(0, source.chunk(0), "peer")
    answer = target.exchange.apply_chunk(2, source.chunk(2), "peer")
    assert answer == ApplyAnswer(result=ApplyResult.RETRY_SNAPSHOT)
    assert target.exchange.offer(source.info, source.app_hash) is OfferAnswer.ACCEPT
    assert target.take_all(source)[-1] == ACCEPT


def test_snapshot_of_another_state_is_refused_and_leaves_nothing(
    source: Source, target: Target
) -> None:
    assert target.exchange.offer(source.info, bytes(32)) is OfferAnswer.ACCEPT
    answers = target.take_all(source)
    refused = ApplyAnswer(result=ApplyResult.REJECT_SNAPSHOT)
    assert refused in answers
    assert set(answers[answers.index(refused) + 1 :]) <= {
        ApplyAnswer(result=ApplyResult.ABORT)
    }
    assert target.row_count() == 0
    assert target.app.info().last_block_height == 0
    assert target.exchange.offer(source.info, source.app_hash) is OfferAnswer.ACCEPT
    assert target.take_all(source)[-1] == ACCEPT


def test_snapshot_may_be_offered_again_until_a_block_follows(
    source: Source, target: Target
) -> None:
    for _ in range(2):  # CometBFT forgot the first, in a crash of its own
        assert target.exchange.offer(source.info, source.app_hash) is OfferAnswer.ACCEPT
        target.take_all(source)
    _repeat_block(source.zone, target)
    assert target.exchange.offer(source.info, source.app_hash) is OfferAnswer.ABORT


def test_other_offer_takes_the_place_of_a_half_taken_one(
    source: Source, target: Target
) -> None:
    target.exchange.offer(source.info, source.app_hash)
    target.exchange.apply_chunk(0, source.chunk(0), "peer")
    refused = target.exchange.offer(replace(source.info, format=9), source.app_hash)
    assert refused is OfferAnswer.REJECT_FORMAT
    assert target.row_count() == 0


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_crash_amid_a_restore_leaves_an_empty_node(
    source: Source, tmp_path: Path, taken: int
) -> None:
    folder = tmp_path / "data"
    backend = LmdbBackend(LmdbEnvironment(folder, durable=False))
    crashed = open_target(tmp_path / "t", source.zone.genesis, backend=backend)
    crashed.exchange.offer(source.info, source.app_hash)
    for index in range(taken):
        crashed.exchange.apply_chunk(index, source.chunk(index), "peer")
    crashed.app.close()
    backend.close()
    backend = LmdbBackend(LmdbEnvironment(folder, durable=False))
    opened = open_target(tmp_path / "t", source.zone.genesis, backend=backend)
    assert opened.app.info().last_block_height == 0
    assert opened.row_count() == 0
    opened.exchange.offer(source.info, source.app_hash)
    assert opened.take_all(source)[-1] == ACCEPT
    assert opened.app.state.root_hash == source.app_hash
    opened.app.close()
    backend.close()


def test_mark_of_a_restore_alone_empties_a_database() -> None:
    backend = MemoryBackend()
    backend.declare_tables([META])
    batch = Batch()
    batch.write(META, [(RESTORING_KEY, b"\0" * 8), (b"latest", b"\0" * 7 + b"\x05")])
    backend.apply_batch(batch)
    EmbeddedZone(backend=backend)
    assert backend.latest().count(META) == 0


# --- a zone that goes on from the export of another ---------------------------------------


def _imported(source: Source, folder: Path, blocks: int) -> Target:
    """Run a zone that begins with what the source exports, for some blocks."""
    genesis = replace(
        source.zone.genesis,
        initial_height=source.info.height + 1,
        app_state={"history": source.zone.app.export_genesis()["history"]},
    )
    target = open_target(folder, genesis)
    target.app.init_chain(genesis_request(genesis))
    for height in range(genesis.initial_height, genesis.initial_height + blocks):
        request = BlockRequest(
            height=height,
            time_ns=genesis.time_ns + height,
            header_hash=sha256(b"%d" % height).digest(),
            proposer_address=bytes(20),
            next_validators_hash=bytes(32),
            txs=(),
        )
        target.app.finalize_block(request)
        target.app.commit()
    return target


@pytest.mark.parametrize("blocks", [1, 2, 3, 12, 13])
def test_history_of_an_imported_zone_begins_with_its_own_headers(
    source: Source, tmp_path: Path, blocks: int
) -> None:
    imported = _imported(source, tmp_path / "imported", blocks)
    own = imported.exchange
    save_snapshot(imported.app, own._files)
    genesis = replace(source.zone.genesis, initial_height=source.info.height + 1)
    target = open_target(tmp_path / "t", genesis)
    info = own.list()[0]
    assert target.exchange.offer(info, imported.app.state.root_hash).name == "ACCEPT"
    for index in range(info.chunks):
        chunk = own.load_chunk(info.height, info.format, index)
        assert target.exchange.apply_chunk(index, chunk, "peer") == ACCEPT
    for height in range(genesis.initial_height, genesis.initial_height + blocks):
        request = history_pb2.QueryHistoryProofRequest(height=height)
        data = request.SerializeToString()
        path = "/huitong.history.v1.Query/HistoryProof"
        answers = [
            app.query(path, data, 0, False) for app in (imported.app, target.app)
        ]
        assert answers[0].code == 0
        assert answers[0] == answers[1]


def test_snapshot_with_a_shorter_history_is_refused(
    source: Source, tmp_path: Path
) -> None:
    imported = _imported(source, tmp_path / "imported", 3)
    save_snapshot(imported.app, imported.exchange._files)
    target = open_target(tmp_path / "t", source.zone.genesis)  # it began at height 1
    info = imported.exchange.list()[0]
    target.exchange.offer(info, imported.app.state.root_hash)
    answers = [
        target.exchange.apply_chunk(
            index, imported.exchange.load_chunk(info.height, info.format, index), "peer"
        ).result
        for index in range(info.chunks)
    ]
    assert ApplyResult.REJECT_SNAPSHOT in answers
    assert target.row_count() == 0


def test_zone_without_the_rows_of_its_history_makes_no_snapshot(
    source: Source, tmp_path: Path
) -> None:
    imported = _imported(source, tmp_path / "imported", 3)
    imported.backend._tables[b"history_nodes"].clear()  # type: ignore[attr-defined]
    with pytest.raises(HistoryNodesMissingError):
        save_snapshot(imported.app, imported.exchange._files)
