"""New versions on their way to subscribers: judged, sealed, pushed, handed over.

A version is an exchange of its own under the standing request: it is judged by the zone's
rules as they are now, sealed as any other, and goes to the own zone, which sends it to the
other zone by packet. Only when that zone has taken the packet the sealed bytes go to the
peer. A packet that did not arrive is sent again, under the same number.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final, final

from sqlalchemy import exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.codec import encode
from huitong.gateway.exchange import subscription_rows as standing
from huitong.gateway.exchange.kinds import JUDGE, SEAL, SEAL_LANE, step_key
from huitong.gateway.exchange.orders import ENDED, Side, Stage
from huitong.gateway.exchange.parts import Parts
from huitong.gateway.exchange.policy_point import PolicyPoint
from huitong.gateway.exchange.provider_steps import hand_over_step, push_step
from huitong.gateway.exchange.rows import (
    decision_of,
    move,
    new_id,
    note_fault,
    note_stopped,
    request_of,
    rows_of,
)
from huitong.gateway.exchange.subscription_errors import (
    PushDiffersError,
    PushReturnedError,
)
from huitong.gateway.exchange.subscription_orders import SubscriptionStage
from huitong.gateway.exchange.tables import (
    ExchangeRow,
    PublicationRow,
    SubscriptionRow,
)
from huitong.gateway.outbox.ledger import failure_of
from huitong.gateway.outbox.steps import (
    Done,
    NewStep,
    Settled,
    Step,
    StepOutcome,
    StepState,
)
from huitong.modules.exchange.policy import decide
from huitong.modules.exchange.standing import admit_push, push_request
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb

#: Versions that are judged in one call, each reading what it rests on.
JUDGED_AT_ONCE: Final = 16
#: How often a version is pushed again before a person must look, and the first pause,
#: which doubles: a zone that refuses may be ready soon.
PUSHED_AGAIN_MAX: Final = 6
PAUSE_FIRST_S: Final = 2
#: Versions that become due at once when a permission begins.
BEGUN_WITH_MAX: Final = 1_000
#: A push in one of these is not on its way any more, and does not count.
_NOT_GIVEN: Final = (Stage.REFUSED, Stage.CANCELLED, Stage.FAILED)
_TAKEN: Final = (Stage.DELIVERED, Stage.HANDED_OVER, Stage.SETTLED)
_NOT_ARRIVED: Final = (pb.EXCHANGE_STATUS_TIMED_OUT, pb.EXCHANGE_STATUS_FAILED)


# --- from a publication to a push ---------------------------------------------------------


async def push_published(
    session: AsyncSession, parts: Parts, publications: Sequence[PublicationRow]
) -> None:
    """Order that versions which are on chain now go to all subscribers."""
    for publication in publications:
        found = await session.scalars(
            select(SubscriptionRow)
            .where(SubscriptionRow.side == Side.PROVIDER)
            .where(SubscriptionRow.stage == SubscriptionStage.ACTIVE)
            .where(
                or_(
                    SubscriptionRow.record_id == publication.record_id,
                    (SubscriptionRow.record_id == "")
                    & (SubscriptionRow.record_type == publication.record_type),
                )
            )
        )
        for row in found.all():
            await push_missed(session, parts, row, publication.record_id)


async def push_missed(
    session: AsyncSession, parts: Parts, row: SubscriptionRow, record_id: str = ""
) -> None:
    """Order that every version since a permission began is pushed, unless it was.

    Args:
        session: the caller's transaction.
        parts: of the exchanges.
        row: an active permission that this member gave.
        record_id: only versions of this record; empty for all that it is for.
    """
    query = (
        select(PublicationRow)
        .where(PublicationRow.state == "published")
        .where(PublicationRow.height >= row.started_height)
        .where(
            ~exists()
            .where(ExchangeRow.subscription_id == row.id)
            .where(ExchangeRow.record_id == PublicationRow.record_id)
            .where(ExchangeRow.version == PublicationRow.version)
        )
    )
    wanted = row.record_id or record_id
    if wanted:
        query = query.where(PublicationRow.record_id == wanted)
    if not row.record_id:
        query = query.where(PublicationRow.record_type == row.record_type)
    query = query.order_by(PublicationRow.height, PublicationRow.id)
    rows = (await session.scalars(query.limit(BEGUN_WITH_MAX))).all()
    left = await _left(session, row)
    for publication in rows if left is None else rows[:left]:
        push = _new_push(row, publication)
        session.add(push)
        await session.flush()
        await parts.outbox.add(session, _judge_step(push))


async def _left(session: AsyncSession, row: SubscriptionRow) -> int | None:
    """Return how many versions may still be pushed; None for any number."""
    if not row.count_max:
        return None
    given = await session.scalar(
        select(func.count())
        .select_from(ExchangeRow)
        .where(ExchangeRow.subscription_id == row.id)
        .where(ExchangeRow.stage.not_in(_NOT_GIVEN))
    )
    return max(row.count_max - int(given or 0), 0)


async def is_used_up(session: AsyncSession, row: SubscriptionRow) -> bool:
    """Return whether as many versions as were asked for have been taken."""
    if not row.count_max:
        return False
    taken = await session.scalar(
        select(func.count())
        .select_from(ExchangeRow)
        .where(ExchangeRow.subscription_id == row.id)
        .where(ExchangeRow.stage.in_(_TAKEN))
    )
    return int(taken or 0) >= row.count_max


def _new_push(row: SubscriptionRow, publication: PublicationRow) -> ExchangeRow:
    request = push_request(
        standing.subscription_of(row), publication.record_id, publication.version, ""
    )
    now_ns = time.time_ns()
    return ExchangeRow(
        id=new_id(now_ns),
        side=Side.PROVIDER,
        stage=Stage.GRANTED,
        key=None,
        channel_id=row.channel_id,
        sequence=row.sequence,
        push_number=None,
        subscription_id=row.id,
        version=publication.version,
        peer=row.peer,
        record_id=publication.record_id,
        record_type=publication.record_type,
        request=encode(request),
        request_id=row.request_id,
        created_ns=now_ns,
        changed_ns=now_ns,
    )


# --- the steps ----------------------------------------------------------------------------


def _judge_step(row: ExchangeRow) -> NewStep:
    return NewStep(
        kind=JUDGE,
        key=step_key(JUDGE, row.id),
        payload=b"",
        lane=SEAL_LANE,
        subject=row.id,
        request_id=row.request_id,
    )


@final
class Judging:
    """Judges new versions as the zone will, and has those sealed that may go."""

    batch_max = JUDGED_AT_ONCE
    parallel_max = 1

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def execute(self, steps: Sequence[Step]) -> list[StepOutcome]:
        """Judge each version by what the own zone has now."""
        async with self._parts.database.reading() as session:
            rows = await rows_of(session, steps)
            ids = {row.subscription_id or "" for row in rows.values()}
            permissions = await standing.rows_by_id(session, ids)
        point = PolicyPoint(self._parts.links.own_zone)
        outcomes: list[StepOutcome] = []
        for step in steps:
            row = rows[step.subject]
            permission = permissions[row.subscription_id or ""]
            try:
                decision = await self._judge(point, row, permission)
                outcomes.append(Done(result=encode(decision)))
            except Exception as failure:  # noqa: BLE001 - each fails for itself
                outcomes.append(failure_of(failure, JUDGE))
        return outcomes

    async def _judge(
        self, point: PolicyPoint, row: ExchangeRow, permission: SubscriptionRow
    ) -> pb.Decision:
        request = request_of(row)
        if permission.stage != SubscriptionStage.ACTIVE:
            code = permission.reason_code or permission.stage
            return _decision(request, pb.OUTCOME_REFUSED, code)
        end = await self._parts.links.other_end(row.channel_id)
        header = await point.find_pushable(
            request.issuer, request.record_id, request.version
        )
        facts = await point.gather(row.channel_id, end.client_id, request, header)
        verdict = admit_push(standing.subscription_of(permission), facts, decide(facts))
        decision = _decision(request, verdict.outcome, verdict.reason_code)
        if verdict.header is not None and verdict.outcome == pb.OUTCOME_GRANTED:
            decision.payload_digest = verdict.header.payload_digest
            decision.fields.extend(verdict.fields)
        return decision

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Have what may go sealed; what may not is told to nobody."""
        rows = await rows_of(session, [item.step for item in settled], for_update=True)
        steps = []
        for item in settled:
            row, step = rows[item.step.subject], item.step
            if row.stage != Stage.GRANTED:
                continue  # pushed by hand meanwhile
            if step.state != StepState.DONE:
                note_stopped(row, step)
                continue
            row.decision = step.result
            if decision_of(row).outcome == pb.OUTCOME_GRANTED:
                steps.append(_seal_step(row))
            else:
                move(row, Stage.REFUSED)
        await self._parts.outbox.add(session, *steps)


