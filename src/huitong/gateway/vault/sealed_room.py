"""Sealed bytes, kept until they are handed over or opened."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, cast, final

from sqlalchemy import Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import HuitongError
from huitong.gateway.database.engine import SQLITE, Database
from huitong.gateway.vault.blocks import in_blocks, offload
from huitong.gateway.vault.errors import VaultEntryNotFoundError
from huitong.gateway.vault.model import ByteStream, SealedPayload, WrittenSealed
from huitong.gateway.vault.object_room import ObjectRoom
from huitong.gateway.vault.tables import SealedRow
from huitong.payload.errors import SealedFormError
from huitong.payload.sealing import SEALED_SIZE_BYTES_MAX

#: First part of the names of objects that hold sealed bytes.
OBJECT_KIND: Final = "sealed"
_TABLE: Final = cast(Table, SealedRow.__table__)


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

    async def keep(self, sealed: ByteStream, measure: Measure) -> SealedPayload:
        """Store sealed bytes that arrived; the same bytes again change nothing.

        Args:
            sealed: the bytes.
            measure: has taken all of them in the end.

        Raises:
            VaultStoreError: the store does not take them.
        """
        written = await self.write(sealed, measure)
        async with self._database.transaction() as session:
            needless = await self.enter(session, [written])
        await self.forget(needless)
        return written.payload

    async def write(
        self, sealed: ByteStream, measure: Measure, *, holder: str = ""
    ) -> WrittenSealed:
        """Store sealed bytes that nobody finds before ``enter``.

        Args:
            sealed: the bytes.
            measure: has taken all of them in the end.
            holder: what they are for.

        Raises:
            VaultStoreError: the store does not take them.
        """
        name, _ = await self._objects.put(OBJECT_KIND, sealed)
        return WrittenSealed(payload=measure.result(), object_name=name, holder=holder)

    async def enter(
        self, session: AsyncSession, written: Sequence[WrittenSealed]
    ) -> list[WrittenSealed]:
        """Let sealed bytes be found, within the caller's transaction; two statements.

        Returns:
            Those that were kept before under the same digest, which stay: these are to be
            forgotten after the commit.
        """
        if not written:
            return []
        now_ns = time.time_ns()
        insert = sqlite.insert if self._database.kind == SQLITE else postgresql.insert
        await session.execute(
            insert(_TABLE).on_conflict_do_nothing(
                index_elements=[SealedRow.sealed_digest]
            ),
            [_values(one, now_ns) for one in written],
        )
        names = [one.object_name for one in written]
        entered = set(
            await session.scalars(
                select(SealedRow.object_name).where(SealedRow.object_name.in_(names))
            )
        )
        return [one for one in written if one.object_name not in entered]

    async def forget(self, written: Collection[WrittenSealed]) -> None:
        """Remove what was written and is not entered.

        What a stop leaves here, ``Vault.sweep`` removes.

        Raises:
            VaultStoreError: the store does not answer.
        """
        await self._objects.delete_many([one.object_name for one in written])

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

    async def open_many(
        self, digests: Collection[bytes]
    ) -> dict[bytes, ByteStream | HuitongError]:
        """See ``Vault.open_sealed_many``."""
        async with self._database.reading() as session:
            found = await self.find(session, digests)
        opened = await asyncio.gather(
            *(self._open(digest, found.get(digest)) for digest in digests)
        )
        return dict(zip(digests, opened, strict=True))

    async def _open(
        self, digest: bytes, found: FoundSealed | None
    ) -> ByteStream | HuitongError:
        if found is None:
            return VaultEntryNotFoundError(digest=digest)
        try:
            return await self.open(found, 0)
        except HuitongError as failure:
            return failure

    async def drop(
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


def _values(written: WrittenSealed, now_ns: int) -> dict[str, object]:
    return {
        "sealed_digest": written.payload.sealed_digest,
        "object_name": written.object_name,
        "size": written.payload.size,
        "owner": written.owner,
        "holder": written.holder,
        "created_ns": now_ns,
    }


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
