"""Spans as the rest of the gateway makes them; recorded, or nothing at all."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final, Protocol, TypeAlias, final

from huitong.gateway.tracing.ids import TracePlace

Attributes: TypeAlias = Mapping[str, str | int | bool]


@unique
class SpanKind(StrEnum):
    """What a span is to others, in the words of OpenTelemetry."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that took a while."""

    name: str
    place: TracePlace
    """Its own trace and span id."""
    parent_id: int = 0
    """Span above it in the same trace; 0 for none."""
    kind: SpanKind = SpanKind.INTERNAL
    start_ns: int
    end_ns: int
    attributes: Attributes = field(default_factory=dict)
    links: Sequence[TracePlace] = ()
    """Spans of other traces that belong to it."""
    failure: str = ""
    """Why it failed; empty if it did not."""


class Tracing(Protocol):
    """Who records spans."""

    @property
    def is_on(self) -> bool:
        """Whether anything is recorded at all."""

    def is_sampled(self, trace_id: int) -> bool:
        """Return whether a trace that begins here is recorded."""

    def record(self, span: Span) -> None:
        """Record a span that has ended; never waits, never fails."""

    def close(self) -> None:
        """Send what is recorded; takes a while, so not in the event loop."""


@final
class NoTracing:
    """Records nothing."""

    is_on = False

    def is_sampled(self, trace_id: int) -> bool:
        """Return False."""
        return False

    def record(self, span: Span) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


NO_TRACING: Final = NoTracing()


@final
@dataclass(slots=True)
class OpenSpan:
    """A span that has not ended."""

    place: TracePlace
    attributes: dict[str, str | int | bool]
    failure: str = ""


@contextmanager
def span_of(
    tracing: Tracing,
    name: str,
    parent: TracePlace,
    *,
    kind: SpanKind,
    attributes: Attributes,
) -> Iterator[OpenSpan]:
    """Record the block as a span below ``parent``; its failure is the span's.

    Args:
        tracing: who records it, if the parent is sampled.
        name: what happens; of few values.
        parent: the span above.
        kind: what it is to others.
        attributes: facts about it; more may be added within the block.
    """
    place = TracePlace(parent.trace_id, new_span_id(), parent.is_sampled)
    opened = OpenSpan(place, dict(attributes))
    start_ns = time.time_ns()
    try:
        yield opened
    except Exception as error:
        opened.failure = str(error) or type(error).__name__
        raise
    finally:
        if tracing.is_on and place.is_sampled:
            tracing.record(
                Span(
                    name=name,
                    place=place,
                    parent_id=parent.span_id,
                    kind=kind,
                    start_ns=start_ns,
                    end_ns=time.time_ns(),
                    attributes=opened.attributes,
                    failure=opened.failure,
                )
            )


def new_span_id() -> int:
    """Return a fresh id of 64 bits."""
    return secrets.randbits(64) or 1
