"""``/v1/hand-overs``: records that move, with their history, to a member of another zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from fastapi import Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict, Field, model_validator

from huitong.gateway.access.callers import CurrentCaller
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.api.exchanges import TIMEOUT_S_MAX
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
    Line,
    MemberId,
    Page,
    RecordId,
    TimeNs,
    View,
)
from huitong.gateway.hand_over.model import (
    HandOverDecisionOrder,
    HandOverFilter,
    HandOverSide,
    HandOverStage,
    HandOverView,
    OfferOrder,
    is_ended,
)
from huitong.gateway.http.cursor import PAGE_DEFAULT, PageAfter, PageLimit
from huitong.gateway.http.exchange_forms import Form
from huitong.gateway.http.idempotency import IdempotencyKey
from huitong.gateway.http.problems import problem_responses
from huitong.gateway.service.services import Services
from huitong.proto.huitong.exchange.v1 import handover_pb2 as pb

router = make_router("hand-overs")

_ANY_TYPE: Final = "application/octet-stream"
#: Operations that answer with something else than JSON.
FORMS: Final = (
    Form(method="GET", path="/v1/hand-overs/{}/document", gives=(_ANY_TYPE,)),
)
_DOCUMENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The document.",
        "content": {_ANY_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}
_OUTCOMES: Final = {
    pb.HAND_OVER_OUTCOME_ACCEPTED: "accepted",
    pb.HAND_OVER_OUTCOME_RETURNED: "returned",
}
_EXAMPLE: Final[dict[str, Any]] = {
    "channel": "channel-0",
    "receiver": "cq-market-bureau",
    "record": "licence-1",
    "reason": "the company moved to your district",
}

HandOverId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="Id of the hand-over.",
    ),
]


class NewHandOver(Body):
    """A record of this member that is to be handed over."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    channel: ChannelId = Field(
        description="Channel of this zone that leads to the receiver's; see `/v1/links`."
    )
    receiver: MemberId = Field(description="Member that shall take it over.")
    record: RecordId = Field(description="The record; it must be active.")
    reason: Annotated[Line, Field(min_length=1)] = Field(
        description="Why; the receiver sees it."
    )
    timeout_s: Annotated[Count, Field(le=TIMEOUT_S_MAX)] = Field(
        default=0,
        description="Seconds that the offer may be on its way; 0: as the gateway is set.",
    )


class NewHandOverDecision(Body):
    """What an officer of the receiver decides."""

    outcome: Literal["accepted", "returned"] = Field(description="Take it, or not.")
    reason: Line = Field(default="", description="Why; needed to return it.")
    record: RecordId | None = Field(
        default=None, description="Accepted: its id here; null keeps the one it had."
    )

    @model_validator(mode="after")
    def _check_return(self) -> Self:
        if self.outcome == "returned" and not self.reason:
            raise ValueError("a return needs a reason")
        if self.outcome == "returned" and self.record:
            raise ValueError("a return gives the record no id")
        return self


class EarlierVersion(View):
    """An earlier version of a record that is handed over."""

    version: int = Field(description="1, 2, …")
    payload_digest: str = Field(description="What it commits to.")
    published: TimeNs = Field(description="When it was published.")


class RecordPast(View):
    """What moves with a record: digests of all that happened to it before."""

    versions: int = Field(description="How many earlier versions there are.")
    root: str = Field(
        description="Merkle root (RFC 6962) over all of them, hexadecimal."
    )
    newest: list[EarlierVersion] = Field(description="The newest of them, ascending.")
    receipts: int = Field(description="Receipts that readers of the record sent.")
    receipts_digest: str | None = Field(
        description="Head of the hash chain of these receipts, hexadecimal."
    )


class HandOverDecisionView(View):
    """What was decided."""

    outcome: Literal["accepted", "returned"] = Field(description="Taken, or not.")
    reason_code: str = Field(description="For programs.", examples=["officer"])
    reason: str = Field(description="For people.")
    decided_by: str = Field(description="A member, or `policy`.")
    height: int = Field(description="Block of the decision on the receiver's zone.")
    decided: TimeNs = Field(description="Time of that block.")
    record: str | None = Field(description="Accepted: its id on the receiver's zone.")


