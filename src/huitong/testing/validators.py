"""Validators with keys, honest or not, for tests of whatever follows a chain.

    four = make_validators([10, 10, 10, 10])
    five = replace_validators(four, count=1, label="newcomer")

Keys come from labels, so the same call gives the same validators in every process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ed25519_zebra import ed_public_from_secret, ed_sign

from huitong.core.hashing import sha256
from huitong.light.tendermint.signatures import address_of_public_key
from huitong.light.tendermint.validator_set import Validator, ValidatorSet


@dataclass(frozen=True, slots=True, kw_only=True)
class SimValidator:
    """A validator that signs whatever a test asks it to."""

    secret: bytes
    """Ed25519 secret key, 32 bytes."""
    voting_power: int
    """Weight of its vote."""
    public_key: bytes = field(init=False)
    """Ed25519 public key, 32 bytes."""
    address: bytes = field(init=False)
    """Validator address, 20 bytes."""

    def __post_init__(self) -> None:
        public_key = bytes(ed_public_from_secret(self.secret))
        object.__setattr__(self, "public_key", public_key)
        object.__setattr__(self, "address", address_of_public_key(public_key))

    def sign(self, message: bytes) -> bytes:
        """Return its signature, 64 bytes."""
        return bytes(ed_sign(self.secret, message))


def make_validators(
    powers: Sequence[int], *, label: str = "validator"
) -> tuple[SimValidator, ...]:
    """Return one validator for each power, in the chain's order."""
    return chain_order(
        SimValidator(secret=sha256(f"{label}/{index}".encode()), voting_power=power)
        for index, power in enumerate(powers)
    )


def replace_validators(
    validators: Sequence[SimValidator], *, count: int, label: str
) -> tuple[SimValidator, ...]:
    """Return the set with ``count`` of its members replaced by strangers of like power."""
    strangers = [
        SimValidator(
            secret=sha256(f"{label}/{index}".encode()),
            voting_power=validators[index].voting_power,
        )
        for index in range(count)
    ]
    return chain_order([*strangers, *validators[count:]])


def chain_order(validators: Iterable[SimValidator]) -> tuple[SimValidator, ...]:
    """Return them strongest first, equal ones by address, as chains keep them."""
    return tuple(sorted(validators, key=lambda v: (-v.voting_power, v.address)))


def validator_set_of(
    validators: Sequence[SimValidator], *, proposer: bytes | None = None
) -> ValidatorSet:
    """Return the set as it appears on the wire, proposed for by the first or the given."""
    members = tuple(
        Validator(public_key=v.public_key, voting_power=v.voting_power)
        for v in validators
    )
    chosen = validators[0].address if proposer is None else proposer
    return ValidatorSet(validators=members).with_proposer(chosen)
