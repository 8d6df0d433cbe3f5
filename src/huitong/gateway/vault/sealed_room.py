"""Sealed bytes, kept until they are handed over or opened."""

from __future__ import annotations

import hashlib
import time
from typing import Final, final

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.exc import IntegrityError

from huitong.gateway.database.engine import Database
from huitong.gateway.vault.blocks import in_blocks, offload
from huitong.gateway.vault.errors import VaultEntryNotFoundError, VaultErasedError
from huitong.gateway.vault.model import ByteStream, SealedPayload
from huitong.gateway.vault.object_room import ObjectRoom
from huitong.gateway.vault.rows import owner_of_row
from huitong.gateway.vault.tables import SealedRow
from huitong.payload.errors import SealedFormError
from huitong.payload.sealing import SEALED_SIZE_BYTES_MAX

#: First part of the names of objects that hold sealed bytes.
OBJECT_KIND: Final = "sealed"


@final
class SealedRoom:
    """Keeps, gives and drops sealed bytes by their digest."""

    def __init__(self, database: Database, objects: ObjectRoom) -> None:
        """Use this database and this store."""
        self._database = database
        self._objects = objects

    async def keep(
        self,
        sealed: ByteStream,
        measure: Measure,
        *,
        digest: bytes | None = None,
        holder: str = "",
    ) -> SealedPayload:
        """Store sealed bytes; the same bytes again change nothing.

        Args:
            sealed: the bytes.
            measure: has taken all of them in the end.
            digest: of the own payload that they hold, whose end drops them.
            holder: what they are for.

        Raises:
            VaultErasedError: the payload was erased meanwhile.
            VaultStoreError: the store does not take them.
        """
        name, _ = await self._objects.put(OBJECT_KIND, sealed)
        payload = measure.result()
        try:
            await self._insert(payload, name, digest, holder)
        except IntegrityError:
            await self._objects.delete(name)
        except VaultErasedError:
            await self._objects.delete(name)
            raise
        return payload

    async def open(self, sealed_digest: bytes, offset: int) -> ByteStream:
        """See ``Vault.open_sealed``."""
        chosen = select(SealedRow).where(SealedRow.sealed_digest == sealed_digest)
        async with self._database.reading() as session:
            row = await session.scalar(chosen)
        if row is None:
            raise VaultEntryNotFoundError(digest=sealed_digest)
        try:
            return await self._objects.get(row.object_name, offset)
        except FileNotFoundError as error:
            raise VaultEntryNotFoundError(digest=sealed_digest) from error

    async def drop(self, sealed_digest: bytes) -> None:
        """See ``Vault.drop_sealed``."""
        await self._drop(SealedRow.sealed_digest == sealed_digest)

    async def drop_all_for(self, holder: str) -> None:
        """See ``Vault.drop_sealed_for``."""
        await self._drop(SealedRow.holder == holder)

    async def _drop(self, which: ColumnElement[bool]) -> None:
        gone = delete(SealedRow).where(which).returning(SealedRow.object_name)
        async with self._database.transaction() as session:
            names = (await session.scalars(gone)).all()
        for name in names:
            await self._objects.delete(name)

    async def _insert(
        self, payload: SealedPayload, name: str, digest: bytes | None, holder: str
    ) -> None:
        """Commit the row.

        Raises:
            IntegrityError: the same bytes were kept before.
            VaultErasedError: their payload was erased meanwhile.
        """
        async with self._database.transaction() as session:
            owner = None if digest is None else await owner_of_row(session, digest)
            session.add(
                SealedRow(
                    sealed_digest=payload.sealed_digest,
                    object_name=name,
                    size=payload.size,
                    owner=owner,
                    holder=holder,
                    created_ns=time.time_ns(),
                )
            )


@final
class Measure:
    """Counts and hashes sealed bytes as they pass."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._hash = hashlib.sha256()
        self._size = 0

    def take(self, piece: bytes) -> bytes:
        """Take a piece, and return it.

        Raises:
            SealedFormError: more bytes than any sealed payload has.
        """
        self._size += len(piece)
        if self._size > SEALED_SIZE_BYTES_MAX:
            raise SealedFormError(reason=f"more than {SEALED_SIZE_BYTES_MAX} bytes")
        self._hash.update(piece)
        return piece

    def result(self) -> SealedPayload:
        """Return what has passed."""
        return SealedPayload(sealed_digest=self._hash.digest(), size=self._size)


async def measured(sealed: ByteStream, measure: Measure) -> ByteStream:
    """Yield what arrives, measured.

    Raises:
        SealedFormError: more bytes than any sealed payload has, or none.
    """
    async for block in in_blocks(sealed):
        yield await offload(measure.take, block)
    if not measure.result().size:
        raise SealedFormError(reason="no bytes")
