"""Failures of a gateway, by what it was doing; codespaces payload, vault, sealing, flow."""

from __future__ import annotations

from huitong.core.errors import BrokenError, RejectedError, UnavailableError


class PayloadUnreadableError(
    RejectedError,
    codespace="payload",
    code=2,
    text="cannot read {path}: {reason}",
    next_step="Name a readable file.",
):
    """The document's file is missing, a folder, or not ours to read."""


class PayloadEmptyError(
    RejectedError, codespace="payload", code=3, text="{path} is empty"
):
    """An empty document proves nothing."""


class PayloadTooLargeError(
    RejectedError,
    codespace="payload",
    code=4,
    text="{path} has {size} bytes, at most {maximum} are taken",
):
    """The document passes the limit of a payload."""


class PayloadFieldsError(
    RejectedError, codespace="payload", code=6, text="fields of the payload: {reason}"
):
    """Fields were given that were not granted, or granted ones are missing."""


class PayloadFormError(
    RejectedError, codespace="payload", code=7, text="not a payload: {reason}"
):
    """The stored or delivered bytes do not hold a payload."""


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


class SealingKeyError(
    RejectedError, codespace="sealing", code=2, text="encryption key: {reason}"
):
    """The reader's key cannot be used with X25519."""


class SealedFormError(
    RejectedError, codespace="sealing", code=3, text="not a sealed payload: {reason}"
):
    """The bytes are not in the form that this software seals."""


class SealOpenError(
    RejectedError,
    codespace="sealing",
    code=4,
    text="the sealed payload does not open with this key for exchange {exchange}",
):
    """Wrong key, another exchange, or bytes changed on the way."""


class SealedDigestError(
    RejectedError,
    codespace="sealing",
    code=5,
    text="sealed bytes have digest {actual}, the issuer stated {expected}",
):
    """What arrived is not what the issuer said on chain that it handed over."""


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
