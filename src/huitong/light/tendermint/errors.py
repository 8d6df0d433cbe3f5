"""Failures of 07-tendermint.

Codes 2 to 15 are ibc-go's. Codes above 100 are ours: each names one reason inside the
family of the class it derives from, so that a caller may treat all invalid headers
alike and an auditor can still tell a forged signature from too little voting power.
"""

from __future__ import annotations

from huitong.core.errors import RejectedError
from huitong.light.errors import InvalidMisbehaviourError

_SPACE = "07-tendermint"


class InvalidChainIdError(
    RejectedError, codespace=_SPACE, code=2, text="chain id {chain_id!r}: {reason}"
):
    """A client state's chain id is blank or too long."""


class InvalidTrustingPeriodError(
    RejectedError,
    codespace=_SPACE,
    code=3,
    text="trusting period {period_ns} ns: {reason}: invalid trusting period",
):
    """Not between zero and the unbonding period."""


class InvalidUnbondingPeriodError(
    RejectedError,
    codespace=_SPACE,
    code=4,
    text="unbonding period {period_ns} ns: {reason}: invalid unbonding period",
):
    """Not a positive duration."""


class InvalidHeaderHeightError(
    RejectedError,
    codespace=_SPACE,
    code=5,
    text="height {actual}, {rule} {limit}: invalid header height",
):
    """A height that does not fit to the client or to the trusted header."""


class InvalidHeaderError(
    RejectedError,
    codespace=_SPACE,
    code=6,
    text="{field} {actual}: {reason}: invalid header",
):
    """A block header or commit that no correct node makes, or that nobody signed."""


class InvalidMaxClockDriftError(
    RejectedError,
    codespace=_SPACE,
    code=7,
    text="max clock drift {drift_ns} ns: {reason}: invalid max clock drift",
):
    """Not a positive duration."""


class ProcessedTimeNotFoundError(
    RejectedError,
    codespace=_SPACE,
    code=8,
    text="no processed time for {height}: processed time not found",
):
    """Nobody wrote when the header at this height arrived."""


class ProcessedHeightNotFoundError(
    RejectedError,
    codespace=_SPACE,
    code=9,
    text="no processed height for {height}: processed height not found",
):
    """Nobody wrote at which block the header at this height arrived."""


class DelayPeriodNotPassedError(
    RejectedError,
    codespace=_SPACE,
    code=10,
    text="{what} {actual}, proof valid from {earliest}: packet-specified delay period "
    "has not been reached",
):
    """The connection wants more time between a header and proofs against it."""


class TrustingPeriodExpiredError(
    RejectedError,
    codespace=_SPACE,
    code=11,
    text="trusted until {expiry_ns} ns, now {now_ns} ns: time since latest trusted "
    "state has passed the trusting period",
    next_step="Start again from a header obtained through a channel you trust.",
):
    """The trusted header is too old to judge newer ones by."""


class InvalidProofSpecsError(
    RejectedError, codespace=_SPACE, code=13, text="{reason}: invalid proof specs"
):
    """The form of the counterparty's Merkle proofs is not one that is safe to accept."""


class InvalidValidatorSetError(
    RejectedError,
    codespace=_SPACE,
    code=14,
    text="trusted validators hash to {actual}, not {expected}: invalid validator set",
):
    """The validators given as trusted are not those that the trusted header names."""


class InvalidTrustLevelError(
    RejectedError,
    codespace=_SPACE,
    code=15,
    text="trust level {numerator}/{denominator} is not within [1/3, 1]",
):
    """The share of trusted power that must sign is out of its range."""


# --- ours: one code for each reason ---------------------------------------------------


class HeaderChainIdError(
    InvalidHeaderError,
    codespace=_SPACE,
    code=101,
    text="header of chain {actual!r}, not {expected!r}: invalid header",
):
    """The header belongs to another chain."""


class CommitHeightError(
    InvalidHeaderError,
    codespace=_SPACE,
    code=102,
    text="commit for height {actual} with header {expected}: invalid header",
):
    """The commit is for another height than the header."""


class CommitBlockIdError(
    InvalidHeaderError,
    codespace=_SPACE,
    code=103,
    text="commit signs block {actual}, header hashes to {expected}: invalid header",
):
    """The validators signed another block than the one shown."""