def _decision(request: pb.RequestPacket, outcome: int, code: str) -> pb.Decision:
    return pb.Decision(
        outcome=outcome,  # type: ignore[arg-type]
        reason_code=code,
        issuer=request.issuer,
        record_id=request.record_id,
        version=request.version,
    )


def _seal_step(row: ExchangeRow) -> NewStep:
    return NewStep(
        kind=SEAL,
        key=step_key(SEAL, row.id),
        payload=b"",
        lane=SEAL_LANE,
        subject=row.id,
        request_id=row.request_id,
    )


@final
class Pushes:
    """Hears of the end of the steps that put versions on the own zone."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Learn the number of a push, or that the permission is over instead."""
        rows = await rows_of(session, [item.step for item in settled], for_update=True)
        for item in settled:
            row, step = rows[item.step.subject], item.step
            if row.stage in ENDED:
                continue
            if step.state != StepState.DONE:
                note_stopped(row, step)
                continue
            answer = pb.MsgPushVersionResponse.FromString(step.result)
            if answer.number:
                row.push_number = answer.number
                move(row, Stage.PUSHED)
            else:
                row.failure = f"the permission is over: {answer.reason_code}"
                move(row, Stage.REFUSED)


# --- what the zone says of a push ---------------------------------------------------------


def provide_push(
    parts: Parts, row: ExchangeRow, push: pb.Exchange
) -> Iterator[NewStep]:
    """Move a push of the provider's side to where the own zone says that it is."""
    sealed = decision_of(row)
    row.push_number, row.decision = push.push_number, encode(push.decision)
    if push.status == pb.EXCHANGE_STATUS_RECEIVED:
        move(row, Stage.SETTLED)
    elif push.status in _NOT_ARRIVED:
        if row.stage == Stage.PUSHED:
            yield from _push_again(parts, row, push)
    elif push.sealed_digest != row.sealed_digest:
        if row.stage in (Stage.ORDERED, Stage.GRANTED, Stage.SEALED, Stage.PUSHED):
            move(row, Stage.HANDED_OVER)  # pushed by hand; the receipt is awaited
    elif row.stage in (Stage.SEALED, Stage.PUSHED):
        if list(sealed.fields) != list(push.decision.fields):
            move(row, Stage.FAILED)
            note_fault(row, PushDiffersError())
        elif push.push_acknowledged:
            move(row, Stage.DELIVERED)
            yield hand_over_step(row)
        elif row.stage == Stage.SEALED:
            move(row, Stage.PUSHED)


def _push_again(parts: Parts, row: ExchangeRow, push: pb.Exchange) -> Iterator[NewStep]:
    """Send a version again that did not arrive."""
    row.receipts += 1
    row.failure = push.failure
    move(row, Stage.SEALED)
    if row.receipts <= PUSHED_AGAIN_MAX:
        yield push_step(parts, row, PAUSE_FIRST_S << row.receipts)
    else:
        reason = push.failure or "it did not arrive in time"
        note_fault(row, PushReturnedError(count=row.receipts, reason=reason))
