"""Refusals to those who listen; codespace events."""

from __future__ import annotations

from typing import ClassVar

from huitong.core.errors import RejectedError, UnavailableError


class EventsGoneError(
    RejectedError,
    codespace="events",
    code=2,
    text="events up to {gone} are no longer kept, and {since} was the last one seen",
    next_step="Look at the present state by the lists, then go on with since={gone}.",
):
    """Events between the last one seen and the oldest one kept were cleared away."""

    http_status: ClassVar[int] = 410


class EventUnknownError(
    RejectedError,
    codespace="events",
    code=3,
    text="event {since} was never told; the newest is {newest}",
    next_step="If the gateway was restored from a backup, look at the present state by the lists and go on with since={newest}.",
):
    """The last event seen is newer than all that there are."""

    http_status: ClassVar[int] = 422


class TooManyStreamsError(
    UnavailableError,
    codespace="events",
    code=4,
    text="there are {count} streams of {whose} already, the most that may be",
    next_step="End one of them, or ask for the list now and then.",
):
    """One more stream of events would be too many."""

    http_status: ClassVar[int] = 429

    def http_headers(self) -> dict[str, str]:
        """Return the header that says when to come again."""
        return {"Retry-After": "5"}


class EventTypeError(
    RejectedError,
    codespace="events",
    code=5,
    text="events of type {name} are not for {roles}",
    next_step="The page gateway-events.md says who sees which type.",
):
    """A type of event that none of these roles may see."""