class HandOver(View):
    """A hand-over as this gateway knows it."""

    id: str = Field(description="Id of the hand-over, at this gateway.")
    side: HandOverSide = Field(description="Which end of it this gateway is.")
    stage: HandOverStage = Field(description="How far it has come.")
    is_ended: bool = Field(description="Whether nothing more happens here.")
    channel: str = Field(description="The channel, on this zone.")
    sequence: int | None = Field(
        description="Number of the offer on its channel; null until it is on chain."
    )
    giver: MemberId = Field(description="Member that gives the record.")
    receiver: MemberId = Field(description="Member that shall take it over.")
    record: RecordId = Field(description="The record, as the giver calls it.")
    reason: str = Field(description="Why it is handed over.")
    record_type: str | None = Field(description="Its type; null until it is on chain.")
    version: int | None = Field(description="Its newest version.")
    level: int | None = Field(description="Its data level.")
    fields: list[str] = Field(description="Names of its fields.")
    payload_digest: str | None = Field(description="What it commits to.")
    past: RecordPast | None = Field(description="What moves with it.")
    sealed_digest: str | None = Field(description="SHA-256 of the sealed bytes.")
    decision: HandOverDecisionView | None = Field(description="What was decided.")
    deadline: TimeNs | None = Field(
        description="Receiver: until when an officer may decide."
    )
    failure: str = Field(description="Why it failed without a decision.")
    created: TimeNs = Field(description="When this gateway learned of it.")
    changed: TimeNs = Field(description="Since when it is in its stage.")
    problem: ProblemView | None = Field(description="Why it does not go on.")
    job: int | None = Field(
        description="The job to retry, skip or cancel if there is a problem."
    )
    request_id: str = Field(description="Id of the giver's call that began it.")


