"""``/v1/requests``, ``/v1/exchanges``: asking for records, deciding, receiving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, Self

from fastapi import Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field, model_validator

from huitong.core.commitment import encode_disclosure
from huitong.gateway.access.callers import CurrentCaller
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.api.errors import DisclosureTooLargeError
from huitong.gateway.api.jobs import ProblemView
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
    Body,
    ChannelId,
    Count,
    FieldNames,
    GivenSeconds,
    Grade,
    Line,
    MemberId,
    Page,
    Purpose,
    RecordId,
    Seconds,
    TimeNs,
    View,
)
from huitong.gateway.exchange.orders import (
    ENDED,
    DecideOrder,
    ExchangeFilter,
    ExchangeView,
    RequestOrder,
    Side,
    Stage,
)
from huitong.gateway.http.cursor import PAGE_DEFAULT, PageAfter, PageLimit
from huitong.gateway.http.exchange_forms import Form
from huitong.gateway.http.idempotency import IdempotencyKey
from huitong.gateway.http.problems import problem_responses
from huitong.payload.form import as_disclosure

router = make_router("exchanges")

#: Seconds that a request may be on its way.
TIMEOUT_S_MAX: Final = 31_622_400
#: Bytes of a document that is put into evidence as a whole.
DISCLOSURE_SIZE_BYTES_MAX: Final = 16 << 20
_ANY_TYPE: Final = "application/octet-stream"
#: Operations that answer with something else than JSON.
FORMS: Final = (
    Form(method="GET", path="/v1/exchanges/{}/document", gives=(_ANY_TYPE,)),
)
_DISCLOSURE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Fields, salts and hashes.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
_DOCUMENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The document.",
        "content": {_ANY_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}

ExchangeId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="Id of the exchange.",
    ),
]


class NewRequest(Body):
    """A record of another member that is asked for."""

    channel: ChannelId = Field(
        description="Channel of this zone that leads to the issuer's; see `/v1/links`."
    )
    issuer: MemberId = Field(description="Member that published it.")
    record: RecordId = Field(description="The record.")
    version: Count = Field(default=0, description="0 means the newest.")
    purpose: Purpose = Field(description="What for.")
    legal_basis: Line = Field(default="", description="On what basis, for people.")
    consent: Count = Field(
        default=0, description="Number of a consent on the issuer's zone; 0 for none."
    )
    fields: FieldNames = Field(default=(), description="Which fields; empty for all.")
    keep_until: GivenSeconds | None = Field(
        default=None, description="Until when it will be kept; null: for one use."
    )
    timeout_s: Annotated[Count, Field(le=TIMEOUT_S_MAX)] = Field(
        default=0,
        description="Seconds that the request may be on its way; 0: as the gateway is set.",
    )
    minimum_grade: Grade | None = Field(
        default=None,
        description="Refuse an answer that is less well proven; null: as the gateway is set.",
    )


class NewDecision(Body):
    """What an officer decides."""

    outcome: Literal["granted", "refused"] = Field(description="Yes or no.")
    reason: Line = Field(default="", description="Why; needed for a refusal.")
    fields: FieldNames = Field(
        default=(), description="Granted fields; empty for those that were asked for."
    )

    @model_validator(mode="after")
    def _check_reason(self) -> Self:
        if self.outcome == "refused" and not self.reason:
            raise ValueError("a refusal needs a reason")
        if self.outcome == "refused" and self.fields:
            raise ValueError("a refusal grants no fields")
        return self


class DecisionView(View):
    """What was decided."""

    outcome: Literal["granted", "refused"] = Field(description="Yes or no.")
    reason_code: str = Field(description="For programs.", examples=["grant"])
    reason: str = Field(description="For people.")
    grant: int | None = Field(description="Number of the grant that covered it.")
    decided_by: str = Field(description="A member, or `policy`.")
    height: int = Field(description="Block of the decision on the issuer's zone.")
    decided: TimeNs = Field(description="Time of that block.")


class Exchange(View):
    """An exchange as this gateway knows it."""

    id: str = Field(description="Id of the exchange, at this gateway.")
    side: Literal["provider", "requester"] = Field(
        description="Which end of it this gateway is."
    )
    stage: Stage = Field(description="How far it has come.")
    is_ended: bool = Field(description="Whether nothing more happens.")
    channel: str = Field(description="The channel, on this zone.")
    sequence: int | None = Field(
        description="Number of the request on its channel; null until it is on chain."
    )
    issuer: MemberId = Field(description="Member that published the record.")
    requester: MemberId = Field(description="Member that asks for it.")
    record: RecordId = Field(description="The record.")
    version: int | None = Field(description="Which version; null: the newest.")
    subscription: str | None = Field(
        description="The subscription under which this version was pushed."
    )
    push: int | None = Field(description="Number of the version there.")
    purpose: str = Field(description="What for.")
    legal_basis: str = Field(description="On what basis.")
    consent: int | None = Field(description="Number of the consent.")
    fields: list[str] = Field(
        description="Granted fields; before a grant those asked for; empty for all."
    )
    keep_until: Seconds | None = Field(description="Until when it will be kept.")
    decision: DecisionView | None = Field(description="What was decided.")
    deadline: TimeNs | None = Field(
        description="Until when an officer may decide, if one must."
    )
    payload_digest: str | None = Field(description="What the record commits to.")
    sealed_digest: str | None = Field(description="SHA-256 of the sealed bytes.")
    grade: Grade | None = Field(description="How well the answer is proven.")
    proven_at: int | None = Field(
        description="Header of the issuer's zone that proves the record."
    )
    created: TimeNs = Field(description="When this gateway learned of it.")
    changed: TimeNs = Field(description="Since when it is in its stage.")
    problem: ProblemView | None = Field(description="Why it does not go on.")
    job: int | None = Field(
        description="The job to retry, skip or cancel if there is a problem."
    )
    request_id: str = Field(description="Id of the call that began it.")


@router.post(
    "/requests",
    operation_id="createRequest",
    status_code=202,
    responses=when_ended(Exchange),
    summary="Ask for a record",
)
async def create_request(
    services: ServicesOf,
    request: Request,
    response: Response,
    body: NewRequest,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> Exchange:
    """Begin an exchange; with `wait` its end is awaited, up to the document's receipt."""
    order = RequestOrder(
        key=order_key(request),
        channel_id=body.channel,
        issuer=body.issuer,
        record_id=body.record,
        purpose=body.purpose,
        version=body.version,
        legal_basis=body.legal_basis,
        consent_id=body.consent,
        fields=body.fields,
        term_until=body.keep_until or 0,
        timeout_s=body.timeout_s,
        minimum_grade=body.minimum_grade or "",
        request_id=request_id(),
    )
    found = await services.exchanges.request(order)
    return await _shown(services, response, found, wait)


