"""Which trace an exchange belongs to.

Two organisations take part in an exchange, and only their zones speak to each other: no
header travels with a packet. Both know the place of the request, though, the provider's
zone, channel and sequence; the trace's id is a digest of it. So the spans of both come
together under one id, whoever records them, and it can be computed from an evidence file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from huitong.core.hashing import sha256

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8
_DOMAIN: Final = "huitong/exchange-trace/1"
_SAMPLED: Final = 1
_TRACEPARENT: Final = re.compile(
    r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class TracePlace:
    """A span that others are below of, or linked to."""

    trace_id: int
    """Of 128 bits."""
    span_id: int
    """Of 64 bits."""
    is_sampled: bool = True
    """Whether spans below it are recorded."""

    @property
    def traceparent(self) -> str:
        """The header of W3C Trace Context, version 00."""
        flags = _SAMPLED if self.is_sampled else 0
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{flags:02x}"


def read_traceparent(text: str) -> TracePlace | None:
    """Return what a header ``traceparent`` says; None if it is not valid."""
    found = _TRACEPARENT.fullmatch(text)
    if found is None:
        return None
    trace_id, span_id = int(found[1], 16), int(found[2], 16)
    if not trace_id or not span_id:
        return None
    return TracePlace(trace_id, span_id, bool(int(found[3], 16) & _SAMPLED))


def exchange_trace(
    chain_id: str, channel_id: str, sequence: int, push_number: int = 0
) -> TracePlace:
    """Return the root span of an exchange, the same for both of its parties.

    Args:
        chain_id: the provider's zone.
        channel_id: of the request, on the provider's zone.
        sequence: of the request packet, at least 1.
        push_number: which version under a standing permission; 0 for a single request.
    """
    text = f"{_DOMAIN}/{chain_id}/{channel_id}/{sequence}"
    if push_number:
        text += f"/{push_number}"
    digest = sha256(text.encode())
    return TracePlace(
        int.from_bytes(digest[:TRACE_ID_BYTES], "big") or 1,
        int.from_bytes(digest[-SPAN_ID_BYTES:], "big") or 1,
    )


def step_span_id(key: str) -> int:
    """Return the span id of a step of the outbox, known before it is carried out."""
    digest = sha256(f"huitong/step-span/1/{key}".encode())
    return int.from_bytes(digest[:SPAN_ID_BYTES], "big") or 1
