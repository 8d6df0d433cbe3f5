"""The webhooks of a gateway: made, removed, and fed with events in their order."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, final

import orjson
import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.time import NS_PER_SECOND, TimeNs
from huitong.gateway.access.errors import RoleUnknownError
from huitong.gateway.access.roles import Role, check_roles_together
from huitong.gateway.database.engine import Database
from huitong.gateway.events.errors import EventsGoneError, EventTypeError
from huitong.gateway.events.log import EventFilter, EventLog
from huitong.gateway.events.register import (
    JOB_STUCK,
    WEBHOOK_MADE,
    WEBHOOK_MISSED,
    WEBHOOK_REMOVED,
    EventType,
    types_for,
)
from huitong.gateway.events.telling import tell
from huitong.gateway.http.errors import AbsentError
from huitong.gateway.outbox.errors import StepStateError
from huitong.gateway.outbox.outbox import Outbox
from huitong.gateway.outbox.steps import NewStep, StepFilter, StepState
from huitong.gateway.outbox.tables import StepRow
from huitong.gateway.webhooks.addresses import check_url
from huitong.gateway.webhooks.errors import WebhooksFullError
from huitong.gateway.webhooks.secrets import SecretBox, make_secret
from huitong.gateway.webhooks.settings import WebhookSettings
from huitong.gateway.webhooks.tables import WebhookRow

log = structlog.get_logger("gateway")

#: Kind of the steps that deliver an event.
DELIVER: Final = "webhooks.deliver"
#: Events that are handed to the outbox for one webhook at once.
FED_AT_ONCE: Final = 200
#: Seconds for which it is believed that there is no webhook; another process may make one.
NONE_S: Final = 2.0
_OPEN: Final = (StepState.WAITING, StepState.RUNNING, StepState.STUCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookView:
    """A webhook, without its secret."""

    id: str
    name: str
    url: str
    types: tuple[str, ...]
    """Types of events; empty for all that the roles see."""
    roles: tuple[Role, ...]
    position: int
    """Of the newest event that was looked at for it."""
    made_ns: TimeNs
    made_by: str
    pending: int
    """Events on their way to it."""
    stuck: int
    """Events that wait for a person."""


@dataclass(frozen=True, slots=True)
class MadeWebhook:
    """A webhook whose secret was just made; the only time that it is shown."""

    view: WebhookView
    secret: str

    def __repr__(self) -> str:
        """Leave out the secret, so that no log shows it."""
        return f"MadeWebhook({self.view.id})"


@final
class Webhooks:
    """All webhooks of a gateway."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        events: EventLog,
        settings: WebhookSettings,
        box: SecretBox,
        *,
        clock: Callable[[], TimeNs],
    ) -> None:
        """Prepare.

        Args:
            database: keeps them.
            outbox: carries the events.
            events: what they are fed with.
            settings: where they may go, and how many there may be.
            box: seals the secrets.
            clock: tells nanoseconds since the epoch.
        """
        self._database = database
        self._outbox = outbox
        self._events = events
        self._settings = settings
        self._box = box
        self._clock = clock
        self._none_until_s = 0.0

    # --- administering ------------------------------------------------------------------

    async def create(
        self,
        name: str,
        url: str,
        *,
        types: Collection[str],
        roles: Collection[Role],
        since: int | None,
        by: str,
    ) -> MadeWebhook:
        """Make a webhook.

        Args:
            name: what it is for; up to 128 characters.
            url: of the receiver.
            types: of events; none for all that the roles see.
            roles: it gets what a caller with these would see.
            since: id of the event behind which it begins; None: from now on.
            by: id of the caller who makes it.

        Raises:
            WebhookUrlError, WebhookAddressError: no event may be sent there.
            RoleUnknownError, RolesTogetherError: no role, or two that must not be in one hand.
            EventTypeError: none of the roles sees a type.
            EventsGoneError, EventUnknownError: ``since`` cannot be used.
            WebhooksFullError: there are too many.
        """
        check_url(url, self._settings)
        if not roles:
            raise RoleUnknownError(role="''", known=", ".join(Role))
        check_roles_together(roles)
        _check_types(types, roles)
        position = await self._events.start(since)
        row, secret = self._new_row(name, url, types, roles, position, by)
        async with self._database.transaction() as session:
            count = await session.scalar(select(func.count(WebhookRow.id))) or 0
            if count >= self._settings.webhooks_max:
                raise WebhooksFullError(count=count)
            session.add(row)
            _tell(session, WEBHOOK_MADE, row, by)
        self._none_until_s = 0.0
        return MadeWebhook(_view(row, {}), secret)

    def _new_row(
        self,
        name: str,
        url: str,
        types: Collection[str],
        roles: Collection[Role],
        position: int,
        by: str,
    ) -> tuple[WebhookRow, str]:
        webhook_id, secret = secrets.token_hex(8), make_secret()
        row = WebhookRow(
            id=webhook_id,
            name=name,
            url=url,
            types=orjson.dumps(sorted(set(types))),
            roles=",".join(sorted(set(roles))),
            secret=self._box.seal(webhook_id, secret),
            old_secret=b"",
            old_until_ns=0,
            position=position,
            made_ns=self._clock(),
            made_by=by,
        )
        return row, secret

    async def rotate(self, webhook_id: str, *, overlap_s: int) -> MadeWebhook:
        """Make a new secret; messages are signed with both for ``overlap_s``.

        Raises:
            AbsentError: there is no such webhook.
        """
        secret = make_secret()
        async with self._database.transaction() as session:
            row = await _get(session, webhook_id, for_update=True)
            row.old_secret = row.secret if overlap_s else b""
            row.old_until_ns = self._clock() + overlap_s * NS_PER_SECOND
            row.secret = self._box.seal(webhook_id, secret)
        return MadeWebhook(await self.get(webhook_id), secret)

    async def remove(self, webhook_id: str, *, by: str) -> WebhookView:
        """Remove a webhook; what is on its way to it is given up.

        Raises:
            AbsentError: there is no such webhook.
        """
        view = await self.get(webhook_id)
        async with self._database.transaction() as session:
            row = await _get(session, webhook_id, for_update=True)
            await session.delete(row)
            _tell(session, WEBHOOK_REMOVED, row, by)
        wanted = StepFilter(
            lane=webhook_id, states=(StepState.WAITING, StepState.STUCK)
        )
        while steps := await self._outbox.find(wanted):
            for step in steps:
                with suppress(StepStateError):  # it runs, or has ended meanwhile
                    await self._outbox.cancel(step.id)
        return view

    # --- looking ------------------------------------------------------------------------

    async def get(self, webhook_id: str) -> WebhookView:
        """Return a webhook.

        Raises:
            AbsentError: there is none.
        """
        async with self._database.reading() as session:
            row = await _get(session, webhook_id)
        return _view(row, await self._outbox.counts(webhook_id))

    async def page(self, *, after: str, limit: int) -> list[WebhookView]:
        """Return webhooks in the order of their ids, beginning behind ``after``."""
        query = (
            select(WebhookRow)
            .where(WebhookRow.id > after)
            .order_by(WebhookRow.id)
            .limit(limit)
        )
        async with self._database.reading() as session:
            rows = (await session.scalars(query)).all()
        return [_view(row, await self._outbox.counts(row.id)) for row in rows]

    async def address(self, webhook_id: str) -> tuple[str, Sequence[str]]:
        """Return URL and secrets of a webhook, the newest secret first.

        Raises:
            AbsentError: there is none.
            WebhookKeyError: a secret cannot be opened.
        """
        async with self._database.reading() as session:
            row = await _get(session, webhook_id)
        sealed = [row.secret]
        if row.old_secret and self._clock() < row.old_until_ns:
            sealed.append(row.old_secret)
        return row.url, [self._box.open(row.id, one) for one in sealed]

    # --- feeding ------------------------------------------------------------------------

    async def feed(self) -> int:
        """Hand new events to the outbox, for each webhook some; return how many."""
        count = 0
        for row in await self._behind():
            try:
                count += await self._feed(row)
            except Exception as bug:  # one webhook keeps no other waiting
                log.error("webhook_not_fed", webhook=row.id, exc_info=bug)
        return count

    async def _behind(self) -> Sequence[WebhookRow]:
        """Return the webhooks that have not looked at every event.

        Where there is none at all, it is not looked again for a while.
        """
        now_s = time.monotonic()
        if now_s < self._none_until_s:
            return ()
        async with self._database.reading() as session:
            found = await session.scalars(select(WebhookRow).order_by(WebhookRow.id))
            rows = found.all()
        if not rows:
            self._none_until_s = now_s + NONE_S
            return ()
        newest = await self._events.newest()
        return [row for row in rows if row.position < newest]

    async def _feed(self, row: WebhookRow) -> int:
        open_count = await self._open_steps(row.id)
        room = min(FED_AT_ONCE, self._settings.pending_max - open_count)
        if room <= 0:
            return 0  # they wait in their order
        wanted = EventFilter(
            seen_types=types_for(_roles(row)), types=frozenset(orjson.loads(row.types))
        )
        try:
            page = await self._events.page(wanted, after=row.position, limit=room)
        except EventsGoneError as missed:
            await self._skip_gone(row, int(missed.fields["gone"]))
            return 0
        steps = [_step(row.id, event) for event in page.events if _may_be_sent(event)]
        async with self._database.transaction() as session:
            now = await session.get(WebhookRow, row.id, with_for_update=True)
            if now is None or now.position != row.position:
                return 0  # removed, or another process was first
            await self._outbox.add(session, *steps)
            now.position = page.until
        return len(steps)

    async def _open_steps(self, webhook_id: str) -> int:
        query = (
            select(func.count(StepRow.id))
            .where(StepRow.lane == webhook_id, StepRow.kind == DELIVER)
            .where(StepRow.state.in_(_OPEN))
        )
        async with self._database.searching() as session:
            return await session.scalar(query) or 0

    async def _skip_gone(self, row: WebhookRow, gone: int) -> None:
        """Go on behind events that were cleared away before this webhook took them."""
        async with self._database.transaction() as session:
            now = await _get(session, row.id, for_update=True)
            data = {"webhook": row.id, "first": now.position + 1, "last": gone}
            tell(session, WEBHOOK_MISSED, row.id, data)
            now.position = gone


