"""Evidence on the embedded engine: what is proven is recorded, and blocks go on."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from huitong.core.hashing import merkle_root, sha256
from huitong.core.store.backend import MemoryBackend
from huitong.engines.embedded import evidence_pool
from huitong.engines.embedded.evidence_pool import StoredRecord
from huitong.engines.embedded.replay import replay
from huitong.engines.embedded.schedule import Due
from huitong.engines.errors import EvidencePoolFullError, QuorumLostError
from huitong.engines.genesis import ConsensusParams
from huitong.light.tendermint.block_types import NO_BLOCK
from huitong.light.tendermint.errors import InvalidEvidenceError
from huitong.light.tendermint.evidence import (
    DuplicateVoteEvidence,
    LightClientAttackEvidence,
    decode_evidence_list,
    encode_evidence_list,
)
from huitong.light.tendermint.signed_header import LightBlock
from huitong.node.parts import open_application
from huitong.proto.huitong.consensus.v1 import consensus_pb2
from huitong.storage.blocks import block_evidence
from huitong.testing.double_signing import (
    attack_evidence,
    duplicate_vote_evidence,
    forged_header,
)
from huitong.testing.embedded import EmbeddedZone
from huitong.testing.validators import make_validators, validator_set_of

COMMON = 4


def _zone(blocks: int = 8, **options: Any) -> EmbeddedZone:
    zone = EmbeddedZone("hangzhou-1", **options)
    zone.start()
    for _ in range(blocks - zone.engine.height):
        zone.empty()
    return zone


def _light_block(zone: EmbeddedZone, height: int) -> LightBlock:
    with closing(zone.engine.snapshot()) as reader:
        record = StoredRecord(reader)
        signed = record.signed_header_at(height)
        validators = record.validators_at(height)
    assert signed is not None
    return LightBlock(signed_header=signed, validators=validators, next_validators=None)


def _equivocation(
    zone: EmbeddedZone, height: int = COMMON
) -> LightClientAttackEvidence:
    block = _light_block(zone, height)
    return attack_evidence(forged_header(block.signed_header, zone.key), block)


def _lunatic(zone: EmbeddedZone, height: int = COMMON + 2) -> LightClientAttackEvidence:
    """A header with another state, two above the common height."""
    block = _light_block(zone, height)
    header = replace(block.signed_header.header, app_hash=sha256(b"other"))
    forged = forged_header(block.signed_header, zone.key, header)
    return attack_evidence(forged, _light_block(zone, COMMON))


def _votes(zone: EmbeddedZone) -> DuplicateVoteEvidence:
    return duplicate_vote_evidence(_light_block(zone, COMMON), zone.key, "hangzhou-1")


@pytest.mark.parametrize("make", [_equivocation, _lunatic, _votes])
def test_proven_evidence_is_in_the_next_block_and_blocks_go_on(make: Any) -> None:
    zone = _zone()
    evidence = make(zone)
    with capture_logs() as logged:
        zone.engine.evidence.add(evidence)
    assert [line["event"] for line in logged] == ["evidence_proven"]
    committed = zone.work()
    assert committed.block.evidence == (evidence,)
    header = committed.block.header
    assert header.evidence_hash == merkle_root([evidence.encoded])
    kinds = [event.kind for event in committed.finalized.events]
    assert kinds == ["validator_misbehaved", "validator_suspended"]
    with closing(zone.engine.snapshot()) as reader:
        assert block_evidence(reader, committed.height) == (evidence,)
    after = zone.empty()
    assert after.height == committed.height + 1
    assert after.block.evidence == ()
    assert after.block.header.next_validators_hash == header.next_validators_hash


def test_the_zone_records_who_did_it() -> None:
    zone = _zone()
    zone.engine.evidence.add(_equivocation(zone))
    zone.work()
    zone.empty()
    answer = zone.app.query("/huitong.consensus.v1.Query/Misbehaviours", b"", 0, False)
    told = consensus_pb2.QueryMisbehavioursResponse.FromString(answer.value)
    (record,) = told.records
    assert record.address == zone.key.address
    assert record.entries[0].height == COMMON
    assert record.entries[0].kind == consensus_pb2.MISBEHAVIOUR_KIND_LIGHT_CLIENT_ATTACK


def test_evidence_makes_a_block_due_at_once() -> None:
    zone = _zone()
    zone.engine.evidence.add(_equivocation(zone))
    committed = zone.engine.step()
    assert committed is not None
    assert len(committed.block.evidence) == 1
    proof = zone.engine.step()
    assert proof is not None
    assert proof.block.header.app_hash == committed.finalized.app_hash


def test_a_proof_block_carries_no_evidence() -> None:
    zone = _zone()
    zone.engine.evidence.add(_equivocation(zone))
    assert zone.engine.make_block(Due.PROOF).block.evidence == ()
    assert len(zone.work().block.evidence) == 1


def test_evidence_is_recorded_once() -> None:
    zone = _zone()
    evidence = _equivocation(zone)
    zone.engine.evidence.add(evidence)
    zone.engine.evidence.add(evidence)
    assert len(zone.engine.evidence) == 1
    zone.work()
    zone.engine.evidence.add(evidence)
    assert len(zone.engine.evidence) == 0
    assert zone.work().block.evidence == ()


def test_evidence_survives_encoding_and_replay() -> None:
    zone = _zone()
    evidence = (_equivocation(zone), _lunatic(zone), _votes(zone))
    assert decode_evidence_list(encode_evidence_list(evidence)) == evidence
    for item in evidence:
        zone.engine.evidence.add(item)
    committed = zone.work()
    assert len(committed.block.evidence) == 3
    zone.empty()
    app = open_application(zone.genesis, MemoryBackend(), 2)
    with closing(zone.engine.snapshot()) as reader:
        report = replay(
            zone.genesis, reader, zone.engine.height, app, zone.engine.state.app_hash
        )
    assert report.height == zone.engine.height


def test_only_as_much_evidence_goes_into_a_block_as_fits() -> None:
    size = len(encode_evidence_list((_equivocation(_zone()),)))
    zone = _zone(params=ConsensusParams(evidence_size_bytes_max=size + 10))
    for height in (COMMON + 1, COMMON):
        zone.engine.evidence.add(_equivocation(zone, height))
    heights = [zone.work().block.evidence[0].height for _ in range(2)]
    assert heights == [COMMON, COMMON + 1]


def test_waiting_evidence_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_pool, "EVIDENCE_WAITING_MAX", 1)
    zone = _zone()
    zone.engine.evidence.add(_equivocation(zone))
    with pytest.raises(EvidencePoolFullError):
        zone.engine.evidence.add(_equivocation(zone, COMMON + 1))


def test_evidence_that_would_end_the_zone_is_set_aside_aloud(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    zone = _zone()
    evidence = _equivocation(zone)
    zone.engine.evidence.add(evidence)
    commit = zone.chain.commit

    def refusing(block: Any, *rest: Any) -> Any:
        if block.evidence:
            raise QuorumLostError(power=1, total=9, height=block.header.height + 2)
        return commit(block, *rest)

    monkeypatch.setattr(zone.chain, "commit", refusing)
    with capture_logs() as logged:
        committed = zone.work()
    assert committed.block.evidence == ()
    assert logged[0]["event"] == "evidence_set_aside"
    zone.engine.evidence.add(evidence)
    assert len(zone.engine.evidence) == 0


# --- refusals -------------------------------------------------------------------------


def _attack(zone: EmbeddedZone, **changes: Any) -> LightClientAttackEvidence:
    return replace(_equivocation(zone), **changes)


STRANGER = make_validators([10])[0]

REFUSED: list[tuple[str, Any, str]] = [
    (
        "a height to come",
        lambda zone: _attack(zone, common_height=99),
        "don't have header #99",
    ),
    (
        "another time",
        lambda zone: _attack(zone, time_ns=5),
        "evidence has a different time to the block it is associated with",
    ),
    (
        "our own header",
        lambda zone: _attack(
            zone, signed_header=_light_block(zone, COMMON).signed_header
        ),
        "trusted header hash matches the evidence's conflicting header hash",
    ),
    (
        "another state at the common height",
        lambda zone: attack_evidence(
            _lunatic(zone, COMMON).signed_header, _light_block(zone, COMMON)
        ),
        "common height is the same as conflicting block height",
    ),
    (
        "a height above ours, in the future",
        lambda zone: attack_evidence(
            forged_header(
                _light_block(zone, COMMON).signed_header,
                zone.key,
                replace(
                    _light_block(zone, COMMON).signed_header.header,
                    height=90,
                    time_ns=zone.clock.now_ns + 10**12,
                ),
            ),
            _light_block(zone, COMMON),
        ),
        "is before conflicting block time",
    ),
    (
        "total power",
        lambda zone: _attack(zone, total_power=11),
        "total voting power from the evidence and our validator set does not match "
        "(11 != 10)",
    ),
    (
        "nobody named",
        lambda zone: _attack(zone, byzantine_validators=()),
        "expected 1 byzantine validators from evidence but got 0",
    ),
    (
        "somebody else named",
        lambda zone: _attack(
            zone, byzantine_validators=validator_set_of([STRANGER]).validators
        ),
        "evidence contained an unexpected byzantine validator address",
    ),
    (
        "another power named",
        lambda zone: _attack(
            zone,
            byzantine_validators=(
                replace(_equivocation(zone).byzantine_validators[0], voting_power=3),
            ),
        ),
        "evidence contained unexpected byzantine validator power; expected 10, got 3",
    ),
    (
        "a round in which nobody can be named",
        lambda zone: attack_evidence(
            forged_header(
                replace(
                    _light_block(zone, COMMON).signed_header,
                    commit=replace(
                        _light_block(zone, COMMON).signed_header.commit, round=1
                    ),
                ),
                zone.key,
            ),
            _light_block(zone, COMMON),
        ),
        "expected nil validators from an amnesia light client attack but got 1",
    ),
    (
        "a broken signature",
        lambda zone: _attack(
            zone,
            signed_header=replace(
                _equivocation(zone).signed_header,
                commit=replace(
                    _equivocation(zone).signed_header.commit,
                    signatures=(
                        replace(
                            _equivocation(zone).signed_header.commit.signatures[0],
                            signature=bytes(64),
                        ),
                    ),
                ),
            ),
        ),
        "invalid commit from conflicting block: wrong signature (#0): 0000",
    ),
    (
        "a stranger's header",
        lambda zone: _attack(zone, validators=validator_set_of([STRANGER])),
        "invalid commit from conflicting block",
    ),
    (
        "a vote of no validator",
        lambda zone: replace(
            _votes(zone),
            vote_a=replace(_votes(zone).vote_a, validator_address=STRANGER.address),
        ),
        "was not a validator at height 4",
    ),
    (
        "votes of two rounds",
        lambda zone: replace(
            _votes(zone), vote_b=replace(_votes(zone).vote_b, round=1)
        ),
        "h/r/s does not match: 4/0/2 vs 4/1/2",
    ),
    (
        "votes of two validators",
        lambda zone: replace(
            _votes(zone),
            vote_b=replace(_votes(zone).vote_b, validator_address=STRANGER.address),
        ),
        "validator addresses do not match",
    ),
    (
        "one vote twice",
        lambda zone: replace(_votes(zone), vote_b=_votes(zone).vote_a),
        "not a real duplicate vote",
    ),
    (
        "the power of the voter",
        lambda zone: replace(_votes(zone), validator_power=9),
        "validator power from evidence and our validator set does not match (9 != 10)",
    ),
    (
        "the power of all",
        lambda zone: replace(_votes(zone), total_power=9),
        "total voting power from the evidence and our validator set does not match",
    ),
    (
        "a forged vote",
        lambda zone: replace(
            _votes(zone), vote_b=replace(_votes(zone).vote_b, block_id=NO_BLOCK)
        ),
        "verifying VoteB: invalid signature",
    ),
    (
        "half a signature",
        lambda zone: replace(
            _votes(zone), vote_a=replace(_votes(zone).vote_a, signature=b"x")
        ),
        "verifying VoteA: invalid signature",
    ),
]


@pytest.mark.parametrize(
    ("make", "reason"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
def test_evidence_that_proves_nothing_is_refused(make: Any, reason: str) -> None:
    zone = _zone()
    with pytest.raises(InvalidEvidenceError) as refused:
        zone.engine.evidence.add(make(zone))
    assert reason in refused.value.fields["reason"]
    assert zone.work().block.evidence == ()


def test_evidence_is_too_old_only_in_blocks_and_in_time() -> None:
    young = ConsensusParams(evidence_age_blocks_max=2, evidence_age_ns_max=10**15)
    zone = _zone(12, params=young)
    zone.engine.evidence.add(_equivocation(zone))
    old = ConsensusParams(evidence_age_blocks_max=2, evidence_age_ns_max=1)
    zone = _zone(12, params=old)
    with pytest.raises(InvalidEvidenceError) as refused:
        zone.engine.evidence.add(_equivocation(zone))
    assert "is too old; min height is 10" in refused.value.fields["reason"]


def test_evidence_about_a_removed_block_is_refused() -> None:
    zone = _zone(12, blocks_kept=100)
    evidence = _equivocation(zone)
    pruned = _zone(40, blocks_kept=5)
    assert pruned.engine.lowest_height > COMMON
    with pytest.raises(InvalidEvidenceError) as refused:
        pruned.engine.evidence.add(evidence)
    assert refused.value.fields["reason"] == f"don't have header #{COMMON}"
