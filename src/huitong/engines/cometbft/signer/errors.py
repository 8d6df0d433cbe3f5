"""Why something is not signed, or cannot be; codespace ``engine``, 50 to 59."""

from __future__ import annotations

from huitong.core.errors import BrokenError, RejectedError, UnavailableError


class SignRegressionError(
    RejectedError,
    codespace="engine",
    code=50,
    text="asked to sign {asked}, and {signed} is signed already",
    next_step=(
        "If the node was restored, let it catch up with the zone. Never run one "
        "validator key in two places."
    ),
):
    """A step before the last signed one: signing it could be signing twice."""


class ConflictingSignError(
    RejectedError,
    codespace="engine",
    code=51,
    text="asked to sign {asked} with other content than was signed there",
    next_step="Look for a second node with this validator's key, and stop it.",
):
    """The step is signed, and what is asked for differs in more than its time."""


class SignRequestError(
    RejectedError, codespace="engine", code=52, text="request to sign: {reason}"
):
    """Something that a validator of this zone never signs."""


class SignerAddressError(
    RejectedError,
    codespace="engine",
    code=53,
    text="signer's address {address}: {reason}",
    next_step=(
        "Use unix:///PATH on one machine; between machines a signer that speaks "
        "CometBFT's encrypted connections, such as tmkms or horcrux."
    ),
):
    """The address of CometBFT cannot be used."""


class SignerRunsError(
    UnavailableError,
    codespace="engine",
    code=54,
    text="another process signs with {path}",
    next_step="Stop it first; two signers with one key would sign twice.",
):
    """Two processes would keep one record of what was signed."""


class SignStateUnwritableError(
    BrokenError,
    codespace="engine",
    code=55,
    text="the signed step cannot be recorded in {path}: {reason}",
    next_step="Make room on the disk; nothing is signed meanwhile.",
):
    """A signature that cannot be remembered does not leave."""
