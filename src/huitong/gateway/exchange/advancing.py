"""Where exchanges go from what the own zone says about them.

The zone's state decides: it is read anew whenever a block has touched an exchange, and
whatever the gateway knew before gives way to it. What follows is a step of the outbox,
written in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.client.subscription import BlockSeen
from huitong.core.codec import encode
from huitong.gateway.exchange.errors import ReceiptReturnedError
from huitong.gateway.exchange.found_rows import find_push, new_row, side_of
from huitong.gateway.exchange.kinds import CHECK, SEAL, SEAL_LANE, check_lane, step_key
from huitong.gateway.exchange.orders import ENDED, Side, Stage
from huitong.gateway.exchange.parts import Parts
from huitong.gateway.exchange.pushing import provide_push
from huitong.gateway.exchange.receipts import receipt_step
from huitong.gateway.exchange.rows import move, note_fault
from huitong.gateway.exchange.standing import Standing
from huitong.gateway.exchange.standing_state import read_subscriptions
from huitong.gateway.exchange.tables import ExchangeRow
from huitong.gateway.exchange.zone_state import (
    Touched,
    all_exchanges,
    read_exchanges,
    touched_in,
)
from huitong.gateway.outbox.steps import NewStep
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.exchange.v1.exchange_pb2 import (
    Exchange,
    Subscription,
)

log = structlog.get_logger("gateway")

#: Receipts of one exchange that may come back before a person must look.
RECEIPTS_MAX: Final = 5
#: Exchanges that are looked up at once.
LOOKED_UP_AT_ONCE: Final = 500
_BEFORE_SEALING: Final = (Stage.ORDERED, Stage.REQUESTED)
_UNDECIDED: Final = (Stage.ORDERED, Stage.REQUESTED)
_UNCONFIRMED: Final = (
    Stage.ORDERED,
    Stage.REQUESTED,
    Stage.GRANTED,
    Stage.ARRIVED,
    Stage.CHECKED,
)
_UNDELIVERED: Final = (Stage.ORDERED, Stage.REQUESTED, Stage.GRANTED, Stage.SEALED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a block has changed, as the zone has it now."""

    touched: Touched
    exchanges: Sequence[Exchange]
    subscriptions: Sequence[Subscription]


