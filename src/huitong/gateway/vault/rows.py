"""Rows of keys and payloads, read and written within a caller's transaction.

A key for new payloads is locked while a payload is committed under it, and while it is
retired or destroyed, so that no payload is ever committed under a key that has gone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

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
    return (await active_keys(session, ring, {owner}))[owner]


async def active_keys(
    session: AsyncSession, ring: KeyRing, owners: Collection[str]
) -> dict[str, tuple[str, bytes]]:
    """Return ``active_key`` of many owners, each unwrapped once.

    Raises:
        What ``active_key`` raises.
    """
    # Locked in one order, so that two transactions never wait for each other.
    chosen = (
        select(KeyRow)
        .where(KeyRow.active_owner.in_(owners))
        .order_by(KeyRow.key_id)
        .with_for_update(read=True)
    )
    while True:
        rows = {row.owner: row for row in await session.scalars(chosen)}
        missing = sorted(set(owners) - rows.keys())
        if not missing:
            break
        # Somebody may have made one meanwhile, or have retired it again: look once more.
        for owner in missing:
            await make_active_key(session, ring, owner)
    return {
        owner: (row.key_id, await unwrapped(ring, row)) for owner, row in rows.items()
    }


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


async def insert_payloads(
    session: AsyncSession, ring: KeyRing, staged: Sequence[StagedPayload]
) -> list[StoredPayload]:
    """Make staged payloads exist, in one statement; what exists already stays.

    Returns:
        For each, what is there now.

    Raises:
        What ``active_key`` raises.
    """
    keys = await active_keys(session, ring, {one.owner for one in staged})
    values = [_values(one, *keys[one.owner]) for one in staged]
    new = {_place(one): value for one, value in zip(staged, values, strict=True)}
    inserted = await _insert_new(session, list(new.values()))
    stored = []
    for one, value in zip(staged, values, strict=True):
        if _place(one) in inserted and new[_place(one)] is value:
            stored.append(one.payload)
        else:
            stored.append(await _replace_erased(session, one, value))
    return stored


def _values(staged: StagedPayload, key_id: str, key: bytes) -> dict[str, Any]:
    payload = staged.payload
    context = data_key_context(payload.digest, payload.holder, staged.object_name)
    return {
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


def _place(staged: StagedPayload) -> tuple[bytes, str]:
    return staged.payload.digest, staged.payload.holder


async def _insert_new(
    session: AsyncSession, values: list[dict[str, Any]]
) -> set[tuple[bytes, str]]:
    """Insert the rows that are not there; return which those were."""
    if not values:
        return set()
    insert, table = _INSERT[session.get_bind().dialect.name], PayloadRow.__table__
    result = await session.execute(
        insert(table)
        .on_conflict_do_nothing()
        .returning(table.c.digest, table.c.holder),
        values,
    )
    return {(digest, holder) for digest, holder in result.all()}


async def _replace_erased(
    session: AsyncSession, staged: StagedPayload, values: dict[str, Any]
) -> StoredPayload:
    """Return the payload that exists already; one that is erased gives way."""
    existing = await payload_row(session, *_place(staged), lock=True)
    if existing.wrapped_key is not None:
        return described(existing)
    await session.execute(update(PayloadRow).where(*_is(existing)).values(values))
    return staged.payload


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


async def owners_of(
    session: AsyncSession, digests: Collection[bytes]
) -> Mapping[bytes, str]:
    """Return the owners of own payloads, which are not erased before the end.

    One that is missing was erased.
    """
    chosen = (
        select(PayloadRow.digest, KeyRow.owner)
        .join(KeyRow, PayloadRow.key_id == KeyRow.key_id)
        .where(
            PayloadRow.digest.in_(digests),
            PayloadRow.holder == "",
            PayloadRow.wrapped_key.is_not(None),
        )
        .order_by(PayloadRow.digest)
        .with_for_update(read=True, of=PayloadRow)
    )
    found = await session.execute(chosen)
    return {row.digest: row.owner for row in found.all()}


@dataclass(frozen=True, slots=True)
class FoundPayload:
    """A payload's row with that of its key, read and not yet unwrapped."""

    row: PayloadRow = field(repr=False)
    key: KeyRow | None = field(repr=False)


async def find_payloads(
    session: AsyncSession, digests: Collection[bytes], holder: str
) -> dict[bytes, FoundPayload]:
    """Return the payloads of one holder that are there, in one statement."""
    found = await session.execute(
        select(PayloadRow, KeyRow)
        .outerjoin(KeyRow, PayloadRow.key_id == KeyRow.key_id)
        .where(PayloadRow.digest.in_(digests), PayloadRow.holder == holder)
    )
    return {row.digest: FoundPayload(row, key) for row, key in found.all()}


@final
class DataKeys:
    """Unwraps the keys of payloads; those of subjects and issuers once for a batch."""

    def __init__(self, ring: KeyRing) -> None:
        """Hold nothing yet; use it for one batch and let it go."""
        self._ring = ring
        self._owners: dict[tuple[str, bytes], bytes] = {}

    async def of(self, found: FoundPayload) -> bytes:
        """Return the key of a payload.

        Raises:
            VaultErasedError: it was erased.
            VaultCorruptError: the row was changed.
            VaultUnknownKeyError, VaultKeyError, VaultTokenError: see ``KeyRing.unwrap``.
        """
        row, key = found.row, found.key
        if row.wrapped_key is None or key is None or key.wrapped is None:
            raise VaultErasedError(digest=row.digest)
        known = self._owners.get((key.key_id, key.wrapped))
        if known is None:
            known = await unwrapped(self._ring, key)
            self._owners[key.key_id, key.wrapped] = known
        return unwrapped_data_key(row, known)


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
