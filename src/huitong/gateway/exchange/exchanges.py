"""All exchanges of one gateway, on both sides, over all channels of its zone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, final

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.client.zone import ZoneClient
from huitong.core.codec import encode
from huitong.core.errors import HuitongError
from huitong.core.hashing import sha256
from huitong.gateway.database.engine import Database
from huitong.gateway.database.joint_writes import JointWriter
from huitong.gateway.events.hearing import Hearing
from huitong.gateway.exchange import kinds
from huitong.gateway.exchange.advancing import Advancing
from huitong.gateway.exchange.arrivals import Arrivals
from huitong.gateway.exchange.errors import (
    DocumentMissingError,
    ExchangeCancelError,
    NothingToDecideError,
    OrderKeyReusedError,
)
from huitong.gateway.exchange.events import tell_stage
from huitong.gateway.exchange.links import Links
from huitong.gateway.exchange.orders import (
    ENDED,
    DecideOrder,
    ExchangeFilter,
    ExchangeView,
    Publication,
    PublishOrder,
    RequestOrder,
    Side,
    Stage,
)
from huitong.gateway.exchange.parts import Identity, Parts, Peers, ReaderKeySet
from huitong.gateway.exchange.policy_point import PolicyPoint, judge_at_issuer
from huitong.gateway.exchange.provider import (
    LARGE_HAND_OVERS_PER_PEER,
    HandOvers,
    Sealing,
    Statements,
)
from huitong.gateway.exchange.provider_steps import push_step
from huitong.gateway.exchange.publishing import Publishing
from huitong.gateway.exchange.receipts import Receipts, receipt_step
from huitong.gateway.exchange.request_step import request_step
from huitong.gateway.exchange.requester import Checking, Requests
from huitong.gateway.exchange.rows import (
    clear_problem,
    get_row,
    move,
    new_id,
    note_stopped,
    request_of,
    rows_of,
    views_of,
)
from huitong.gateway.exchange.settings import ExchangeSettings
from huitong.gateway.exchange.subscriptions import Subscriptions
from huitong.gateway.exchange.tables import ExchangeRow
from huitong.gateway.exchange.tidying import tidy
from huitong.gateway.outbox.outbox import Outbox
from huitong.gateway.outbox.steps import (
    NewStep,
    Settled,
    StepFilter,
    StepState,
    chain_step,
)
from huitong.gateway.vault.model import OpenedPayload
from huitong.gateway.vault.vault import Vault
from huitong.proto.huitong.exchange.v1 import exchange_pb2

log = structlog.get_logger("gateway")

#: Seconds between two looks at an exchange that is waited for; what this process does
#: with it is seen at once.
POLL_S: Final = 0.5
#: Seconds between two rounds in which sealed bytes go that nobody needs any more.
TIDY_S: Final = 5.0
#: Stages in which a person may give an exchange up: the own side is to act.
_MAY_CANCEL: Final = (
    Stage.ORDERED,
    Stage.GRANTED,
    Stage.SEALED,
    Stage.DELIVERED,
    Stage.ARRIVED,
    Stage.CHECKED,
)


@final
class Exchanges:
    """Publishes, asks, decides, delivers, checks and confirms."""

    def __init__(
        self,
        *,
        database: Database,
        zone: ZoneClient,
        zones: Mapping[str, ZoneClient],
        peers: Peers,
        vault: Vault,
        outbox: Outbox,
        settings: ExchangeSettings,
        identity: Identity,
        readers: ReaderKeySet,
        writer: JointWriter | None = None,
    ) -> None:
        """Prepare, and register with the outbox; nothing is asked or started yet.

        Args:
            database: keeps the exchanges.
            zone: a node of the own zone, which is trusted.
            zones: a node of each other zone, by chain id; none is trusted.
            peers: brings sealed bytes to the gateways of other members.
            vault: keeps payloads and sealed bytes.
            outbox: does what was decided; its follower tells of the own zone's blocks.
            settings: how this gateway exchanges.
            identity: who this gateway is, and which accounts sign for it.
            readers: what payloads for this member are sealed to.
            writer: writes for all calls; None for one of its own.
        """
        self._requests = (writer or JointWriter(database)).kind(self._request_many)
        self._news = Hearing()
        self._parts = Parts(
            database=database,
            outbox=outbox,
            vault=vault,
            links=Links(zone, zones),
            peers=peers,
            identity=identity,
            readers=readers,
            settings=settings,
        )
        self.arrivals = Arrivals(self._parts)
        """Takes what peers bring."""
        self.links = self._parts.links
        """The other zones, with verified headers of them."""
        self.subscriptions = Subscriptions(self._parts)
        """Standing permissions."""
        self._publishing = Publishing(self._parts)
        for kind, handler in (
            (kinds.PUBLISH, self._publishing),
            (kinds.REQUEST, Requests(self._parts)),
            (kinds.DECIDE, _Decisions()),
            (kinds.SEAL, Sealing(self._parts)),
            (kinds.STATE, Statements(self._parts)),
            (kinds.HAND_OVER, HandOvers(self._parts)),
            (
                kinds.HAND_OVER_LARGE,
                HandOvers(
                    self._parts, batch_max=1, parallel_max=LARGE_HAND_OVERS_PER_PEER
                ),
            ),
            (kinds.CHECK, Checking(self._parts)),
            (kinds.CONFIRM, Receipts(self._parts)),
        ):
            outbox.register(kind, handler)
        outbox.follower.add(Advancing(self._parts))

    # --- ordering -----------------------------------------------------------------------

    async def publish(self, order: PublishOrder) -> Publication:
        """Put a document into the vault and its record on the way to the zone.

        Raises:
            OrderKeyReusedError: the key came with another order before.
            RejectedError: the vault does not take the document; nothing is stored.
        """
        return await self._publishing.publish(order)

    async def publication(self, publication_id: str) -> Publication:
        """Return what became of a publication.

        Raises:
            PublicationUnknownError: there is none.
        """
        return await self._publishing.get(publication_id)

    async def publications(
        self, *, state: str = "", record_id: str = "", after: str = "", limit: int = 100
    ) -> list[Publication]:
        """Return publications by ascending id, at most ``limit``, from ``after`` on."""
        return await self._publishing.find(
            state=state, record_id=record_id, after=after, limit=limit
        )

    async def newest_publication(self, record_id: str) -> Publication | None:
        """Return the newest publication of a record that nobody gave up, if any."""
        return await self._publishing.newest(record_id)

    async def request(self, order: RequestOrder) -> ExchangeView:
        """Ask for a record; the same order under the same key is one request.

        Raises:
            OrderKeyReusedError: the key came with another order before.
            NotShareableError: the issuer's zone would refuse it at once, where the
                settings say that this is asked first.
        """
        await self._check_request(order)
        return await self._requests.do(order)

    async def _request_many(
        self, session: AsyncSession, orders: Sequence[RequestOrder]
    ) -> list[ExchangeView | Exception]:
        """Write the requests that are new; return each, or why there is none."""
        keys = {order.key for order in orders}
        known = await session.scalars(
            select(ExchangeRow).where(ExchangeRow.key.in_(keys))
        )
        rows = {row.key: row for row in known}
        new: dict[str, NewStep] = {}
        # By their keys, so that processes that write the same ones wait in one order.
        for order in sorted(orders, key=lambda order: order.key):
            if order.key not in rows:
                row = rows[order.key] = self._new_row(order)
                session.add(row)
                tell_stage(row)
                step = request_step(self._parts, kinds.REQUEST, row, order.timeout_s)
                new[order.key] = step
        await session.flush()
        await self._parts.outbox.add(session, *new.values())
        stored = list(rows.values())
        views = dict(zip(rows, await views_of(session, stored), strict=True))
        return [
            views[order.key]
            if rows[order.key].order_digest == _order_digest(order)
            else OrderKeyReusedError(key=order.key)
            for order in orders
        ]

    async def decide(self, exchange_id: str, order: DecideOrder) -> ExchangeView:
        """Decide on a request that waits for an officer.

        Raises:
            ExchangeUnknownError: there is none.
            NothingToDecideError: it does not wait.
            NotShareableError, FieldsNotAskedError: the zone would not take this grant.
            StepKeyReusedError: the key came with another decision before.
        """
        account = self._parts.identity.officer
        await self._check_decision(exchange_id, order)
        outcome = (
            exchange_pb2.OUTCOME_GRANTED
            if order.grant
            else exchange_pb2.OUTCOME_REFUSED
        )
        async with self._parts.database.transaction() as session:
            row = await get_row(session, exchange_id)
            if row.side != Side.PROVIDER or row.stage != Stage.REQUESTED:
                raise NothingToDecideError(exchange_id=exchange_id, stage=row.stage)
            message = exchange_pb2.MsgDecideExchange(
                signer=account,
                channel_id=row.channel_id,
                sequence=row.sequence or 0,
                outcome=outcome,
                reason=order.reason,
                fields=sorted(order.fields),
            )
            key = sha256(order.key.encode()).hex()[:32]
            step = chain_step(
                kinds.DECIDE,
                kinds.step_key(kinds.DECIDE, row.id, key),
                message,
                account=account,
                subject=row.id,
                request_id=order.request_id,
            )
            await self._parts.outbox.add(session, step)
            (view,) = await views_of(session, [row])
        return view

    async def _check_request(self, order: RequestOrder) -> None:
        """Refuse what the issuer's zone would refuse, if the settings say so."""
        if not self._parts.settings.judge_requests or await self._is_known(order.key):
            return
        request = self._packet(order)
        await judge_at_issuer(self._parts.links, order.channel_id, request)

    async def _is_known(self, key: str) -> bool:
        async with self._parts.database.reading() as session:
            query = select(ExchangeRow.id).where(ExchangeRow.key == key)
            return await session.scalar(query) is not None

    def _packet(self, order: RequestOrder) -> exchange_pb2.RequestPacket:
        return exchange_pb2.RequestPacket(
            requester=self._parts.identity.member_id,
            reader_key=self._parts.readers.public_key,
            issuer=order.issuer,
            record_id=order.record_id,
            version=order.version,
            purpose=order.purpose,
            legal_basis=order.legal_basis,
            consent_id=order.consent_id,
            fields=sorted(order.fields),
            term_until=order.term_until,
        )

    async def _check_decision(self, exchange_id: str, order: DecideOrder) -> None:
        """Refuse a grant that the zone would refuse, before anything is sent."""
        if not order.grant:
            return
        async with self._parts.database.reading() as session:
            row = await get_row(session, exchange_id)
        if row.side == Side.PROVIDER and row.stage == Stage.REQUESTED:
            point = PolicyPoint(self._parts.links.own_zone)
            request = request_of(row)
            await point.check_grantable(row.channel_id, request, sorted(order.fields))

    def _new_row(self, order: RequestOrder) -> ExchangeRow:
        now_ns = time.time_ns()
        return ExchangeRow(
            id=new_id(now_ns),
            side=Side.REQUESTER,
            stage=Stage.ORDERED,
            key=order.key,
            order_digest=_order_digest(order),
            channel_id=order.channel_id,
            sequence=None,
            push_number=0,
            peer=order.issuer,
            record_id=order.record_id,
            request=encode(self._packet(order)),
            minimum_grade=order.minimum_grade or self._parts.settings.minimum_grade,
            request_id=order.request_id,
            created_ns=now_ns,
            changed_ns=now_ns,
        )

    # --- looking ------------------------------------------------------------------------

    async def get(self, exchange_id: str) -> ExchangeView:
        """Return an exchange.

        Raises:
            ExchangeUnknownError: there is none, or it is not this gateway's.
        """
        async with self._parts.database.reading() as session:
            row = await get_row(session, exchange_id)
            (view,) = await views_of(session, [row])
        return view

    async def find(
        self, wanted: ExchangeFilter, *, after: str = "", limit: int = 100
    ) -> Sequence[ExchangeView]:
        """Return exchanges by ascending id, which is the order of their making."""
        query = select(ExchangeRow).where(ExchangeRow.id > after)
        if wanted.stages:
            query = query.where(ExchangeRow.stage.in_(wanted.stages))
        if wanted.stuck is not None:
            has_problem = ExchangeRow.problem_codespace != ""
            query = query.where(has_problem if wanted.stuck else ~has_problem)
        for column, value in (
            (ExchangeRow.side, wanted.side),
            (ExchangeRow.peer, wanted.peer),
            (ExchangeRow.channel_id, wanted.channel_id),
            (ExchangeRow.record_id, wanted.record_id),
            (ExchangeRow.subscription_id, wanted.subscription_id),
        ):
            if value:
                query = query.where(column == value)
        async with self._parts.database.searching() as session:
            rows = await session.scalars(query.order_by(ExchangeRow.id).limit(limit))
            return await views_of(session, rows.all())

    async def wait(self, exchange_id: str, timeout_s: float) -> ExchangeView:
        """Return the exchange once it has ended or has a problem, or after the time.

        Raises:
            ExchangeUnknownError: there is none.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._news.of(exchange_id) as news:
            while True:
                view = await self.get(exchange_id)
                left_s = deadline_s - time.monotonic()
                if view.stage in ENDED or view.problem is not None or left_s <= 0:
                    return view
                await news.wait(min(POLL_S, left_s))

    async def open_document(self, exchange_id: str) -> OpenedPayload:
        """Open what was received, decrypted piece by piece, as people would read it.

        Raises:
            ExchangeUnknownError: there is no such exchange.
            DocumentMissingError: nothing was received, or not by this gateway.
            VaultErasedError: its key was destroyed.
        """
        vault = self._parts.vault
        async with self._parts.database.reading() as session:
            row = await get_row(session, exchange_id)
            if row.side != Side.REQUESTER or not row.grade:
                raise DocumentMissingError(exchange_id=exchange_id, stage=row.stage)
            found = await vault.find(session, row.payload_digest, holder=row.id)
        return await vault.open_found(found)

    # --- a person's hand ----------------------------------------------------------------

    async def confirm(self, exchange_id: str) -> ExchangeView:
        """Confirm what was checked, where that is not done by itself; or again.

        Raises:
            ExchangeUnknownError: there is none.
            DocumentMissingError: nothing was checked, or it is confirmed already.
        """
        async with self._parts.database.transaction() as session:
            row = await get_row(session, exchange_id, for_update=True)
            if row.stage != Stage.CHECKED:
                raise DocumentMissingError(exchange_id=exchange_id, stage=row.stage)
            clear_problem(row)
            await self._parts.outbox.add(session, receipt_step(self._parts, row))
        return await self.get(exchange_id)

    async def retry(self, exchange_id: str) -> ExchangeView:
        """Try again what an exchange is stuck with.

        Raises:
            ExchangeUnknownError: there is none.
            StepStateError: what it is stuck with was changed meanwhile.
        """
        view = await self.get(exchange_id)
        if view.problem is not None and view.problem.step_id:
            await self._parts.outbox.retry(view.problem.step_id)
            async with self._parts.database.transaction() as session:
                clear_problem(await get_row(session, exchange_id, for_update=True))
        elif view.problem is not None and view.stage == Stage.CHECKED:
            return await self.confirm(exchange_id)
        elif view.problem is not None and view.stage == Stage.SEALED:
            await self._push_again(exchange_id)
        return await self.get(exchange_id)

    async def _push_again(self, exchange_id: str) -> None:
        """Send a version again that came back too often."""
        async with self._parts.database.transaction() as session:
            row = await get_row(session, exchange_id, for_update=True)
            clear_problem(row)
            row.receipts += 1
            await self._parts.outbox.add(session, push_step(self._parts, row))

    async def cancel(self, exchange_id: str) -> ExchangeView:
        """Give an exchange up, as far as this side is to act.

        Raises:
            ExchangeUnknownError: there is none.
            ExchangeCancelError: it has ended, or the other side is to act.
            StepStateError: a message of it may be in a block already.
        """
        view = await self.get(exchange_id)
        if view.stage not in _MAY_CANCEL:
            raise ExchangeCancelError(exchange_id=exchange_id, stage=view.stage)
        open_steps = StepFilter(
            subject=exchange_id,
            states=(StepState.WAITING, StepState.RUNNING, StepState.STUCK),
        )
        for step in await self._parts.outbox.find(open_steps):
            await self._parts.outbox.cancel(step.id)
        async with self._parts.database.transaction() as session:
            row = await get_row(session, exchange_id, for_update=True)
            if row.stage not in ENDED:
                move(row, Stage.CANCELLED)
        return await self.get(exchange_id)

    # --- in the background --------------------------------------------------------------

    async def run(self) -> None:
        """Let sealed bytes go that nobody needs any more, until cancelled.

        Everything else is done by ``Outbox.run``.
        """
        while True:
            try:
                if self._parts.outbox.is_leading:
                    await tidy(self._parts)
            except HuitongError as failure:
                log.warning("sealed_not_dropped", reason=failure.diagnostics())
            await asyncio.sleep(TIDY_S)


def _order_digest(order: RequestOrder) -> bytes:
    """Return what tells an order from another one under the same key."""
    return sha256(repr(replace(order, request_id="")).encode())


@final
class _Decisions:
    """Hears of the end of the decisions' steps; the zone's blocks tell the rest."""

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Note the problem of a decision that the zone did not take."""
        rows = await rows_of(session, [item.step for item in settled], for_update=True)
        for item in settled:
            row, step = rows[item.step.subject], item.step
            if row.stage == Stage.REQUESTED and step.state == StepState.STUCK:
                note_stopped(row, step)