def message_id(webhook_id: str, event_id: str) -> str:
    """Return the id of a message, the same for every attempt at one event."""
    return f"{webhook_id}_{event_id}"


def _step(webhook_id: str, event: dict[str, Any]) -> NewStep:
    return NewStep(
        kind=DELIVER,
        key=f"{DELIVER}/{message_id(webhook_id, event['id'])}",
        payload=orjson.dumps(event),
        lane=webhook_id,
        subject=f"webhook/{webhook_id}",
        request_id=event.get("requestid", ""),
    )


def _may_be_sent(event: dict[str, Any]) -> bool:
    """Leave out that a webhook is stuck: it would be stuck with that, and so on."""
    if event["type"] != JOB_STUCK.name:
        return True
    told: dict[str, Any] = orjson.loads(orjson.dumps(event["data"]))
    return told.get("kind") != DELIVER


def _check_types(types: Collection[str], roles: Collection[Role]) -> None:
    hidden = sorted(set(types) - types_for(roles))
    if hidden:
        raise EventTypeError(name=hidden[0], roles=", ".join(sorted(roles)))


async def _get(
    session: AsyncSession, webhook_id: str, *, for_update: bool = False
) -> WebhookRow:
    row = await session.get(WebhookRow, webhook_id, with_for_update=for_update)
    if row is None:
        raise AbsentError(kind="webhook")
    return row


def _roles(row: WebhookRow) -> tuple[Role, ...]:
    return tuple(Role(name) for name in row.roles.split(","))


def _tell(session: AsyncSession, event: EventType, row: WebhookRow, by: str) -> None:
    data = {
        "webhook": row.id,
        "name": row.name,
        "types": orjson.loads(row.types),
        "roles": list(_roles(row)),
        "by": by,
    }
    tell(session, event, row.id, data)


def _view(row: WebhookRow, counts: dict[str, int]) -> WebhookView:
    return WebhookView(
        id=row.id,
        name=row.name,
        url=row.url,
        types=tuple(orjson.loads(row.types)),
        roles=_roles(row),
        position=row.position,
        made_ns=row.made_ns,
        made_by=row.made_by,
        pending=counts.get(StepState.WAITING, 0) + counts.get(StepState.RUNNING, 0),
        stuck=counts.get(StepState.STUCK, 0),
    )