@router.get(
    "/requests",
    operation_id="listRequests",
    summary="List requests that wait for an officer's decision",
)
async def list_requests(
    services: ServicesOf,
    caller: CurrentCaller,
    after: PageAfter = None,
    limit: PageLimit = PAGE_DEFAULT,
) -> Page[Exchange]:
    """What others ask of this member and no rule has decided, oldest first.

    Requests for each new version are among the subscriptions.
    """
    listing = Listing(services.cursors, "listRequests", caller)
    wanted = ExchangeFilter(side=Side.PROVIDER, stages=(Stage.REQUESTED,))
    return await _page(services, listing, wanted, after, limit)


@router.post(
    "/requests/{exchange}/decision",
    operation_id="decideRequest",
    status_code=202,
    responses=when_ended(Exchange),
    summary="Decide on a request",
)
async def decide_request(
    services: ServicesOf,
    request: Request,
    response: Response,
    exchange: ExchangeId,
    body: NewDecision,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> Exchange:
    """Grant or refuse a request that waits; what is granted is delivered at once."""
    order = DecideOrder(
        key=order_key(request),
        grant=body.outcome == "granted",
        reason=body.reason,
        fields=body.fields,
        request_id=request_id(),
    )
    found = await services.exchanges.decide(exchange, order)
    return await _shown(services, response, found, wait)


@router.get("/exchanges", operation_id="listExchanges", summary="List exchanges")
async def list_exchanges(
    services: ServicesOf,
    caller: CurrentCaller,
    side: Annotated[Side | None, Query(description="Which end.")] = None,
    stage: Annotated[
        list[Stage], Query(max_length=len(Stage), description="Any of these.")
    ] = [],  # noqa: B006  FastAPI copies it
    peer: Annotated[
        MemberId | None, Query(description="Member at the other end.")
    ] = None,
    record: Annotated[RecordId | None, Query(description="Of this record.")] = None,
    subscription: Annotated[
        str | None,
        Query(
            max_length=128,
            pattern=r"^[A-Za-z0-9._:-]+$",
            description="Only versions that were pushed under it.",
        ),
    ] = None,
    stuck: Annotated[
        bool | None, Query(description="Only those with, or without, a problem.")
    ] = None,
    after: PageAfter = None,
    limit: PageLimit = PAGE_DEFAULT,
) -> Page[Exchange]:
    """On both sides, oldest first."""
    stages = tuple(sorted(set(stage)))
    filters = {
        "side": side,
        "stage": [str(each) for each in stages],
        "peer": peer,
        "record": record,
        "subscription": subscription,
        "stuck": stuck,
    }
    wanted = ExchangeFilter(
        side=side,
        stages=stages,
        peer=peer or "",
        record_id=record or "",
        subscription_id=subscription or "",
        stuck=stuck,
    )
    listing = Listing(services.cursors, "listExchanges", caller, filters)
    return await _page(services, listing, wanted, after, limit)


@router.get(
    "/exchanges/{exchange}",
    operation_id="getExchange",
    responses=while_going_on(Exchange),
    summary="Look at an exchange, or wait for its end",
)
async def show_exchange(
    services: ServicesOf, response: Response, exchange: ExchangeId, wait: Wait = 0
) -> Exchange:
    """Answer 200 if it has ended, and 202 while it goes on or is stuck."""
    found = await services.exchanges.get(exchange)
    return await _shown(services, response, found, wait)


@router.post(
    "/exchanges/{exchange}/confirmation",
    operation_id="confirmExchange",
    status_code=202,
    responses=when_ended(Exchange),
    summary="Confirm what was received",
)
async def confirm_exchange(
    services: ServicesOf, response: Response, exchange: ExchangeId, wait: Wait = 0
) -> Exchange:
    """Send the receipt, where the gateway is set not to do so by itself, or again."""
    found = await services.exchanges.confirm(exchange)
    return await _shown(services, response, found, wait)


@router.post(
    "/exchanges/{exchange}/retry",
    operation_id="retryExchange",
    status_code=202,
    responses=when_ended(Exchange),
    summary="Try again what it is stuck with",
)
async def retry_exchange(
    services: ServicesOf, response: Response, exchange: ExchangeId, wait: Wait = 0
) -> Exchange:
    """Nothing happens if it is not stuck."""
    found = await services.exchanges.retry(exchange)
    return await _shown(services, response, found, wait)


@router.post(
    "/exchanges/{exchange}/cancel",
    operation_id="cancelExchange",
    responses=while_going_on(Exchange),
    summary="Give it up",
)
async def cancel_exchange(
    services: ServicesOf, response: Response, exchange: ExchangeId
) -> Exchange:
    """Give it up as far as this member is to act; what the zones have stays."""
    found = await services.exchanges.cancel(exchange)
    return await _shown(services, response, found, 0)


@router.get(
    "/exchanges/{exchange}/document",
    operation_id="downloadDocument",
    summary="Get the document that was received",
    response_class=StreamingResponse,
    responses=_DOCUMENT | problem_responses(409),
)
async def download_document(
    services: ServicesOf, exchange: ExchangeId
) -> StreamingResponse:
    """The document as people would read it: a file as it is, or the given fields."""
    opened = await services.exchanges.open_document(exchange)
    return StreamingResponse(
        opened.content,
        media_type=_ANY_TYPE,
        headers={
            "content-disposition": f'attachment; filename="{opened.file_name}"',
            "x-content-type": opened.stored.content_type,
        },
    )


@router.get(
    "/exchanges/{exchange}/disclosure",
    operation_id="downloadDisclosure",
    summary="Get what was disclosed, as evidence needs it",
    response_class=Response,
    responses=_DISCLOSURE | problem_responses(409),
)
async def download_disclosure(services: ServicesOf, exchange: ExchangeId) -> Response:
    """The given fields with their salts, and the hashes of those that were withheld."""
    opened = await services.exchanges.open_document(exchange)
    if opened.stored.size > DISCLOSURE_SIZE_BYTES_MAX:
        raise DisclosureTooLargeError(
            size=opened.stored.size, maximum=DISCLOSURE_SIZE_BYTES_MAX
        )
    document = b"".join([piece async for piece in opened.content])
    encoded = encode_disclosure(as_disclosure(opened.head, document))
    return Response(encoded, media_type="application/json")


async def _shown(
    services: ServicesOf, response: Response, found: ExchangeView, wait_s: int
) -> Exchange:
    if wait_s and found.stage not in ENDED:
        found = await services.exchanges.wait(found.id, wait_s)
    accept(response, f"/v1/exchanges/{found.id}", is_ended=found.stage in ENDED)
    return exchange_of(found)


async def _page(
    services: ServicesOf,
    listing: Listing,
    wanted: ExchangeFilter,
    cursor: str | None,
    limit: int,
) -> Page[Exchange]:
    (after,) = listing.after(cursor) or ("",)
    found: Sequence[ExchangeView] = await services.exchanges.find(
        wanted, after=str(after), limit=limit + 1
    )
    shown = found[:limit]
    more = shown[-1].id if len(found) > limit else ""
    return Page(items=[exchange_of(each) for each in shown], next=listing.next(more))


def exchange_of(found: ExchangeView) -> Exchange:
    """Return what callers see of an exchange."""
    problem = found.problem
    return Exchange.model_validate(
        {
            "id": found.id,
            "side": str(found.side),
            "stage": found.stage,
            "is_ended": found.stage in ENDED,
            "channel": found.channel_id,
            "sequence": found.sequence or None,
            "issuer": found.issuer,
            "requester": found.requester,
            "record": found.record_id,
            "version": found.version or None,
            "subscription": found.subscription_id or None,
            "push": found.push_number or None,
            "purpose": found.purpose,
            "legal_basis": found.legal_basis,
            "consent": found.consent_id or None,
            "fields": list(found.fields),
            "keep_until": found.term_until or None,
            "decision": _decision_of(found),
            "deadline": found.deadline_ns or None,
            "payload_digest": found.payload_digest.hex() or None,
            "sealed_digest": found.sealed_digest.hex() or None,
            "grade": found.grade or None,
            "proven_at": found.checked_height or None,
            "created": found.created_ns,
            "changed": found.changed_ns,
            "problem": problem
            and {
                "codespace": problem.codespace,
                "code": problem.code,
                "detail": problem.text,
            },
            "job": problem.step_id if problem else None,
            "request_id": found.request_id,
        }
    )


def _decision_of(found: ExchangeView) -> dict[str, Any] | None:
    if not found.outcome:
        return None
    return {
        "outcome": found.outcome,
        "reason_code": found.reason_code,
        "reason": found.reason,
        "grant": found.grant_id or None,
        "decided_by": found.decided_by,
        "height": found.decided_height,
        "decided": found.decided_ns,
    }
