"""From a document, or from what was sealed to us, to ciphertext in the store.

Both ways look at each byte once and hold a few blocks of it. What is stored belongs to
nobody until its row is committed.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import replace
from typing import Final, final

from huitong.core.commitment import (
    DOCUMENT_FIELD,
    SALT_SIZE_BYTES,
    Disclosure,
    GivenField,
)
from huitong.core.limits import PAYLOAD_FIELDS_SIZE_BYTES_MAX
from huitong.gateway.vault.blocks import chained, in_blocks, offload, one_piece
from huitong.gateway.vault.ciphertext import MAGIC, begin_ciphertext
from huitong.gateway.vault.inspection import Inspection
from huitong.gateway.vault.model import (
    ByteStream,
    Reception,
    StagedPayload,
    StoredPayload,
)
from huitong.gateway.vault.object_room import ObjectRoom
from huitong.gateway.vault.settings import VaultSettings
from huitong.gateway.vault.unsealing import opened_pieces
from huitong.gateway.vault.wrapping import make_key
from huitong.payload.chunks import ChunkSealer
from huitong.payload.document import split_document
from huitong.payload.errors import PayloadEmptyError, PayloadTooLargeError
from huitong.payload.form import (
    PayloadHead,
    PayloadReader,
    check_names,
    check_root,
    document_root,
    encode_head,
)

#: First part of the names of objects that hold payloads.
OBJECT_KIND: Final = "payload"
_DOCUMENT: Final = "the document"
_OBJECT_START: Final = b"{"


@final
class Intake:
    """Takes documents and sealed payloads into one store."""

    def __init__(self, objects: ObjectRoom, settings: VaultSettings) -> None:
        """Use this store and these settings."""
        self._objects = objects
        self._settings = settings

    async def stage(
        self, document: ByteStream, *, content_type: str, owner: str
    ) -> StagedPayload:
        """See ``Vault.stage``; ``owner`` is whose key will wrap the data key."""
        async with Inspection(content_type, self._settings.scanner) as inspection:
            intake = _Document(self._limited(document), inspection)
            name, _ = await self._objects.put(OBJECT_KIND, intake.ciphertext())
        return intake.staged(name, owner)

    async def stage_received(
        self, sealed: ByteStream, reception: Reception, *, owner: str
    ) -> StagedPayload:
        """See ``Vault.stage_received``."""
        async with Inspection("", self._settings.scanner) as inspection:
            intake = _Received(sealed, reception, inspection)
            name, _ = await self._objects.put(OBJECT_KIND, intake.ciphertext())
        return intake.staged(name, owner)

    async def _limited(self, document: ByteStream) -> ByteStream:
        """Yield a document in blocks; refuse it as soon as it is too large."""
        size, maximum = 0, self._settings.document_size_bytes_max
        async for block in in_blocks(document):
            size += len(block)
            if size > maximum:
                raise PayloadTooLargeError(
                    path=_DOCUMENT, size=f"at least {size}", maximum=maximum
                )
            yield block
        if not size:
            raise PayloadEmptyError(path=_DOCUMENT)


@final
class _Document:
    """One document on its way into the store."""

    def __init__(self, blocks: ByteStream, inspection: Inspection) -> None:
        self._blocks = blocks
        self._inspection = inspection
        self._data_key = make_key()
        self._sealer = begin_ciphertext(self._data_key)
        self._payload: StoredPayload | None = None

    def staged(self, object_name: str, owner: str) -> StagedPayload:
        """Return what was stored, after ``ciphertext`` has come to its end."""
        if self._payload is None:
            raise AssertionError("the document has not passed yet")
        return StagedPayload(
            payload=self._payload,
            owner=owner,
            object_name=object_name,
            data_key=self._data_key,
        )

    async def ciphertext(self) -> ByteStream:
        """Yield the object's bytes, once."""
        yield MAGIC
        beginning, is_whole = await self._beginning()
        fields = {DOCUMENT_FIELD: b""}
        if is_whole:
            fields = await offload(split_document, beginning)
        if set(fields) != {DOCUMENT_FIELD} or fields[DOCUMENT_FIELD] not in (
            b"",
            beginning,
        ):
            await self._inspection.update(beginning)
            del beginning
            yield await self._seal_fields(fields)
            return
        del fields
        rest = one_piece(beginning) if is_whole else chained(beginning, self._blocks)
        del beginning
        async for piece in self._seal_document(rest):
            yield piece

    async def _beginning(self) -> tuple[bytes, bool]:
        """Return all of what may be a JSON object, else the first block."""
        beginning = bytearray()
        async for block in self._blocks:
            beginning += block
            if beginning.lstrip()[:1] != _OBJECT_START:
                return bytes(beginning), False
            if len(beginning) > PAYLOAD_FIELDS_SIZE_BYTES_MAX:
                return bytes(beginning), False
        return bytes(beginning), True

    async def _seal_fields(self, fields: dict[str, bytes]) -> bytes:
        given = tuple(
            GivenField(name=name, value=fields[name], salt=os.urandom(SALT_SIZE_BYTES))
            for name in sorted(fields)
        )
        head = PayloadHead(disclosure=Disclosure(given=given, withheld=()))
        reader = PayloadReader()
        encoded = await offload(lambda _: encode_head(head), given[0].value)
        reader.update(encoded)
        checked = reader.finish()
        content_type = await self._inspection.finish()
        self._payload = _described(head, checked.root, checked.size, content_type)
        sealed = await offload(self._sealer.update, encoded)
        return sealed + self._sealer.finish(checked.root)

    async def _seal_document(self, blocks: ByteStream) -> ByteStream:
        salt = os.urandom(SALT_SIZE_BYTES)
        head = PayloadHead(document_salt=salt)
        yield self._sealer.update(encode_head(head))
        digest = hashlib.sha256()
        size = 0

        def work(block: bytes) -> bytes:
            digest.update(block)
            return self._sealer.update(block)

        async for block in blocks:
            await self._inspection.update(block)
            size += len(block)
            yield await offload(work, block)
        content_type = await self._inspection.finish()
        root = document_root(digest.digest(), salt)
        self._payload = _described(head, root, size, content_type)
        yield self._sealer.finish(root)


