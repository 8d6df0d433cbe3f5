"""``/v1/reads``: open records of other members, answered at once and with proof."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import AfterValidator, ConfigDict, Field

from huitong.core.codec import encode
from huitong.core.commitment import DOCUMENT_FIELD
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.api.jobs import ProblemView
from huitong.gateway.api.records import RecordView, record_view
from huitong.gateway.api.router import make_router, request_id
from huitong.gateway.api.values import (
    Body,
    ChannelId,
    Count,
    FieldNames,
    Grade,
    MemberId,
    Purpose,
    RecordId,
    TimeNs,
    View,
)
from huitong.gateway.reads.asking import ReadAsked
from huitong.gateway.reads.errors import ReadAnswerError
from huitong.gateway.reads.model import ReadOrder, ReadProof, ReadResult
from huitong.gateway.reads.provider import ASKED_MAX
from huitong.modules.records import STORE

router: APIRouter = make_router("reads")

_EXAMPLE: Final[dict[str, Any]] = {
    "channel": "channel-0",
    "issuer": "hz-market-bureau",
    "purpose": "due-diligence",
    "records": [{"record": "licence-1", "fields": ["name", "status"]}],
}


class AskedRecord(Body):
    """A record that is to be read."""

    record: RecordId = Field(description="The record.")
    version: Count = Field(
        default=0,
        description="The version that must be the newest; 0: whichever it is.",
    )
    fields: FieldNames = Field(
        default=(), description="Fields to be given; empty for the header alone."
    )


def _check_once(records: tuple[AskedRecord, ...]) -> tuple[AskedRecord, ...]:
    if len({each.record for each in records}) < len(records):
        raise ValueError("a record stands there twice")
    return records


class NewRead(Body):
    """Records of one member that are to be read."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    channel: ChannelId = Field(
        description="Channel of this zone that leads to the issuer's; see `/v1/links`."
    )
    issuer: MemberId = Field(description="Member that published them.")
    purpose: Purpose = Field(description="What for; stands in the issuer's log.")
    records: Annotated[
        tuple[AskedRecord, ...],
        Field(min_length=1, max_length=ASKED_MAX, description="Each record once."),
        AfterValidator(_check_once),
    ]
    minimum_grade: Grade | None = Field(
        default=None,
        description="Refuse an answer that is less well proven; null: as the gateway is set.",
    )


class StateProof(View):
    """What shows that something stands in the state of another zone.

    The zone's light client on this zone vouches for the header; ICS-23 leads from its app
    hash to the value. Nobody has to be believed but this zone.
    """

    zone: str = Field(
        description="Chain id of the other zone.", examples=["hangzhou-1"]
    )
    client: str = Field(
        description="This zone's light client that vouches.",
        examples=["07-tendermint-0"],
    )
    height: int = Field(description="Header of that zone.", examples=[1204])
    time: TimeNs = Field(description="Time of that header.")
    app_hash: str = Field(description="Root of its state, hexadecimal.")
    store: str = Field(description="Store of the state.", examples=["records"])
    key: str = Field(description="Key in the store, hexadecimal.")
    value: str = Field(description="What stands there, hexadecimal.")
    proof: str = Field(
        description="Encoded `ibc.core.commitment.v1.MerkleProof`, hexadecimal."
    )


class ReadRecord(View):
    """What came of one record that was asked for."""

    record: RecordId = Field(description="The record.")
    grade: Grade | None = Field(
        description="How well it is proven; null if it was refused."
    )
    header: RecordView | None = Field(
        description="The record as its zone has it; null if it was refused."
    )
    values: dict[str, str] = Field(
        description="JSON text of each field that was asked for.",
        examples=[{"name": '"西泠丝织"', "status": '"open"'}],
    )
    document: str | None = Field(
        description="The document of a record that has no other fields, in base64."
    )
    proof: StateProof | None = Field(
        description="What shows it; null below the grade `proven`."
    )
    problem: ProblemView | None = Field(description="Why it was refused.")


class Read(View):
    """The answer to a read."""

    channel: ChannelId = Field(description="The channel, on this zone.")
    zone: str = Field(description="Chain id of the issuer's zone.")
    issuer: MemberId = Field(description="Member that published the records.")
    purpose: str = Field(description="What for.")
    request_id: str = Field(
        description="Stands with each record that was given in the issuer's access log."
    )
    records: list[ReadRecord] = Field(
        description="In the order in which they were asked."
    )


@router.post("/reads", operation_id="readRecords", summary="Read open records")
async def read_records(services: ServicesOf, body: NewRead) -> Read:
    """Ask the issuer's gateway, and take only what this zone's light client proves.

    One record that is refused does not spoil the others; its `problem` tells why.
    """
    asked = ReadAsked(
        channel_id=body.channel,
        issuer=body.issuer,
        orders=[
            ReadOrder(
                issuer=body.issuer,
                record_id=each.record,
                version=each.version,
                fields=each.fields,
            )
            for each in body.records
        ],
        purpose=body.purpose,
        request_id=request_id(),
        minimum_grade=body.minimum_grade or "",
    )
    answered = await services.reads.of_peers.read(asked)
    return Read(
        channel=body.channel,
        zone=answered.chain_id,
        issuer=body.issuer,
        purpose=body.purpose,
        request_id=asked.request_id,
        records=[_shown(each, answered.chain_id) for each in answered.results],
    )


def _shown(result: ReadResult, chain_id: str) -> ReadRecord:
    document = None
    if result.header is not None and list(result.header.fields) == [DOCUMENT_FIELD]:
        document = result.values.get(DOCUMENT_FIELD)
    values: dict[str, str] = {}
    refusal = result.refusal
    try:
        if document is None:
            values = {name: value.decode() for name, value in result.values.items()}
    except UnicodeDecodeError:
        refusal = ReadAnswerError(zone=chain_id, reason="a field that is no text")
        result = ReadResult(order=result.order)
    return ReadRecord.model_validate(
        {
            "record": result.order.record_id,
            "grade": result.grade or None,
            "header": None if result.header is None else record_view(result.header),
            "values": values,
            "document": document and base64.b64encode(document).decode(),
            "proof": result.proof and state_proof(chain_id, result.proof),
            "problem": refusal
            and {
                "codespace": refusal.codespace,
                "code": refusal.code,
                "detail": str(refusal),
            },
        }
    )


def state_proof(chain_id: str, proof: ReadProof) -> StateProof:
    """Return what callers see of the proof of a record's header."""
    return StateProof(
        zone=chain_id,
        client=proof.root.client_id,
        height=proof.root.height,
        time=proof.root.time_ns,
        app_hash=proof.root.root.hex(),
        store=STORE,
        key=proof.key.hex(),
        value=proof.value.hex(),
        proof=encode(proof.merkle_proof()).hex(),
    )
