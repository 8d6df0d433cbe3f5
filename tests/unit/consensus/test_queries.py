"""Validators and block limits as queries and genesis show them."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.consensus import ConsensusChanges
from huitong.core.genesis import GenesisError, message_to_json
from huitong.core.limits import (
    MISBEHAVIOUR_RECORDS_MAX,
    VALIDATORS_MAX,
    VALIDATORS_POWER_MAX,
)
from huitong.modules.consensus import errors
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb
from tests.unit.consensus.zones import (
    KEYS,
    QUERY,
    Zone,
    genesis_of,
    set_validator,
)


def test_validators_are_listed_in_pages() -> None:
    zone = Zone()
    request = pb.QueryValidatorsRequest(limit=3)
    first = zone.zone.query(f"{QUERY}/Validators", request)
    request.start_after = first.next
    second = zone.zone.query(f"{QUERY}/Validators", request)
    found = [
        item.validator.member_id for item in (*first.validators, *second.validators)
    ]
    assert found == ["org-0", "org-1", "org-2", "org-3"]
    assert second.next == b""
    assert {item.power_in_effect for item in first.validators} == {10}


def test_an_unknown_validator_is_not_found() -> None:
    with pytest.raises(errors.ValidatorNotFoundError):
        Zone().info("org-5")


def test_an_export_makes_the_same_state_again() -> None:
    zone = Zone()
    zone.decide(set_validator("org-4", 7, name="five"))
    zone.evidence("org-1")
    zone.end_block()
    exported = zone.zone.export()
    powers = {"org-0": 10, "org-2": 10, "org-3": 10, "org-4": 7}
    again = Zone(powers, exported)
    assert again.zone.export() == exported
    assert again.end_block() == ConsensusChanges()
    assert again.info("org-1").info.power_in_effect == 0


def test_a_change_that_was_not_told_before_an_export_is_told_after_it() -> None:
    zone = Zone()
    zone.decide(set_validator("org-4", 7))
    again = Zone(None, zone.zone.export())
    assert again.updates() == {"org-4": 7}


def _entry(**fields: Any) -> dict[str, Any]:
    return message_to_json(pb.Validator(**{"public_key": KEYS["org-0"], **fields}))


def _record(**fields: Any) -> dict[str, Any]:
    values = {
        "address": bytes(20),
        "total": 1,
        "entries": [pb.MisbehaviourEntry(height=1)],
        **fields,
    }
    return message_to_json(pb.MisbehaviourRecord(**values))


@pytest.mark.parametrize(
    "state",
    [
        {"unknown": 1},
        {"validators": {}},
        {"unbonding_time": "0"},
        {"unbonding_time": "59999999999"},
        {"unbonding_time": str(21 * 86_400 * 10**9 + 1)},
        {"unbonding_time": "a week"},
        {"validators": [_entry(public_key=b"short")]},
        {"validators": [_entry(name="a\nb")]},
        {"validators": [_entry(power=-1)]},
        {"validators": [_entry(member_id="nobody")]},
        {"validators": [_entry(), _entry()]},
        {"validators": [_entry(public_key=KEYS["org-5"])]},  # no power anywhere
        {"validators": [_entry(public_key=KEYS["org-5"], power=VALIDATORS_POWER_MAX)]},
        {
            "validators": [
                _entry(public_key=index.to_bytes(32, "big"), power=1)
                for index in range(VALIDATORS_MAX + 1)
            ]
        },
        {"misbehaviours": [_record(address=b"short")]},
        {"misbehaviours": [_record(public_key=b"short")]},
        {"misbehaviours": [_record(total=0)]},
        {"misbehaviours": [_record(entries=[])]},
        {"misbehaviours": [_record(), _record()]},
        {"misbehaviours": [_record()] * (MISBEHAVIOUR_RECORDS_MAX + 1)},
    ],
)
def test_genesis_that_cannot_be_is_refused(state: dict[str, Any]) -> None:
    genesis = {**genesis_of({}), "consensus": state}
    with pytest.raises(GenesisError):
        Zone(None, genesis)


def test_powers_of_a_genesis_document_are_bounded() -> None:
    with pytest.raises(GenesisError):
        Zone({"org-0": VALIDATORS_POWER_MAX, "org-1": 1})
