"""Removing ciphertext that belongs to nothing: what crashes and erasures leave.

An object is removed only if it is older than whatever may still be on its way, and only
behind a look into the database that finds nothing readable in it. So a sweep may be
broken off anywhere, and go on beside everything else.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import structlog
from sqlalchemy import select

from huitong.core.time import TimeNs
from huitong.gateway.database.engine import Database
from huitong.gateway.vault.model import Swept
from huitong.gateway.vault.object_room import ObjectRoom
from huitong.gateway.vault.tables import PayloadRow, SealedRow

_log: Final = structlog.get_logger("vault")


async def remove_orphans(
    database: Database, objects: ObjectRoom, before_ns: TimeNs
) -> Swept:
    """See ``Vault.sweep``."""
    count, size = await objects.remove_fragments(before_ns=before_ns), 0
    async for found in objects.list(before_ns=before_ns):
        living = await _living(database, [name for name, _ in found])
        for name, bytes_ in found:
            if name not in living:
                await objects.delete(name)
                count, size = count + 1, size + bytes_
    if count:
        _log.info("vault_swept", objects=count, size_bytes=size)
    return Swept(objects=count, size=size)


async def _living(database: Database, names: Collection[str]) -> set[str]:
    """Return which objects belong to something that can be read."""
    payloads = select(PayloadRow.object_name).where(
        PayloadRow.object_name.in_(names), PayloadRow.wrapped_key.is_not(None)
    )
    sealed = select(SealedRow.object_name).where(SealedRow.object_name.in_(names))
    async with database.searching() as session:
        return set(await session.scalars(payloads.union_all(sealed)))