@final
class _Received:
    """One sealed payload on its way into the store."""

    def __init__(
        self, sealed: ByteStream, reception: Reception, inspection: Inspection
    ) -> None:
        self._sealed = sealed
        self._reception = reception
        self._inspection = inspection
        self._data_key = make_key()
        self._sealer: ChunkSealer = begin_ciphertext(self._data_key)
        self._reader = PayloadReader()
        self._payload: StoredPayload | None = None

    def staged(self, object_name: str, owner: str) -> StagedPayload:
        """Return what was stored, after ``ciphertext`` has come to its end."""
        if self._payload is None:
            raise AssertionError("the payload has not passed yet")
        return StagedPayload(
            payload=replace(self._payload, holder=self._reception.holder),
            owner=owner,
            object_name=object_name,
            data_key=self._data_key,
        )

    async def ciphertext(self) -> ByteStream:
        """Yield the object's bytes, once; nothing behind a check that fails."""
        yield MAGIC
        async for piece in opened_pieces(self._sealed, self._reception):
            content, sealed = await offload(self._work, piece)
            if content:
                await self._inspection.update(content)
            yield sealed
        reception, checked = self._reception, self._reader.finish()
        digest = reception.context.payload_digest
        check_root(checked, digest)
        check_names(checked.head, reception.fields, reception.granted)
        if checked.head.disclosure is not None:
            for field in checked.head.disclosure.given:
                await self._inspection.update(field.value)
        content_type = await self._inspection.finish()
        if checked.head.disclosure is not None:
            content_type = "application/json"
        self._payload = _described(checked.head, digest, checked.size, content_type)
        yield self._sealer.finish(digest)

    def _work(self, piece: bytes) -> tuple[bytes, bytes]:
        """Return what of a piece is document, and the piece for the store."""
        return self._reader.update(piece), self._sealer.update(piece)


def _described(
    head: PayloadHead, digest: bytes, size: int, content_type: str
) -> StoredPayload:
    return StoredPayload(
        digest=digest,
        holder="",
        fields=head.names(),
        given=head.given(),
        size=size,
        content_type=content_type,
        created_ns=time.time_ns(),
        is_erased=False,
    )
