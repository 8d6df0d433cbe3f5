"""Letting sealed bytes go that nobody needs any more."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select, update

from huitong.gateway.exchange.orders import ENDED
from huitong.gateway.exchange.parts import Parts
from huitong.gateway.exchange.tables import ExchangeRow

#: Exchanges whose sealed bytes go in one transaction.
TIDIED_AT_ONCE: Final = 200


async def tidy(parts: Parts) -> None:
    """Drop the sealed bytes of all exchanges that have ended and still keep some.

    Raises:
        DatabaseDownError: they stay until the next time.
        VaultStoreError: objects are left over, which the vault sweeps away later.
    """
    unneeded = (
        select(ExchangeRow.id, ExchangeRow.sealed_digest)
        .where(ExchangeRow.keeps_sealed, ExchangeRow.stage.in_(ENDED))
        .limit(TIDIED_AT_ONCE)
    )
    while True:
        async with parts.database.reading() as session:
            found = (await session.execute(unneeded)).all()
        if not found:
            return
        ids = [row.id for row in found]
        async with parts.database.transaction() as session:
            gone = await parts.vault.forget_sealed(
                session,
                digests=[row.sealed_digest for row in found if row.sealed_digest],
                # Also what a stop made forgotten, and what was sealed in vain.
                holders=ids,
            )
            await session.execute(
                update(ExchangeRow)
                .where(ExchangeRow.id.in_(ids))
                .values(keeps_sealed=False)
                .execution_options(synchronize_session=False)
            )
        await parts.vault.remove_objects(gone)
        if len(found) < TIDIED_AT_ONCE:
            return
