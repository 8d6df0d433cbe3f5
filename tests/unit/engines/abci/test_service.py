"""The service: CometBFT's methods on the application, repeatable until they last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from huitong.core.abci import (
    BlockParams,
    BlockRequest,
    FinalizedBlock,
    Misbehaviour,
    MisbehaviourKind,
    ValidatorUpdate,
)
from huitong.core.invariants import InvariantBrokenError
from huitong.engines.cometbft.snapshots import (
    ApplyAnswer,
    ApplyResult,
    OfferAnswer,
    SnapshotInfo,
)
from huitong.engines.embedded.chain import CommittedBlock
from huitong.proto.tendermint.abci import types_pb2 as pb
from huitong.testing.abci_messages import init_chain_request
from huitong.testing.consensus import AbciExceptionError, HandshakeError
from tests.unit.engines.abci.served import ServedZone
from tests.unit.engines.messages import publish


@pytest.fixture
def served(tmp_path: Path) -> ServedZone:
    return ServedZone(tmp_path)


def _record(served: ServedZone, record_id: str) -> bytes:
    return served.zone.sign("tax", publish(served.zone, record_id))


# --- genesis --------------------------------------------------------------------------


def test_genesis_is_taken_again_as_long_as_no_block_is_durable(
    served: ServedZone,
) -> None:
    with served.driven() as driver:
        first = driver.make_block
        driver.handshake()
        driver.decide([])
        driver.finalize()
    served.reopen()  # a crash before the first Commit
    with served.driven() as driver:
        assert served.service.info().last_block_height == 1
        first()


def test_genesis_after_the_first_block_is_an_invariant_error(
    served: ServedZone,
) -> None:
    with served.driven() as driver:
        driver.make_block()
        with pytest.raises(AbciExceptionError, match="genesis comes before"):
            driver.consensus.call(init_chain=init_chain_request(driver.genesis))
    assert [type(item) for item in served.failures] == [InvariantBrokenError]


def _other_key(request: pb.RequestInitChain) -> None:
    request.validators[0].pub_key.secp256k1 = bytes(33)


CHANGES: dict[str, tuple[Callable[[pb.RequestInitChain], Any], str]] = {
    "chain id": (lambda r: setattr(r, "chain_id", "other-1"), "chain_id differs"),
    "time": (lambda r: setattr(r.time, "seconds", 1), "time_ns differs"),
    "height": (lambda r: setattr(r, "initial_height", 2), "initial_height differs"),
    "state": (
        lambda r: setattr(r, "app_state_bytes", b'{"members":{}}'),
        "app_state differs",
    ),
    "no state": (lambda r: setattr(r, "app_state_bytes", b""), "JSON"),
    "state of another kind": (
        lambda r: setattr(r, "app_state_bytes", b"[]"),
        "no object as app_state",
    ),
    "state given twice": (
        lambda r: setattr(r, "app_state_bytes", b'{"members":{},"members":{}}'),
        "JSON",
    ),
    "block size": (
        lambda r: setattr(r.consensus_params.block, "max_bytes", 7),
        "params differs",
    ),
    "evidence": (
        lambda r: setattr(r.consensus_params.evidence, "max_age_num_blocks", 7),
        "params differs",
    ),
    "keys of another kind": (
        lambda r: r.consensus_params.validator.pub_key_types.append("secp256k1"),
        "keys other than ed25519",
    ),
    "vote extensions": (
        lambda r: setattr(r.consensus_params.abci, "vote_extensions_enable_height", 5),
        "vote extensions are enabled",
    ),
    "power": (
        lambda r: setattr(r.validators[0], "power", 11),
        "validators differs",
    ),
    "another key": (_other_key, "key is not ed25519"),
    "no validators": (lambda r: r.ClearField("validators"), "validators differs"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_genesis_than_the_node_has_is_refused(
    served: ServedZone, name: str
) -> None:
    change, reason = CHANGES[name]
    request = init_chain_request(served.zone.genesis)
    change(request)
    with served.driven() as driver, pytest.raises(AbciExceptionError, match=reason):
        driver.consensus.call(init_chain=request)
    assert len(served.failures) == 1


def test_layout_of_the_state_and_names_of_validators_make_no_other_genesis(
    served: ServedZone,
) -> None:
    request = init_chain_request(served.zone.genesis)
    request.app_state_bytes = request.app_state_bytes.replace(b":", b" :\n ")
    named = replace(served.zone.genesis.validators[0], name="first")
    served.service._genesis = replace(served.zone.genesis, validators=(named,))
    with served.driven() as driver:
        driver.consensus.call(init_chain=request)
        driver.make_block()


# --- blocks ---------------------------------------------------------------------------


def test_blocks_over_the_socket_do_what_they_do_in_the_embedded_engine(
    served: ServedZone,
) -> None:
    zone = served.zone
    made: list[CommittedBlock] = []
    zone.engine.on_block(made.append)
    zone.start()
    for number in range(3):
        for _ in range(2):  # the second one is refused: there is such a record
            zone.send("tax", publish(zone, f"R-{number}"))
        zone.work()
    codes = [[tx.result.code for tx in block.txs] for block in made]
    assert codes == [[], [], [0, 3], [0, 3], [0, 3]]
    with served.driven() as driver:
        for block in made:
            header = block.block.header
            done = driver.play(
                BlockRequest(
                    height=header.height,
                    time_ns=header.time_ns,
                    header_hash=block.block.block_id.hash,
                    proposer_address=header.proposer_address,
                    next_validators_hash=header.next_validators_hash,
                    txs=block.block.txs,
                )
            )
            assert done == block.finalized


def test_a_block_may_be_finalized_again_until_it_is_committed(
    served: ServedZone,
) -> None:
    with served.driven() as driver:
        driver.make_block()
        driver.decide([_record(served, "R-1")])
        assert driver.finalize() == driver.finalize() == driver.finalize()
        driver.commit()
        with pytest.raises(AbciExceptionError, match="blocks follow one another"):
            driver.finalize()
    assert [type(item) for item in served.failures] == [InvariantBrokenError]


def test_another_round_s_block_takes_the_place_of_what_was_finalized(
    served: ServedZone,
) -> None:
    with served.driven() as driver:
        driver.make_block()
        driver.decide([_record(served, "R-1")])
        with_record = driver.finalize()
        driver.decided.pop()
        driver.decide([])
        assert driver.finalize().app_hash != with_record.app_hash
        driver.commit()
        assert served.blocks[-1][0].txs == ()


@pytest.mark.parametrize("skip", [1, 2])
def test_a_block_that_skips_a_height_is_an_invariant_error(
    served: ServedZone, skip: int
) -> None:
    with served.driven() as driver:
        driver.make_block()
        item = driver.decide([])
        item.request = replace(item.request, height=item.request.height + skip)
        with pytest.raises(AbciExceptionError, match="blocks follow one another"):
            driver.finalize()
    assert len(served.failures) == 1


def test_the_first_block_has_the_height_that_genesis_says(served: ServedZone) -> None:
    with served.driven() as driver:
        item = driver.decide([])
        item.request = replace(item.request, height=2)
        with pytest.raises(AbciExceptionError, match="blocks follow one another"):
            driver.finalize()
    assert len(served.failures) == 1


def test_a_block_before_genesis_is_an_invariant_error(served: ServedZone) -> None:
    with served.driven() as driver:
        driver.decide([])
    served.reopen()
    request = driver.decided[0].request
    with pytest.raises(InvariantBrokenError, match="genesis comes before"):
        served.service.finalize_block(request)


def test_commit_without_a_finalized_block_is_an_invariant_error(
    served: ServedZone,
) -> None:
    with served.driven() as driver:
        driver.make_block()
        with pytest.raises(AbciExceptionError, match="finalized before it is"):
            driver.commit()
    assert len(served.failures) == 1


def test_blocks_are_told_when_they_last_and_commit_says_what_to_retain(
    served: ServedZone,
) -> None:
    with served.driven() as driver:
        driver.make_block()
        served.retained_from = 1
        driver.decide([])
        finalized = driver.finalize()
        assert len(served.blocks) == 1
        assert driver.commit() == 1
        assert served.blocks[1] == (driver.decided[1].request, finalized)
        info = driver.query.call(info=pb.RequestInfo())
        assert info.last_block_height == 2
        assert info.last_block_app_hash == finalized.app_hash
        assert (info.data, info.app_version) == ("huitong", 0)


def test_evidence_reaches_the_modules_as_it_was_told(served: ServedZone) -> None:
    seen: list[tuple[Misbehaviour, ...]] = []
    finalize = served.app.finalize_block

    def noting(request: Any) -> FinalizedBlock:
        seen.append(request.misbehaviours)
        return finalize(request)

    served.app.finalize_block = noting  # type: ignore[method-assign]
    told = tuple(
        Misbehaviour(
            kind=kind,
            validator_address=b"v" * 20,
            power=10,
            height=1,
            time_ns=served.zone.genesis.time_ns,
            total_power=10,
        )
        for kind in MisbehaviourKind
    )
    with served.driven() as driver:
        driver.decide([], told)
        driver.finalize()
        assert seen == [told]


def test_evidence_of_an_unknown_kind_stops_the_node(served: ServedZone) -> None:
    with served.driven() as driver:
        request = pb.RequestFinalizeBlock(height=1)
        request.misbehavior.add(type=pb.UNKNOWN)
        with pytest.raises(AbciExceptionError, match="unknown type 0"):
            driver.consensus.call(finalize_block=request)
    assert len(served.failures) == 1


def test_changes_of_validators_and_limits_come_in_cometbft_s_form(
    served: ServedZone,
) -> None:
    finalize = served.app.finalize_block
    updates = (
        ValidatorUpdate(public_key=b"a" * 32, power=7),
        ValidatorUpdate(public_key=b"b" * 32, power=0),
    )
    limits = BlockParams(size_bytes_max=1_000_000, gas_max=50_000)
    served.app.finalize_block = lambda request: replace(  # type: ignore[method-assign]
        finalize(request), validator_updates=updates, block_params=limits
    )
    with served.driven() as driver:
        driver.decide([])
        finalized = driver.finalize()
        assert finalized.validator_updates == updates
        assert finalized.block_params == limits
        request = driver.decided[0].request
        done = served.app.finalize_block(request)
        assert done.block_params == limits
    assert served.failures == []


def test_votes_have_no_extensions(served: ServedZone) -> None:
    with served.driven() as driver:
        call = driver.consensus.call
        assert call(extend_vote=pb.RequestExtendVote()).vote_extension == b""
        for extension, status in ((b"", "ACCEPT"), (b"x", "REJECT")):
            verify = pb.RequestVerifyVoteExtension(vote_extension=extension)
            answer = call(verify_vote_extension=verify)
            known = pb.ResponseVerifyVoteExtension.VerifyStatus.Name(answer.status)
            assert known == status


# --- the mempool ----------------------------------------------------------------------


def test_waiting_transactions_are_checked_again_above_the_new_block(
    served: ServedZone,
) -> None:
    with served.driven() as driver:
        driver.make_block()
        first, second = _record(served, "R-1"), _record(served, "R-2")
        assert driver.check_tx(second).code == 32  # its turn has not come
        assert [driver.check_tx(raw).code for raw in (first, second)] == [0, 0]
        assert driver.check_tx(first).code == 32  # its sequence is used up
        driver.make_block([first])
        assert driver.check_tx(second, is_recheck=True).code == 0
        assert driver.check_tx(second, is_recheck=True).code == 32
        driver.make_block([second])
        assert driver.check_tx(second, is_recheck=True).code == 32
        assert driver.check_tx(_record(served, "R-3")).gas_wanted == 200_000


def test_the_size_of_a_proposal_counts_what_protobuf_adds(served: ServedZone) -> None:
    with served.driven() as driver:
        driver.make_block()
        raw = _record(served, "R-1")
        size = 1 + 2 + len(raw)
        assert driver.prepare([raw], size) == [raw]
        assert driver.prepare([raw], size - 1) == []
        assert driver.prepare([raw], -1) == []


# --- restart --------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["before finalize", "before commit", "after commit"])
def test_a_restart_is_brought_to_the_newest_block_by_the_handshake(
    served: ServedZone, point: str
) -> None:
    with served.driven() as driver:
        driver.make_block()
        driver.make_block([_record(served, "R-1")])
        driver.decide([_record(served, "R-2")])
        if point != "before finalize":
            driver.finalize()
        if point == "after commit":
            driver.commit()
    served.reopen()
    assert served.service.info().last_block_height == 2 + (point == "after commit")
    with served.driven() as driver:
        assert served.service.info().last_block_height == 3
        assert driver.handshake() == 0
        driver.make_block([_record(served, "R-3")])
        results = driver.decided[-1].finalized
        assert results is not None
        assert [item.code for item in results.tx_results] == [0]


def test_an_application_on_another_chain_is_found_out_by_the_handshake(
    served: ServedZone, tmp_path: Path
) -> None:
    with served.driven() as driver:
        driver.make_block()
        known = driver.decided[0].finalized
        assert known is not None
        driver.decided[0].finalized = replace(known, app_hash=bytes(32))
    with pytest.raises(HandshakeError, match="app hash at 1"), served.driven():
        pass


# --- snapshots ------------------------------------------------------------------------

INFO = SnapshotInfo(height=5, format=1, chunks=2, hash=b"h" * 32, metadata=b"m" * 64)


@dataclass
class _Exchange:
    """Notes what it is asked, and answers what it is told to."""

    asked: list[Any] = field(default_factory=list)

    def list(self) -> Sequence[SnapshotInfo]:
        return (INFO,)

    def load_chunk(self, height: int, format: int, index: int) -> bytes:
        if index > 1:
            raise OSError("disk")
        return b"%d/%d/%d" % (height, format, index)

    def offer(self, info: SnapshotInfo, app_hash: bytes) -> OfferAnswer:
        self.asked.append((info, app_hash))
        return OfferAnswer.REJECT_SENDER

    def apply_chunk(self, index: int, chunk: bytes, sender: str) -> ApplyAnswer:
        self.asked.append((index, chunk, sender))
        return ApplyAnswer(
            result=ApplyResult.RETRY, refetch=(0, 1), reject_senders=("peer",)
        )


def test_snapshots_are_given_and_taken_by_the_exchange(tmp_path: Path) -> None:
    exchange = _Exchange()
    served = ServedZone(tmp_path, snapshots=exchange)
    with served.driven() as driver:
        call = driver.snapshot.call
        (shown,) = call(list_snapshots=pb.RequestListSnapshots()).snapshots
        asked = pb.RequestLoadSnapshotChunk(height=5, format=1, chunk=1)
        assert call(load_snapshot_chunk=asked).chunk == b"5/1/1"
        asked.chunk = 2
        assert call(load_snapshot_chunk=asked).chunk == b""  # a disk error is no chunk
        offer = pb.RequestOfferSnapshot(snapshot=shown, app_hash=b"a" * 32)
        assert call(offer_snapshot=offer).result == 5
        chunk = pb.RequestApplySnapshotChunk(index=1, chunk=b"c", sender="peer")
        answer = call(apply_snapshot_chunk=chunk)
        assert answer.result == ApplyResult.RETRY.value
        assert list(answer.refetch_chunks) == [0, 1]
        assert list(answer.reject_senders) == ["peer"]
    assert exchange.asked == [(INFO, b"a" * 32), (1, b"c", "peer")]
    assert served.failures == []


def test_a_node_without_snapshots_gives_none_and_takes_none(
    served: ServedZone,
) -> None:
    with served.driven() as driver:
        call = driver.snapshot.call
        assert not call(list_snapshots=pb.RequestListSnapshots()).snapshots
        load = pb.RequestLoadSnapshotChunk(height=5, format=1)
        assert call(load_snapshot_chunk=load).chunk == b""
        offer = pb.RequestOfferSnapshot(snapshot=pb.Snapshot(height=5))
        assert call(offer_snapshot=offer).result == OfferAnswer.ABORT.value
        chunk = pb.RequestApplySnapshotChunk(chunk=b"c")
        assert call(apply_snapshot_chunk=chunk).result == ApplyResult.ABORT.value
