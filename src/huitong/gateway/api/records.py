"""``/v1/records`` and ``/v1/publications``: what this member publishes.

A document comes as JSON inside the body, or as a file of any type that is the body; either
way it is stored in the vault first, and its record goes to the zone as a job.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal, Self

from fastapi import Path, Query, Request, Response
from pydantic import Field, model_validator

from huitong.core.canonical_json import decode_json, encode_json
from huitong.core.limits import PAYLOAD_SIZE_BYTES_MAX
from huitong.gateway.access.callers import CurrentCaller
from huitong.gateway.api.asking import ask, enum_number, enum_text
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.api.jobs import Job, ProblemView
from huitong.gateway.api.ordering import SET_RECORD_STATUS, send_message
from huitong.gateway.api.router import (
    Listing,
    Wait,
    accept,
    make_router,
    order_key,
    request_id,
    when_ended,
    while_going_on,
)
from huitong.gateway.api.values import (
    COUNT_MAX,
    WAIT_S_MAX,
    Body,
    GivenSeconds,
    Hex32,
    Level,
    Line,
    MemberId,
    Number,
    Page,
    RecordId,
    RecordStatus,
    RecordType,
    Seconds,
    TimeNs,
    Title,
    View,
)
from huitong.gateway.exchange.orders import Publication, PublishOrder
from huitong.gateway.http.cursor import PAGE_DEFAULT, PageAfter, PageLimit
from huitong.gateway.http.exchange_forms import Form
from huitong.gateway.http.idempotency import IdempotencyKey
from huitong.gateway.http.strict_json import read_aside
from huitong.proto.huitong.records.v1 import records_pb2 as pb

router = make_router("records")

_QUERY: Final = "/huitong.records.v1.Query"
_STATUS: Final = pb.RecordStatus.DESCRIPTOR
_SHARE_CLASS: Final = pb.ShareClass.DESCRIPTOR
#: States of a publication in which nothing more happens by itself or by hand.
_ENDED: Final = ("published", "cancelled")
_ANY_TYPE: Final = "*/*"
#: Operations whose body is the document itself, of any type, never whole in memory.
FORMS: Final = tuple(
    Form(
        method="POST",
        path=path,
        takes=(_ANY_TYPE,),
        bytes_max=PAYLOAD_SIZE_BYTES_MAX,
        is_streamed=True,
    )
    for path in ("/v1/records/{}/file", "/v1/records/{}/versions/file")
)
_FILE_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The document, of the type that Content-Type says.",
        "content": {_ANY_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}

ShareClass = Literal["open", "conditional", "closed"]
"""Who may have a record: anybody, by grant or decision, nobody."""
RecordIdPath = Annotated[RecordId, Path(description="Id that the issuer gave it.")]
Document = Annotated[
    dict[str, Any],
    Field(
        description="The document; each member becomes a field that can be given alone.",
        examples=[{"number": "26332000000018046271", "total": 1148419}],
        min_length=1,
    ),
]


class _Period(Body):
    """From when until when something is valid."""

    valid_from: GivenSeconds | None = Field(
        default=None, description="From when; null: now."
    )
    valid_until: GivenSeconds | None = Field(
        default=None, description="Until when; null: without end."
    )

    @model_validator(mode="after")
    def _check_period(self) -> Self:
        if self.valid_until and (self.valid_from or 0) >= self.valid_until:
            raise ValueError("valid_until is not after valid_from")
        return self


class RecordTerms(_Period):
    """What the header of a new record says beside the digest of its document."""

    record_type: RecordType = Field(description="Type of the record.")
    subject: Hex32 | None = Field(
        default=None, description="Salted pseudonym of the data subject."
    )
    level: Level = Field(default=2, description="Data level, 1 (open) to 4.")
    share_class: ShareClass = Field(
        default="conditional",
        description="Who may have it: anybody, by grant or decision, nobody.",
    )
    title: Title = Field(
        default="", description="Line in the catalogue; empty keeps it out."
    )
    terms: Line = Field(default="", description="Terms in the catalogue.")


class NewRecord(RecordTerms):
    """A record with its document."""

    record: RecordId = Field(description="Id of the record, unique under its issuer.")
    document: Document


class NewVersion(_Period):
    """A new version of a record, which replaces the one before."""

    previous_version: Number = Field(
        description="The version that is meant to be replaced; another one is refused."
    )
    document: Document


class _Waiting(Body):
    """A model of a query has all of its parameters."""

    wait: Annotated[int, Field(ge=0, le=WAIT_S_MAX)] = Field(
        default=0,
        description="Seconds to wait for the end of what was begun; 0 answers at once.",
    )


class FileVersion(_Period, _Waiting):
    """What is said of a file that is a new version."""

    previous_version: Annotated[int, Field(ge=1, le=COUNT_MAX)] = Field(
        description="The version that is meant to be replaced; another one is refused."
    )


class FileTerms(RecordTerms, _Waiting):
    """What is said of a file that becomes a record."""

    level: Annotated[int, Field(ge=1, le=4)] = Field(
        default=2, description="Data level, 1 (open) to 4."
    )


class StatusChange(Body):
    """A change of the status of a record."""

    status: Literal["active", "suspended", "revoked"] = Field(
        description="`revoked` is final."
    )
    reason: Line = Field(default="", description="Why, for people.")


class PublicationView(View):
    """A document on its way to the zone, or there."""

    id: str = Field(description="Id of the publication.")
    record: RecordId = Field(description="Id of the record.")
    record_type: str = Field(description="Type of the record.")
    version: int | None = Field(description="Version; null until it is on chain.")
    payload_digest: Hex32 = Field(description="What the record commits to.")
    fields: list[str] = Field(description="Names of the fields.")
    state: Literal["waiting", "published", "stuck", "cancelled"] = Field(
        description="`stuck` waits for a person."
    )
    height: int | None = Field(description="Block that holds the record.")
    transaction: str | None = Field(description="Hash of the transaction.")
    created: TimeNs = Field(description="When it was stored.")
    changed: TimeNs = Field(description="Since when it is in its state.")
    job: int = Field(description="The job that brings it to the zone.")
    problem: ProblemView | None = Field(description="Why it does not go on.")


class RecordView(View):
    """A version of a record as the zone has it."""

    issuer: MemberId = Field(description="Member that published it.")
    record: RecordId = Field(description="Its id.")
    version: int = Field(description="1, 2, …")
    record_type: str = Field(description="Its type.")
    subject: str | None = Field(description="Pseudonym of the data subject.")
    payload_digest: Hex32 = Field(description="What it commits to.")
    fields: list[str] = Field(description="Names of its fields.")
    level: int = Field(description="Data level, 1 to 4.")
    share_class: ShareClass = Field(description="Who may have it.")
    status: RecordStatus = Field(description="Its status.")
    status_reason: str = Field(description="Why it has the status.")
    valid_from: Seconds | None = Field(description="From when; null: publication.")
    valid_until: Seconds | None = Field(description="Until when; null: without end.")
    published: TimeNs = Field(description="Time of the block that published it.")
    height: int = Field(description="Block that published it.")


@router.post(
    "/records",
    operation_id="publishRecord",
    status_code=202,
    responses=when_ended(PublicationView),
    summary="Publish a JSON document",
)
async def publish_record(
    services: ServicesOf,
    request: Request,
    response: Response,
    body: NewRecord,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> PublicationView:
    """Store the document and publish its record."""
    document = await _document_of(request)
    return await _publish(
        services, request, response, body.record, body, document, wait_s=wait
    )


@router.post(
    "/records/{record}/file",
    operation_id="publishFile",
    status_code=202,
    responses=when_ended(PublicationView),
    summary="Publish a file",
    openapi_extra=_FILE_BODY,
)
async def publish_file(
    services: ServicesOf,
    request: Request,
    response: Response,
    record: RecordIdPath,
    terms: Annotated[FileTerms, Query()],
    key: IdempotencyKey = None,
) -> PublicationView:
    """Store the body of the request, whatever it is, and publish its record."""
    return await _publish(
        services, request, response, record, terms, request.stream(), wait_s=terms.wait
    )


@router.post(
    "/records/{record}/versions",
    operation_id="publishVersion",
    status_code=202,
    responses=when_ended(PublicationView),
    summary="Publish a new version",
)
async def publish_version(
    services: ServicesOf,
    request: Request,
    response: Response,
    record: RecordIdPath,
    body: NewVersion,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> PublicationView:
    """Store the document and let it replace the version before."""
    document = await _document_of(request)
    return await _publish_version(
        services, request, response, record, body, document, wait_s=wait
    )


@router.post(
    "/records/{record}/versions/file",
    operation_id="publishFileVersion",
    status_code=202,
    responses=when_ended(PublicationView),
    summary="Publish a file as a new version",
    openapi_extra=_FILE_BODY,
)
async def publish_file_version(
    services: ServicesOf,
    request: Request,
    response: Response,
    record: RecordIdPath,
    terms: Annotated[FileVersion, Query()],
    key: IdempotencyKey = None,
) -> PublicationView:
    """Store the body of the request and let it replace the version before."""
    return await _publish_version(
        services, request, response, record, terms, request.stream(), wait_s=terms.wait
    )


@router.get(
    "/publications/{publication}",
    operation_id="getPublication",
    responses=while_going_on(PublicationView),
    summary="Look at a publication",
)
async def show_publication(
    services: ServicesOf,
    response: Response,
    publication: Annotated[
        str, Path(min_length=1, max_length=128, description="Its id.")
    ],
    wait: Wait = 0,
) -> PublicationView:
    """Answer 200 if it has ended, and 202 while it goes on or is stuck."""
    found = await services.exchanges.publication(publication)
    return await _publication_view(services, response, found, wait)


@router.get("/records", operation_id="listRecords", summary="List records")
async def list_records(
    services: ServicesOf,
    caller: CurrentCaller,
    issuer: Annotated[
        MemberId | None, Query(description="Another member of this zone.")
    ] = None,
    after: PageAfter = None,
    limit: PageLimit = PAGE_DEFAULT,
) -> Page[RecordView]:
    """The newest versions of a member's records, by ascending id."""
    named = issuer or services.settings.member
    listing = Listing(services.cursors, "listRecords", caller, {"issuer": named})
    (start,) = listing.after(after) or ("",)
    answer = await ask(
        services.zone,
        f"{_QUERY}/Records",
        pb.QueryRecordsRequest(issuer=named, start_after=str(start), limit=limit),
        pb.QueryRecordsResponse,
    )
    return Page(
        items=[record_view(record) for record in answer.records],
        next=listing.next(answer.next),
    )


