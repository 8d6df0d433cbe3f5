"""Validators and block limits: every message, every refusal, evidence, genesis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from huitong.core.abci import (
    BlockParams,
    GenesisRequest,
    Misbehaviour,
    MisbehaviourKind,
    ValidatorUpdate,
)
from huitong.core.consensus import ConsensusChanges
from huitong.core.errors import HuitongError, InvalidRequestError
from huitong.core.genesis import GenesisError, message_to_json
from huitong.core.limits import (
    MISBEHAVIOUR_ENTRIES_MAX,
    MISBEHAVIOUR_RECORDS_MAX,
    VALIDATORS_MAX,
    VALIDATORS_POWER_MAX,
)
from huitong.light.tendermint.signatures import address_of_public_key
from huitong.modules import consensus, members
from huitong.modules.consensus import ZoneConsensus, errors, power_of_member
from huitong.modules.members.state import get_member, save_member
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.testing.contexts import MemoryZone
from huitong.testing.headers import GENESIS_TIME_NS

KEYS = {f"org-{index}": bytes([index + 1]) * 32 for index in range(6)}
QUERY = "/huitong.consensus.v1.Query"


def genesis_of(powers: Mapping[str, int]) -> dict[str, Any]:
    return {
        "members": {
            "members": [{"member_id": name, "name": name} for name in KEYS],
        },
        "consensus": {
            "validators": [
                message_to_json(pb.Validator(public_key=KEYS[name], member_id=name))
                for name in powers
            ],
        },
    }


def request_of(powers: Mapping[bytes, int]) -> GenesisRequest:
    return GenesisRequest(
        chain_id="hangzhou-1",
        time_ns=GENESIS_TIME_NS,
        initial_height=1,
        validators=tuple(
            ValidatorUpdate(public_key=key, power=power)
            for key, power in powers.items()
        ),
        app_state={},
        block_gas_max=100_000_000,
        block_bytes_max=4_194_304,
    )


class Zone:
    """Members and their validators, and what the engine is told at each block's end."""

    def __init__(
        self,
        powers: Mapping[str, int] | None = None,
        genesis: Mapping[str, Any] | None = None,
    ) -> None:
        powers = powers or dict.fromkeys(list(KEYS)[:4], 10)
        self.rules = ZoneConsensus()
        self.zone = MemoryZone(
            [members.MODULE, consensus.MODULE], genesis=genesis or genesis_of(powers)
        )
        ctx = self.zone.context()
        self.rules.begin(
            ctx, request_of({KEYS[name]: power for name, power in powers.items()})
        )
        self.zone.take(ctx)

    def decide(self, message: Any) -> None:
        self.zone.decide(message)

    def end_block(self) -> ConsensusChanges:
        ctx = self.zone.context()
        changes = self.rules.take_changes(ctx)
        self.zone.take(ctx)
        return changes

    def updates(self) -> dict[str, int]:
        """End the block, and return the powers that it changes by name."""
        names = {key: name for name, key in KEYS.items()}
        return {
            names[item.public_key]: item.power
            for item in self.end_block().validator_updates
        }

    def evidence(self, name: str, **fields: Any) -> None:
        """Begin a block that carries evidence."""
        values: dict[str, Any] = {
            "kind": MisbehaviourKind.DUPLICATE_VOTE,
            "validator_address": address_of_public_key(KEYS[name]),
            "power": 10,
            "height": 7,
            "time_ns": 5,
            "total_power": 40,
        }
        self.zone.misbehaviours = (Misbehaviour(**{**values, **fields}),)
        self.zone.next_block()
        self.zone.misbehaviours = ()

    def change_member(self, name: str, **fields: Any) -> None:
        ctx = self.zone.context()
        member = get_member(ctx, name)
        for field, value in fields.items():
            if isinstance(value, int):
                setattr(member, field, value)
            elif value is None:
                member.ClearField(field)
            else:
                getattr(member, field).CopyFrom(value)
        save_member(ctx, member)
        self.zone.take(ctx)

    def freeze(self, name: str) -> None:
        self.change_member(name, regulator_freeze=members_pb2.Freeze(height=1))

    def thaw(self, name: str) -> None:
        self.change_member(name, regulator_freeze=None)

    def info(self, name: str) -> pb.QueryValidatorResponse:
        request = pb.QueryValidatorRequest(public_key=KEYS[name])
        answer: pb.QueryValidatorResponse = self.zone.query(
            f"{QUERY}/Validator", request
        )
        return answer


