"""What the module ``consensus`` tells the world."""

from __future__ import annotations

from huitong.core.abci import Misbehaviour
from huitong.core.events import Event, event
from huitong.light.tendermint.signatures import address_of_public_key
from huitong.proto.huitong.consensus.v1.consensus_pb2 import BlockParams, Validator


def validator_set(validator: Validator, *, previous_power: int) -> Event:
    """Members voted on a validator; its power acts two blocks later."""
    return event(
        "validator_set",
        public_key=validator.public_key.hex(),
        address=_address(validator.public_key),
        power=validator.power,
        previous_power=previous_power,
        member_id=validator.member_id,
        name=validator.name,
    )


def validator_removed(validator: Validator, *, reason: str) -> Event:
    """Members voted a validator out."""
    return event(
        "validator_removed",
        public_key=validator.public_key.hex(),
        address=_address(validator.public_key),
        member_id=validator.member_id,
        reason=reason,
    )


def validator_misbehaved(
    validator: Validator | None, misbehaviour: Misbehaviour
) -> Event:
    """There is proof against a key that is or was a validator's."""
    return event(
        "validator_misbehaved",
        address=misbehaviour.validator_address.hex().upper(),
        public_key="" if validator is None else validator.public_key.hex(),
        member_id="" if validator is None else validator.member_id,
        kind=misbehaviour.kind.name.lower(),
        misbehaviour_height=misbehaviour.height,
        misbehaviour_time=misbehaviour.time_ns,
        power=misbehaviour.power,
        total_power=misbehaviour.total_power,
    )


def validator_suspended(validator: Validator) -> Event:
    """A validator lost its power for misbehaviour."""
    return event(
        "validator_suspended",
        public_key=validator.public_key.hex(),
        address=_address(validator.public_key),
        member_id=validator.member_id,
    )


def power_changed(
    public_key: bytes, *, power: int, previous: int, height: int
) -> Event:
    """The engine was told of another power; it acts from ``height`` on."""
    return event(
        "validator_power_changed",
        public_key=public_key.hex(),
        address=_address(public_key),
        power=power,
        previous_power=previous,
        acts_from_height=height,
    )


def block_params_changed(params: BlockParams) -> Event:
    """Blocks have other limits from the next one on."""
    return event(
        "block_params_changed",
        size_bytes_max=params.size_bytes_max,
        gas_max=params.gas_max,
    )


def unbonding_time_changed(time_ns: int) -> Event:
    """Validators answer for what they sign for another time, nanoseconds."""
    return event("unbonding_time_changed", unbonding_time=time_ns)


def _address(public_key: bytes) -> str:
    return address_of_public_key(public_key).hex().upper()