@final
class Advancing:
    """Moves exchanges on, block by block."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._standing = Standing(parts)

    # --- what the follower tells --------------------------------------------------------

    async def prepare(self) -> None:
        """Every exchange is looked up when a block touches it."""

    async def read(self, block: BlockSeen) -> Any:
        """Return the exchanges that a block has touched, as they are now."""
        touched = touched_in(block, self._parts.identity.member_id)
        if not touched:
            return None
        zone = self._parts.links.own_zone
        return _Found(
            touched=touched,
            exchanges=await read_exchanges(zone, touched),
            subscriptions=await read_subscriptions(zone, touched),
        )

    async def apply(
        self, session: AsyncSession, block: BlockSeen, found: _Found
    ) -> None:
        """Write what follows from a block."""
        requests = [one for one in found.exchanges if _is_standing(one)]
        others = [one for one in found.exchanges if not _is_standing(one)]
        await self._standing.advance(session, requests, found.subscriptions)
        await self.advance(session, others)
        if found.touched.is_ground_lost:
            await self._standing.end_groundless(session, found.touched)

    async def applied(self, block: BlockSeen, found: Any) -> None:
        """Let those go on who wait for what the block tells; steps begin by themselves."""
        if found:
            self._parts.learned.tell()

    async def reconcile(self) -> None:
        """Bring every exchange to where the zone says that it is."""
        parts = self._parts
        pages = all_exchanges(parts.links.own_zone, parts.identity.member_id)
        async for page in pages:
            async with parts.database.transaction() as session:
                standing = [one for one in page if _is_standing(one)]
                await self._standing.advance(session, standing, ())
                others = [one for one in page if not _is_standing(one)]
                await self.advance(session, others)
        pushes = await self._standing.reconcile()
        async with parts.database.transaction() as session:
            await self.advance(session, pushes)
        parts.learned.tell()

    async def resumed(self) -> None:
        """Push what was missed."""
        await self._standing.catch_up()

    # --- what follows -------------------------------------------------------------------

    async def advance(
        self, session: AsyncSession, exchanges: Sequence[Exchange]
    ) -> None:
        """Bring exchanges to where the zone says that they are."""
        steps: list[NewStep] = []
        requests = [one for one in exchanges if not one.push_number]
        for start in range(0, len(requests), LOOKED_UP_AT_ONCE):
            some = requests[start : start + LOOKED_UP_AT_ONCE]
            rows = await _find_rows(session, some)
            for exchange in some:
                row = rows.get(_place(exchange))
                if row is None:
                    row = new_row(exchange)
                    session.add(row)
                steps += self._next_steps(row, exchange)
        await self._parts.outbox.add(session, *steps)
        await self._advance_pushes(
            session, [one for one in exchanges if one.push_number]
        )

    async def _advance_pushes(
        self, session: AsyncSession, pushes: Sequence[Exchange]
    ) -> None:
        """Bring pushed versions to where the zone says that they are."""
        steps: list[NewStep] = []
        provided: set[str] = set()
        for push in pushes:
            row = await find_push(session, push)
            if row is None:
                log.error("push_without_subscription", channel=push.channel_id)
                continue
            steps += self._next_steps(row, push)
            if row.side == Side.PROVIDER:
                provided.add(row.subscription_id or "")
        await self._parts.outbox.add(session, *steps)
        await self._standing.end_used_up(session, provided)

    def _next_steps(self, row: ExchangeRow, exchange: Exchange) -> Iterable[NewStep]:
        """Change one row; a fault in one keeps no other from going on."""
        if row.stage in ENDED:
            return ()
        if row.subscription_id and row.side == Side.PROVIDER:
            return list(provide_push(self._parts, row, exchange))
        go_on = self._provide if row.side == Side.PROVIDER else self._require
        try:
            return list(go_on(row, exchange))
        except Exception as bug:
            log.error("exchange_not_advanced", exchange=row.id, exc_info=bug)
            return ()

    # --- the provider's side ------------------------------------------------------------

    def _provide(self, row: ExchangeRow, exchange: Exchange) -> Iterable[NewStep]:
        row.deadline_ns = exchange.deadline
        if exchange.HasField("decision"):
            row.decision = encode(exchange.decision)
        status = exchange.status
        if status == pb.EXCHANGE_STATUS_REFUSED:
            move(row, Stage.REFUSED)
        elif status == pb.EXCHANGE_STATUS_RECEIVED:
            move(row, Stage.SETTLED)
        elif status == pb.EXCHANGE_STATUS_DELIVERED:
            stated_elsewhere = exchange.sealed_digest != row.sealed_digest
            if stated_elsewhere and row.stage in _UNDELIVERED:
                move(row, Stage.HANDED_OVER)  # by hand; the receipt is awaited
        elif status == pb.EXCHANGE_STATUS_GRANTED and row.stage in _BEFORE_SEALING:
            move(row, Stage.GRANTED)
            yield NewStep(
                kind=SEAL,
                key=step_key(SEAL, row.id),
                payload=b"",
                lane=SEAL_LANE,
                subject=row.id,
                request_id=row.request_id,
            )
        elif row.stage == Stage.ORDERED:
            move(row, Stage.REQUESTED)

    # --- the requester's side -----------------------------------------------------------

    def _require(self, row: ExchangeRow, exchange: Exchange) -> Iterable[NewStep]:
        if exchange.HasField("decision"):
            row.decision = encode(exchange.decision)
        status = exchange.status
        if status == pb.EXCHANGE_STATUS_REFUSED:
            move(row, Stage.REFUSED)
        elif status == pb.EXCHANGE_STATUS_TIMED_OUT:
            row.failure = "the request did not arrive in time"
            move(row, Stage.TIMED_OUT)
        elif status == pb.EXCHANGE_STATUS_FAILED:
            row.failure = exchange.failure
            move(row, Stage.FAILED)
        elif status == pb.EXCHANGE_STATUS_GRANTED:
            yield from self._on_granted(row)
        elif status == pb.EXCHANGE_STATUS_RECEIVED:
            if exchange.receipt_acknowledged:
                move(row, Stage.SETTLED)
            elif row.stage in _UNCONFIRMED:
                move(row, Stage.RECEIVED)
        elif row.stage == Stage.ORDERED:
            move(row, Stage.REQUESTED)

    def _on_granted(self, row: ExchangeRow) -> Iterable[NewStep]:
        if row.stage in _UNDECIDED:
            move(row, Stage.GRANTED)
            if row.sealed_digest:
                yield arrive(row)
        elif row.stage == Stage.RECEIVED:  # the receipt came back
            row.receipts += 1
            move(row, Stage.CHECKED)
            if row.receipts <= RECEIPTS_MAX:
                yield receipt_step(self._parts, row)
            else:
                note_fault(
                    row, ReceiptReturnedError(count=row.receipts, exchange_id=row.id)
                )


def arrive(row: ExchangeRow) -> NewStep:
    """Let an exchange that is granted, and whose sealed bytes are here, be checked."""
    move(row, Stage.ARRIVED)
    return NewStep(
        kind=CHECK,
        key=step_key(CHECK, row.id, row.sealed_digest[:8].hex()),
        payload=row.sealed_digest,
        lane=check_lane(row.channel_id, row.sealed_size),
        subject=row.id,
        request_id=row.request_id,
    )


async def _find_rows(
    session: AsyncSession, exchanges: Sequence[Exchange]
) -> dict[tuple[str, str, int], ExchangeRow]:
    by_place: dict[tuple[str, str], list[int]] = {}
    for exchange in exchanges:
        place = (side_of(exchange), exchange.channel_id)
        by_place.setdefault(place, []).append(exchange.sequence)
    found = {}
    for (side, channel_id), sequences in by_place.items():
        rows = await session.scalars(
            select(ExchangeRow)
            .where(ExchangeRow.channel_id == channel_id)
            .where(ExchangeRow.sequence.in_(sequences))
            .where(ExchangeRow.side == side, ExchangeRow.push_number == 0)
            # An arrival that comes meanwhile waits, and finds what is written here.
            .order_by(ExchangeRow.id)
            .with_for_update()
        )
        found.update({(side, channel_id, row.sequence or 0): row for row in rows})
    return found


def _place(exchange: Exchange) -> tuple[str, str, int]:
    return side_of(exchange), exchange.channel_id, exchange.sequence


def _is_standing(exchange: Exchange) -> bool:
    """Tell whether this is the request for a permission, not a version under it."""
    return exchange.request.standing and not exchange.push_number
