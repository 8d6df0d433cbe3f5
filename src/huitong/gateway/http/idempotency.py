"""``Idempotency-Key``: a request that is sent again is not carried out again.

The first request with a key is carried out, and its answer is stored before it is sent;
an equal one gets the same answer, with ``Idempotency-Replayed: true``; one with another
method, path, query or body is refused; one that comes while the first is worked on is
told to wait. What was refused or failed changed nothing, so its key is free again.

A process that dies leaves a lease behind. After it the same request is carried out again,
so what a handler begins must itself be unique by ``request_key``.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, cast, final

import orjson
from fastapi import Header, Request
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
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from huitong.core.errors import HuitongError
from huitong.core.time import NS_PER_SECOND, TimeNs
from huitong.gateway.database.engine import Database
from huitong.gateway.database.joint_writes import JointWriter, JointWrites
from huitong.gateway.http.errors import (
    AnswerNotKeptError,
    IdempotencyFullError,
    IdempotencyKeyError,
    IdempotencyMismatchError,
    IdempotencyRunningError,
)
from huitong.gateway.http.problems import send_problem
from huitong.gateway.http.settings import HttpSettings
from huitong.gateway.http.tables import IdempotencyRow

KEY_HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotency-Replayed"
#: Bytes of an answer that are kept; answers to requests that change something are small.
ANSWER_BYTES_MAX: Final = 262_144
#: Rows deleted in one transaction, so that others do not wait.
PURGE_ROWS_MAX: Final = 1_000
#: Seconds after which the number of a caller's keys is counted again.
_COUNT_AGE_S: Final = 30
_KEY_FORM: Final = r"^[A-Za-z0-9._:-]{8,128}$"
_KEY: Final = re.compile(_KEY_FORM, re.ASCII)
_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEYS: Final = cast(Table, IdempotencyRow.__table__)
#: What tells a row of an attempt, and the parameters that are compared with it.
_OF_ATTEMPT: Final = (
    _KEYS.c.caller == bindparam("of_caller"),
    _KEYS.c.key == bindparam("of_key"),
    _KEYS.c.holder == bindparam("of_holder"),
)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=KEY_HEADER,
        pattern=_KEY_FORM,
        description="Names this request: sent again with the same key, it is carried out once.",
    ),
]
"""Parameter that puts the header into an operation's description; give it None."""


def request_key(request: Request) -> str | None:
    """Return the name of the caller's request, 64 hexadecimal digits, or None without key.

    The same for every repeat, and of no other caller: what a handler begins is unique by it.
    """
    found = getattr(request.state, "request_key", None)
    return found if isinstance(found, str) else None


def keep_no_answer(request: Request) -> None:
    """Let the answer to a request not be stored, because it shows a secret.

    A repeat is told that the request was carried out, and does not get the answer.
    """
    request.state.shows_secret = True


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
class Idempotency:
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
            async with self._database.reading() as session:
                count = await session.scalar(of_caller) or 0
            counted_ns = now_ns
        maximum = self.settings.idempotency_keys_max
        if count >= maximum:
            raise IdempotencyFullError(count=count, maximum=maximum)
        self._counts[caller] = (counted_ns, count + 1)

    def _lease_end(self) -> TimeNs:
        return self._clock() + self.settings.idempotency_lease_s * NS_PER_SECOND


class IdempotencyMiddleware:
    """Carries out each keyed request of an authenticated caller once."""

    def __init__(
        self,
        app: ASGIApp,
        idempotency: Callable[[], Idempotency],
        *,
        errors_url: str,
    ) -> None:
        self._app = app
        self._idempotency = idempotency
        self._errors_url = errors_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        caller = getattr(scope.get("state", {}).get("caller"), "id", None)
        key = Headers(scope=scope).get(KEY_HEADER) if scope["type"] == "http" else None
        if caller is None or key is None or scope["method"] not in _METHODS:
            await self._app(scope, receive, send)
            return
        idempotency = self._idempotency()
        try:
            if not _KEY.fullmatch(key):
                raise IdempotencyKeyError(reason="not of the right form")
            found = await idempotency.begin(caller, key)
            if isinstance(found, KeptAnswer):
                await _replay(found, scope, receive, send)
                return
        except HuitongError as error:
            await send_problem(error, self._errors_url, scope, receive, send)
            return
        scope["state"]["request_key"] = hashlib.sha256(
            orjson.dumps([caller, key])
        ).hexdigest()
        attempt = _Attempt(
            idempotency, caller, key, found, scope, receive, send, self._errors_url
        )
        await attempt.run(self._app)


