"""Answering proven reads: open records of this member, with proof, each of them logged.

Who reads is what the connection has proven. What is given is what the zone proves to be
open, active and within its validity; anything else gets one and the same refusal, so that
nobody learns what there is beside. The answer is given after its lines are committed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from sqlalchemy import insert

from huitong.core.codec import decode
from huitong.core.commitment import Disclosure, withhold_others
from huitong.core.errors import InvalidRequestError, RejectedError
from huitong.core.fields import (
    check_field_names,
    check_name,
    check_record_id,
    check_text,
    is_within_period,
)
from huitong.core.limits import NAME_CHARACTERS_MAX
from huitong.core.time import NS_PER_SECOND, TimeNs
from huitong.gateway.database.engine import Database
from huitong.gateway.reads.errors import (
    ReadFieldError,
    ReadFormError,
    ReadNotOfferedError,
)
from huitong.gateway.reads.heads import HeadRoom
from huitong.gateway.reads.lines import SALT_SIZE_BYTES, encode_line
from huitong.gateway.reads.model import PayloadSource, ProvenHeads, Reader
from huitong.gateway.reads.settings import ReadsSettings
from huitong.gateway.reads.tables import ReadRow
from huitong.modules.records import record_key
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import CommitmentProof
from huitong.proto.huitong.reads.v1 import reads_pb2 as pb
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader

#: Records in one request; as many as a node proves at once.
ASKED_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A record that may be given, as far as the zone says."""

    header: RecordHeader
    encoded: bytes
    proof: bytes


