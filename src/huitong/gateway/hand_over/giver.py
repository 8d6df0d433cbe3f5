"""The giver's steps: seal the payload, offer the record, bring the sealed bytes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, final

from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.fields import X25519_KEY_SIZE_BYTES
from huitong.core.hashing import HASH_SIZE_BYTES
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.hand_over.kinds import (
    BRING,
    OFFER,
    SEALING_SEQUENCE,
    step_key,
)
from huitong.gateway.hand_over.model import HandOverStage
from huitong.gateway.hand_over.parts import Bringing, HandOverParts
from huitong.gateway.hand_over.rows import has_ended, move, note_stopped, rows_of
from huitong.gateway.hand_over.tables import HandOverRow
from huitong.gateway.outbox.steps import (
    Done,
    NewStep,
    Settled,
    Step,
    StepOutcome,
    StepState,
    chain_step,
)
from huitong.gateway.reads.given import Gift, Way, log_gifts
from huitong.payload.sealing import SealingContext
from huitong.proto.huitong.exchange.v1 import handover_pb2 as pb
from huitong.proto.huitong.records.v1 import records_pb2

_RECORD: Final = "/huitong.records.v1.Query/Record"
#: Payloads sealed for one peer at once, and brought to it at once.
SEALERS_PER_PEER: Final = 2
BRINGERS_PER_PEER: Final = 4
_SIZE_BYTES: Final = 8
_KEY_END: Final = X25519_KEY_SIZE_BYTES
_DIGEST_END: Final = X25519_KEY_SIZE_BYTES + HASH_SIZE_BYTES


@final
class Sealing:
    """Asks for the receiver's key and seals the record's payload to it."""

    batch_max = 1
    parallel_max = SEALERS_PER_PEER

    def __init__(self, parts: HandOverParts) -> None:
        self._parts = parts

    async def execute(self, steps: Sequence[Step]) -> list[StepOutcome]:
        """Seal for one hand-over; the vault keeps the sealed bytes."""
        parts = self._parts
        async with parts.database.transaction() as session:
            (row,) = (await rows_of(session, steps)).values()
        zone = parts.links.own_zone
        record = await _find_record(parts, row.record_id)
        reader_key = await parts.peers.reader_key(row.peer)
        digest = record.payload_digest
        context = SealingContext(
            chain_id_of_a=await zone.chain_id(),
            channel_on_a=row.channel_id,
            sequence=SEALING_SEQUENCE,
            requester=row.peer,
            payload_digest=digest,
        )
        sealed = await parts.vault.seal(digest, (), reader_key, context, holder=row.id)
        size = sealed.size.to_bytes(_SIZE_BYTES, "big")
        return [Done(result=reader_key + sealed.sealed_digest + size)]

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Have the record offered, with the digest of what was sealed."""
        rows = await rows_of(session, [item.step for item in settled])
        steps = []
        for item in settled:
            row, step = rows[item.step.subject], item.step
            if row.stage != HandOverStage.ORDERED:
                continue
            row.keeps_sealed = True  # also what was sealed in vain is tidied away
            if step.state != StepState.DONE:
                note_stopped(row, step)
                continue
            row.reader_key = step.result[:_KEY_END]
            row.sealed_digest = step.result[_KEY_END:_DIGEST_END]
            row.sealed_size = int.from_bytes(step.result[_DIGEST_END:], "big")
            move(row, HandOverStage.SEALED)
            steps.append(self._offer(row))
        await self._parts.outbox.add(session, *steps)

    def _offer(self, row: HandOverRow) -> NewStep:
        account = self._parts.identity.publisher
        timeout_s = row.timeout_s or self._parts.packet_timeout_s
        message = pb.MsgOfferHandOver(
            signer=account,
            channel_id=row.channel_id,
            record_id=row.record_id,
            receiver=row.peer,
            reader_key=row.reader_key,
            sealed_digest=row.sealed_digest,
            reason=row.reason,
            timeout_timestamp=time.time_ns() + timeout_s * NS_PER_SECOND,
            request_id=row.request_id,
        )
        return chain_step(
            OFFER,
            step_key(OFFER, row.id),
            message,
            account=account,
            subject=row.id,
            request_id=row.request_id,
        )


@final
class Offers:
    """Hears of the end of the offers' steps."""

    def __init__(self, parts: HandOverParts) -> None:
        self._parts = parts

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Learn under which sequence an offer went out, and have its payload brought."""
        rows = await rows_of(session, [item.step for item in settled])
        steps = []
        for item in settled:
            row, step = rows[item.step.subject], item.step
            if step.state == StepState.DONE:
                answer = pb.MsgOfferHandOverResponse.FromString(step.result)
                row.sequence = answer.sequence
                move(row, HandOverStage.OFFERED)
                steps.append(_bring(row))
            else:
                note_stopped(row, step)
        await self._parts.outbox.add(session, *steps)


async def _find_record(
    parts: HandOverParts, record_id: str
) -> records_pb2.RecordHeader:
    found = await parts.links.own_zone.query(
        _RECORD,
        records_pb2.QueryRecordRequest(
            issuer=parts.identity.member_id, record_id=record_id
        ),
        records_pb2.QueryRecordResponse,
    )
    return found.record


def _bring(row: HandOverRow) -> NewStep:
    return NewStep(
        kind=BRING,
        key=step_key(BRING, row.id),
        payload=row.sealed_digest,
        lane=row.peer,
        subject=row.id,
        request_id=row.request_id,
    )


@final
class Deliveries:
    """Brings sealed bytes to the peers."""

    batch_max = 1
    parallel_max = BRINGERS_PER_PEER

    def __init__(self, parts: HandOverParts) -> None:
        self._parts = parts

    async def execute(self, steps: Sequence[Step]) -> list[StepOutcome]:
        """Bring the sealed bytes of one hand-over to its receiver."""
        parts = self._parts
        async with parts.database.transaction() as session:
            (row,) = (await rows_of(session, steps)).values()
        if has_ended(row):
            return [Done()]
        end = await parts.links.other_end(row.channel_id)
        what = Bringing(
            peer=row.peer,
            chain_id=end.chain_id,
            channel_id=end.channel_id,
            sequence=row.sequence or 0,
            size=row.sealed_size,
            request_id=row.request_id,
        )
        sealed = await parts.vault.open_sealed(row.sealed_digest)
        await log_gifts(parts.database, [await self._gift(row, end.chain_id)])
        await parts.peers.bring(what, sealed)
        return [Done()]

    async def _gift(self, row: HandOverRow, reader_zone: str) -> Gift:
        """Return what stands in the access log; the record is locked, so it is this one."""
        record = await _find_record(self._parts, row.record_id)
        return Gift(
            key=row.id,
            way=Way.HAND_OVER,
            reader_zone=reader_zone,
            reader=row.peer,
            purpose=str(Way.HAND_OVER),
            issuer=record.issuer,
            record_id=record.record_id,
            version=record.version,
            payload_digest=record.payload_digest,
            request_id=row.request_id,
        )

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Note what is with the peer; the decision is awaited."""
        rows = await rows_of(session, [item.step for item in settled])
        for item in settled:
            row, step = rows[item.step.subject], item.step
            if row.stage != HandOverStage.OFFERED:
                continue
            if step.state in (StepState.DONE, StepState.SKIPPED):
                move(row, HandOverStage.DELIVERED)
            else:
                note_stopped(row, step)
