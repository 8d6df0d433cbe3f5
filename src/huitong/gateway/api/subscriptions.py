"""``/v1/subscriptions``: standing permissions, under which each new version is pushed."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from fastapi import Path, Query, Request, Response
from pydantic import Field, model_validator

from huitong.core.limits import UINT32_MAX
from huitong.gateway.access.callers import CurrentCaller
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.api.exchanges import TIMEOUT_S_MAX, DecisionView, NewDecision
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
    RecordType,
    Seconds,
    TimeNs,
    View,
)
from huitong.gateway.exchange.orders import DecideOrder, Side
from huitong.gateway.exchange.subscription_orders import (
    OVER,
    UNDECIDED,
    EndOrder,
    SubscribeOrder,
    SubscriptionFilter,
    SubscriptionStage,
    SubscriptionView,
)
from huitong.gateway.http.cursor import PAGE_DEFAULT, PageAfter, PageLimit
from huitong.gateway.http.idempotency import IdempotencyKey

router = make_router("subscriptions")

_DECIDED: Final = frozenset(SubscriptionStage) - UNDECIDED

SubscriptionId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="Id of the subscription.",
    ),
]


class NewSubscription(Body):
    """Records of another member of which each new version is wanted."""

    channel: ChannelId = Field(
        description="Channel of this zone that leads to the issuer's; see `/v1/links`."
    )
    issuer: MemberId = Field(description="Member that publishes them.")
    record: RecordId | None = Field(default=None, description="This record only.")
    record_type: RecordType | None = Field(
        default=None, description="Every record of this type; or name one `record`."
    )
    purpose: Purpose = Field(description="What for.")
    legal_basis: Line = Field(default="", description="On what basis, for people.")
    consent: Count = Field(
        default=0, description="Number of a consent on the issuer's zone; 0 for none."
    )
    fields: FieldNames = Field(
        default=(),
        description="Which fields; empty for all of one `record`; needed for a type.",
    )
    until: GivenSeconds = Field(description="When it ends at the latest.")
    count_max: Annotated[Count, Field(le=UINT32_MAX)] = Field(
        default=0, description="How many versions at most; 0 for any number."
    )
    timeout_s: Annotated[Count, Field(le=TIMEOUT_S_MAX)] = Field(
        default=0,
        description="Seconds that the request may be on its way; 0: as the gateway is set.",
    )
    minimum_grade: Grade | None = Field(
        default=None,
        description="Refuse a version that is less well proven; null: as the gateway is set.",
    )

    @model_validator(mode="after")
    def _check_scope(self) -> Self:
        if (self.record_type is None) == (self.record is None):
            raise ValueError("give either record_type or record")
        if self.record_type is not None and not self.fields:
            raise ValueError("fields are needed for a record_type")
        if self.record_type is not None and self.consent:
            raise ValueError("a consent is of one subject; name one record")
        return self


class NewEnd(Body):
    """The end of a subscription."""

    reason: Line = Field(default="", description="Why, for people.")


class EndView(View):
    """How a subscription came to its end."""

    reason_code: str = Field(description="For programs.", examples=["consent"])
    reason: str = Field(description="For people.")
    by: Literal["provider", "requester"] = Field(description="Which side ended it.")
    ended: TimeNs = Field(description="When, by this zone's clock.")
    is_known: bool = Field(description="Whether the other zone knows.")


class Subscription(View):
    """A standing permission as this gateway knows it."""

    id: str = Field(description="Id of the subscription, at this gateway.")
    side: Literal["provider", "requester"] = Field(
        description="Which end of it this gateway is."
    )
    stage: SubscriptionStage = Field(description="How far it has come.")
    is_over: bool = Field(description="Whether nothing more is given under it.")
    channel: str = Field(description="The channel, on this zone.")
    sequence: int | None = Field(
        description="Number of the request on its channel; null until it is on chain."
    )
    issuer: MemberId = Field(description="Member that publishes the records.")
    requester: MemberId = Field(description="Member that gets them.")
    record: RecordId | None = Field(description="The one record.")
    record_type: RecordType | None = Field(description="Type of the records.")
    purpose: str = Field(description="What for.")
    legal_basis: str = Field(description="On what basis.")
    consent: int | None = Field(description="Number of the consent.")
    fields: list[str] = Field(
        description="Granted fields; before a grant those asked for; empty for all."
    )
    until: Seconds = Field(description="When it ends at the latest.")
    count_max: int = Field(description="How many versions at most; 0 for any number.")
    pushes: int = Field(description="How many versions were pushed.", examples=[3])
    decision: DecisionView | None = Field(description="What was decided.")
    deadline: TimeNs | None = Field(
        description="Until when an officer may decide, if one must."
    )
    started: TimeNs | None = Field(description="Since when versions are pushed.")
    end: EndView | None = Field(description="How it came to its end.")
    failure: str = Field(description="Why the request failed, for people.")
    created: TimeNs = Field(description="When this gateway learned of it.")
    changed: TimeNs = Field(description="Since when it is in its stage.")
    problem: ProblemView | None = Field(description="Why it does not go on.")
    job: int | None = Field(
        description="The job to retry, skip or cancel if there is a problem."
    )
    request_id: str = Field(description="Id of the call that began it.")


@router.post(
    "/subscriptions",
    operation_id="createSubscription",
    status_code=202,
    responses=when_ended(Subscription),
    summary="Ask for each new version",
)
async def create_subscription(
    services: ServicesOf,
    request: Request,
    response: Response,
    body: NewSubscription,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> Subscription:
    """Ask for a standing permission; with `wait` the decision on it is awaited.

    What is there already is asked for by an ordinary request; the versions that are
    published from the start on come as exchanges with this `subscription`.
    """
    order = SubscribeOrder(
        key=order_key(request),
        channel_id=body.channel,
        issuer=body.issuer,
        record_id=body.record or "",
        record_type=body.record_type or "",
        purpose=body.purpose,
        legal_basis=body.legal_basis,
        consent_id=body.consent,
        fields=body.fields,
        term_until=body.until,
        count_max=body.count_max,
        timeout_s=body.timeout_s,
        minimum_grade=body.minimum_grade or "",
        request_id=request_id(),
    )
    found = await services.exchanges.subscriptions.request(order)
    return await _shown(services, response, found, wait, _DECIDED)


@router.get(
    "/subscriptions", operation_id="listSubscriptions", summary="List subscriptions"
)
async def list_subscriptions(
    services: ServicesOf,
    caller: CurrentCaller,
    side: Annotated[Side | None, Query(description="Which end.")] = None,
    stage: Annotated[
        list[SubscriptionStage],
        Query(max_length=len(SubscriptionStage), description="Any of these."),
    ] = [],  # noqa: B006  FastAPI copies it
    peer: Annotated[
        MemberId | None, Query(description="Member at the other end.")
    ] = None,
    record: Annotated[RecordId | None, Query(description="Of this record.")] = None,
    record_type: Annotated[
        RecordType | None, Query(description="Of every record of this type.")
    ] = None,
    stuck: Annotated[
        bool | None, Query(description="Only those with, or without, a problem.")
    ] = None,
    after: PageAfter = None,
    limit: PageLimit = PAGE_DEFAULT,
) -> Page[Subscription]:
    """On both sides, oldest first; side `provider` and stage `requested` wait for an officer."""
    stages = tuple(sorted(set(stage)))
    filters = {
        "side": side,
        "stage": [str(each) for each in stages],
        "peer": peer,
        "record": record,
        "record_type": record_type,
        "stuck": stuck,
    }
    wanted = SubscriptionFilter(
        side=side,
        stages=stages,
        peer=peer or "",
        record_id=record or "",
        record_type=record_type or "",
        stuck=stuck,
    )
    listing = Listing(services.cursors, "listSubscriptions", caller, filters)
    (start,) = listing.after(after) or ("",)
    found = await services.exchanges.subscriptions.find(
        wanted, after=str(start), limit=limit + 1
    )
    shown = found[:limit]
    more = shown[-1].id if len(found) > limit else ""
    items = [subscription_of(each) for each in shown]
    return Page(items=items, next=listing.next(more))


@router.get(
    "/subscriptions/{subscription}",
    operation_id="getSubscription",
    responses=while_going_on(Subscription),
    summary="Look at a subscription, or wait for its decision",
)
async def show_subscription(
    services: ServicesOf,
    response: Response,
    subscription: SubscriptionId,
    wait: Wait = 0,
) -> Subscription:
    """Answer 200 if it is decided, and 202 before."""
    found = await services.exchanges.subscriptions.get(subscription)
    return await _shown(services, response, found, wait, _DECIDED)


@router.post(
    "/subscriptions/{subscription}/decision",
    operation_id="decideSubscription",
    status_code=202,
    responses=when_ended(Subscription),
    summary="Decide on a subscription",
)
async def decide_subscription(
    services: ServicesOf,
    request: Request,
    response: Response,
    subscription: SubscriptionId,
    body: NewDecision,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> Subscription:
    """Grant or refuse what another member asks for; what it gets is judged each time."""
    order = DecideOrder(
        key=order_key(request),
        grant=body.outcome == "granted",
        reason=body.reason,
        fields=body.fields,
        request_id=request_id(),
    )
    found = await services.exchanges.subscriptions.decide(subscription, order)
    return await _shown(services, response, found, wait, _DECIDED)


@router.post(
    "/subscriptions/{subscription}/end",
    operation_id="endSubscription",
    status_code=202,
    responses=when_ended(Subscription),
    summary="End a subscription",
)
async def end_subscription(
    services: ServicesOf,
    request: Request,
    response: Response,
    subscription: SubscriptionId,
    body: NewEnd,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> Subscription:
    """End it from this side; what was given before stays given."""
    order = EndOrder(
        key=order_key(request), reason=body.reason, request_id=request_id()
    )
    found = await services.exchanges.subscriptions.end(subscription, order)
    return await _shown(services, response, found, wait, OVER)


async def _shown(
    services: ServicesOf,
    response: Response,
    found: SubscriptionView,
    wait_s: int,
    wanted: frozenset[SubscriptionStage],
) -> Subscription:
    if wait_s and found.stage not in wanted:
        found = await services.exchanges.subscriptions.wait(found.id, wait_s, wanted)
    is_there = found.stage in wanted
    accept(response, f"/v1/subscriptions/{found.id}", is_ended=is_there)
    return subscription_of(found)


def subscription_of(found: SubscriptionView) -> Subscription:
    """Return what callers see of a standing permission."""
    problem = found.problem
    is_ended = bool(found.ended_ns)
    return Subscription.model_validate(
        {
            "id": found.id,
            "side": str(found.side),
            "stage": found.stage,
            "is_over": found.stage in OVER,
            "channel": found.channel_id,
            "sequence": found.sequence or None,
            "issuer": found.issuer,
            "requester": found.requester,
            "record": found.record_id or None,
            "record_type": found.record_type or None,
            "purpose": found.purpose,
            "legal_basis": found.legal_basis,
            "consent": found.consent_id or None,
            "fields": list(found.fields),
            "until": found.term_until,
            "count_max": found.count_max,
            "pushes": found.pushes,
            "decision": _decision_of(found),
            "deadline": found.deadline_ns or None,
            "started": found.started_ns or None,
            "end": _end_of(found) if is_ended else None,
            "failure": "" if is_ended else found.reason,
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


def _decision_of(found: SubscriptionView) -> dict[str, Any] | None:
    if not found.outcome:
        return None
    return {
        "outcome": found.outcome,
        "reason_code": found.decision_code,
        "reason": found.decision_reason,
        "grant": found.grant_id or None,
        "decided_by": found.decided_by,
        "height": found.decided_height,
        "decided": found.decided_ns,
    }


def _end_of(found: SubscriptionView) -> dict[str, Any]:
    return {
        "reason_code": found.reason_code,
        "reason": found.reason,
        "by": found.ended_by,
        "ended": found.ended_ns,
        "is_known": found.is_end_known,
    }
