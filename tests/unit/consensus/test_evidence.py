"""Evidence of CometBFT against validators: suspended, recorded, reinstated by vote."""

from __future__ import annotations

import pytest

from huitong.core.abci import (
    MisbehaviourKind,
)
from huitong.core.limits import (
    MISBEHAVIOUR_ENTRIES_MAX,
    MISBEHAVIOUR_RECORDS_MAX,
)
from huitong.light.tendermint.signatures import address_of_public_key
from huitong.modules import consensus
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb
from tests.unit.consensus.zones import (
    KEYS,
    QUERY,
    Zone,
    remove,
    set_validator,
)


@pytest.mark.parametrize("kind", list(MisbehaviourKind))
def test_a_validator_that_misbehaves_is_suspended_and_recorded(
    kind: MisbehaviourKind,
) -> None:
    zone = Zone()
    zone.evidence("org-1", kind=kind)
    (told,) = zone.zone.told("validator_misbehaved")
    assert (told["kind"], told["member_id"]) == (kind.name.lower(), "org-1")
    assert len(zone.zone.told("validator_suspended")) == 1
    assert zone.updates() == {"org-1": 0}
    answer = zone.info("org-1")
    assert answer.info.validator.status == pb.VALIDATOR_STATUS_SUSPENDED
    entry = pb.MisbehaviourEntry(
        kind=kind.value,  # type: ignore[arg-type]
        height=7,
        time=5,
        power=10,
        total_power=40,
        recorded_height=2,
    )
    assert list(answer.misbehaviours.entries) == [entry]
    assert answer.misbehaviours.member_id == "org-1"


def test_only_a_vote_that_says_so_reinstates() -> None:
    zone = Zone()
    zone.evidence("org-1")
    zone.updates()
    zone.freeze("org-1")
    zone.thaw("org-1")
    assert zone.updates() == {}
    zone.decide(set_validator("org-1", 6, reinstate=True))
    assert zone.updates() == {"org-1": 6}
    assert zone.info("org-1").misbehaviours.total == 1


def test_evidence_against_somebody_who_left_is_recorded_without_a_key() -> None:
    zone = Zone()
    zone.decide(remove("org-1"))
    zone.evidence("org-1")
    assert zone.zone.told("validator_suspended") == []
    answer = zone.zone.query(f"{QUERY}/Misbehaviours", pb.QueryMisbehavioursRequest())
    (record,) = answer.records
    assert (record.address, record.public_key) == (
        address_of_public_key(KEYS["org-1"]),
        b"",
    )


def test_a_record_keeps_the_newest_entries_and_counts_all() -> None:
    zone = Zone()
    for height in range(MISBEHAVIOUR_ENTRIES_MAX + 3):
        zone.evidence("org-1", height=height)
    record = zone.info("org-1").misbehaviours
    assert record.total == MISBEHAVIOUR_ENTRIES_MAX + 3
    assert [entry.height for entry in record.entries] == list(
        range(3, MISBEHAVIOUR_ENTRIES_MAX + 3)
    )


def test_the_oldest_record_goes_when_there_are_too_many() -> None:
    zone = Zone()
    zone.evidence("org-1")
    ctx = zone.zone.context()
    for index in range(MISBEHAVIOUR_RECORDS_MAX - 1):
        consensus.state.save_misbehaviours(
            ctx,
            pb.MisbehaviourRecord(
                address=index.to_bytes(20, "big"),
                total=1,
                entries=[pb.MisbehaviourEntry(recorded_height=9)],
            ),
        )
    zone.zone.take(ctx)
    zone.evidence("org-2")
    ctx = zone.zone.context()
    assert consensus.state.find_misbehaviours(ctx, address_of_public_key(KEYS["org-2"]))
    assert not consensus.state.find_misbehaviours(
        ctx, address_of_public_key(KEYS["org-1"])
    )


def test_the_last_validator_goes_on_though_it_misbehaved() -> None:
    zone = Zone({"org-0": 10})
    zone.evidence("org-0")
    assert zone.updates() == {}
    zone.decide(set_validator("org-1", 10))
    assert zone.updates() == {"org-0": 0, "org-1": 10}