class HeaderTimeError(
    InvalidHeaderError,
    codespace=_SPACE,
    code=104,
    text="header time {actual_ns} ns is not after trusted time {trusted_ns} ns: "
    "invalid header",
):
    """Time does not go forward from the trusted header."""


class HeaderFromFutureError(
    InvalidHeaderError,
    codespace=_SPACE,
    code=105,
    text="header time {actual_ns} ns is not before {limit_ns} ns, now and drift: "
    "invalid header",
):
    """The header is dated further ahead than clocks may drift."""


class ValidatorsHashError(
    InvalidHeaderError,
    codespace=_SPACE,
    code=106,
    text="validator set hashes to {actual}, header says {expected}: invalid header",
):
    """The validators shown are not those that the header names."""


class NextValidatorsError(
    InvalidHeaderError,
    codespace=_SPACE,
    code=107,
    text="validators {actual} follow a header that announced {expected}: "
    "invalid header",
):
    """The next block has other validators than the trusted header announced."""


class InsufficientTrustError(
    InvalidHeaderError,
    codespace=_SPACE,
    code=108,
    text="trusted power {actual} signed, needs to be above {needed} of {total}: "
    "invalid header",
):
    """Too few of the validators trusted before have signed."""


class InsufficientPowerError(
    InvalidHeaderError,
    codespace=_SPACE,
    code=109,
    text="power {actual} signed, needs to be above {needed} of {total}: invalid header",
):
    """Two thirds of the header's own validators or fewer have signed."""


class InvalidSignatureError(
    InvalidHeaderError,
    codespace=_SPACE,
    code=110,
    text="signature {index} of validator {address} does not verify: invalid header",
):
    """A vote was not signed by its validator."""


class DoubleVoteError(
    InvalidHeaderError,
    codespace=_SPACE,
    code=111,
    text="validator {address} votes at {first} and at {second}: invalid header",
):
    """One validator appears twice in a commit."""


class ValidatorAddressError(
    InvalidHeaderError,
    codespace=_SPACE,
    code=112,
    text="vote {index} is by {actual}, the set has {expected} there: invalid header",
):
    """A vote stands at the place of another validator."""


class CommitSizeError(
    InvalidHeaderError,
    codespace=_SPACE,
    code=113,
    text="{actual} votes for {expected} validators: invalid header",
):
    """A commit has one vote, perhaps an absent one, for each validator."""


class MalformedCommitError(
    InvalidHeaderError,
    codespace=_SPACE,
    code=114,
    text="commit {field} {actual}: {reason}: invalid header",
):
    """A commit that no correct node makes."""


class MalformedValidatorSetError(
    InvalidValidatorSetError,
    codespace=_SPACE,
    code=115,
    text="validator set {field} {actual}: {reason}: invalid validator set",
):
    """A validator set that no correct node makes."""


class TrustLevelOverflowError(
    InvalidHeaderError,
    codespace=_SPACE,
    code=116,
    text="power {total} times {numerator} passes 64 bits: invalid header",
):
    """The threshold cannot be computed as CometBFT computes it."""


class HeaderRevisionError(
    InvalidHeaderHeightError,
    codespace=_SPACE,
    code=117,
    text="header revision {actual} does not match trusted revision {expected}: "
    "invalid header height",
):
    """An update cannot cross a revision of the chain; an upgrade can."""


class MisbehaviourChainIdError(
    InvalidMisbehaviourError,
    codespace=_SPACE,
    code=118,
    text="headers of {first!r} and {second!r}: invalid misbehaviour",
):
    """The two headers are not of one chain."""


class MisbehaviourOrderError(
    InvalidMisbehaviourError,
    codespace=_SPACE,
    code=119,
    text="header 1 at {first} is below header 2 at {second}: invalid misbehaviour",
):
    """The higher header comes first."""


class MalformedRpcError(
    RejectedError, codespace=_SPACE, code=120, text="{field}: {reason}"
):
    """A node's JSON answer is not of the known form."""


class InvalidEvidenceError(RejectedError, codespace=_SPACE, code=121, text="{reason}"):
    """Evidence against validators that proves nothing; the texts are CometBFT's."""
