"""Where a delivery belongs, whether it comes alone or in a batch."""

from __future__ import annotations

from typing import Protocol

from huitong.gateway.exchange.arrival_rows import Arrival
from huitong.gateway.peers.statement import Statement
from huitong.gateway.tracing.ids import TracePlace, exchange_trace, read_traceparent


class Delivered(Protocol):
    """What a statement or a line of a manifest says of one delivery."""

    @property
    def sequence(self) -> int:
        """Of the request."""

    @property
    def push_number(self) -> int:
        """Of a pushed version; 0 if it is none."""

    @property
    def sealed_digest(self) -> str:
        """Hexadecimal SHA-256 of the sealed bytes."""


def arrival_of(statement: Statement, one: Delivered) -> Arrival:
    """Return what arrives under a statement."""
    return Arrival(
        peer=statement.provider,
        chain_id_of_a=statement.chain_id_of_a,
        channel_on_b=statement.channel_on_b,
        sequence=one.sequence,
        push_number=one.push_number,
        sealed_digest=bytes.fromhex(one.sealed_digest),
    )


def trace_of(statement: Statement, one: Delivered, traceparent: str) -> TracePlace:
    """Return the peer's span, if it is one of the exchange's trace; else its root."""
    root = exchange_trace(
        statement.chain_id_of_a, statement.channel_on_a, one.sequence, one.push_number
    )
    told = read_traceparent(traceparent)
    return told if told is not None and told.trace_id == root.trace_id else root
