"""Rows of keys and payloads, read and written within a caller's transaction.

A key for new payloads is locked while a payload is committed under it, and while it is
retired or destroyed, so that no payload is ever committed under a key that has gone.
"""

from __future__ import annotations

import os
import time
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.gateway.vault.errors import (
    VaultCorruptError,
    VaultEntryNotFoundError,
    VaultErasedError,
)
from huitong.gateway.vault.keyring import KeyRing
from huitong.gateway.vault.model import StagedPayload, StoredPayload
from huitong.gateway.vault.tables import KeyRow, PayloadRow
from huitong.gateway.vault.wrapping import (
    WrongKeyError,
    data_key_context,
    make_key,
    unwrap_key,
    wrap_key,
)

ISSUER: Final = "issuer"
_KEY_ID_SIZE_BYTES: Final = 8
_INSERT: Final[dict[str, Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def owner_of(subject: bytes) -> str:
    """Return whose key protects a payload: the subject's, else the issuer's."""
    return f"subject:{subject.hex()}" if subject else ISSUER


async def insert_unless_there(
    session: AsyncSession, table: type[KeyRow | PayloadRow], values: dict[str, Any]
) -> bool:
    """Insert a row; tell whether it was inserted. A conflict waits for its end."""
    insert = _INSERT[session.get_bind().dialect.name]
    result = await session.execute(
        insert(table).values(values).on_conflict_do_nothing().returning(table)
    )
    return result.first() is not None


async def active_key(
    session: AsyncSession, ring: KeyRing, owner: str
) -> tuple[str, bytes]:
    """Return id and bytes of the key for new payloads, made if there is none.

    It stays locked until the transaction ends: it may be shared, and not be retired.

    Raises:
        VaultUnknownKeyError, VaultCorruptError, VaultKeyError, VaultTokenError: see
            ``KeyRing.unwrap``.
    """
    chosen = (
        select(KeyRow).where(KeyRow.active_owner == owner).with_for_update(read=True)
    )
    while (row := await session.scalar(chosen)) is None:
        # Somebody may have made one meanwhile, or have retired it again: look once more.
        await make_active_key(session, ring, owner)
    return row.key_id, await unwrapped(ring, row)


async def make_active_key(session: AsyncSession, ring: KeyRing, owner: str) -> None:
    """Make the key for new payloads of ``owner``, unless there is one."""
    key_id = os.urandom(_KEY_ID_SIZE_BYTES).hex()
    values = {
        "key_id": key_id,
        "owner": owner,
        "active_owner": owner,
        "wrapped": await ring.wrap(make_key(), key_id, owner),
        "wrapping_id": ring.present.id,
        "created_ns": time.time_ns(),
    }
    await insert_unless_there(session, KeyRow, values)


async def unwrapped(ring: KeyRing, row: KeyRow) -> bytes:
    """Return the key of a row that is not destroyed."""
    if row.wrapped is None:
        raise VaultCorruptError(digest=f"key {row.key_id}", reason="it is destroyed")
    return await ring.unwrap(row.wrapped, row.wrapping_id, row.key_id, row.owner)


async def insert_payload(
    session: AsyncSession, ring: KeyRing, staged: StagedPayload
) -> StoredPayload:
    """Make a staged payload exist; one that exists already stays.

    Raises:
        What ``active_key`` raises.
    """
    payload = staged.payload
    key_id, key = await active_key(session, ring, staged.owner)
    context = data_key_context(payload.digest, payload.holder, staged.object_name)
    values = {
        "digest": payload.digest,
        "holder": payload.holder,
        "key_id": key_id,
        "wrapped_key": wrap_key(key, staged.data_key, context),
        "object_name": staged.object_name,
        "names": {"fields": list(payload.fields), "given": list(payload.given)},
        "size": payload.size,
        "content_type": payload.content_type,
        "created_ns": payload.created_ns,
    }
    if await insert_unless_there(session, PayloadRow, values):
        return payload
    existing = await payload_row(session, payload.digest, payload.holder, lock=True)
    if existing.wrapped_key is not None:
        return described(existing)
    await session.execute(update(PayloadRow).where(*_is(existing)).values(values))
    return payload


async def payload_row(
    session: AsyncSession, digest: bytes, holder: str, *, lock: bool = False
) -> PayloadRow:
    """Return the row of a payload.

    Raises:
        VaultEntryNotFoundError: there is none.
    """
    chosen = select(PayloadRow).where(
        PayloadRow.digest == digest, PayloadRow.holder == holder
    )
    row = await session.scalar(chosen.with_for_update() if lock else chosen)
    if row is None:
        raise VaultEntryNotFoundError(digest=digest)
    return row


async def owner_of_row(session: AsyncSession, digest: bytes) -> str:
    """Return the owner of an own payload, which is not erased before the end.

    Raises:
        VaultErasedError: it was.
    """
    chosen = (
        select(KeyRow.owner)
        .join(PayloadRow, PayloadRow.key_id == KeyRow.key_id)
        .where(
            PayloadRow.digest == digest,
            PayloadRow.holder == "",
            PayloadRow.wrapped_key.is_not(None),
        )
        .with_for_update(read=True, of=PayloadRow)
    )
    owner = await session.scalar(chosen)
    if owner is None:
        raise VaultErasedError(digest=digest)
    return owner


async def data_key(session: AsyncSession, ring: KeyRing, row: PayloadRow) -> bytes:
    """Return the key of a payload.

    Raises:
        VaultErasedError: it was erased.
        VaultCorruptError: the row was changed.
        VaultUnknownKeyError, VaultKeyError, VaultTokenError: see ``KeyRing.unwrap``.
    """
    key_row = await session.get(KeyRow, row.key_id)
    if row.wrapped_key is None or key_row is None or key_row.wrapped is None:
        raise VaultErasedError(digest=row.digest)
    return unwrapped_data_key(row, await unwrapped(ring, key_row))


def unwrapped_data_key(row: PayloadRow, key: bytes) -> bytes:
    """Return the key of a payload that is not erased, with the key of its owner.

    Raises:
        VaultCorruptError: the row was changed.
    """
    context = data_key_context(row.digest, row.holder, row.object_name)
    try:
        return unwrap_key(key, row.wrapped_key or b"", context)
    except WrongKeyError as error:
        raise VaultCorruptError(
            digest=row.digest, reason="its wrapped key was changed"
        ) from error


def described(row: PayloadRow) -> StoredPayload:
    """Return what a row says."""
    return StoredPayload(
        digest=row.digest,
        holder=row.holder,
        fields=tuple(row.names["fields"]),
        given=tuple(row.names["given"]),
        size=row.size,
        content_type=row.content_type,
        created_ns=row.created_ns,
        is_erased=row.wrapped_key is None,
    )


def _is(row: PayloadRow) -> tuple[Any, Any]:
    return PayloadRow.digest == row.digest, PayloadRow.holder == row.holder
