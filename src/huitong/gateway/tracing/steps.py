"""Spans of the outbox's steps, and of the transactions that carried them.

A step is recorded when it has ended, with the times that the database has of it: so it is
one span however often the gateway was stopped meanwhile. Steps of an exchange stand in
the exchange's trace and are linked to the request that led to them; other steps stand in
the trace of that request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, final

import structlog

from huitong.core.errors import HuitongError
from huitong.gateway.outbox.steps import Step, StepState
from huitong.gateway.tracing.ids import TracePlace, read_traceparent, step_span_id
from huitong.gateway.tracing.spans import (
    Attributes,
    Span,
    SpanKind,
    Tracing,
    new_span_id,
)

log = structlog.get_logger("gateway")

#: Steps that wait to be recorded; older ones are dropped.
WAITING_MAX: Final = 10_000
#: Seconds between two looks at what has ended.
PAUSE_S: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSpan:
    """An exchange as its trace has it."""

    place: TracePlace
    """Its root span."""
    start_ns: int
    attributes: Attributes
    ends_with: str
    """Kind of the step whose end is also that of the root span; empty: none of ours."""


@final
class StepSpans:
    """Records steps that have ended, behind what goes on."""

    def __init__(
        self,
        tracing: Tracing,
        exchanges_of: Callable[[Sequence[Step]], Awaitable[dict[str, ExchangeSpan]]],
    ) -> None:
        """Prepare.

        Args:
            tracing: who records.
            exchanges_of: returns the exchanges that steps belong to, by their ids.
        """
        self._tracing = tracing
        self._exchanges_of = exchanges_of
        self._waiting: deque[Step] = deque(maxlen=WAITING_MAX)

    def ended(self, steps: Iterable[Step]) -> None:
        """Take note of steps that have ended; never waits."""
        if self._tracing.is_on:
            self._waiting.extend(steps)

    async def run(self) -> None:
        """Record what has ended until cancelled."""
        while self._tracing.is_on:
            await asyncio.sleep(PAUSE_S)
            await self.flush()

    async def flush(self) -> None:
        """Record what has ended so far."""
        steps = list(self._waiting)
        self._waiting.clear()
        if not steps:
            return
        try:
            exchanges = await self._exchanges_of(steps)
        except HuitongError as failure:
            log.warning("steps_not_traced", reason=failure.diagnostics())
            return
        for step in steps:
            for span in spans_of(step, exchanges.get(step.subject)):
                self._tracing.record(span)


def spans_of(step: Step, exchange: ExchangeSpan | None) -> list[Span]:
    """Return the spans of a step that has ended; none if nobody traces it."""
    request = read_traceparent(step.traceparent)
    parent = request if exchange is None else exchange.place
    if parent is None or not parent.is_sampled:
        return []
    place = TracePlace(parent.trace_id, step_span_id(step.key))
    links = [request] if request is not None and exchange is not None else []
    spans = [
        Span(
            name=step.kind,
            place=place,
            parent_id=parent.span_id,
            start_ns=step.created_ns,
            end_ns=step.changed_ns,
            attributes=_attributes(step),
            links=links,
            failure=step.error if step.state == StepState.STUCK else "",
        )
    ]
    if step.tx_hash:
        spans.append(_transaction(step, place))
    if exchange is not None and step.kind == exchange.ends_with:
        spans.append(_root(step, exchange))
    return spans


def _attributes(step: Step) -> Attributes:
    return {
        "huitong.job": step.id,
        "huitong.subject": step.subject,
        "huitong.lane": step.lane,
        "huitong.state": step.state.value,
        "huitong.attempts": step.attempts,
        "huitong.request_id": step.request_id,
    }


def _transaction(step: Step, parent: TracePlace) -> Span:
    """Return the way of a step's message: from its signature to the end of the step."""
    return Span(
        name="chain transaction",
        place=TracePlace(parent.trace_id, new_span_id()),
        parent_id=parent.span_id,
        kind=SpanKind.CLIENT,
        start_ns=step.signed_ns,
        end_ns=step.changed_ns,
        attributes={
            "huitong.transaction": step.tx_hash,
            "huitong.height": step.height,
            "huitong.account": step.lane,
        },
    )


def _root(step: Step, exchange: ExchangeSpan) -> Span:
    return Span(
        name="exchange",
        place=exchange.place,
        start_ns=exchange.start_ns,
        end_ns=step.changed_ns,
        attributes=exchange.attributes,
    )
