"""Validator sets: who may sign the blocks of a height, and with what power.

Rules (CometBFT ``types/validator_set``): not empty; ed25519 keys; an address is the
hash of its key; every power above zero and their sum at most (2^63 - 1) / 8. Ours, on
top: at most 500 validators, each once. The hash binds order, keys and powers, not the
proposer nor the priorities.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from huitong.core.hashing import merkle_root
from huitong.core.limits import VALIDATORS_MAX, VOTING_POWER_TOTAL_MAX
from huitong.light.tendermint.errors import MalformedValidatorSetError
from huitong.light.tendermint.signatures import (
    PUBLIC_KEY_SIZE_BYTES,
    address_of_public_key,
)
from huitong.light.tendermint.wire import varint_field
from huitong.proto.tendermint.types import validator_pb2

#: SimpleValidator with an ed25519 key: field 1 of 34 bytes, in it field 1 of 32 bytes.
_SIMPLE_VALIDATOR_HEAD = b"\x0a\x22\x0a\x20"

# A header shows two sets that are mostly the same, and the same as in the header before.
# At most 1.4 MB: 64 sets of 500 leaves with 46 bytes.
_cached_root = lru_cache(maxsize=64)(merkle_root)
_cached_address = lru_cache(maxsize=4_096)(address_of_public_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validator:
    """One validator of a set."""

    public_key: bytes
    """Ed25519 public key, 32 bytes."""
    voting_power: int
    """Weight of its vote, 1 ≤ power ≤ (2^63 - 1) / 8."""
    proposer_priority: int = 0
    """Turn as proposer, signed 64 bits; not part of any hash."""
    address: bytes = field(init=False)
    """First 20 bytes of the key's SHA-256."""

    def __post_init__(self) -> None:
        if len(self.public_key) != PUBLIC_KEY_SIZE_BYTES:
            raise _malformed("public key", self.public_key, "needs 32 bytes")
        if not 0 < self.voting_power <= VOTING_POWER_TOTAL_MAX:
            raise _malformed("voting power", self.voting_power, "is out of range")
        if not -(2**63) <= self.proposer_priority < 2**63:
            raise _malformed("priority", self.proposer_priority, "needs 64 bits")
        object.__setattr__(self, "address", _cached_address(self.public_key))


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorSet:
    """The validators of one height, in the chain's order."""

    validators: tuple[Validator, ...]
    """1 to 500, each once; strongest first, equal ones by address."""
    proposer: Validator | None = None
    """Who proposes at this height; None where the source does not say."""
    declared_power: int = 0
    """The total as stated on the wire; 0 where it is left out."""
    total_power: int = field(init=False)
    """Sum of all powers."""
    hash: bytes = field(init=False)
    """Merkle root over keys and powers, 32 bytes."""

    def __post_init__(self) -> None:
        _check_validators(self.validators)
        total = sum(validator.voting_power for validator in self.validators)
        if total > VOTING_POWER_TOTAL_MAX:
            raise _malformed("total power", total, "is out of range")
        if self.declared_power not in (0, total):
            raise _malformed("declared power", self.declared_power, f"sum is {total}")
        if self.proposer is not None and self.proposer not in self.validators:
            raise _malformed("proposer", self.proposer.address, "is not a member")
        object.__setattr__(self, "total_power", total)
        object.__setattr__(self, "hash", validators_hash(self.validators))

    def find(self, address: bytes) -> Validator | None:
        """Return the validator with this address, if it is in the set."""
        for validator in self.validators:
            if validator.address == address:
                return validator
        return None

    def with_proposer(self, address: bytes) -> ValidatorSet:
        """Return the set as peers send it: with its proposer and its total power.

        Raises:
            MalformedValidatorSetError: nobody in the set has this address.
        """
        proposer = self.find(address)
        if proposer is None:
            raise _malformed("proposer", address, "is not a member")
        return ValidatorSet(
            validators=self.validators,
            proposer=proposer,
            declared_power=self.total_power,
        )


def _malformed(part: str, actual: object, reason: str) -> MalformedValidatorSetError:
    return MalformedValidatorSetError(field=part, actual=actual, reason=reason)


def _check_validators(validators: tuple[Validator, ...]) -> None:
    if not validators:
        raise _malformed("size", 0, "needs a validator")
    if len(validators) > VALIDATORS_MAX:
        raise _malformed("size", len(validators), f"is above {VALIDATORS_MAX}")
    if len({validator.address for validator in validators}) != len(validators):
        raise _malformed("addresses", len(validators), "one appears twice")


def sorted_validators(validators: Iterable[Validator]) -> tuple[Validator, ...]:
    """Return them in the chain's order: strongest first, equal ones by address."""
    return tuple(sorted(validators, key=lambda v: (-v.voting_power, v.address)))


def validators_hash(validators: Iterable[Validator]) -> bytes:
    """Return the hash of a set, 32 bytes: Merkle root over ``SimpleValidator``."""
    return _cached_root(
        tuple(
            [
                _SIMPLE_VALIDATOR_HEAD + v.public_key + varint_field(2, v.voting_power)
                for v in validators
            ]
        )
    )


def validator_set_from_proto(message: validator_pb2.ValidatorSet) -> ValidatorSet:
    """Return the checked, frozen form.

    Raises:
        MalformedValidatorSetError: a part is absent, malformed or contradicts another.
    """
    if len(message.validators) > VALIDATORS_MAX:
        raise _malformed("size", len(message.validators), f"is above {VALIDATORS_MAX}")
    return ValidatorSet(
        validators=tuple([validator_from_proto(v) for v in message.validators]),
        proposer=(
            validator_from_proto(message.proposer)
            if message.HasField("proposer")
            else None
        ),
        declared_power=message.total_voting_power,
    )


def validator_set_to_proto(validators: ValidatorSet) -> validator_pb2.ValidatorSet:
    """Return the message whose encoding equals Go's, byte for byte."""
    message = validator_pb2.ValidatorSet(total_voting_power=validators.declared_power)
    for validator in validators.validators:
        _set_validator(message.validators.add(), validator)
    if validators.proposer is not None:
        _set_validator(message.proposer, validators.proposer)
    return message


def validator_from_proto(message: validator_pb2.Validator) -> Validator:
    """Return the checked, frozen form of one validator; raises as above."""
    if message.pub_key.WhichOneof("sum") != "ed25519":
        raise _malformed("public key", "of another kind", "needs to be ed25519")
    validator = Validator(
        public_key=message.pub_key.ed25519,
        voting_power=message.voting_power,
        proposer_priority=message.proposer_priority,
    )
    if message.address != validator.address:
        raise _malformed("address", message.address, "is not the hash of its key")
    return validator


def validator_to_proto(validator: Validator) -> validator_pb2.Validator:
    """Return the message whose encoding equals Go's, byte for byte."""
    message = validator_pb2.Validator()
    _set_validator(message, validator)
    return message


def _set_validator(message: validator_pb2.Validator, validator: Validator) -> None:
    message.address = validator.address
    message.pub_key.ed25519 = validator.public_key
    message.voting_power = validator.voting_power
    message.proposer_priority = validator.proposer_priority
