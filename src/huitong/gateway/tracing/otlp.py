"""Sending spans to a collector: OTLP over HTTP, by OpenTelemetry's own exporter.

A bounded queue and one thread of it: a collector that is slow or away costs spans, never
requests.
"""

from __future__ import annotations

from typing import Final, final

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
)
from opentelemetry.trace import SpanKind as OtelKind

from huitong import __version__
from huitong.gateway.tracing.ids import TracePlace
from huitong.gateway.tracing.spans import Attributes, Span, SpanKind

#: Spans that wait to be sent; more are dropped.
QUEUE_MAX: Final = 8_192
#: Spans in one request, and milliseconds for which the first one waits for company.
BATCH_MAX: Final = 512
BATCH_MS: Final = 500
#: Seconds for one request.
TIMEOUT_S: Final = 10
_TRACE_BITS: Final = 1 << 64
_KINDS: Final = {
    SpanKind.INTERNAL: OtelKind.INTERNAL,
    SpanKind.SERVER: OtelKind.SERVER,
    SpanKind.CLIENT: OtelKind.CLIENT,
}
_SCOPE: Final = InstrumentationScope("huitong.gateway", __version__)


@final
class OtlpTracing:
    """Records spans and sends them (``Tracing``)."""

    is_on = True

    def __init__(
        self,
        endpoint: str,
        *,
        headers: dict[str, str],
        ca_file: str | None,
        sample: float,
        about: Attributes,
    ) -> None:
        """Prepare, and start the thread that sends.

        Args:
            endpoint: URL that takes spans.
            headers: sent with them.
            ca_file: PEM file of authorities; None for the public ones.
            sample: part of the traces begun here that is recorded, 0 to 1.
            about: who records: the attributes of the resource.
        """
        session = requests.Session()
        session.trust_env = False
        exporter = OTLPSpanExporter(
            endpoint=endpoint,
            headers=headers,
            certificate_file=ca_file,
            timeout=TIMEOUT_S,
            session=session,
        )
        self._processor = BatchSpanProcessor(
            exporter,
            max_queue_size=QUEUE_MAX,
            max_export_batch_size=BATCH_MAX,
            schedule_delay_millis=BATCH_MS,
        )
        self._resource = Resource(dict(about))
        self._below = int(sample * _TRACE_BITS)

    def is_sampled(self, trace_id: int) -> bool:
        """Return whether a trace is recorded: every gateway decides alike by its id."""
        return trace_id % _TRACE_BITS < self._below

    def record(self, span: Span) -> None:
        """Put a span into the queue."""
        context = _context(span.place)
        parent = None
        if span.parent_id:
            parent = _context(TracePlace(span.place.trace_id, span.parent_id))
        failed = Status(StatusCode.ERROR, span.failure) if span.failure else Status()
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=context,
                parent=parent,
                resource=self._resource,
                attributes=dict(span.attributes),
                links=[Link(_context(place)) for place in span.links],
                kind=_KINDS[span.kind],
                status=failed,
                start_time=span.start_ns,
                end_time=span.end_ns,
                instrumentation_scope=_SCOPE,
            )
        )

    def close(self) -> None:
        """Send what is in the queue, and end the thread."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]


def _context(place: TracePlace) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if place.is_sampled else TraceFlags.DEFAULT)
    return SpanContext(
        trace_id=place.trace_id,
        span_id=place.span_id,
        is_remote=False,
        trace_flags=flags,
    )
