"""Failures of payloads, at rest in hand and sealed; codespaces payload and sealing."""

from __future__ import annotations

from huitong.core.errors import RejectedError


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


class ChunkError(
    RejectedError,
    codespace="payload",
    code=8,
    text="chunk {number} was changed, left out, doubled or moved, or is not the last",
):
    """An encrypted stream is not the one that was written with this key."""


class ContentTypeError(
    RejectedError,
    codespace="payload",
    code=9,
    text="the content is {actual}, declared was {declared}",
    next_step="Declare what the document is, or nothing to let it be found out.",
):
    """The bytes are not of the media type that their sender says."""


class ContentTypeFormError(
    RejectedError,
    codespace="payload",
    code=10,
    text="{declared!r} is no media type: {reason}",
    next_step="Give type/subtype, and for text in another encoding than UTF-8 a charset.",
):
    """A declared media type that cannot be read."""


class PayloadSubjectError(
    RejectedError,
    codespace="payload",
    code=11,
    text="the pseudonym of a data subject has 32 bytes, this one {size}",
):
    """A data subject is named by the salted hash that stands in the record header."""
