"""Validators and block limits in the state."""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.store.kv import prefix_end
from huitong.modules.consensus.keys import (
    BLOCK_PARAMS_KEY,
    STORE,
    TOLD_POWER_PREFIX,
    VALIDATOR_PREFIX,
    told_power_key,
    validator_key,
)
from huitong.proto.huitong.consensus.v1.consensus_pb2 import BlockParams, Validator


def find_validator(ctx: Context, public_key: bytes) -> Validator | None:
    """Return a validator, or None."""
    value = ctx.store(STORE).get(validator_key(public_key))
    return None if value is None else Validator.FromString(value)


def save_validator(ctx: Context, validator: Validator) -> None:
    """Write a validator."""
    ctx.store(STORE).set(validator_key(validator.public_key), encode(validator))


def all_validators(ctx: Context) -> Iterator[Validator]:
    """Walk over the validators by ascending public key."""
    end = prefix_end(VALIDATOR_PREFIX)
    for _, value in ctx.store(STORE).iterate(VALIDATOR_PREFIX, end):
        yield Validator.FromString(value)


def get_block_params(ctx: Context) -> BlockParams:
    """Return the limits of blocks, which genesis writes."""
    return BlockParams.FromString(ctx.store(STORE).get(BLOCK_PARAMS_KEY) or b"")


def save_block_params(ctx: Context, params: BlockParams) -> None:
    """Write the limits of blocks."""
    ctx.store(STORE).set(BLOCK_PARAMS_KEY, encode(params))


def told_powers(ctx: Context) -> dict[bytes, int]:
    """Return the powers that the engine was told last, by ascending public key."""
    end = prefix_end(TOLD_POWER_PREFIX)
    return {
        key[1:]: int.from_bytes(value, "big")
        for key, value in ctx.store(STORE).iterate(TOLD_POWER_PREFIX, end)
    }


def save_told_power(ctx: Context, public_key: bytes, power: int) -> None:
    """Write the power that the engine is told; 0 removes."""
    if power:
        ctx.store(STORE).set(told_power_key(public_key), power.to_bytes(8, "big"))
    else:
        ctx.store(STORE).delete(told_power_key(public_key))