def set_validator(org: str, power: int = 10, **fields: Any) -> pb.MsgSetValidator:
    values = {"public_key": KEYS[org], "member_id": org, **fields}
    return pb.MsgSetValidator(power=power, **values)


def remove(name: str, reason: str = "left") -> pb.MsgRemoveValidator:
    return pb.MsgRemoveValidator(public_key=KEYS[name], reason=reason)


def params(size: int = 5_000_000, gas: int = 50_000_000) -> pb.MsgUpdateBlockParams:
    limits = pb.BlockParams(size_bytes_max=size, gas_max=gas)
    return pb.MsgUpdateBlockParams(params=limits)


# --- what members decide ------------------------------------------------------------------


def test_a_block_without_decisions_changes_nothing_and_writes_nothing() -> None:
    zone = Zone()
    before = zone.zone.state.dump()
    assert zone.end_block() == ConsensusChanges()
    assert zone.zone.state.dump() == before


def test_a_validator_that_is_set_is_told_once() -> None:
    zone = Zone()
    zone.decide(set_validator("org-4", 7, name="节点五"))
    assert zone.zone.told("validator_set")[0]["power"] == "7"
    assert zone.updates() == {"org-4": 7}
    (told,) = zone.zone.told("validator_power_changed")
    assert (told["power"], told["previous_power"], told["acts_from_height"]) == (
        "7",
        "0",
        "3",
    )
    assert zone.updates() == {}
    info = zone.info("org-4").info
    assert (info.power_in_effect, info.validator.name) == (7, "节点五")


def test_updates_of_one_block_ascend_by_key() -> None:
    zone = Zone()
    zone.decide(set_validator("org-5", 1))
    zone.decide(set_validator("org-0", 11))
    zone.decide(remove("org-3"))
    keys = [item.public_key for item in zone.end_block().validator_updates]
    assert keys == sorted(keys)
    assert len(keys) == 3


def test_a_power_that_is_changed_back_in_one_block_is_not_told() -> None:
    zone = Zone()
    zone.decide(set_validator("org-0", 99))
    zone.decide(set_validator("org-0", 10))
    assert zone.updates() == {}


def test_a_removed_validator_goes_and_may_come_back() -> None:
    zone = Zone()
    zone.decide(remove("org-1"))
    assert zone.zone.told("validator_removed")[0]["reason"] == "left"
    assert zone.updates() == {"org-1": 0}
    zone.decide(set_validator("org-1", 3))
    assert zone.updates() == {"org-1": 3}


def test_block_limits_are_told_once_and_act_on_the_next_block() -> None:
    zone = Zone()
    zone.decide(params())
    assert zone.zone.told("block_params_changed")[0]["gas_max"] == "50000000"
    wanted = BlockParams(size_bytes_max=5_000_000, gas_max=50_000_000)
    assert zone.end_block() == ConsensusChanges(block_params=wanted)
    assert zone.end_block() == ConsensusChanges()
    assert zone.rules.block_gas_max(zone.zone.context()) == 50_000_000
    answer = zone.zone.query(f"{QUERY}/BlockParams", pb.QueryBlockParamsRequest())
    assert answer.params.size_bytes_max == 5_000_000


def _fill(zone: Zone) -> None:
    ctx = zone.zone.context()
    for index in range(VALIDATORS_MAX - 4):
        key = b"full" + index.to_bytes(28, "big")
        consensus.state.save_validator(ctx, pb.Validator(public_key=key, power=1))
    zone.zone.take(ctx)


def _suspend(zone: Zone) -> None:
    zone.evidence("org-1")


def _freeze(zone: Zone) -> None:
    zone.freeze("org-4")


def _alone(zone: Zone) -> None:
    for name in ("org-1", "org-2", "org-3"):
        zone.decide(remove(name))


def _nothing(zone: Zone) -> None:
    return None


