"""Failures of a gateway, by what it was doing; codespaces vault and flow."""

from __future__ import annotations

from huitong.core.errors import BrokenError, RejectedError, UnavailableError


class VaultKeyError(
    RejectedError,
    codespace="vault",
    code=2,
    text="key-encryption key: {reason}",
    next_step="Give 64 hexadecimal digits in a file of mode 0600 or in HUITONG_VAULT_KEY.",
):
    """The key that protects the vault is missing, malformed, or open to others."""


class VaultEntryNotFoundError(
    RejectedError, codespace="vault", code=3, text="no payload with digest {digest}"
):
    """Nothing was put into this vault under the digest."""


class VaultCorruptError(
    BrokenError,
    codespace="vault",
    code=4,
    text="vault entry {digest}: {reason}",
    next_step="Restore the entry from a backup; its digest is on chain.",
):
    """An entry was changed on disk, or belongs to another key."""


class VaultWriteError(
    UnavailableError,
    codespace="vault",
    code=5,
    text="cannot write to the vault {path}: {reason}",
    next_step="Check free space and rights of the folder.",
):
    """The disk is full or the folder is not ours."""


class VaultExistsError(
    RejectedError,
    codespace="vault",
    code=6,
    text="{path} is not empty",
    next_step="Choose a new folder; one that is a vault already keeps its key.",
):
    """A folder that may hold payloads under another key."""


class ExchangeRefusedError(
    RejectedError,
    codespace="flow",
    code=2,
    text="exchange {exchange} was refused: {reason_code}: {reason}",
):
    """The issuer's policy or officer said no."""


class ExchangeUndecidedError(
    UnavailableError,
    codespace="flow",
    code=3,
    text="exchange {exchange} is still {status} after {seconds} s",
    next_step="Check that a relayer runs and whether an officer must decide.",
):
    """Nobody has decided, or no relayer has brought the decision."""


class ExchangeStateError(
    RejectedError,
    codespace="flow",
    code=4,
    text="exchange {exchange}: expected {expected}, found {actual}",
):
    """The step does not fit what the zone says about the exchange."""


class RecordMismatchError(
    RejectedError,
    codespace="flow",
    code=5,
    text="the proven record differs from the decision in {what}: {expected}, {actual}",
):
    """What the zone proves is not what was granted."""


class AnswerMissingError(
    RejectedError, codespace="flow", code=6, text="{zone} has no {what}"
):
    """Something that the exchange needs is not in the other zone's state."""


class ClientUnusableError(
    RejectedError, codespace="flow", code=7, text="light client {client_id}: {reason}"
):
    """The own zone's light client no longer vouches for the other zone."""


class GradeTooLowError(
    RejectedError,
    codespace="flow",
    code=8,
    text="the answer is {actual}, wanted is at least {minimum}",
):
    """The answer is less well proven than the reader's policy wants."""
