"""Where exchanges go from what the own zone says about them.

The zone's state decides: it is read anew whenever a block has touched an exchange, and
whatever the gateway knew before gives way to it. What follows is a step of the outbox,
written in the same transaction.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, final

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.client.subscription import BlockSeen
from huitong.core.codec import encode
from huitong.gateway.exchange.errors import ReceiptReturnedError
from huitong.gateway.exchange.kinds import CHECK, SEAL, SEAL_LANE, step_key
from huitong.gateway.exchange.orders import ENDED, Side, Stage
from huitong.gateway.exchange.parts import Parts
from huitong.gateway.exchange.receipts import receipt_step
from huitong.gateway.exchange.rows import move, new_id, note_fault
from huitong.gateway.exchange.tables import ExchangeRow
from huitong.gateway.exchange.zone_state import (
    all_exchanges,
    read_exchanges,
    touched_in,
)
from huitong.gateway.outbox.steps import NewStep
from huitong.modules.exchange.keys import PROVIDER
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Exchange

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


@final
class Advancing:
    """Moves exchanges on, block by block."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    # --- what the follower tells --------------------------------------------------------

    async def prepare(self) -> None:
        """Every exchange is looked up when a block touches it."""

    async def read(self, block: BlockSeen) -> Any:
        """Return the exchanges that a block has touched, as they are now."""
        touched = touched_in(block, self._parts.identity.member_id)
        if not touched:
            return None
        return await read_exchanges(self._parts.links.own_zone, touched)

    async def apply(
        self, session: AsyncSession, block: BlockSeen, found: Sequence[Exchange]
    ) -> None:
        """Write what follows from a block."""
        await self.advance(session, found)

    async def applied(self, block: BlockSeen, found: Any) -> None:
        """Let the outbox go on at once."""
        if found:
            self._parts.outbox.wake()

    async def reconcile(self) -> None:
        """Bring every exchange to where the zone says that it is."""
        parts = self._parts
        pages = all_exchanges(parts.links.own_zone, parts.identity.member_id)
        async for page in pages:
            async with parts.database.transaction() as session:
                await self.advance(session, page)
        parts.outbox.wake()

    async def resumed(self) -> None:
        """Nothing waits for this."""

    # --- what follows -------------------------------------------------------------------

    async def advance(
        self, session: AsyncSession, exchanges: Sequence[Exchange]
    ) -> None:
        """Bring exchanges to where the zone says that they are."""
        steps: list[NewStep] = []
        for start in range(0, len(exchanges), LOOKED_UP_AT_ONCE):
            some = exchanges[start : start + LOOKED_UP_AT_ONCE]
            rows = await _find_rows(session, some)
            for exchange in some:
                where = (_side(exchange), exchange.channel_id, exchange.sequence)
                row = rows.get(where)
                if row is None:
                    row = _new_row(exchange)
                    session.add(row)
                steps += self._next_steps(row, exchange)
        await self._parts.outbox.add(session, *steps)

    def _next_steps(self, row: ExchangeRow, exchange: Exchange) -> Iterable[NewStep]:
        """Change one row; a fault in one keeps no other from going on."""
        if row.stage in ENDED:
            return ()
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
        lane=row.channel_id,
        subject=row.id,
        request_id=row.request_id,
    )


async def _find_rows(
    session: AsyncSession, exchanges: Sequence[Exchange]
) -> dict[tuple[str, str, int], ExchangeRow]:
    by_place: dict[tuple[str, str], list[int]] = {}
    for exchange in exchanges:
        place = (_side(exchange), exchange.channel_id)
        by_place.setdefault(place, []).append(exchange.sequence)
    found = {}
    for (side, channel_id), sequences in by_place.items():
        rows = await session.scalars(
            select(ExchangeRow)
            .where(ExchangeRow.channel_id == channel_id)
            .where(ExchangeRow.sequence.in_(sequences))
            .where(ExchangeRow.side == side)
        )
        found.update({(side, channel_id, row.sequence or 0): row for row in rows})
    return found


def _new_row(exchange: Exchange) -> ExchangeRow:
    """Return an exchange that others began, or that was begun by hand."""
    request = exchange.request
    is_provider = exchange.side == PROVIDER
    now_ns = time.time_ns()
    return ExchangeRow(
        id=new_id(now_ns),
        side=_side(exchange),
        stage=Stage.ORDERED,
        key=None,
        order_digest=b"",
        channel_id=exchange.channel_id,
        sequence=exchange.sequence,
        peer=request.requester if is_provider else request.issuer,
        record_id=request.record_id,
        record_type="",
        request=encode(request),
        decision=b"",
        deadline_ns=exchange.deadline,
        failure="",
        sealed_digest=b"",
        sealed_size=0,
        stated_height=0,
        grade="",
        minimum_grade="",
        payload_digest=b"",
        checked_height=0,
        keeps_sealed=False,
        receipts=0,
        request_id="",
        created_ns=now_ns,
        changed_ns=now_ns,
        problem_step_id=0,
        problem_codespace="",
        problem_code=0,
        problem="",
        problem_since_ns=0,
    )


def _side(exchange: Exchange) -> str:
    return Side.PROVIDER if exchange.side == PROVIDER else Side.REQUESTER
