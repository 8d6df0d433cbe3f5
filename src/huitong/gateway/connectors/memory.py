"""Reading and writing what is remembered of a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.gateway.connectors.errors import ItemNotFoundError
from huitong.gateway.connectors.tables import (
    FAILED,
    PUBLISHED,
    SKIPPED,
    ConnectorItem,
    ConnectorState,
)
from huitong.gateway.database.engine import Database

#: Characters of a reason that are kept.
REASON_CHARACTERS_MAX: Final = 1_000
#: Keys of one question; databases bound the values of a statement.
_KEYS_PER_QUERY: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one row in this run."""

    key: str
    """Its key."""
    fingerprint: bytes = b""
    """Digest of it; empty if it could not be read."""
    record_id: str = ""
    """The record; empty if it failed."""
    reason: str = ""
    """Why it failed; empty if it was published."""


@final
class Memory:
    """What one gateway remembers of one connector."""

    def __init__(self, database: Database, connector: str) -> None:
        """Use a database whose tables exist."""
        self._database = database
        self._connector = connector

    async def position(self) -> Mapping[str, Any] | None:
        """Return where to go on; None for the beginning."""
        async with self._database.reading() as session:
            state = await session.get(ConnectorState, self._connector)
            return None if state is None else state.position

    async def settled(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the fingerprints of those rows that were published or skipped."""
        found: dict[str, bytes] = {}
        async with self._database.reading() as session:
            for first in range(0, len(keys), _KEYS_PER_QUERY):
                query = select(ConnectorItem.key, ConnectorItem.fingerprint).where(
                    ConnectorItem.connector == self._connector,
                    ConnectorItem.state.in_((PUBLISHED, SKIPPED)),
                    ConnectorItem.key.in_(keys[first : first + _KEYS_PER_QUERY]),
                )
                for key, fingerprint in await session.execute(query):
                    found[key] = bytes(fingerprint or b"")
        return found

    async def save_page(
        self,
        fates: Sequence[Fate],
        position: Mapping[str, Any] | None,
        now_ns: int,
    ) -> None:
        """Write the rows' fates and the position together."""
        async with self._database.transaction() as session:
            for fate in fates:
                await self._save_fate(session, fate, now_ns)
            await self._save_state(session, position, now_ns)

    async def save_failure(self, reason: str, now_ns: int) -> None:
        """Write that a run ended early; the position stays."""
        async with self._database.transaction() as session:
            state = await self._state(session, now_ns)
            state.last_run, state.last_error = now_ns, reason[:REASON_CHARACTERS_MAX]

    async def failed(self, after: str, limit: int) -> list[ConnectorItem]:
        """Return rows of the error queue by key, those behind ``after``."""
        query = (
            select(ConnectorItem)
            .where(
                ConnectorItem.connector == self._connector,
                ConnectorItem.state == FAILED,
                ConnectorItem.key > after,
            )
            .order_by(ConnectorItem.key)
            .limit(limit)
        )
        async with self._database.searching() as session:
            return list((await session.scalars(query)).all())

    async def skip(self, key: str, now_ns: int) -> None:
        """Take a row out of the error queue for good; a changed row is tried again.

        Raises:
            ItemNotFoundError: the error queue does not hold it.
        """
        async with self._database.transaction() as session:
            item = await session.get(ConnectorItem, (self._connector, key))
            if item is None or item.state != FAILED:
                raise ItemNotFoundError(connector=self._connector, key=key)
            item.state, item.since = SKIPPED, now_ns

    async def counts(self) -> dict[str, int]:
        """Return how many rows are in each state."""
        query = (
            select(ConnectorItem.state, func.count())
            .where(ConnectorItem.connector == self._connector)
            .group_by(ConnectorItem.state)
        )
        async with self._database.searching() as session:
            found = {state: int(n) for state, n in (await session.execute(query)).all()}
        return {state: found.get(state, 0) for state in (PUBLISHED, FAILED, SKIPPED)}

    async def last_run(self) -> tuple[int, str | None]:
        """Return when the last run ended, 0 for never, and why, if that was early."""
        async with self._database.reading() as session:
            state = await session.get(ConnectorState, self._connector)
            return (0, None) if state is None else (state.last_run, state.last_error)

    async def _save_fate(self, session: AsyncSession, fate: Fate, now_ns: int) -> None:
        item = await session.get(ConnectorItem, (self._connector, fate.key))
        state = FAILED if fate.reason else PUBLISHED
        if item is None:
            item = ConnectorItem(
                connector=self._connector,
                key=fate.key,
                state=state,
                fingerprint=None,
                record_id="",
                reason="",
                attempts=0,
                since=now_ns,
            )
            session.add(item)
        elif item.state != state:
            item.since = now_ns
        item.state = state
        item.reason = fate.reason[:REASON_CHARACTERS_MAX]
        item.attempts = item.attempts + 1 if fate.reason else 0
        item.fingerprint = fate.fingerprint or None
        item.record_id = fate.record_id or item.record_id

    async def _save_state(
        self, session: AsyncSession, position: Mapping[str, Any] | None, now_ns: int
    ) -> None:
        state = await self._state(session, now_ns)
        state.position = None if position is None else dict(position)
        state.last_run, state.last_error = now_ns, None

    async def _state(self, session: AsyncSession, now_ns: int) -> ConnectorState:
        state = await session.get(ConnectorState, self._connector)
        if state is None:
            state = ConnectorState(
                connector=self._connector,
                position=None,
                last_run=now_ns,
                last_error=None,
            )
            session.add(state)
        return state
