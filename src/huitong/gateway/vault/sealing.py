"""Sealing own payloads: for a batch one look into the database, and one transaction.

Bytes are stored first, and belong to nobody; then the rows of all of them are committed
together. A stop between the two leaves ciphertext that ``sweep`` removes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.gateway.database.engine import Database
from huitong.gateway.vault.errors import (
    VaultCorruptError,
    VaultEntryNotFoundError,
    VaultErasedError,
)
from huitong.gateway.vault.keyring import KeyRing
from huitong.gateway.vault.model import OpenedPayload, SealedPayload, SealOrder
from huitong.gateway.vault.object_room import ObjectRoom
from huitong.gateway.vault.outlet import open_stored, sealed_pieces
from huitong.gateway.vault.rows import (
    DataKeys,
    FoundPayload,
    described,
    find_payloads,
    owners_of,
)
from huitong.gateway.vault.sealed_room import OBJECT_KIND, Measure
from huitong.gateway.vault.tables import SealedRow

#: Payloads of a batch that pass at the same time, a few blocks of each in memory.
SEALED_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class _Staged:
    """Sealed bytes in the store that nobody knows of yet."""

    order: SealOrder
    payload: SealedPayload
    object_name: str


@final
class Sealer:
    """Opens own payloads, and seals them to readers."""

    def __init__(self, database: Database, objects: ObjectRoom, ring: KeyRing) -> None:
        """Use this database, this store, and these keys."""
        self._database = database
        self._objects = objects
        self._ring = ring

    async def open(self, found: FoundPayload, keys: DataKeys) -> OpenedPayload:
        """Open a payload whose row was found.

        Raises:
            VaultErasedError, VaultCorruptError, VaultKeyError, VaultStoreError: see
                ``Vault.open``.
        """
        key = await keys.of(found)
        try:
            ciphertext = await self._objects.get(found.row.object_name)
        except FileNotFoundError as error:
            raise VaultCorruptError(
                digest=found.row.digest, reason="the ciphertext is missing"
            ) from error
        return await open_stored(ciphertext, described(found.row), key)

    async def seal_many(
        self, orders: Sequence[SealOrder]
    ) -> list[SealedPayload | Exception]:
        """See ``Vault.seal_many``."""
        digests = {order.digest for order in orders}
        async with self._database.reading() as session:
            found = await find_payloads(session, digests, "")
        keys, turns = DataKeys(self._ring), asyncio.Semaphore(SEALED_AT_ONCE)

        async def stage(order: SealOrder) -> _Staged | Exception:
            async with turns:
                try:
                    return await self._stage(order, found.get(order.digest), keys)
                except Exception as failure:  # noqa: BLE001 - each fails for itself
                    return failure

        staged = await asyncio.gather(*(stage(order) for order in orders))
        return await self._enter(staged)

    async def _stage(
        self, order: SealOrder, found: FoundPayload | None, keys: DataKeys
    ) -> _Staged:
        """Seal one payload into the store."""
        if found is None:
            raise VaultEntryNotFoundError(digest=order.digest)
        opened, measure = await self.open(found, keys), Measure()
        names = frozenset(order.names)
        pieces = sealed_pieces(
            opened, names, order.reader_key, order.context, measure.take
        )
        name, _ = await self._objects.put(OBJECT_KIND, pieces)
        return _Staged(order, measure.result(), name)

    async def _enter(
        self, staged: Sequence[_Staged | Exception]
    ) -> list[SealedPayload | Exception]:
        """Make sealed bytes known; those of what was erased meanwhile are removed."""
        done = [one for one in staged if isinstance(one, _Staged)]
        owners: Mapping[bytes, str] = {}
        if done:
            async with self._database.transaction() as session:
                owners = await owners_of(session, {one.order.digest for one in done})
                await _insert(session, done, owners)
        await self._objects.delete_many(
            [one.object_name for one in done if one.order.digest not in owners]
        )
        return [
            one if isinstance(one, Exception) else _outcome(one, owners)
            for one in staged
        ]


async def _insert(
    session: AsyncSession, done: Sequence[_Staged], owners: Mapping[bytes, str]
) -> None:
    """Insert the rows; nobody has the same bytes, whose key is random."""
    now_ns = time.time_ns()
    rows = [
        {
            "sealed_digest": one.payload.sealed_digest,
            "object_name": one.object_name,
            "size": one.payload.size,
            "owner": owners[one.order.digest],
            "holder": one.order.holder,
            "created_ns": now_ns,
        }
        for one in done
        if one.order.digest in owners
    ]
    if rows:
        await session.execute(insert(SealedRow), rows)


def _outcome(one: _Staged, owners: Mapping[bytes, str]) -> SealedPayload | Exception:
    if one.order.digest in owners:
        return one.payload
    return VaultErasedError(digest=one.order.digest)
