"""Sealing own payloads: for a batch one look into the database, and one transaction.

Bytes are stored first, and belong to nobody; then the rows of all of them are committed
together. A stop between the two leaves ciphertext that ``sweep`` removes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from huitong.gateway.database.engine import Database
from huitong.gateway.vault.errors import (
    VaultCorruptError,
    VaultEntryNotFoundError,
    VaultErasedError,
)
from huitong.gateway.vault.keyring import KeyRing
from huitong.gateway.vault.model import (
    OpenedPayload,
    SealedPayload,
    SealOrder,
    WrittenSealed,
)
from huitong.gateway.vault.object_room import ObjectRoom
from huitong.gateway.vault.outlet import open_stored, sealed_pieces
from huitong.gateway.vault.rows import (
    DataKeys,
    FoundPayload,
    described,
    find_payloads,
    owners_of,
)
from huitong.gateway.vault.sealed_room import Measure, SealedRoom

#: Payloads of a batch that pass at the same time, a few blocks of each in memory.
SEALED_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class _Staged:
    """Sealed bytes in the store that nobody knows of yet."""

    digest: bytes
    """Of the payload that they hold."""
    written: WrittenSealed


@final
class Sealer:
    """Opens own payloads, and seals them to readers."""

    def __init__(
        self,
        database: Database,
        objects: ObjectRoom,
        ring: KeyRing,
        sealed: SealedRoom,
    ) -> None:
        """Use this database, this store, these keys, and this room for what is sealed."""
        self._database = database
        self._objects = objects
        self._ring = ring
        self._sealed = sealed

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
        written = await self._sealed.write(pieces, measure, holder=order.holder)
        return _Staged(order.digest, written)

    async def _enter(
        self, staged: Sequence[_Staged | Exception]
    ) -> list[SealedPayload | Exception]:
        """Make sealed bytes known; those of what was erased meanwhile are removed."""
        done = [one for one in staged if isinstance(one, _Staged)]
        owners: Mapping[bytes, str] = {}
        if done:
            async with self._database.transaction() as session:
                owners = await owners_of(session, {one.digest for one in done})
                # Nobody has the same bytes, whose key is random.
                await self._sealed.enter(
                    session,
                    [
                        replace(one.written, owner=owners[one.digest])
                        for one in done
                        if one.digest in owners
                    ],
                )
        await self._sealed.forget(
            [one.written for one in done if one.digest not in owners]
        )
        return [
            one if isinstance(one, Exception) else _outcome(one, owners)
            for one in staged
        ]


def _outcome(one: _Staged, owners: Mapping[bytes, str]) -> SealedPayload | Exception:
    if one.digest in owners:
        return one.written.payload
    return VaultErasedError(digest=one.digest)
