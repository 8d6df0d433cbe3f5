"""Exchanges as traces have them: the same trace on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

from sqlalchemy import select

from huitong.gateway.database.engine import Database
from huitong.gateway.exchange.kinds import CONFIRM
from huitong.gateway.exchange.links import Links
from huitong.gateway.exchange.orders import Side
from huitong.gateway.exchange.tables import ExchangeRow
from huitong.gateway.outbox.steps import Step
from huitong.gateway.tracing.ids import TracePlace, exchange_trace
from huitong.gateway.tracing.steps import ExchangeSpan

#: Beginning of the kinds of steps that belong to an exchange.
_KINDS: Final = ("exchange.", "subscription.judge", "subscription.push")


@final
class ExchangeSpans:
    """Finds the traces of exchanges."""

    def __init__(self, database: Database, links: Links, chain_id: str) -> None:
        """Prepare; ``chain_id`` is the own zone."""
        self._database = database
        self._links = links
        self._chain_id = chain_id

    async def find(self, steps: Sequence[Step]) -> dict[str, ExchangeSpan]:
        """Return the exchanges that steps belong to, by their ids.

        Raises:
            UnavailableError: database or zone do not answer.
        """
        ids = {step.subject for step in steps if step.kind.startswith(_KINDS)}
        if not ids:
            return {}
        query = select(ExchangeRow).where(
            ExchangeRow.id.in_(ids), ExchangeRow.sequence.is_not(None)
        )
        async with self._database.transaction() as session:
            rows = (await session.scalars(query)).all()
        return {row.id: await self._span(row) for row in rows}

    async def _span(self, row: ExchangeRow) -> ExchangeSpan:
        is_requester = row.side == Side.REQUESTER
        return ExchangeSpan(
            place=await self._place(row),
            start_ns=row.created_ns,
            attributes={
                "huitong.exchange": row.id,
                "huitong.side": row.side,
                "huitong.peer": row.peer,
                "huitong.record": row.record_id,
                "huitong.request_id": row.request_id,
            },
            # The root span has one teller: who asked, when its receipt is on chain.
            ends_with=CONFIRM if is_requester else "",
        )

    async def _place(self, row: ExchangeRow) -> TracePlace:
        """Return the root span: by the provider's end of the channel."""
        chain_id, channel_id = self._chain_id, row.channel_id
        if row.side == Side.REQUESTER:
            end = await self._links.other_end(row.channel_id)
            chain_id, channel_id = end.chain_id, end.channel_id
        return exchange_trace(
            chain_id, channel_id, row.sequence or 0, row.push_number or 0
        )
