"""From ciphertext in the store to content, or to bytes that are sealed to a reader."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from typing import Final

from huitong.core.commitment import (
    DOCUMENT_FIELD,
    CommitmentInputError,
    encode_disclosure,
    withhold_others,
)
from huitong.gateway.vault.blocks import chained, offload, one_piece
from huitong.gateway.vault.ciphertext import StoredReader
from huitong.gateway.vault.errors import VaultCorruptError
from huitong.gateway.vault.model import ByteStream, OpenedPayload, StoredPayload
from huitong.payload.document import join_fields
from huitong.payload.form import PayloadHead, as_disclosure, encode_head
from huitong.payload.sealing import (
    MESSAGE_CONTENT_SIZE_BYTES_MAX,
    SealingContext,
    StreamSealer,
    seal,
)

_SUFFIXES: Final = {"application/xml": ".xml", "application/json": ".json"}


async def open_stored(
    ciphertext: ByteStream, stored: StoredPayload, data_key: bytes
) -> OpenedPayload:
    """Return a payload, of whose document no more than the beginning was read.

    Raises:
        VaultCorruptError: what was read was changed.
    """
    reader = StoredReader(ciphertext, data_key, stored.digest)
    pieces = reader.read()
    first = await anext(pieces, b"")
    head = reader.payload.head
    if head is None:
        raise VaultCorruptError(digest=stored.digest, reason="it has no head")
    if head.disclosure is None:
        return OpenedPayload(
            stored=stored,
            head=head,
            file_name=DOCUMENT_FIELD + _suffix(stored.content_type),
            content=chained(first, pieces),
        )
    name, shown = join_fields(head.disclosure.values())
    return OpenedPayload(
        stored=stored, head=head, file_name=name, content=one_piece(shown)
    )


async def sealed_pieces(
    opened: OpenedPayload,
    names: frozenset[str],
    reader_key: bytes,
    context: SealingContext,
    measure: Callable[[bytes], bytes],
) -> ByteStream:
    """Yield a payload's given fields, sealed to a reader: small ones in one message.

    Args:
        opened: the payload.
        names: fields to give, empty for all.
        reader_key: X25519 public key.
        context: the exchange.
        measure: takes all sealed bytes in their order, in any thread, and returns them.

    Raises:
        CommitmentInputError: a name that the payload does not have.
        SealingKeyError: the reader's key is unusable.
        VaultCorruptError: the payload was changed.
    """
    head = _with_only(opened.head, names)
    content = one_piece(b"") if head.disclosure is not None else opened.content
    if opened.stored.size <= MESSAGE_CONTENT_SIZE_BYTES_MAX:
        document = b"".join([piece async for piece in content])
        encoded = encode_disclosure(as_disclosure(head, document))
        yield measure(seal(encoded, reader_key, context))
        return
    sealer = StreamSealer(reader_key, context)

    def work(piece: bytes) -> bytes:
        return measure(sealer.update(piece))

    yield measure(sealer.head)
    yield await offload(work, encode_head(head))
    async for piece in content:
        yield await offload(work, piece)
    yield measure(sealer.finish())


def _with_only(head: PayloadHead, names: frozenset[str]) -> PayloadHead:
    if not names:
        return head
    if head.disclosure is not None:
        return PayloadHead(disclosure=withhold_others(head.disclosure, names))
    if unknown := sorted(names - {DOCUMENT_FIELD}):
        raise CommitmentInputError(reason=f"no field {unknown[0]!r}")
    return head


def _suffix(content_type: str) -> str:
    """Return a file name's ending, so that a viewer opens it."""
    return (
        _SUFFIXES.get(content_type) or mimetypes.guess_extension(content_type) or ".bin"
    )