@final
class ReadProvider:
    """Answers proven reads for one member."""

    def __init__(
        self,
        database: Database,
        heads: HeadRoom,
        payloads: PayloadSource,
        settings: ReadsSettings,
        *,
        chain_id: str,
        member_id: str,
        clock: Callable[[], TimeNs],
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            database: keeps the access log.
            heads: proves heads of records of the own zone.
            payloads: the fields of open records.
            settings: what is given.
            chain_id: the own zone.
            member_id: the member whose records are given.
            clock: nanoseconds since the epoch, UTC.
        """
        self._database = database
        self._heads = heads
        self._payloads = payloads
        self._settings = settings
        self._chain_id = chain_id
        self._member_id = member_id
        self._clock = clock

    async def answer(self, reader: Reader, request: pb.ReadRequest) -> pb.ReadAnswer:
        """Return the answer, after every line of it is in the log.

        Args:
            reader: as the connection has proven.
            request: what is asked; not checked yet.

        Raises:
            ReadFormError: the request is malformed, or for another zone.
            UnavailableError: node, vault or database cannot be used; nothing is given.
        """
        check_request(request, self._chain_id)
        keys = [record_key(asked.issuer, asked.record_id) for asked in request.asked]
        heads = await self._heads.prove(keys)
        found = [
            self._find(asked, head)
            for asked, head in zip(request.asked, heads.found, strict=True)
        ]
        wanted = {
            item.header.payload_digest
            for asked, item in zip(request.asked, found, strict=True)
            if isinstance(item, _Found) and asked.fields
        }
        payloads = await self._payloads.load(wanted)
        return await self._give(reader, request, heads, found, payloads)

    def _find(
        self, asked: pb.Asked, head: tuple[bytes, bytes] | None
    ) -> _Found | RejectedError:
        hidden = ReadNotOfferedError(issuer=asked.issuer, record_id=asked.record_id)
        if head is None or not self._settings.serve or asked.issuer != self._member_id:
            return hidden
        header = decode(RecordHeader, head[0])
        now_s = self._clock() // NS_PER_SECOND
        if (
            header.share_class != records_pb2.SHARE_CLASS_OPEN
            or header.status != records_pb2.RECORD_STATUS_ACTIVE
            or header.level > self._settings.level_max
            or asked.version not in (0, header.version)
            or not is_within_period(header.valid_from, header.valid_until, now_s)
        ):
            return hidden
        for name in asked.fields:
            if name not in header.fields:
                return ReadFieldError(record_id=asked.record_id, field=name)
        return _Found(header=header, encoded=head[0], proof=head[1])

    async def _give(
        self,
        reader: Reader,
        request: pb.ReadRequest,
        heads: ProvenHeads,
        found: Sequence[_Found | RejectedError],
        payloads: Mapping[bytes, Disclosure],
    ) -> pb.ReadAnswer:
        answer = pb.ReadAnswer(chain_id=self._chain_id, height=heads.height)
        if heads.store_proof:
            answer.store_proof.ParseFromString(heads.store_proof)
        lines: list[dict[str, object]] = []
        salts = os.urandom(SALT_SIZE_BYTES * len(found))
        async with self._database.transaction() as session:
            living = await self._payloads.living(session, payloads) if payloads else ()
            for at, (asked, item) in enumerate(zip(request.asked, found, strict=True)):
                answered = answer.answered.add()
                if isinstance(item, _Found) and asked.fields:
                    digest = item.header.payload_digest
                    if digest not in living:
                        item = ReadNotOfferedError(
                            issuer=asked.issuer, record_id=asked.record_id
                        )
                if not isinstance(item, _Found):
                    _refuse(answered, item)
                    continue
                answered.header = item.encoded
                answered.proof.CopyFrom(_parsed(item.proof))
                if asked.fields:
                    shown = payloads[item.header.payload_digest]
                    _disclose(answered, withhold_others(shown, asked.fields))
                salt = salts[at * SALT_SIZE_BYTES : (at + 1) * SALT_SIZE_BYTES]
                lines.append(
                    self._line(reader, request, asked, item, heads.height, salt)
                )
            if lines:
                await session.execute(insert(ReadRow), lines)
        return answer

    def _line(
        self,
        reader: Reader,
        request: pb.ReadRequest,
        asked: pb.Asked,
        item: _Found,
        height: int,
        salt: bytes,
    ) -> dict[str, object]:
        time_ns = self._clock()
        line = pb.AccessLine(
            salt=salt,
            time=time_ns,
            request_id=request.request_id,
            reader_zone=reader.chain_id,
            reader=reader.member_id,
            purpose=request.purpose,
            issuer=asked.issuer,
            record_id=asked.record_id,
            version=item.header.version,
            subject=item.header.subject,
            fields=asked.fields,
            height=height,
        )
        return {
            "time_ns": time_ns,
            "reader": reader.member_id,
            "record_id": asked.record_id,
            "subject": item.header.subject,
            "line": encode_line(line),
        }


def check_request(request: pb.ReadRequest, chain_id: str) -> None:
    """Check the form of a request before anything is looked up.

    Raises:
        ReadFormError: it is malformed, or for another zone.
    """
    if request.chain_id != chain_id:
        raise ReadFormError(
            reason=f"it is for {request.chain_id[:64]!r}, this is {chain_id}"
        )
    if not 0 < len(request.asked) <= ASKED_MAX:
        raise ReadFormError(
            reason=f"{len(request.asked)} records, expected 1 to {ASKED_MAX}"
        )
    try:
        check_text(request.request_id, "request_id", NAME_CHARACTERS_MAX, required=True)
        check_name(request.purpose, "purpose")
        for asked in request.asked:
            check_name(asked.issuer, "issuer")
            check_record_id(asked.record_id)
            check_field_names(asked.fields)
    except InvalidRequestError as wrong:
        raise ReadFormError(reason=str(wrong)) from wrong


def _refuse(answered: pb.Answered, refusal: RejectedError) -> None:
    answered.codespace, answered.code = refusal.codespace, refusal.code
    answered.reason = str(refusal)


def _disclose(answered: pb.Answered, disclosure: Disclosure) -> None:
    for given in disclosure.given:
        answered.given.add(name=given.name, salt=given.salt, value=given.value)
    for withheld in disclosure.withheld:
        answered.withheld.add(name=withheld.name, leaf=withheld.leaf)


def _parsed(proof: bytes) -> CommitmentProof:
    return CommitmentProof.FromString(proof)
