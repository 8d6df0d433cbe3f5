"""Validators, what they did, and block limits in the state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, unique

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.limits import UNBONDING_TIME_NS_MAX
from huitong.core.store.kv import prefix_end
from huitong.light.tendermint.signatures import address_of_public_key
from huitong.modules.consensus.errors import ValidatorNotFoundError
from huitong.modules.consensus.keys import (
    BLOCK_PARAMS_KEY,
    MISBEHAVIOUR_PREFIX,
    STORE,
    TOLD_KEY,
    UNBONDING_TIME_KEY,
    VALIDATOR_PREFIX,
    misbehaviour_key,
    validator_key,
)
from huitong.modules.members.state import ACTIVE as MEMBER_ACTIVE
from huitong.modules.members.state import find_hindrance, find_member
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb
from huitong.proto.huitong.consensus.v1.consensus_pb2 import (
    BlockParams,
    MisbehaviourRecord,
    Told,
    Validator,
)
from huitong.proto.huitong.members.v1.members_pb2 import Member

ACTIVE = pb.VALIDATOR_STATUS_ACTIVE
SUSPENDED = pb.VALIDATOR_STATUS_SUSPENDED


# --- validators ---------------------------------------------------------------------------


def find_validator(ctx: Context, public_key: bytes) -> Validator | None:
    """Return a validator, or None."""
    value = ctx.store(STORE).get(validator_key(public_key))
    return None if value is None else Validator.FromString(value)


def get_validator(ctx: Context, public_key: bytes) -> Validator:
    """Return a validator.

    Raises:
        ValidatorNotFoundError: there is none with this key.
    """
    validator = find_validator(ctx, public_key)
    if validator is None:
        raise ValidatorNotFoundError(public_key=public_key)
    return validator


def find_validator_at(ctx: Context, address: bytes) -> Validator | None:
    """Return the validator with this address, or None. Cost: a hash for each."""
    for validator in all_validators(ctx):
        if address_of_public_key(validator.public_key) == address:
            return validator
    return None


def save_validator(ctx: Context, validator: Validator) -> None:
    """Write a validator."""
    ctx.store(STORE).set(validator_key(validator.public_key), encode(validator))


def delete_validator(ctx: Context, public_key: bytes) -> None:
    """Remove a validator; what it did stays recorded."""
    ctx.store(STORE).delete(validator_key(public_key))


def all_validators(ctx: Context) -> Iterator[Validator]:
    """Walk over the validators by ascending public key."""
    return validators_after(ctx, b"")


def validators_after(ctx: Context, start_after: bytes) -> Iterator[Validator]:
    """Walk over the validators by ascending public key, those behind one."""
    start = validator_key(start_after) + b"\x00" if start_after else VALIDATOR_PREFIX
    end = prefix_end(VALIDATOR_PREFIX)
    for _, value in ctx.store(STORE).iterate(start, end):
        yield Validator.FromString(value)


# --- powers -------------------------------------------------------------------------------


def wanted_powers(ctx: Context, known: Mapping[bytes, int]) -> dict[bytes, int]:
    """Return who should sign blocks and with what power, by ascending public key.

    A suspended validator has no power, nor has one whose member was suspended or removed
    by vote. A frozen member's has none either, as long as members in force keep two
    thirds of the power: a freeze takes few people, and must not hand the zone to them.
    Genesis may name no member: such a validator answers for itself.

    Args:
        ctx: the state.
        known: the powers that the engine was told last. A freeze that would leave too
            little takes none of them away.

    Cost: one walk over the validators, and one read for each member that runs one.
    """
    standings: dict[str, _Standing] = {"": _Standing.IN_FORCE}
    in_force: dict[bytes, int] = {}
    frozen: dict[bytes, int] = {}
    for validator in all_validators(ctx):
        if validator.status != ACTIVE:
            continue
        member_id = validator.member_id
        if member_id not in standings:
            standings[member_id] = _standing_of(find_member(ctx, member_id))
        if standings[member_id] is _Standing.IN_FORCE:
            in_force[validator.public_key] = validator.power
        elif standings[member_id] is _Standing.FROZEN:
            frozen[validator.public_key] = validator.power
    left = sum(in_force.values())
    if 3 * left >= 2 * (left + sum(frozen.values())):
        return in_force
    kept = {key: power for key, power in frozen.items() if key in known}
    return dict(sorted({**in_force, **kept}.items()))


@unique
class _Standing(Enum):
    """What a member's standing means for its validators."""

    IN_FORCE = 1
    FROZEN = 2
    OUT = 3


