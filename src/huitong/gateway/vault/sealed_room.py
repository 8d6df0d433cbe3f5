"""Sealed bytes, kept until they are handed over or opened."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, final

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.gateway.database.engine import Database
from huitong.gateway.vault.blocks import in_blocks, offload
from huitong.gateway.vault.errors import VaultEntryNotFoundError, VaultErasedError
from huitong.gateway.vault.model import ByteStream, SealedPayload
from huitong.gateway.vault.object_room import ObjectRoom
from huitong.gateway.vault.rows import owners_of
from huitong.gateway.vault.tables import SealedRow
from huitong.payload.errors import SealedFormError
from huitong.payload.sealing import SEALED_SIZE_BYTES_MAX

#: First part of the names of objects that hold sealed bytes.
OBJECT_KIND: Final = "sealed"


@dataclass(frozen=True, slots=True)
class FoundSealed:
    """Sealed bytes that are there, not opened yet."""

    sealed_digest: bytes
    object_name: str


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

    async def find(
        self, session: AsyncSession, sealed_digests: Collection[bytes]
    ) -> dict[bytes, FoundSealed]:
        """See ``Vault.find_sealed``."""
        found = await session.execute(
            select(SealedRow.sealed_digest, SealedRow.object_name).where(
                SealedRow.sealed_digest.in_(sealed_digests)
            )
        )
        return {digest: FoundSealed(digest, name) for digest, name in found.all()}

    async def open(self, found: FoundSealed, offset: int) -> ByteStream:
        """See ``Vault.open_found_sealed``."""
        try:
            return await self._objects.get(found.object_name, offset)
        except FileNotFoundError as error:
            raise VaultEntryNotFoundError(digest=found.sealed_digest) from error

    async def forget(
        self,
        session: AsyncSession,
        sealed_digests: Collection[bytes],
        holders: Collection[str],
    ) -> Sequence[str]:
        """See ``Vault.forget_sealed``."""
        gone = await session.scalars(
            delete(SealedRow)
            .where(
                SealedRow.sealed_digest.in_(sealed_digests)
                | SealedRow.holder.in_(holders)
            )
            .returning(SealedRow.object_name)
            .execution_options(synchronize_session=False)
        )
        return gone.all()

    async def _insert(
        self, payload: SealedPayload, name: str, digest: bytes | None, holder: str
    ) -> None:
        """Commit the row.

        Raises:
            IntegrityError: the same bytes were kept before.
            VaultErasedError: their payload was erased meanwhile.
        """
        async with self._database.transaction() as session:
            owner = None
            if digest is not None:
                owner = (await owners_of(session, [digest])).get(digest)
                if owner is None:
                    raise VaultErasedError(digest=digest)
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
