"""Decide whether a header follows from one that is trusted already.

This is the place where trust in another chain is decided. The rules, in the order in
which they are applied (ICS-07; CometBFT ``light/verifier.go``,
``types/validation.go``):

* The validators given as trusted hash to the trusted header's *next* validators. The
  trusted header is all that is believed; everything else is shown to fit to it.
* The trusted header has not expired: its time plus the trusting period is after now. At
  the boundary itself it has.
* The new header is of the same chain, and its commit is for its height and its hash.
* Its height is above the trusted one; its time is after the trusted one's, and before
  now plus the clock drift that is allowed.
* The validators shown with it are those it names.
* *Adjacent* (one height above): it names the validators that the trusted header
  announced.
* *Skipping* (more than one above): validators that were trusted, each counted once, with
  more power than the trust level's share of the trusted total, have signed. Nobody votes
  twice. A trust level of 1/3 means that one correct validator is among them.
* Either way: more than two thirds of the power of its own validators have signed.

Of votes:

* There is one for each validator, in the order of the set, and it names the validator
  who stands there. Power is never counted by the address alone (CSA-2026-001).
* Only votes for the block count; votes for nil and absent ones are allowed.
* Every vote is verified, also one for nil and also beyond the power that is needed.
  CometBFT's light client passes over those; its full nodes do not, so no honest chain has
  a commit that only the former would accept, and here a changed vote never goes unseen.
* Powers are added up before the first signature is looked at, so that a header without
  enough of them costs next to nothing.
* Thresholds are integers and to be *exceeded*; a product beyond 63 bits is an error.

Not here: where headers come from, what is remembered of them (``light_client``), and what
two headers that contradict each other mean (``misbehaviour``).

Example: a client that trusts height 10 is shown height 15. The validators of 11 hash to
what header 10 announced; of their power 40, validators with 30 have signed 15, which is
above 40 * 2 // 3 = 26; and 15's own validators with 45 of 60 have, above 40.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from huitong.light.tendermint.commit import BlockIdFlag, Commit, commit_vote_template
from huitong.light.tendermint.errors import (
    CommitSizeError,
    DoubleVoteError,
    HeaderFromFutureError,
    HeaderTimeError,
    InsufficientPowerError,
    InsufficientTrustError,
    InvalidHeaderHeightError,
    InvalidSignatureError,
    InvalidValidatorSetError,
    NextValidatorsError,
    TrustingPeriodExpiredError,
    ValidatorAddressError,
    ValidatorsHashError,
)
from huitong.light.tendermint.signatures import is_signed
from huitong.light.tendermint.signed_header import SignedHeader, check_signed_header
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.light.tendermint.validator_set import Validator, ValidatorSet

#: The share of a header's own validators that must have signed it.
TWO_THIRDS: Final = TrustLevel(numerator=2, denominator=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedHeader:
    """All that is believed before a header is verified."""

    height: int
    """Its height."""
    time_ns: int
    """Its time, nanoseconds since the epoch, UTC."""
    next_validators_hash: bytes
    """Hash of the set that signs the height after it, 32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustOptions:
    """How far trust in a header reaches."""

    trusting_period_ns: int
    """Time from a header's time during which it is trusted, above 0."""
    max_clock_drift_ns: int
    """How far ahead of now a header may be dated, above 0."""
    trust_level: TrustLevel
    """Share of trusted power that must have signed a header further on."""


def verify_light_header(
    *,
    chain_id: str,
    trusted: TrustedHeader,
    trusted_validators: ValidatorSet,
    signed_header: SignedHeader,
    validators: ValidatorSet,
    options: TrustOptions,
    now_ns: int,
) -> None:
    """Raise unless ``signed_header`` follows from ``trusted``.

    Args:
        chain_id: the chain that is followed, in the header's revision.
        trusted: the header believed so far.
        trusted_validators: the set that signs the height after ``trusted``.
        signed_header: what is to be verified.
        validators: the set that signs the new header's height.
        options: trusting period, drift, trust level.
        now_ns: the verifier's time, nanoseconds since the epoch, UTC.

    Raises:
        InvalidValidatorSetError: the trusted validators are not the trusted header's.
        TrustingPeriodExpiredError: the trusted header is too old.
        InvalidHeaderHeightError: the height is not above the trusted one.
        InvalidHeaderError: one of its subclasses, for each other rule.

    Cost: one signature check for each vote, about 45 µs; a quarter of a millisecond with
    four validators.
    """
    check_trusted_validators(trusted_validators, trusted.next_validators_hash)
    check_not_expired(trusted.time_ns, options.trusting_period_ns, now_ns)
    check_signed_header(signed_header, chain_id)
    header = signed_header.header
    if header.height <= trusted.height:
        raise InvalidHeaderHeightError(
            actual=header.height, rule="needs to be above", limit=trusted.height
        )
    _check_time(header.time_ns, trusted.time_ns, now_ns + options.max_clock_drift_ns)
    check_validators_hash(validators, header.validators_hash)
    votes = Votes(signed_header.commit, chain_id)
    if header.height == trusted.height + 1:
        if header.validators_hash != trusted.next_validators_hash:
            raise NextValidatorsError(
                actual=header.validators_hash, expected=trusted.next_validators_hash
            )
    else:
        votes.verify_trusting(trusted_validators, options.trust_level)
    votes.verify_all(validators)


