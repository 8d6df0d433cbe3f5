"""``/v1/caller`` and ``/v1/api-keys``: who calls, and who may."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Path, Request, Response
from pydantic import Field

from huitong.core.time import SECONDS_PER_DAY
from huitong.gateway.access.api_keys import NAME_CHARACTERS_MAX, ApiKeyView
from huitong.gateway.access.callers import CallerKind, CurrentCaller
from huitong.gateway.access.errors import ApiKeyNotFoundError
from huitong.gateway.access.roles import Role
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.api.router import Listing, make_router
from huitong.gateway.api.values import Body, Page, TimeNs, View
from huitong.gateway.http.cursor import PAGE_DEFAULT, PageAfter, PageLimit
from huitong.gateway.http.errors import AbsentError
from huitong.gateway.http.idempotency import IdempotencyKey, keep_no_answer

router = make_router("callers")

#: Longest time for which a rotated key works beside the new one.
_OVERLAP_S_MAX: Final = 30 * SECONDS_PER_DAY

KeyId = Annotated[
    str,
    Path(
        pattern=r"^[0-9a-f]{16}$",
        description="Id of the key: the part between the underscores.",
        examples=["4f1c09a2b7d35e60"],
    ),
]
Days = Annotated[
    int,
    Field(ge=1, le=3_650, strict=True, description="Days for which the key is good."),
]


class CallerView(View):
    """Who this caller is to the gateway."""

    id: str = Field(description="Permanent id, as in the audit log.")
    name: str = Field(description="For people.")
    roles: list[Role] = Field(description="What it may do.")
    kind: CallerKind = Field(description="How it proved who it is.")


class ApiKey(View):
    """An API key, without the key."""

    id: str = Field(description="Permanent id.", examples=["4f1c09a2b7d35e60"])
    name: str = Field(description="What it is for.", examples=["ERP of Ningbo"])
    roles: list[Role] = Field(description="What its holder may do.")
    made: TimeNs = Field(description="When it was made.")
    made_by: str = Field(description="Id of the caller who made it.")
    expires: TimeNs = Field(description="When it ends.")
    used: TimeNs | None = Field(description="Last use, to the minute.")
    revoked: TimeNs | None = Field(description="When it was revoked.")
    replaces: str | None = Field(description="The key that it was rotated from.")


class MadeApiKey(ApiKey):
    """An API key that was just made."""

    key: str = Field(
        description="The key itself; shown this once, also not in a repeat with the same Idempotency-Key."
    )


class NewKey(Body):
    """What key to make."""

    name: str = Field(
        min_length=1, max_length=NAME_CHARACTERS_MAX, description="What it is for."
    )
    roles: list[Role] = Field(
        min_length=1, max_length=len(Role), description="What its holder may do."
    )
    days: Days = 90


class Rotation(Body):
    """How a key is replaced."""

    days: Days = 90
    overlap_s: int = Field(
        default=3_600,
        ge=0,
        le=_OVERLAP_S_MAX,
        strict=True,
        description="Seconds for which the old key works beside the new one.",
    )


@router.get("/caller", operation_id="getCaller", summary="Who I am to this gateway")
async def get_caller(caller: CurrentCaller) -> CallerView:
    """Tell the caller's own id and roles."""
    roles = sorted(caller.roles)
    return CallerView(id=caller.id, name=caller.name, roles=roles, kind=caller.kind)


@router.get("/api-keys", operation_id="listApiKeys", summary="List API keys")
async def list_api_keys(
    services: ServicesOf,
    caller: CurrentCaller,
    limit: PageLimit = PAGE_DEFAULT,
    after: PageAfter = None,
) -> Page[ApiKey]:
    """List keys in the order of their ids, also those that have ended."""
    listing = Listing(services.cursors, "listApiKeys", caller)
    last = listing.after(after)
    found = await services.edge.api_keys.page(
        after=str(last[0]) if last else "", limit=limit
    )
    goes_on = found[-1].id if len(found) == limit else ""
    return Page(items=[_view(item) for item in found], next=listing.next(goes_on))


@router.post(
    "/api-keys", status_code=201, operation_id="createApiKey", summary="Make an API key"
)
async def create_api_key(
    order: NewKey,
    services: ServicesOf,
    caller: CurrentCaller,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> MadeApiKey:
    """Make a key; the answer is the only place where it is shown."""
    keep_no_answer(request)
    made = await services.edge.api_keys.create(
        order.name, order.roles, term_s=order.days * SECONDS_PER_DAY, by=caller.id
    )
    response.headers["Location"] = f"/v1/api-keys/{made.view.id}"
    return MadeApiKey(**_values(made.view), key=made.key)


@router.post(
    "/api-keys/{key_id}/rotation",
    status_code=201,
    operation_id="rotateApiKey",
    summary="Replace an API key",
)
async def rotate_api_key(
    key_id: KeyId,
    order: Rotation,
    services: ServicesOf,
    caller: CurrentCaller,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> MadeApiKey:
    """Make a key of the same name and roles, and end the old one after a while."""
    keep_no_answer(request)
    try:
        made = await services.edge.api_keys.rotate(
            key_id,
            term_s=order.days * SECONDS_PER_DAY,
            overlap_s=order.overlap_s,
            by=caller.id,
        )
    except ApiKeyNotFoundError:
        raise AbsentError(kind="API key") from None
    response.headers["Location"] = f"/v1/api-keys/{made.view.id}"
    return MadeApiKey(**_values(made.view), key=made.key)


@router.delete(
    "/api-keys/{key_id}", operation_id="revokeApiKey", summary="Revoke an API key"
)
async def revoke_api_key(
    key_id: KeyId, services: ServicesOf, idempotency_key: IdempotencyKey = None
) -> ApiKey:
    """End a key at once; one that has ended stays as it is."""
    try:
        return _view(await services.edge.api_keys.revoke(key_id))
    except ApiKeyNotFoundError:
        raise AbsentError(kind="API key") from None


def _view(view: ApiKeyView) -> ApiKey:
    return ApiKey(**_values(view))


def _values(view: ApiKeyView) -> dict[str, Any]:
    return {
        "id": view.id,
        "name": view.name,
        "roles": list(view.roles),
        "made": view.made_ns,
        "made_by": view.made_by,
        "expires": view.expires_ns,
        "used": view.used_ns,
        "revoked": view.revoked_ns,
        "replaces": view.replaces,
    }