def _standing_of(member: Member | None) -> _Standing:
    if member is None or member.status != MEMBER_ACTIVE:
        return _Standing.OUT
    return _Standing.FROZEN if find_hindrance(member) else _Standing.IN_FORCE


def power_of_member(ctx: Context, member_id: str) -> int:
    """Return the power of all validators of one member that the engine was told of."""
    told = told_powers(get_told(ctx))
    return sum(
        told.get(validator.public_key, 0)
        for validator in all_validators(ctx)
        if validator.member_id == member_id
    )


# --- what the engine knows ------------------------------------------------------------------


def get_told(ctx: Context) -> Told:
    """Return what the engine was told last; genesis writes it."""
    return Told.FromString(ctx.store(STORE).get(TOLD_KEY) or b"")


def save_told(ctx: Context, told: Told) -> None:
    """Write what the engine is told."""
    ctx.store(STORE).set(TOLD_KEY, encode(told))


def told_powers(told: Told) -> dict[bytes, int]:
    """Return the powers that the engine knows, by ascending public key."""
    return {item.public_key: item.power for item in told.powers}


def told_of(powers: Mapping[bytes, int], params: BlockParams) -> Told:
    """Return the row that says so."""
    return Told(
        powers=[
            pb.ToldPower(public_key=key, power=power)
            for key, power in sorted(powers.items())
        ],
        block_params=params,
    )


# --- block limits -----------------------------------------------------------------------------


def get_block_params(ctx: Context) -> BlockParams:
    """Return the limits of blocks, which genesis writes."""
    return BlockParams.FromString(ctx.store(STORE).get(BLOCK_PARAMS_KEY) or b"")


def save_block_params(ctx: Context, params: BlockParams) -> None:
    """Write the limits of blocks."""
    ctx.store(STORE).set(BLOCK_PARAMS_KEY, encode(params))


# --- unbonding time ---------------------------------------------------------------------------


def get_unbonding_time_ns(ctx: Context) -> int:
    """Return how long validators answer for what they signed, nanoseconds."""
    value = ctx.store(STORE).get(UNBONDING_TIME_KEY)
    return UNBONDING_TIME_NS_MAX if value is None else int.from_bytes(value, "big")


def save_unbonding_time_ns(ctx: Context, time_ns: int) -> None:
    """Write that time; the default is written as nothing."""
    if time_ns == UNBONDING_TIME_NS_MAX:
        ctx.store(STORE).delete(UNBONDING_TIME_KEY)
    else:
        ctx.store(STORE).set(UNBONDING_TIME_KEY, time_ns.to_bytes(8, "big"))


# --- misbehaviour -----------------------------------------------------------------------------


def find_misbehaviours(ctx: Context, address: bytes) -> MisbehaviourRecord | None:
    """Return what the validator with this address did, or None."""
    value = ctx.store(STORE).get(misbehaviour_key(address))
    return None if value is None else MisbehaviourRecord.FromString(value)


def save_misbehaviours(ctx: Context, record: MisbehaviourRecord) -> None:
    """Write what a validator did."""
    ctx.store(STORE).set(misbehaviour_key(record.address), encode(record))


def delete_misbehaviours(ctx: Context, address: bytes) -> None:
    """Forget what a validator did."""
    ctx.store(STORE).delete(misbehaviour_key(address))


def misbehaviours_after(
    ctx: Context, start_after: bytes
) -> Iterator[MisbehaviourRecord]:
    """Walk over what validators did by ascending address, those behind one."""
    start = (
        misbehaviour_key(start_after) + b"\x00" if start_after else MISBEHAVIOUR_PREFIX
    )
    end = prefix_end(MISBEHAVIOUR_PREFIX)
    for _, value in ctx.store(STORE).iterate(start, end):
        yield MisbehaviourRecord.FromString(value)