@pytest.mark.parametrize(
    ("prepare", "message", "error"),
    [
        (_nothing, set_validator("org-4", public_key=b"k"), InvalidRequestError),
        (_nothing, set_validator("org-4", member_id=""), InvalidRequestError),
        (_nothing, set_validator("org-4", name="a\nb"), InvalidRequestError),
        (
            _nothing,
            set_validator("org-4", member_id="nobody"),
            errors.MemberNotInForceError,
        ),
        (_freeze, set_validator("org-4"), errors.MemberNotInForceError),
        (_suspend, set_validator("org-1"), errors.ValidatorSuspendedError),
        (
            _nothing,
            set_validator("org-1", reinstate=True),
            errors.ValidatorNotSuspendedError,
        ),
        (
            _nothing,
            set_validator("org-4", reinstate=True),
            errors.ValidatorNotSuspendedError,
        ),
        (_fill, set_validator("org-4"), errors.TooManyValidatorsError),
        (_nothing, set_validator("org-4", 0), errors.PowerLimitError),
        (_nothing, set_validator("org-4", -1), errors.PowerLimitError),
        (
            _nothing,
            set_validator("org-4", VALIDATORS_POWER_MAX - 39),
            errors.PowerLimitError,
        ),
        (_nothing, pb.MsgRemoveValidator(reason="x"), InvalidRequestError),
        (_nothing, remove("org-1", reason=""), InvalidRequestError),
        (_nothing, remove("org-4"), errors.ValidatorNotFoundError),
        (_alone, remove("org-0"), errors.LastValidatorError),
        (_nothing, params(size=2_621_439), errors.BlockParamsError),
        (_nothing, params(size=104_857_601), errors.BlockParamsError),
        (_nothing, params(gas=19_999_999), errors.BlockParamsError),
        (_nothing, params(gas=10_000_000_001), errors.BlockParamsError),
    ],
)
def test_refusals(prepare: Any, message: Any, error: type[HuitongError]) -> None:
    zone = Zone()
    prepare(zone)
    before = zone.zone.state.dump()
    with pytest.raises(error):
        zone.decide(message)
    assert zone.zone.state.dump() == before


@pytest.mark.parametrize(
    "message",
    [
        set_validator("org-4", VALIDATORS_POWER_MAX - 40),
        params(size=2_621_440, gas=20_000_000),
        params(size=104_857_600, gas=10_000_000_000),
    ],
)
def test_bounds_themselves_are_allowed(message: Any) -> None:
    Zone().decide(message)


def test_changing_a_validator_of_a_full_set_is_allowed() -> None:
    zone = Zone()
    _fill(zone)
    zone.decide(set_validator("org-0", 5))


def test_the_last_with_power_is_not_removed_beside_a_suspended_one() -> None:
    zone = Zone({"org-0": 10, "org-1": 10})
    zone.evidence("org-1")
    with pytest.raises(errors.LastValidatorError):
        zone.decide(remove("org-0"))


def test_every_message_is_governed() -> None:
    assert all(route.governed for route in consensus.MODULE.messages)


# --- members out of force -----------------------------------------------------------------


def test_a_frozen_members_validator_has_no_power_until_it_is_thawed() -> None:
    zone = Zone()
    zone.freeze("org-2")
    assert zone.updates() == {"org-2": 0}
    assert zone.info("org-2").info.power_in_effect == 0
    zone.thaw("org-2")
    assert zone.updates() == {"org-2": 10}


def test_freezes_never_take_more_than_a_third_of_the_power() -> None:
    zone = Zone()
    zone.freeze("org-2")
    assert zone.updates() == {"org-2": 0}
    zone.freeze("org-3")
    assert zone.updates() == {}, "two of four would rule the zone"
    zone.thaw("org-2")
    assert zone.updates() == {"org-2": 10, "org-3": 0}


def test_two_freezes_in_one_block_that_leave_too_little_take_nothing() -> None:
    zone = Zone()
    zone.freeze("org-2")
    zone.freeze("org-3")
    assert zone.updates() == {}


@pytest.mark.parametrize("status", [2, 3])
def test_members_voted_out_lose_their_power_however_many(status: int) -> None:
    zone = Zone()
    for name in ("org-1", "org-2", "org-3"):
        zone.change_member(name, status=status)
    assert zone.updates() == {"org-1": 0, "org-2": 0, "org-3": 0}


def test_the_set_is_never_emptied() -> None:
    zone = Zone({"org-0": 10})
    zone.change_member("org-0", status=2)
    assert zone.updates() == {}
    zone.decide(set_validator("org-1", 4))
    assert zone.updates() == {"org-0": 0, "org-1": 4}


def test_the_power_of_a_member_is_that_of_its_validators() -> None:
    zone = Zone()
    zone.decide(set_validator("org-4", 5, member_id="org-0"))
    zone.end_block()
    assert power_of_member(zone.zone.context(), "org-0") == 15
    assert power_of_member(zone.zone.context(), "org-4") == 0


# --- evidence -----------------------------------------------------------------------------


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


# --- queries and genesis --------------------------------------------------------------------


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