@router.get("/records/{record}", operation_id="getRecord", summary="Look at a record")
async def show_record(
    services: ServicesOf,
    record: RecordIdPath,
    issuer: Annotated[
        MemberId | None, Query(description="Another member of this zone.")
    ] = None,
    version: Annotated[
        int, Query(ge=0, le=COUNT_MAX, description="0 means the newest.")
    ] = 0,
) -> RecordView:
    """A version of a record as the zone has it now."""
    answer = await ask(
        services.zone,
        f"{_QUERY}/Record",
        pb.QueryRecordRequest(
            issuer=issuer or services.settings.member, record_id=record, version=version
        ),
        pb.QueryRecordResponse,
        kind="record",
    )
    return record_view(answer.record)


@router.post(
    "/records/{record}/status",
    operation_id="setRecordStatus",
    status_code=202,
    responses=when_ended(Job),
    summary="Suspend, reactivate or revoke a record",
)
async def set_record_status(
    services: ServicesOf,
    request: Request,
    response: Response,
    record: RecordIdPath,
    body: StatusChange,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> Job:
    """Nobody gets a record that is suspended or revoked; revocation is final."""
    account = services.identity.publisher
    message = pb.MsgSetRecordStatus(
        signer=account,
        record_id=record,
        status=enum_number(_STATUS, body.status),
        reason=body.reason,
    )
    return await send_message(
        services,
        request,
        response,
        SET_RECORD_STATUS,
        message,
        account=account,
        subject=f"record/{record}",
        wait_s=wait,
    )


async def _document_of(request: Request) -> bytes:
    """Return the document of a body that was read before, its numbers as they came."""

    def written(body: bytes) -> bytes:
        return encode_json(decode_json(body)["document"])

    return await read_aside(written, await request.body())


def _content_type_of(request: Request) -> str:
    """Return the media type of the document that a body is or holds; empty if unsaid."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return "" if given == "application/octet-stream" else given


async def _publish(
    services: ServicesOf,
    request: Request,
    response: Response,
    record: str,
    terms: RecordTerms,
    document: bytes | AsyncIterator[bytes],
    *,
    wait_s: int,
) -> PublicationView:
    order = PublishOrder(
        key=order_key(request),
        document=document,
        content_type=_content_type_of(request),
        record_id=record,
        record_type=terms.record_type,
        subject=bytes.fromhex(terms.subject or ""),
        level=terms.level,
        share_class=enum_number(_SHARE_CLASS, terms.share_class),
        title=terms.title,
        terms=terms.terms,
        valid_from=terms.valid_from or 0,
        valid_until=terms.valid_until or 0,
        request_id=request_id(),
    )
    found = await services.exchanges.publish(order)
    return await _publication_view(services, response, found, wait_s)


async def _publish_version(
    services: ServicesOf,
    request: Request,
    response: Response,
    record: str,
    version: NewVersion | FileVersion,
    document: bytes | AsyncIterator[bytes],
    *,
    wait_s: int,
) -> PublicationView:
    order = PublishOrder(
        key=order_key(request),
        document=document,
        content_type=_content_type_of(request),
        record_id=record,
        record_type="",
        previous_version=version.previous_version,
        valid_from=version.valid_from or 0,
        valid_until=version.valid_until or 0,
        request_id=request_id(),
    )
    found = await services.exchanges.publish(order)
    return await _publication_view(services, response, found, wait_s)


async def _publication_view(
    services: ServicesOf, response: Response, found: Publication, wait_s: int
) -> PublicationView:
    if wait_s and found.state not in _ENDED:
        await services.outbox.wait(found.step_id, wait_s)
        found = await services.exchanges.publication(found.id)
    accept(response, f"/v1/publications/{found.id}", is_ended=found.state in _ENDED)
    return PublicationView(
        id=found.id,
        record=found.record_id,
        record_type=found.record_type,
        version=found.version or None,
        payload_digest=found.payload_digest.hex(),
        fields=list(found.fields),
        state=found.state,  # type: ignore[arg-type]  # pydantic checks it
        height=found.height or None,
        transaction=found.tx_hash or None,
        created=found.created_ns,
        changed=found.changed_ns,
        job=found.step_id,
        problem=ProblemView(
            codespace=found.problem.codespace,
            code=found.problem.code,
            detail=found.problem.text,
        )
        if found.problem
        else None,
    )


def record_view(record: pb.RecordHeader) -> RecordView:
    """Return what callers see of the header of a record."""
    return RecordView.model_validate(
        {
            "issuer": record.issuer,
            "record": record.record_id,
            "version": record.version,
            "record_type": record.record_type,
            "subject": record.subject.hex() or None,
            "payload_digest": record.payload_digest.hex(),
            "fields": list(record.fields),
            "level": record.level,
            "share_class": enum_text(_SHARE_CLASS, record.share_class),
            "status": enum_text(_STATUS, record.status),
            "status_reason": record.status_reason,
            "valid_from": record.valid_from or None,
            "valid_until": record.valid_until or None,
            "published": record.published_time,
            "height": record.published_height,
        }
    )
