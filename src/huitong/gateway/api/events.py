"""``/v1/events``: what happened, in order, as a list or as it happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import orjson
from fastapi import Header, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, Field, WithJsonSchema

from huitong.gateway.access.callers import Caller, CurrentCaller
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.api.router import PREFIX, Listing, make_router
from huitong.gateway.api.values import COUNT_MAX, Page, View
from huitong.gateway.events.log import EventFilter
from huitong.gateway.events.register import EVENT_TYPES, types_for
from huitong.gateway.events.streaming import EVENT_STREAM, EventStream
from huitong.gateway.http.cursor import PAGE_DEFAULT, PageAfter, PageLimit
from huitong.gateway.http.errors import FieldReason, InvalidFieldsError
from huitong.gateway.http.exchange_forms import Form
from huitong.gateway.http.problems import problem_responses

router = make_router("events")

FORMS: Final = (
    Form(method="GET", path=f"{PREFIX}/events/stream", gives=(EVENT_STREAM,)),
)
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Server-sent events: `id`, `event` with the type, and `data` with the event as JSON on one line.",
        "content": {
            EVENT_STREAM: {
                "schema": {
                    "type": "object",
                    "description": "The fields of one event of the stream, as text.",
                    "properties": {
                        "id": {"type": "string", "pattern": "^[0-9]+$"},
                        "event": {"type": "string"},
                        "data": {"type": "string"},
                    },
                    "required": ["id", "event", "data"],
                },
                "example": {
                    "id": "7",
                    "event": "cn.huitong.exchange.settled.v1",
                    "data": "{…}",
                },
            }
        },
    },
    **problem_responses(410),
}
_TYPE_EXAMPLE: Final = "cn.huitong.exchange.settled.v1"
#: Digits of the greatest id.
_ID_CHARACTERS_MAX: Final = len(str(COUNT_MAX))


def _check_type(name: str) -> str:
    if name not in EVENT_TYPES:
        raise ValueError("no type of event; the page gateway-events.md has them")
    return name


EventTypeName = Annotated[
    str,
    AfterValidator(_check_type),
    WithJsonSchema(
        {"type": "string", "enum": sorted(EVENT_TYPES), "examples": [_TYPE_EXAMPLE]}
    ),
]
"""Name of a type of event."""
Types = Annotated[
    list[EventTypeName],
    Query(
        alias="type",
        max_length=len(EVENT_TYPES),
        description="Any of these; none for all that the caller may see.",
    ),
]
Subject = Annotated[
    str,
    Query(max_length=128, description="Only what is about this, such as an exchange."),
]
Since = Annotated[
    int | None,
    Query(ge=0, le=COUNT_MAX, description="Id of the last event seen."),
]


class Event(View):
    """Something that happened: a CloudEvent, version 1.0, in its JSON format."""

    specversion: str = Field(description="Version of the form: 1.0.", examples=["1.0"])
    id: str = Field(
        description="Number, ascending without gaps in the order of telling; give it as `since` to go on.",
        examples=["7"],
    )
    source: str = Field(
        description="Who tells it: zone and member of the gateway.",
        examples=["/zones/hangzhou-1/members/hz-tax-bureau"],
    )
    type: EventTypeName = Field(description="What happened.")
    subject: str = Field(
        description="What it is about, such as the id of an exchange.",
        examples=["18a1f3c2b7d35e60ab12cd34ef56ab78"],
    )
    time: Annotated[
        str,
        WithJsonSchema(
            {
                "type": "string",
                "format": "date-time",
                "examples": ["2026-03-18T09:30:00Z"],
            }
        ),
    ] = Field(description="When it was written.")
    datacontenttype: str = Field(
        description="Media type of `data`.", examples=["application/json"]
    )
    data: dict[str, Any] = Field(
        description="What the type says; never a payload, never a secret.",
        examples=[{"stage": "settled", "record": "INV-26332000000018046271"}],
    )
    requestid: str | None = Field(
        default=None, description="Id of the request that led to it, if one did."
    )


@router.get(
    "/events",
    operation_id="listEvents",
    responses=problem_responses(410),
    summary="List what happened",
)
async def list_events(
    services: ServicesOf,
    caller: CurrentCaller,
    types: Types = [],  # noqa: B006  FastAPI copies it
    subject: Subject = "",
    since: Since = None,
    after: PageAfter = None,
    limit: PageLimit = PAGE_DEFAULT,
) -> Page[Event]:
    """In the order of telling; `since` goes on behind an event, at any time later."""
    filters = {"type": sorted(types), "subject": subject, "since": since}
    listing = Listing(services.cursors, "listEvents", caller, filters)
    position = listing.after(after)
    page = await services.events.page(
        _filter(caller, types, subject),
        after=int(position[0]) if position else since,
        limit=limit,
    )
    goes_on = page.until if page.until < page.newest else 0
    return Page(
        items=[_shown(event) for event in page.events], next=listing.next(goes_on)
    )


@router.get(
    "/events/stream",
    operation_id="streamEvents",
    response_class=StreamingResponse,
    responses=_STREAM,
    summary="Hear what happens, as it happens",
)
async def stream_events(
    services: ServicesOf,
    caller: CurrentCaller,
    request: Request,
    types: Types = [],  # noqa: B006  FastAPI copies it
    subject: Subject = "",
    since: Since = None,
    seconds: Annotated[
        int | None,
        Query(
            ge=1,
            le=86_400,
            description="When to end; the gateway ends a stream by itself after `stream_s_max`.",
        ),
    ] = None,
    last_event_id: Annotated[
        str | None,
        Header(
            alias="Last-Event-ID",
            max_length=_ID_CHARACTERS_MAX,
            description="Id of the last event seen, as browsers send it; before `since`. Neither: from now on.",
        ),
    ] = None,
) -> EventStream:
    """Nothing is lost: whoever comes back with the id of the last event gets what follows."""
    start = await services.events.start(_position(last_event_id, since))

    async def may_listen() -> bool:
        return await services.edge.gate.still_admits(request.headers, caller)

    return services.streams.open(
        caller.id,
        _filter(caller, types, subject),
        after=start,
        may_listen=may_listen,
        seconds=seconds,
    )


def _filter(caller: Caller, types: list[str], subject: str) -> EventFilter:
    return EventFilter(
        seen_types=types_for(caller.roles), types=frozenset(types), subject=subject
    )


def _position(last_event_id: str | None, since: int | None) -> int | None:
    """Return the position of the last event that a reader says to have seen.

    Raises:
        InvalidFieldsError: the header holds no number.
    """
    if last_event_id is None or not last_event_id:
        return since
    if not (last_event_id.isascii() and last_event_id.isdigit()):
        raise InvalidFieldsError(
            FieldReason("header.Last-Event-ID", "not the id of an event")
        )
    return min(int(last_event_id), COUNT_MAX)


def _shown(event: Mapping[str, Any]) -> Event:
    return Event.model_validate(orjson.loads(orjson.dumps(event)))
