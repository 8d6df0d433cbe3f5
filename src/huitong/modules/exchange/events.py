"""What the module ``exchange`` tells the world.

Every event names the exchange by side, channel and sequence, and carries what the
indicators need: who asked whom, for which type of purpose, how it was decided, when.
"""

from __future__ import annotations

from huitong.core.events import Event, event
from huitong.modules.exchange.keys import PROVIDER
from huitong.modules.exchange.state import outcome_name
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Exchange, Params


def _event(kind: str, exchange: Exchange, **attributes: str | int) -> Event:
    request = exchange.request
    return event(
        kind,
        side="provider" if exchange.side == PROVIDER else "requester",
        channel_id=exchange.channel_id,
        sequence=exchange.sequence,
        requester=request.requester,
        issuer=request.issuer,
        record_id=request.record_id,
        purpose=request.purpose,
        **attributes,
    )


def exchange_requested(exchange: Exchange) -> Event:
    """On b a request left, or on a it came in."""
    request = exchange.request
    return _event(
        "exchange_requested",
        exchange,
        version=request.version,
        fields=",".join(request.fields),
        legal_basis=request.legal_basis,
        consent_id=request.consent_id,
        term_until=request.term_until,
        deadline=exchange.deadline,
        emergency=int(request.emergency),
        emergency_reason=request.emergency_reason,
    )


def exchange_decided(exchange: Exchange) -> Event:
    """On a a request was decided, or on b the decision arrived."""
    decision = exchange.decision
    return _event(
        "exchange_decided",
        exchange,
        outcome=outcome_name(decision.outcome),
        reason_code=decision.reason_code,
        reason=decision.reason,
        grant_id=decision.grant_id,
        decided_by=decision.decided_by,
        decided_height=decision.decided_height,
        decided_time=decision.decided_time,
        version=decision.version,
        payload_digest=decision.payload_digest.hex(),
        fields=",".join(decision.fields),
        grade_min=decision.grade_min,
        break_glass_id=decision.break_glass_id,
        requested_time=exchange.requested_time,
    )


def exchange_delivered(exchange: Exchange) -> Event:
    """On a the issuer said which sealed bytes it handed over."""
    digest = exchange.sealed_digest.hex()
    return _event("exchange_delivered", exchange, sealed_digest=digest)


def exchange_received(exchange: Exchange) -> Event:
    """On b the requester confirmed what arrived, or on a this receipt came in."""
    receipt = exchange.receipt
    return _event(
        "exchange_received",
        exchange,
        version=exchange.decision.version,
        payload_digest=receipt.payload_digest.hex(),
        sealed_digest=receipt.sealed_digest.hex(),
        received_time=receipt.received_time,
        grade=receipt.grade,
        grant_id=exchange.decision.grant_id,
        receipt_sequence=exchange.receipt_sequence,
        requested_time=exchange.requested_time,
    )


def receipt_acknowledged(exchange: Exchange) -> Event:
    """On b: the other zone has taken the receipt."""
    sequence = exchange.receipt_sequence
    return _event("receipt_acknowledged", exchange, receipt_sequence=sequence)


def receipt_refused(exchange: Exchange, *, sequence: int, reason: str) -> Event:
    """On b: the other zone did not take the receipt; another may be sent."""
    return _event("receipt_refused", exchange, receipt_sequence=sequence, reason=reason)


def exchange_timed_out(exchange: Exchange) -> Event:
    """On b: the request did not arrive in time, and this is proven."""
    return _event("exchange_timed_out", exchange)


def exchange_failed(exchange: Exchange) -> Event:
    """On b: the other zone answered with no decision."""
    return _event("exchange_failed", exchange, failure=exchange.failure)


def exchange_params_changed(params: Params) -> Event:
    """Members decided on other rules of exchange."""
    return event(
        "exchange_params_changed",
        ask_officer="true" if params.ask_officer else "false",
        officer_term=params.officer_term,
        level_max=params.level_max,
        client_levels=",".join(
            f"{entry.client_id}:{entry.level_max}" for entry in params.client_levels
        ),
    )
