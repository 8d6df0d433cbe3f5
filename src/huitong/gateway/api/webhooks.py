"""``/v1/webhooks``: who is sent what happens, signed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Request, Response
from pydantic import Field, StringConstraints

from huitong.core.time import SECONDS_PER_DAY
from huitong.gateway.access.callers import CurrentCaller
from huitong.gateway.access.roles import Role
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.api.events import EventTypeName
from huitong.gateway.api.jobs import ProblemView
from huitong.gateway.api.router import Listing, make_router
from huitong.gateway.api.values import Body, Count, Page, TimeNs, View
from huitong.gateway.events.register import EVENT_TYPES
from huitong.gateway.http.cursor import PAGE_DEFAULT, PageAfter, PageLimit
from huitong.gateway.http.idempotency import IdempotencyKey, keep_no_answer
from huitong.gateway.http.problems import problem_responses
from huitong.gateway.webhooks.addresses import URL_CHARACTERS_MAX
from huitong.gateway.webhooks.book import WebhookView as Found

router = make_router("webhooks")

#: Longest time for which messages are signed with the former secret too.
_OVERLAP_S_MAX = 30 * SECONDS_PER_DAY

WebhookId = Annotated[
    str,
    Path(
        pattern=r"^[0-9a-f]{16}$",
        description="Id of the webhook.",
        examples=["4f1c09a2b7d35e60"],
    ),
]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128, pattern=r"^[ -~\u00a0-\uffff]*$"),
]


class NewWebhook(Body):
    """Who is to be sent what."""

    name: Name = Field(description="What it is for.", examples=["ERP of Ningbo"])
    url: str = Field(
        min_length=1,
        max_length=URL_CHARACTERS_MAX,
        description="Where events are posted: https, in a network that the settings allow.",
        examples=["https://erp.example.cn/huitong"],
    )
    roles: list[Role] = Field(
        min_length=1,
        max_length=len(Role),
        description="It gets what a caller with these roles would see.",
        examples=[["integrator"]],
    )
    types: list[EventTypeName] = Field(
        default=[],
        max_length=len(EVENT_TYPES),
        description="Types of events; none for all that the roles see.",
        examples=[["cn.huitong.exchange.settled.v1"]],
    )
    since: Count | None = Field(
        default=None,
        description="Id of the event behind which it begins; null: from now on.",
    )


class SecretRotation(Body):
    """How a secret is replaced."""

    overlap_s: int = Field(
        default=86_400,
        ge=0,
        le=_OVERLAP_S_MAX,
        strict=True,
        description="Seconds for which messages are signed with the old secret too.",
    )


class Webhook(View):
    """A receiver of events, without its secret."""

    id: str = Field(description="Permanent id.", examples=["4f1c09a2b7d35e60"])
    name: str = Field(description="What it is for.")
    url: str = Field(description="Where events are posted.")
    roles: list[Role] = Field(description="It gets what these roles see.")
    types: list[str] = Field(description="Types of events; none for all of the roles.")
    made: TimeNs = Field(description="When it was made.")
    made_by: str = Field(description="Id of the caller who made it.")
    position: int = Field(description="Id of the newest event looked at for it.")
    pending: int = Field(description="Events on their way to it.")
    stuck: int = Field(description="Events that wait for a person, as jobs.")


class MadeWebhook(Webhook):
    """A webhook whose secret was just made."""

    secret: str = Field(
        description="What messages are signed with; shown this once, also not in a repeat with the same Idempotency-Key."
    )


class WebhookTrial(View):
    """What became of an event that was sent to try a receiver."""

    delivered: bool = Field(description="Whether the receiver took it.")
    status: int | None = Field(description="HTTP status of its answer, if it took it.")
    duration_ms: int = Field(description="How long it took.")
    problem: ProblemView | None = Field(description="Why it was not taken.")


@router.get("/webhooks", operation_id="listWebhooks", summary="List webhooks")
async def list_webhooks(
    services: ServicesOf,
    caller: CurrentCaller,
    limit: PageLimit = PAGE_DEFAULT,
    after: PageAfter = None,
) -> Page[Webhook]:
    """List webhooks in the order of their ids."""
    listing = Listing(services.cursors, "listWebhooks", caller)
    last = listing.after(after)
    found = await services.webhooks.page(
        after=str(last[0]) if last else "", limit=limit
    )
    goes_on = found[-1].id if len(found) == limit else ""
    return Page(
        items=[Webhook(**_values(one)) for one in found], next=listing.next(goes_on)
    )


@router.post(
    "/webhooks",
    status_code=201,
    operation_id="createWebhook",
    responses=problem_responses(410),
    summary="Let events be sent to a receiver",
)
async def create_webhook(
    order: NewWebhook,
    services: ServicesOf,
    caller: CurrentCaller,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> MadeWebhook:
    """Make a webhook; the answer is the only place where its secret is shown."""
    keep_no_answer(request)
    made = await services.webhooks.create(
        order.name,
        order.url,
        types=order.types,
        roles=order.roles,
        since=order.since,
        by=caller.id,
    )
    response.headers["Location"] = f"/v1/webhooks/{made.view.id}"
    return MadeWebhook(**_values(made.view), secret=made.secret)


@router.get(
    "/webhooks/{webhook}", operation_id="getWebhook", summary="Look at a webhook"
)
async def get_webhook(webhook: WebhookId, services: ServicesOf) -> Webhook:
    """What it is for, how far it has come, and whether events to it are stuck."""
    return Webhook(**_values(await services.webhooks.get(webhook)))


@router.delete(
    "/webhooks/{webhook}", operation_id="removeWebhook", summary="Remove a webhook"
)
async def remove_webhook(
    webhook: WebhookId,
    services: ServicesOf,
    caller: CurrentCaller,
    idempotency_key: IdempotencyKey = None,
) -> Webhook:
    """Send nothing more to it; what is on its way is given up."""
    return Webhook(**_values(await services.webhooks.remove(webhook, by=caller.id)))


@router.post(
    "/webhooks/{webhook}/secret",
    status_code=201,
    operation_id="rotateWebhookSecret",
    summary="Replace the secret of a webhook",
)
async def rotate_webhook_secret(
    webhook: WebhookId,
    order: SecretRotation,
    services: ServicesOf,
    request: Request,
    idempotency_key: IdempotencyKey = None,
) -> MadeWebhook:
    """Make a new secret; for a while messages carry signatures of both."""
    keep_no_answer(request)
    made = await services.webhooks.rotate(webhook, overlap_s=order.overlap_s)
    return MadeWebhook(**_values(made.view), secret=made.secret)


@router.post(
    "/webhooks/{webhook}/test",
    operation_id="testWebhook",
    summary="Try a webhook",
)
async def test_webhook(webhook: WebhookId, services: ServicesOf) -> WebhookTrial:
    """Send it an event of type `cn.huitong.webhook.tested.v1`, once and now."""
    trial = await services.webhook_deliveries.try_out(webhook)
    failure = trial.failure
    problem = None
    if failure is not None:
        problem = ProblemView(
            codespace=failure.codespace, code=failure.code, detail=str(failure)
        )
    return WebhookTrial(
        delivered=failure is None,
        status=trial.status or None,
        duration_ms=trial.duration_ns // 1_000_000,
        problem=problem,
    )


def _values(view: Found) -> dict[str, Any]:
    return {
        "id": view.id,
        "name": view.name,
        "url": view.url,
        "roles": list(view.roles),
        "types": list(view.types),
        "made": view.made_ns,
        "made_by": view.made_by,
        "position": view.position,
        "pending": view.pending,
        "stuck": view.stuck,
    }
