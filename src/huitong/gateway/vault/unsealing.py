"""Opening what was sealed to us, in either form, as one stream of a payload's form."""

from __future__ import annotations

import hashlib

from huitong.core.commitment import (
    DOCUMENT_FIELD,
    Disclosure,
    decode_disclosure,
)
from huitong.core.errors import HuitongError
from huitong.gateway.vault.blocks import chained, in_blocks, offload
from huitong.gateway.vault.model import ByteStream, Reception
from huitong.payload.errors import (
    PayloadFormError,
    SealedDigestError,
    SealedFormError,
)
from huitong.payload.form import PayloadHead, encode_head
from huitong.payload.sealing import (
    MESSAGE_SIZE_BYTES_MAX,
    SEALED_SIZE_BYTES_MAX,
    SUITE_STREAM,
    StreamOpener,
    check_sealed_digest,
    open_sealed,
)


async def opened_pieces(sealed: ByteStream, reception: Reception) -> ByteStream:
    """Yield a payload in the form of ``payload.form``.

    It ends normally only if the digest of the sealed bytes is the stated one, and all of
    them opened.

    Raises:
        SealedDigestError, SealedFormError, SealOpenError: not what was handed over, or
            not sealed to this reader for this exchange.
        PayloadFormError: one message that holds no fields.
    """
    blocks = in_blocks(sealed)
    first = await anext(blocks, b"")
    if first[:1] == bytes((SUITE_STREAM,)):
        async for piece in _opened_stream(chained(first, blocks), reception):
            yield piece
    else:
        yield await _opened_message(chained(first, blocks), reception)


def message_to_form(encoded: bytes) -> bytes:
    """Return a payload's form of what one message carries: an encoded disclosure.

    Raises:
        PayloadFormError: it is none.
    """
    try:
        disclosure = decode_disclosure(encoded)
    except HuitongError as error:
        raise PayloadFormError(reason=str(error)) from error
    if is_document(disclosure):
        (field,) = disclosure.given
        return encode_head(PayloadHead(document_salt=field.salt)) + field.value
    return encode_head(PayloadHead(disclosure=disclosure))


def is_document(disclosure: Disclosure) -> bool:
    """Tell whether a disclosure is one document, and not fields."""
    return disclosure.names() == (DOCUMENT_FIELD,) and bool(disclosure.given)


async def _opened_message(blocks: ByteStream, reception: Reception) -> bytes:
    message = bytearray()
    async for block in blocks:
        message += block
        if len(message) > MESSAGE_SIZE_BYTES_MAX:
            raise SealedFormError(reason=f"more than {MESSAGE_SIZE_BYTES_MAX} bytes")

    def work(sealed: bytes) -> bytes:
        check_sealed_digest(sealed, reception.sealed_digest)
        encoded = open_sealed(sealed, reception.private_key, reception.context)
        return message_to_form(encoded)

    return await offload(work, bytes(message))


async def _opened_stream(blocks: ByteStream, reception: Reception) -> ByteStream:
    opener = StreamOpener(reception.private_key, reception.context)
    digest = hashlib.sha256()
    size = 0

    def work(block: bytes) -> bytes:
        digest.update(block)
        return opener.update(block)

    async for block in blocks:
        size += len(block)
        if size > SEALED_SIZE_BYTES_MAX:
            raise SealedFormError(reason=f"more than {SEALED_SIZE_BYTES_MAX} bytes")
        yield await offload(work, block)
    actual = digest.digest()
    if actual != reception.sealed_digest:
        raise SealedDigestError(actual=actual, expected=reception.sealed_digest)
    yield opener.finish()
