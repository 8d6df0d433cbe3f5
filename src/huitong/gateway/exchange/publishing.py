"""Publishing a document: into the vault, and its record to the own zone."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import final

import orjson
from google.protobuf.message import Message
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import RejectedError
from huitong.core.hashing import sha256
from huitong.gateway.exchange.errors import (
    OrderKeyReusedError,
    PublicationUnknownError,
)
from huitong.gateway.exchange.kinds import PUBLISH, step_key
from huitong.gateway.exchange.orders import Problem, Publication, PublishOrder
from huitong.gateway.exchange.parts import Parts
from huitong.gateway.exchange.policy_point import PolicyPoint
from huitong.gateway.exchange.pushing import push_published
from huitong.gateway.exchange.rows import new_id
from huitong.gateway.exchange.tables import PublicationRow
from huitong.gateway.outbox.steps import Settled, StepState, chain_step
from huitong.gateway.outbox.tables import StepRow
from huitong.gateway.vault.model import StagedPayload, StoredPayload
from huitong.gateway.vault.owners import owned_payloads
from huitong.proto.huitong.records.v1 import records_pb2


@final
class Publishing:
    """Publications, each under the caller's key."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def publish(self, order: PublishOrder) -> Publication:
        """Store a document and put its record on the way to the zone."""
        vault = self._parts.vault
        content = _Hashed(order.document)
        known = await self._find(order.key)
        if known is not None:
            await content.read_all()
            return await self._same(known, _order_digest(order, content.digest()))
        record_type, subject = order.record_type, order.subject
        if order.previous_version:  # a version has both of what it follows
            known_type, known_subject = await self._known_of(order.record_id)
            record_type, subject = record_type or known_type, subject or known_subject
        staged = await vault.stage(
            content.pieces(), content_type=order.content_type, subject=subject
        )
        digest = _order_digest(order, content.digest())
        async with self._parts.database.transaction() as session:
            row = await self._row_of(session, order.key)
            is_new = row is None
            if row is None:
                row = await self._store(session, order, staged, digest, record_type)
        if not is_new:  # the same order came in twice at the same time
            await vault.discard(staged)
            return await self._same(row, digest)
        return _publication(row, 0)

    async def get(self, publication_id: str) -> Publication:
        """Return what became of a publication.

        Raises:
            PublicationUnknownError: there is none.
        """
        async with self._parts.database.reading() as session:
            row = await session.get(PublicationRow, publication_id)
            if row is None:
                raise PublicationUnknownError(publication_id=publication_id)
            (shown,) = await _shown(session, [row])
            return shown

    async def find(
        self, *, state: str = "", record_id: str = "", after: str = "", limit: int = 100
    ) -> list[Publication]:
        """Return publications by ascending id, at most ``limit``, from ``after`` on."""
        query = select(PublicationRow).where(PublicationRow.id > after)
        if state:
            query = query.where(PublicationRow.state == state)
        if record_id:
            query = query.where(PublicationRow.record_id == record_id)
        async with self._parts.database.searching() as session:
            rows = await session.scalars(query.order_by(PublicationRow.id).limit(limit))
            return await _shown(session, rows.all())

    async def newest(self, record_id: str) -> Publication | None:
        """Return the newest publication of a record that nobody gave up, if any."""
        query = (
            select(PublicationRow)
            .where(PublicationRow.record_id == record_id)
            .where(PublicationRow.state != "cancelled")
            .order_by(PublicationRow.id.desc())
            .limit(1)
        )
        async with self._parts.database.reading() as session:
            shown = await _shown(session, (await session.scalars(query)).all())
        return shown[0] if shown else None

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Note under which version a record stands now, or why it does not."""
        found = await session.scalars(
            select(PublicationRow).where(
                PublicationRow.id.in_([item.step.subject for item in settled])
            )
        )
        rows = {row.id: row for row in found}
        for item in settled:
            row, step = rows[item.step.subject], item.step
            row.changed_ns = time.time_ns()
            row.problem_codespace, row.problem_code = (
                step.error_codespace,
                step.error_code,
            )
            row.problem = step.error
            row.state = {
                StepState.STUCK: "stuck",
                StepState.CANCELLED: "cancelled",
            }.get(step.state, "published")
            if step.state == StepState.DONE:
                answer = records_pb2.MsgPublishRecordResponse.FromString(step.result)
                row.version, row.height = answer.version, step.height
                row.tx_hash = step.tx_hash
                row.problem_codespace = row.problem = ""
                row.problem_code = 0
        published = [row for row in rows.values() if row.state == "published"]
        await session.flush()
        await push_published(session, self._parts, published)

    async def _known_of(self, record_id: str) -> tuple[str, bytes]:
        """Return type and subject of a record that a new version follows.

        The type says who has subscribed to it, the subject with whose key the vault
        forgets it; both are empty for a record that is not there.

        Raises:
            UnavailableError: only the zone knows, and its node is down.
        """
        query = (
            select(PublicationRow.record_type, PublicationRow.payload_digest)
            .where(PublicationRow.record_id == record_id)
            .where(PublicationRow.record_type != "")
            .order_by(PublicationRow.id)
            .limit(1)
        )
        async with self._parts.database.reading() as session:
            known = (await session.execute(query)).first()
            if known is not None:
                digest = known.payload_digest
                owned = await owned_payloads(session, [digest])
                if digest in owned:
                    return known.record_type, owned[digest].subject
        point = PolicyPoint(self._parts.links.own_zone)
        try:  # published by hand, by another gateway of this member, or handed over to it
            member_id = self._parts.identity.member_id
            header = await point.find_version(member_id, record_id, 0)
        except RejectedError:
            return "", b""  # the zone refuses the version
        return ("", b"") if header is None else (header.record_type, header.subject)

    async def _find(self, key: str) -> PublicationRow | None:
        async with self._parts.database.reading() as session:
            return await self._row_of(session, key)

    async def _same(self, row: PublicationRow, order_digest: bytes) -> Publication:
        """Return what became of an order that is stored, if it is this one."""
        if row.order_digest != order_digest:
            raise OrderKeyReusedError(key=row.key)
        return await self.get(row.id)

    @staticmethod
    async def _row_of(session: AsyncSession, key: str) -> PublicationRow | None:
        return await session.scalar(
            select(PublicationRow).where(PublicationRow.key == key)
        )

    async def _store(
        self,
        session: AsyncSession,
        order: PublishOrder,
        staged: StagedPayload,
        order_digest: bytes,
        record_type: str,
    ) -> PublicationRow:
        stored = await self._parts.vault.commit(session, staged)
        now_ns = time.time_ns()
        row = PublicationRow(
            id=new_id(now_ns),
            key=order.key,
            order_digest=order_digest,
            record_id=order.record_id,
            record_type=record_type,
            payload_digest=stored.digest,
            fields=orjson.dumps(stored.fields),
            state="waiting",
            created_ns=now_ns,
            changed_ns=now_ns,
        )
        account = self._parts.identity.publisher
        (row.step_id,) = await self._parts.outbox.add(
            session,
            chain_step(
                PUBLISH,
                step_key(PUBLISH, row.id),
                _message(order, stored, account),
                account=account,
                subject=row.id,
                request_id=order.request_id,
            ),
        )
        session.add(row)
        await session.flush()
        return row


async def _shown(
    session: AsyncSession, rows: Sequence[PublicationRow]
) -> list[Publication]:
    ids = [row.step_id for row in rows if row.problem_codespace]
    attempts = {}
    if ids:
        found = await session.execute(
            select(StepRow.id, StepRow.attempts).where(StepRow.id.in_(ids))
        )
        attempts = {step.id: step.attempts for step in found}
    return [_publication(row, attempts.get(row.step_id, 0)) for row in rows]


def _publication(row: PublicationRow, attempts: int) -> Publication:
    problem = None
    if row.problem_codespace:
        problem = Problem(
            codespace=row.problem_codespace,
            code=row.problem_code,
            text=row.problem,
            since_ns=row.changed_ns,
            attempts=attempts,
            step_id=row.step_id,
        )
    return Publication(
        id=row.id,
        key=row.key,
        record_id=row.record_id,
        record_type=row.record_type,
        version=row.version,
        payload_digest=row.payload_digest,
        fields=tuple(orjson.loads(row.fields)),
        state=row.state,
        height=row.height,
        tx_hash=row.tx_hash,
        created_ns=row.created_ns,
        changed_ns=row.changed_ns,
        problem=problem,
        step_id=row.step_id,
    )


def _message(order: PublishOrder, stored: StoredPayload, account: str) -> Message:
    if order.previous_version:
        return records_pb2.MsgPublishVersion(
            signer=account,
            record_id=order.record_id,
            previous_version=order.previous_version,
            payload_digest=stored.digest,
            fields=stored.fields,
            valid_from=order.valid_from,
            valid_until=order.valid_until,
        )
    return records_pb2.MsgPublishRecord(
        signer=account,
        record_id=order.record_id,
        record_type=order.record_type,
        subject=order.subject,
        payload_digest=stored.digest,
        fields=stored.fields,
        level=order.level,
        share_class=order.share_class,
        valid_from=order.valid_from,
        valid_until=order.valid_until,
        title=order.title,
        terms=order.terms,
    )


def _order_digest(order: PublishOrder, content: bytes) -> bytes:
    """Return what tells an order from another one under the same key."""
    parts = (
        order.record_id,
        order.record_type,
        order.subject.hex(),
        order.level,
        int(order.share_class),
        order.title,
        order.terms,
        order.valid_from,
        order.valid_until,
        order.previous_version,
        order.content_type,
        content.hex(),
    )
    return sha256(orjson.dumps(parts))


@final
class _Hashed:
    """A document that is hashed as it passes."""

    def __init__(self, document: bytes | AsyncIterator[bytes]) -> None:
        self._document = document
        self._hash = hashlib.sha256()

    async def pieces(self) -> AsyncIterator[bytes]:
        if isinstance(self._document, bytes):
            self._hash.update(self._document)
            yield self._document
            return
        async for piece in self._document:
            self._hash.update(piece)
            yield piece

    async def read_all(self) -> None:
        async for _ in self.pieces():
            pass

    def digest(self) -> bytes:
        return self._hash.digest()
