"""Refusals of the module ``consensus``."""

from __future__ import annotations

from huitong.core.errors import RejectedError


class ValidatorNotFoundError(
    RejectedError,
    codespace="consensus",
    code=2,
    text="no validator has the key {public_key}",
):
    """The zone has no validator with this public key."""


class TooManyValidatorsError(
    RejectedError,
    codespace="consensus",
    code=3,
    text="the zone has {count} validators, at most {maximum}",
):
    """Each validator costs everybody one signature for each block."""


class PowerLimitError(
    RejectedError,
    codespace="consensus",
    code=4,
    text="voting power of {total} in all, at most {maximum}",
):
    """Sums and priorities need to fit 64 bits."""


class LastValidatorError(
    RejectedError,
    codespace="consensus",
    code=5,
    text="without the key {public_key} nobody would sign blocks",
    next_step="Set another validator first.",
):
    """The set of validators is never empty."""


class ValidatorSuspendedError(
    RejectedError,
    codespace="consensus",
    code=6,
    text="the validator {public_key} is suspended for misbehaviour",
    next_step="Say `reinstate` if the members mean it to sign again.",
):
    """A suspended validator signs again only if that is what was voted on."""


class ValidatorNotSuspendedError(
    RejectedError,
    codespace="consensus",
    code=7,
    text="the validator {public_key} is not suspended",
):
    """There is nothing to reinstate."""


class BlockParamsError(
    RejectedError,
    codespace="consensus",
    code=8,
    text="{field} of {actual}, expected {minimum} to {maximum}",
):
    """With such limits blocks would stop, or take too long."""


class UnbondingTimeError(
    RejectedError,
    codespace="consensus",
    code=10,
    text="unbonding time of {actual} ns, expected {minimum} to {maximum}",
):
    """Too short to trust a header, or longer than evidence is taken."""


class MemberNotInForceError(
    RejectedError,
    codespace="consensus",
    code=9,
    text="member {member_id} is suspended, frozen or unknown",
):
    """Only a member in force gets a validator."""
