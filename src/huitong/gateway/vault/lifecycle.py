"""What happens to keys: rotation of either kind, and the end.

Each step is one transaction over a bounded number of rows, and leaves everything readable
(but what was erased). So a rotation may be broken off anywhere and called again, while
payloads come and go.
"""

from __future__ import annotations

import time
from typing import Final

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.gateway.database.engine import Database
from huitong.gateway.vault.keyring import KeyRing
from huitong.gateway.vault.model import Erasure, Rotation
from huitong.gateway.vault.rows import (
    active_key,
    make_active_key,
    unwrapped,
    unwrapped_data_key,
)
from huitong.gateway.vault.tables import KeyRow, PayloadRow, SealedRow
from huitong.gateway.vault.wrapping import data_key_context, wrap_key

_log: Final = structlog.get_logger("vault")
#: Keys that one transaction wraps anew; a slow token takes 5 ms for each.
BATCH: Final = 100


async def rotate_wrapping_key(database: Database, ring: KeyRing) -> Rotation:
    """See ``Vault.rotate``."""
    total = 0
    while True:
        async with database.transaction() as session:
            count = await _rewrap_some(session, ring)
        if count == 0:
            break
        total += count
    await database.empty_log()  # what was overwritten is in it still
    _log.info("vault_keys_rewrapped", count=total, wrapping_key=ring.present.id)
    return Rotation(rewrapped=total, key_id=ring.present.id)


async def rotate_owner_key(database: Database, ring: KeyRing, owner: str) -> Rotation:
    """See ``Vault.rotate_subject``."""
    async with database.transaction() as session:
        # A retired key that is left means that a rotation was broken off: go on with it.
        if not await _retired_keys(session, owner):
            await _retire(session, ring, owner)
    total = 0
    while True:
        async with database.transaction() as session:
            key_id, key = await active_key(session, ring, owner)
            count = await _rewrap_some_payloads(session, ring, owner, key_id, key)
            if count == 0:
                await _destroy(session, await _retired_keys(session, owner))
        if count == 0:
            break
        total += count
    await database.empty_log()  # what was overwritten is in it still
    _log.info("vault_subject_key_rotated", key=key_id, count=total)
    return Rotation(rewrapped=total, key_id=key_id)


async def destroy_owner_keys(
    database: Database, owner: str
) -> tuple[Erasure, list[str]]:
    """Destroy all keys of an owner; return what that did, and objects to remove."""
    async with database.transaction() as session:
        keys = await _living_keys(session, owner)
        ids = [row.key_id for row in keys]
        await _destroy(session, keys)
        objects = list(
            await session.scalars(
                select(PayloadRow.object_name).where(PayloadRow.key_id.in_(ids))
            )
        )
        count = await session.scalar(
            select(func.count()).where(
                PayloadRow.key_id.in_(ids), PayloadRow.wrapped_key.is_not(None)
            )
        )
        await session.execute(
            update(PayloadRow)
            .where(PayloadRow.key_id.in_(ids))
            .values(wrapped_key=None)
        )
        # Behind the payloads, whose rows are locked while sealed bytes are committed.
        sealed = await session.scalars(
            delete(SealedRow)
            .where(SealedRow.owner == owner)
            .returning(SealedRow.object_name)
        )
        objects.extend(sealed.all())
    await database.empty_log()  # what was overwritten is in it still
    _log.info("vault_subject_erased", keys=ids, count=count)
    return Erasure(keys=tuple(ids), payloads=count or 0), objects


async def _rewrap_some(session: AsyncSession, ring: KeyRing) -> int:
    """Wrap some keys under the present key-encryption key; return how many."""
    rows = await session.scalars(
        select(KeyRow)
        .where(KeyRow.wrapped.is_not(None), KeyRow.wrapping_id != ring.present.id)
        .order_by(KeyRow.key_id)
        .limit(BATCH)
        .with_for_update()
    )
    count = 0
    for row in rows.all():
        key = await unwrapped(ring, row)
        row.wrapped = await ring.wrap(key, row.key_id, row.owner)
        row.wrapping_id = ring.present.id
        count += 1
    return count


async def _rewrap_some_payloads(
    session: AsyncSession, ring: KeyRing, owner: str, key_id: str, key: bytes
) -> int:
    """Wrap some data keys under the new key of their owner; return how many."""
    old_keys = {
        row.key_id: await unwrapped(ring, row)
        for row in await _retired_keys(session, owner)
    }
    rows = await session.scalars(
        select(PayloadRow)
        .where(PayloadRow.key_id.in_(old_keys))
        .order_by(PayloadRow.digest, PayloadRow.holder)
        .limit(BATCH)
        .with_for_update()
    )
    count = 0
    for row in rows.all():
        data_key = unwrapped_data_key(row, old_keys[row.key_id])
        context = data_key_context(row.digest, row.holder, row.object_name)
        row.wrapped_key = wrap_key(key, data_key, context)
        row.key_id = key_id
        count += 1
    return count


async def _retire(session: AsyncSession, ring: KeyRing, owner: str) -> None:
    for row in await _living_keys(session, owner):
        row.active_owner = None
    await session.flush()
    await make_active_key(session, ring, owner)


async def _living_keys(session: AsyncSession, owner: str) -> list[KeyRow]:
    rows = await session.scalars(
        select(KeyRow)
        .where(KeyRow.owner == owner, KeyRow.wrapped.is_not(None))
        .order_by(KeyRow.key_id)
        .with_for_update()
    )
    return list(rows.all())


async def _retired_keys(session: AsyncSession, owner: str) -> list[KeyRow]:
    rows = await session.scalars(
        select(KeyRow)
        .where(
            KeyRow.owner == owner,
            KeyRow.wrapped.is_not(None),
            KeyRow.active_owner.is_(None),
        )
        .order_by(KeyRow.key_id)
        .with_for_update()
    )
    return list(rows.all())


async def _destroy(session: AsyncSession, keys: list[KeyRow]) -> None:
    for row in keys:
        row.wrapped = None
        row.active_owner = None
        row.destroyed_ns = time.time_ns()
    await session.flush()
