"""Validators and block limits: every message, every refusal, evidence, genesis."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.abci import (
    BlockParams,
)
from huitong.core.consensus import ConsensusChanges
from huitong.core.errors import HuitongError, InvalidRequestError
from huitong.core.limits import (
    UNBONDING_TIME_NS_MAX,
    UNBONDING_TIME_NS_MIN,
    VALIDATORS_MAX,
    VALIDATORS_POWER_MAX,
)
from huitong.modules import consensus
from huitong.modules.consensus import errors, power_of_member
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb
from tests.unit.consensus.zones import (
    QUERY,
    Zone,
    params,
    remove,
    set_validator,
    unbonding,
)

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


def test_unbonding_time_is_decided_on_and_survives_an_export() -> None:
    zone = Zone()
    untouched = zone.zone.export()
    assert "unbonding_time" not in untouched["consensus"]
    zone.decide(unbonding(3_600 * 10**9))
    told = zone.zone.told("unbonding_time_changed")
    assert told == [{"unbonding_time": "3600000000000"}]
    again = Zone(None, zone.zone.export())
    assert consensus.get_unbonding_time_ns(again.zone.context()) == 3_600 * 10**9
    zone.decide(unbonding(UNBONDING_TIME_NS_MAX))
    assert zone.zone.export()["consensus"] == untouched["consensus"]


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
        (_nothing, unbonding(UNBONDING_TIME_NS_MIN - 1), errors.UnbondingTimeError),
        (_nothing, unbonding(UNBONDING_TIME_NS_MAX + 1), errors.UnbondingTimeError),
        (_nothing, unbonding(-1), errors.UnbondingTimeError),
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
        unbonding(UNBONDING_TIME_NS_MIN),
        unbonding(UNBONDING_TIME_NS_MAX),
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