@dataclass(slots=True)
class _Attempt:
    """A request that is being carried out under its key."""

    idempotency: Idempotency
    caller: str
    key: str
    holder: bytes
    scope: Scope
    source: Receive
    sink: Send
    errors_url: str
    body: _HashedBody = field(init=False)
    start: Message | None = None
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    is_settled: bool = False
    is_replaced: bool = False

    def __post_init__(self) -> None:
        self.body = _HashedBody(self.scope, self.source)

    async def run(self, app: ASGIApp) -> None:
        """Let the application answer; settle the key before the answer leaves."""
        async with self._renewing():
            try:
                await app(self.scope, self.body.receive, self._send)
            finally:
                if not self.is_settled:
                    await self._release()

    async def _send(self, message: Message) -> None:
        if self.is_replaced:
            return
        if self.is_settled:
            await self.sink(message)
            return
        try:
            await self._settle(message)
        except HuitongError as error:  # the answer is not sent: it could not be kept
            self.is_settled = self.is_replaced = True
            await send_problem(
                error, self.errors_url, self.scope, self.body.receive, self.sink
            )

    async def _settle(self, message: Message) -> None:
        """Hold the answer back until it is known whether and how it is kept."""
        if message["type"] == "http.response.start":
            self.start = message
            if message["status"] >= 400:
                await self._release()
                await self._flush(more=True)
            return
        self.parts.append(message.get("body", b""))
        self.size += len(self.parts[-1])
        more = message.get("more_body", False)
        if more and self.size <= ANSWER_BYTES_MAX:
            return
        await self._keep(is_whole=not more and self.size <= ANSWER_BYTES_MAX)
        await self._flush(more=more)

    async def _keep(self, *, is_whole: bool) -> None:
        assert self.start is not None
        is_whole = is_whole and not self.scope["state"].get("shows_secret")
        answer = KeptAnswer(
            await self.body.digest(),
            self.start["status"],
            tuple(
                (a.decode("latin-1"), b.decode("latin-1"))
                for a, b in self.start["headers"]
            ),
            b"".join(self.parts) if is_whole else None,
        )
        await self.idempotency.keep(self.caller, self.key, self.holder, answer)
        self.is_settled = True

    async def _release(self) -> None:
        self.is_settled = True
        await self.idempotency.release(self.caller, self.key, self.holder)

    async def _flush(self, *, more: bool) -> None:
        assert self.start is not None
        await self.sink(self.start)
        if self.parts:
            body = b"".join(self.parts)
            self.parts = []
            await self.sink(
                {"type": "http.response.body", "body": body, "more_body": more}
            )

    @contextlib.asynccontextmanager
    async def _renewing(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._renew())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self.idempotency.settings.idempotency_lease_s / 3)
            with contextlib.suppress(HuitongError):  # the next one may succeed
                await self.idempotency.renew(self.caller, self.key, self.holder)


class _HashedBody:
    """A body that is hashed while it passes, together with what it is sent to."""

    def __init__(self, scope: Scope, source: Receive) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        target = [
            scope["method"],
            scope["path"],
            scope["query_string"].decode("latin-1"),
        ]
        self._hash.update(hashlib.sha256(orjson.dumps(target)).digest())
        self._is_whole = False

    async def receive(self) -> Message:
        """Return the next part (ASGI)."""
        message = await self._source()
        if message["type"] == "http.request":
            self._hash.update(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
        else:
            self._is_whole = True
        return message

    async def digest(self) -> bytes:
        """Read what is left, and return the SHA-256 over all of it."""
        while not self._is_whole:
            await self.receive()
        return self._hash.digest()


async def _replay(kept: KeptAnswer, scope: Scope, receive: Receive, send: Send) -> None:
    """Give the answer kept.

    Raises:
        IdempotencyMismatchError: it was the answer to another request.
        AnswerNotKeptError: it was too large.
    """
    if await _HashedBody(scope, receive).digest() != kept.request:
        raise IdempotencyMismatchError
    if kept.body is None:
        raise AnswerNotKeptError
    start: Message = {"type": "http.response.start", "status": kept.status}
    start["headers"] = [
        (a.encode("latin-1"), b.encode("latin-1")) for a, b in kept.headers
    ]
    MutableHeaders(scope=start)[REPLAYED_HEADER] = "true"
    await send(start)
    await send({"type": "http.response.body", "body": kept.body})


def _kept(row: Any) -> KeptAnswer:
    assert row.request is not None
    assert row.status is not None
    headers = orjson.loads(row.headers or b"[]")
    pairs = tuple((str(name), str(value)) for name, value in headers)
    return KeptAnswer(row.request, row.status, pairs, row.body)
