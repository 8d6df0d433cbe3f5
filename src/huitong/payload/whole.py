"""Small payloads opened as one, for who holds them in memory anyway: evidence, commands."""

from __future__ import annotations

from huitong.core.commitment import encode_disclosure
from huitong.core.limits import BUNDLE_PAYLOAD_SIZE_BYTES_MAX
from huitong.payload.errors import PayloadTooLargeError
from huitong.payload.form import PayloadReader, as_disclosure
from huitong.payload.sealing import (
    SUITE_STREAM,
    SealingContext,
    StreamOpener,
    open_sealed,
)


def open_sealed_whole(
    sealed: bytes, private_key: bytes, context: SealingContext
) -> bytes:
    """Return the encoded disclosure that was sealed, in one message or as a stream.

    Raises:
        SealedFormError, SealingKeyError, SealOpenError: see ``sealing``.
        PayloadFormError: a stream that holds no payload.
        PayloadTooLargeError: more content than ``BUNDLE_PAYLOAD_SIZE_BYTES_MAX``.
    """
    if sealed[:1] != bytes((SUITE_STREAM,)):
        return open_sealed(sealed, private_key, context)
    opener, reader = StreamOpener(private_key, context), PayloadReader()
    document = reader.update(opener.update(sealed))
    document += reader.update(opener.finish())
    checked = reader.finish()
    if checked.size > BUNDLE_PAYLOAD_SIZE_BYTES_MAX:
        raise PayloadTooLargeError(
            path="the payload", size=checked.size, maximum=BUNDLE_PAYLOAD_SIZE_BYTES_MAX
        )
    return encode_disclosure(as_disclosure(checked.head, document))
