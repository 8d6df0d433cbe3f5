"""One worker at a time: a lease in the database that expires when its holder is gone."""

from __future__ import annotations

import time
from typing import final
from uuid import uuid4

from sqlalchemy import or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.time import NS_PER_SECOND
from huitong.gateway.database.engine import SQLITE, Database
from huitong.gateway.outbox.errors import LeaseLostError
from huitong.gateway.outbox.tables import LeaseRow


@final
class Lease:
    """The right of this process to do what only one may do."""

    def __init__(self, database: Database, name: str, duration_s: float) -> None:
        """Prepare; nothing is held yet.

        Args:
            database: shared by all processes that may want it.
            name: what it is about.
            duration_s: how long it holds without being renewed. The clocks of the
                machines must agree to a fraction of this.
        """
        self._database = database
        self._name = name
        self._duration_ns = int(duration_s * NS_PER_SECOND)
        self._holder = uuid4().hex

    @property
    def renew_s(self) -> float:
        """Seconds between two renewals."""
        return self._duration_ns / NS_PER_SECOND / 3

    async def take(self) -> bool:
        """Take or renew it; return whether this process holds it now."""
        now_ns = time.time_ns()
        until_ns = now_ns + self._duration_ns
        take = (
            update(LeaseRow)
            .where(LeaseRow.name == self._name)
            .where(or_(LeaseRow.holder == self._holder, LeaseRow.until_ns < now_ns))
            .values(holder=self._holder, until_ns=until_ns)
            .returning(LeaseRow.name)
        )
        async with self._database.transaction() as session:
            if (await session.execute(take)).first() is not None:
                return True
            insert = (
                sqlite.insert if self._database.kind == SQLITE else postgresql.insert
            )
            made = await session.execute(
                insert(LeaseRow)
                .values(name=self._name, holder=self._holder, until_ns=until_ns)
                .on_conflict_do_nothing()
                .returning(LeaseRow.name)
            )
            return made.first() is not None

    async def check(self, session: AsyncSession) -> None:
        """Make sure, for the rest of the transaction, that nobody else holds it.

        Raises:
            LeaseLostError: another process took over.
        """
        holder = await session.scalar(
            select(LeaseRow.holder).where(LeaseRow.name == self._name).with_for_update()
        )
        if holder != self._holder:
            raise LeaseLostError(name=self._name)

    async def give_back(self) -> None:
        """Let another process take it at once."""
        async with self._database.transaction() as session:
            await session.execute(
                update(LeaseRow)
                .where(LeaseRow.name == self._name, LeaseRow.holder == self._holder)
                .values(until_ns=0)
            )