def check_trusted_validators(validators: ValidatorSet, expected_hash: bytes) -> None:
    """Raise unless the set is the one that a trusted header announced.

    Raises:
        InvalidValidatorSetError: it is another.
    """
    if validators.hash != expected_hash:
        raise InvalidValidatorSetError(actual=validators.hash, expected=expected_hash)


def check_validators_hash(validators: ValidatorSet, expected_hash: bytes) -> None:
    """Raise unless the set is the one that signs the header's height.

    Raises:
        ValidatorsHashError: it is another.
    """
    if validators.hash != expected_hash:
        raise ValidatorsHashError(actual=validators.hash, expected=expected_hash)


def check_not_expired(time_ns: int, trusting_period_ns: int, now_ns: int) -> None:
    """Raise if a header of ``time_ns`` is no longer trusted; at the boundary it is not.

    Raises:
        TrustingPeriodExpiredError: it is not.
    """
    if is_expired(time_ns, trusting_period_ns, now_ns):
        raise TrustingPeriodExpiredError(
            expiry_ns=time_ns + trusting_period_ns, now_ns=now_ns
        )


def is_expired(time_ns: int, trusting_period_ns: int, now_ns: int) -> bool:
    """Tell whether a header of ``time_ns`` is no longer trusted."""
    return time_ns + trusting_period_ns <= now_ns


def verify_commit(commit: Commit, validators: ValidatorSet, chain_id: str) -> None:
    """Raise unless over two thirds of ``validators`` have signed ``commit``.

    Raises:
        CommitSizeError, ValidatorAddressError: votes and validators do not match.
        InsufficientPowerError: too few votes for the block.
        InvalidSignatureError: a vote is not by its validator.
    """
    Votes(commit, chain_id).verify_all(validators)


class Votes:
    """The votes of one commit while it is verified: each signature is checked once."""

    __slots__ = ("_commit", "_template", "_verified")

    def __init__(self, commit: Commit, chain_id: str) -> None:
        self._commit = commit
        self._template = commit_vote_template(commit, chain_id)
        self._verified: dict[int, bytes] = {}

    def verify_trusting(self, trusted: ValidatorSet, level: TrustLevel) -> None:
        """Raise unless enough of a set that may not be the signers' own has signed."""
        needed = level.power_needed(trusted.total_power)
        by_address = {validator.address: validator for validator in trusted.validators}
        first_at: dict[bytes, int] = {}
        counted: list[tuple[int, Validator]] = []
        for index, sig in enumerate(self._commit.signatures):
            if sig.flag is not BlockIdFlag.COMMIT:
                continue
            address = sig.validator_address
            if address in first_at:
                raise DoubleVoteError(
                    address=address, first=first_at[address], second=index
                )
            first_at[address] = index
            validator = by_address.get(address)
            if validator is not None:
                counted.append((index, validator))
        power = sum(validator.voting_power for _, validator in counted)
        if power <= needed:
            raise InsufficientTrustError(
                actual=power, needed=needed, total=trusted.total_power
            )
        self._verify_signatures(counted)

    def verify_all(self, validators: ValidatorSet) -> None:
        """Raise unless over two thirds of the signers' own set has signed."""
        signatures = self._commit.signatures
        if len(signatures) != len(validators.validators):
            raise CommitSizeError(
                actual=len(signatures), expected=len(validators.validators)
            )
        power = 0
        present: list[tuple[int, Validator]] = []
        for index, validator in enumerate(validators.validators):
            sig = signatures[index]
            if sig.flag is BlockIdFlag.ABSENT:
                continue
            if sig.validator_address != validator.address:
                raise ValidatorAddressError(
                    index=index,
                    actual=sig.validator_address,
                    expected=validator.address,
                )
            if sig.flag is BlockIdFlag.COMMIT:
                power += validator.voting_power
            present.append((index, validator))
        needed = TWO_THIRDS.power_needed(validators.total_power)
        if power <= needed:
            raise InsufficientPowerError(
                actual=power, needed=needed, total=validators.total_power
            )
        self._verify_signatures(present)

    def _verify_signatures(self, votes: list[tuple[int, Validator]]) -> None:
        for index, validator in votes:
            if self._verified.get(index) == validator.public_key:
                continue
            sig = self._commit.signatures[index]
            is_nil = sig.flag is BlockIdFlag.NIL
            message = self._template.sign_bytes(sig.timestamp_ns, nil=is_nil)
            if not is_signed(validator.public_key, message, sig.signature):
                raise InvalidSignatureError(index=index, address=validator.address)
            self._verified[index] = validator.public_key


def _check_time(time_ns: int, trusted_ns: int, limit_ns: int) -> None:
    if time_ns <= trusted_ns:
        raise HeaderTimeError(actual_ns=time_ns, trusted_ns=trusted_ns)
    if time_ns >= limit_ns:
        raise HeaderFromFutureError(actual_ns=time_ns, limit_ns=limit_ns)