@router.post(
    "/hand-overs",
    operation_id="offerHandOver",
    status_code=202,
    responses=when_ended(HandOver),
    summary="Hand a record over",
)
async def offer_hand_over(
    services: ServicesOf,
    request: Request,
    response: Response,
    body: NewHandOver,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> HandOver:
    """Seal its payload to the receiver, lock and offer it; whoever takes it has it then."""
    order = OfferOrder(
        key=order_key(request),
        channel_id=body.channel,
        receiver=body.receiver,
        record_id=body.record,
        reason=body.reason,
        timeout_s=body.timeout_s,
        request_id=request_id(),
    )
    found = await services.hand_overs.offer(order)
    return await _shown(services, response, found, wait)


@router.get("/hand-overs", operation_id="listHandOvers", summary="List hand-overs")
async def list_hand_overs(
    services: ServicesOf,
    caller: CurrentCaller,
    side: Annotated[HandOverSide | None, Query(description="Which end.")] = None,
    stage: Annotated[
        list[HandOverStage],
        Query(max_length=len(HandOverStage), description="Any of these."),
    ] = [],  # noqa: B006  FastAPI copies it
    peer: Annotated[
        MemberId | None, Query(description="Member at the other end.")
    ] = None,
    record: Annotated[
        RecordId | None, Query(description="Of this record, as its giver calls it.")
    ] = None,
    after: PageAfter = None,
    limit: PageLimit = PAGE_DEFAULT,
) -> Page[HandOver]:
    """On both sides, oldest first; what waits for an officer here is `checked`."""
    stages = tuple(sorted(set(stage)))
    filters = {
        "side": side,
        "stage": [str(each) for each in stages],
        "peer": peer,
        "record": record,
    }
    wanted = HandOverFilter(
        side=side, stages=stages, peer=peer or "", record_id=record or ""
    )
    listing = Listing(services.cursors, "listHandOvers", caller, filters)
    (start,) = listing.after(after) or ("",)
    found: Sequence[HandOverView] = await services.hand_overs.find(
        wanted, after=str(start), limit=limit + 1
    )
    shown = found[:limit]
    more = shown[-1].id if len(found) > limit else ""
    own = services.settings.member
    return Page(items=[_view(each, own) for each in shown], next=listing.next(more))


@router.get(
    "/hand-overs/{hand_over}",
    operation_id="getHandOver",
    responses=while_going_on(HandOver),
    summary="Look at a hand-over, or wait for its end",
)
async def show_hand_over(
    services: ServicesOf, response: Response, hand_over: HandOverId, wait: Wait = 0
) -> HandOver:
    """Answer 200 if it has ended here, and 202 while it goes on or is stuck."""
    found = await services.hand_overs.get(hand_over)
    return await _shown(services, response, found, wait)


@router.post(
    "/hand-overs/{hand_over}/decision",
    operation_id="decideHandOver",
    status_code=202,
    responses=when_ended(HandOver),
    summary="Take a record over, or return it",
)
async def decide_hand_over(
    services: ServicesOf,
    request: Request,
    response: Response,
    hand_over: HandOverId,
    body: NewHandOverDecision,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> HandOver:
    """Accept what passed every check (`checked`), or return it to its giver at any time."""
    order = HandOverDecisionOrder(
        key=order_key(request),
        is_accepted=body.outcome == "accepted",
        reason=body.reason,
        record_id=body.record or "",
        request_id=request_id(),
    )
    found = await services.hand_overs.decide(hand_over, order)
    return await _shown(services, response, found, wait)


@router.get(
    "/hand-overs/{hand_over}/document",
    operation_id="downloadHandOverDocument",
    summary="Get the document of what is offered",
    response_class=StreamingResponse,
    responses=_DOCUMENT | problem_responses(409),
)
async def download_hand_over_document(
    services: ServicesOf, hand_over: HandOverId
) -> StreamingResponse:
    """The document as people would read it, so that an officer can decide."""
    opened = await services.hand_overs.open_document(hand_over)
    return StreamingResponse(
        opened.content,
        media_type=_ANY_TYPE,
        headers={
            "content-disposition": f'attachment; filename="{opened.file_name}"',
            "x-content-type": opened.stored.content_type,
        },
    )


async def _shown(
    services: Services, response: Response, found: HandOverView, wait_s: int
) -> HandOver:
    if wait_s and not is_ended(found.side, found.stage):
        found = await services.hand_overs.wait(found.id, wait_s)
    accept(
        response,
        f"/v1/hand-overs/{found.id}",
        is_ended=is_ended(found.side, found.stage),
    )
    return _view(found, services.settings.member)


def _view(found: HandOverView, own: str) -> HandOver:
    problem, offer = found.problem, found.offer
    is_giver = found.side is HandOverSide.GIVER
    record = offer.record if offer else None
    return HandOver.model_validate(
        {
            "id": found.id,
            "side": found.side,
            "stage": found.stage,
            "is_ended": is_ended(found.side, found.stage),
            "channel": found.channel_id,
            "sequence": found.sequence or None,
            "giver": own if is_giver else found.peer,
            "receiver": found.peer if is_giver else own,
            "record": found.record_id,
            "reason": found.reason,
            "record_type": record.record_type if record else None,
            "version": record.version if record else None,
            "level": record.level if record else None,
            "fields": list(record.fields) if record else [],
            "payload_digest": record.payload_digest.hex() if record else None,
            "past": _past(offer) if offer else None,
            "sealed_digest": found.sealed_digest.hex() or None,
            "decision": _decision(found.decision) if found.decision else None,
            "deadline": found.deadline_ns or None,
            "failure": found.failure,
            "created": found.created_ns,
            "changed": found.changed_ns,
            "problem": problem
            and {
                "codespace": problem.codespace,
                "code": problem.code,
                "detail": problem.text,
            },
            "job": (problem.step_id or None) if problem else None,
            "request_id": found.request_id,
        }
    )


def _past(offer: pb.HandOverPacket) -> Mapping[str, Any]:
    return {
        "versions": offer.history_count,
        "root": offer.history_root.hex(),
        "newest": [
            {
                "version": each.version,
                "payload_digest": each.payload_digest.hex(),
                "published": each.published_time,
            }
            for each in offer.history
        ],
        "receipts": offer.receipts_count,
        "receipts_digest": offer.receipts_digest.hex() or None,
    }


def _decision(decision: pb.HandOverDecision) -> Mapping[str, Any]:
    return {
        "outcome": _OUTCOMES[decision.outcome],
        "reason_code": decision.reason_code,
        "reason": decision.reason,
        "decided_by": decision.decided_by,
        "height": decision.decided_height,
        "decided": decision.decided_time,
        "record": decision.record_id or None,
    }
