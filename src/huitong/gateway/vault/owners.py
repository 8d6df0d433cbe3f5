"""Whose payloads are, by digest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.gateway.vault.rows import ISSUER
from huitong.gateway.vault.tables import KeyRow, PayloadRow


@dataclass(frozen=True, slots=True)
class Owned:
    """What is known of a payload without opening it."""

    subject: bytes
    """Pseudonym of the data subject; empty if it belongs to the issuer."""
    fields: tuple[str, ...]
    """Names of all its fields."""


async def owned_payloads(
    session: AsyncSession, digests: Collection[bytes]
) -> Mapping[bytes, Owned]:
    """Return whose payloads are that this vault has, or had before they were erased.

    One statement. Of one that was published here and received too, the published counts.
    """
    found = await session.execute(
        select(PayloadRow.digest, KeyRow.owner, PayloadRow.names)
        .join(KeyRow, KeyRow.key_id == PayloadRow.key_id)
        .where(PayloadRow.digest.in_(digests))
        .order_by(PayloadRow.holder.desc())  # published ones have none, and come last
    )
    return {
        row.digest: Owned(_subject_of(row.owner), tuple(row.names["fields"]))
        for row in found
    }


def _subject_of(owner: str) -> bytes:
    return b"" if owner == ISSUER else bytes.fromhex(owner.partition(":")[2])
