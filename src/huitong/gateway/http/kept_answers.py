"""The answers to requests with a key, kept in the database of all processes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast, final

import orjson
from sqlalchemy import (
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.time import NS_PER_SECOND, TimeNs
from huitong.gateway.database.engine import Database
from huitong.gateway.database.joint_writes import JointWriter, JointWrites
from huitong.gateway.http.errors import (
    IdempotencyFullError,
    IdempotencyRunningError,
)
from huitong.gateway.http.settings import HttpSettings
from huitong.gateway.http.tables import IdempotencyRow

#: Rows deleted in one transaction, so that others do not wait.
PURGE_ROWS_MAX: Final = 1_000
#: Seconds after which the number of a caller's keys is counted again.
_COUNT_AGE_S: Final = 30
_KEYS: Final = cast(Table, IdempotencyRow.__table__)
#: What tells a row of an attempt, and the parameters that are compared with it.
_OF_ATTEMPT: Final = (
    _KEYS.c.caller == bindparam("of_caller"),
    _KEYS.c.key == bindparam("of_key"),
    _KEYS.c.holder == bindparam("of_holder"),
)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer to a request that was carried out."""

    request: bytes
    """SHA-256 over method, path, query and body."""
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    """None if it was too large, or shows a secret."""


@dataclass(frozen=True, slots=True)
class _Name:
    """Names one attempt at one request."""

    caller: str
    key: str
    holder: bytes

    @property
    def place(self) -> tuple[str, str]:
        """Where its row is; rows are locked in this order."""
        return self.caller, self.key

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of ``_OF_ATTEMPT``."""
        return {
            "of_caller": self.caller,
            "of_key": self.key,
            "of_holder": self.holder,
        }


@final
class KeptAnswers:
    """What is remembered of requests with a key, in the database of all processes."""

    def __init__(
        self,
        database: Database,
        settings: HttpSettings,
        *,
        clock: Callable[[], TimeNs],
        writer: JointWriter | None = None,
    ) -> None:
        """Prepare.

        Args:
            database: of all processes.
            settings: how long and how much is remembered.
            clock: tells nanoseconds since the epoch.
            writer: writes for all calls; None for one of its own.
        """
        self.settings = settings
        self._database = database
        self._clock = clock
        self._counts: dict[str, tuple[TimeNs, int]] = {}
        writer = writer or JointWriter(database)
        self._beginnings: JointWrites[_Name, KeptAnswer | bytes] = writer.kind(
            self._begin_many
        )
        self._answers = writer.kind(self._keep_many)
        self._releases = writer.kind(self._release_many)

    async def begin(self, caller: str, key: str) -> KeptAnswer | bytes:
        """Return the answer kept for a key, or the name of a new attempt.

        Raises:
            IdempotencyRunningError: another attempt is working on it.
            IdempotencyFullError: the caller has too many keys.
            DatabaseDownError: the database does not answer.
        """
        await self._check_count(caller)
        attempt = _Name(caller, key, secrets.token_bytes(32))
        try:
            return await self._beginnings.do(attempt)
        except IntegrityError as error:  # another process was first
            raise IdempotencyRunningError from error

    async def renew(self, caller: str, key: str, holder: bytes) -> None:
        """Go on holding a key whose request takes long."""
        async with self._database.transaction() as session:
            await session.execute(
                update(_KEYS).where(*_OF_ATTEMPT),
                {
                    **_Name(caller, key, holder).parameters(),
                    "leased_until_ns": self._lease_end(),
                },
            )

    async def keep(
        self, caller: str, key: str, holder: bytes, answer: KeptAnswer
    ) -> None:
        """Store the answer of an attempt; one that lost its lease changes nothing."""
        await self._answers.do((_Name(caller, key, holder), answer))

    async def release(self, caller: str, key: str, holder: bytes) -> None:
        """Forget an attempt that changed nothing."""
        await self._releases.do(_Name(caller, key, holder))

    async def purge(self) -> int:
        """Delete what is older than it is remembered; return how many rows, some at a time."""
        oldest_ns = self._clock() - self.settings.idempotency_age_s * NS_PER_SECOND
        old = (
            select(IdempotencyRow.caller, IdempotencyRow.key)
            .where(IdempotencyRow.made_ns < oldest_ns)
            .limit(PURGE_ROWS_MAX)
        )
        async with self._database.transaction() as session:
            rows = (await session.execute(old)).all()
            for caller, key in rows:
                await session.execute(
                    delete(IdempotencyRow).where(
                        IdempotencyRow.caller == caller,
                        IdempotencyRow.key == key,
                        IdempotencyRow.made_ns < oldest_ns,
                    )
                )
        return len(rows)

    async def _begin_many(
        self, session: AsyncSession, attempts: Sequence[_Name]
    ) -> list[KeptAnswer | bytes | Exception]:
        """Return for each attempt its name, or the answer kept, or why neither."""
        found = await self._find(session, attempts)
        free: dict[tuple[str, str], _Name] = {}
        answers: list[KeptAnswer | bytes | Exception] = []
        for attempt in attempts:
            answer = self._known(found.get(attempt.place))
            if (
                answer is None
                and free.setdefault(attempt.place, attempt) is not attempt
            ):
                answer = IdempotencyRunningError()  # the same twice at once
            answers.append(answer or attempt.holder)
        await self._take(session, free, found)
        return answers

    @staticmethod
    async def _find(
        session: AsyncSession, attempts: Sequence[_Name]
    ) -> dict[tuple[str, str], Any]:
        places = sorted({attempt.place for attempt in attempts})
        rows = await session.execute(
            select(_KEYS)
            .where(tuple_(_KEYS.c.caller, _KEYS.c.key).in_(places))
            .order_by(_KEYS.c.caller, _KEYS.c.key)
            .with_for_update()
        )
        return {(row.caller, row.key): row for row in rows}

    def _known(self, row: Any) -> KeptAnswer | Exception | None:
        """Return what a row says of a new attempt; None if it may begin."""
        now_ns = self._clock()
        age_ns = self.settings.idempotency_age_s * NS_PER_SECOND
        if row is None or now_ns - row.made_ns > age_ns:
            return None
        if row.request is not None:
            return _kept(row)
        return IdempotencyRunningError() if row.leased_until_ns > now_ns else None

    async def _take(
        self,
        session: AsyncSession,
        free: dict[tuple[str, str], _Name],
        found: dict[tuple[str, str], Any],
    ) -> None:
        """Let attempts hold their keys."""
        held = {
            "made_ns": self._clock(),
            "leased_until_ns": self._lease_end(),
            **dict.fromkeys(("request", "status", "headers", "body")),
        }
        new = [
            {**held, "caller": caller, "key": key, "holder": free[caller, key].holder}
            for caller, key in sorted(free.keys() - found.keys())
        ]
        if new:
            await session.execute(insert(_KEYS), new)
        for place in sorted(free.keys() & found.keys()):
            where = {
                "of_caller": place[0],
                "of_key": place[1],
                "of_holder": found[place].holder,
            }
            await session.execute(
                update(_KEYS).where(*_OF_ATTEMPT),
                {**held, **where, "holder": free[place].holder},
            )

    @staticmethod
    async def _keep_many(
        session: AsyncSession, kept: Sequence[tuple[_Name, KeptAnswer]]
    ) -> list[Exception | None]:
        values = [
            {
                **attempt.parameters(),
                "request": answer.request,
                "status": answer.status,
                "headers": orjson.dumps(answer.headers),
                "body": answer.body,
            }
            for attempt, answer in sorted(kept, key=lambda pair: pair[0].place)
        ]
        await session.execute(update(_KEYS).where(*_OF_ATTEMPT), values)
        return [None] * len(kept)

    @staticmethod
    async def _release_many(
        session: AsyncSession, attempts: Sequence[_Name]
    ) -> list[Exception | None]:
        ordered = sorted(attempts, key=lambda attempt: attempt.place)
        await session.execute(
            delete(_KEYS).where(*_OF_ATTEMPT),
            [attempt.parameters() for attempt in ordered],
        )
        return [None] * len(attempts)

    async def _check_count(self, caller: str) -> None:
        """Refuse a caller with too many keys; the number is counted now and then."""
        now_ns = self._clock()
        counted_ns, count = self._counts.get(caller, (0, 0))
        if now_ns - counted_ns > _COUNT_AGE_S * NS_PER_SECOND:
            of_caller = select(func.count()).where(IdempotencyRow.caller == caller)
            async with self._database.searching() as session:
                count = await session.scalar(of_caller) or 0
            counted_ns = now_ns
        maximum = self.settings.idempotency_keys_max
        if count >= maximum:
            raise IdempotencyFullError(count=count, maximum=maximum)
        self._counts[caller] = (counted_ns, count + 1)

    def _lease_end(self) -> TimeNs:
        return self._clock() + self.settings.idempotency_lease_s * NS_PER_SECOND


def _kept(row: Any) -> KeptAnswer:
    assert row.request is not None
    assert row.status is not None
    headers = orjson.loads(row.headers or b"[]")
    pairs = tuple((str(name), str(value)) for name, value in headers)
    return KeptAnswer(row.request, row.status, pairs, row.body)
