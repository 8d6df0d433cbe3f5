"""What the module ``exchange`` tells the world.

Every event names the exchange by side, channel and sequence, and carries what the
indicators need: who asked whom, for which type of purpose, how it was decided, when.
"""

from __future__ import annotations

from huitong.core.events import Event, event
from huitong.modules.exchange.keys import GIVER, PROVIDER
from huitong.modules.exchange.state import outcome_name, status_name
from huitong.proto.huitong.exchange.v1.exchange_pb2 import (
    Exchange,
    Params,
    Subscription,
    SubscriptionState,
)
from huitong.proto.huitong.exchange.v1.handover_pb2 import HandOver, HandOverStatus


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
        request_id=request.request_id,
        push_number=exchange.push_number,
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
        standing=int(request.standing),
        record_type=request.record_type,
        count_max=request.count_max,
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


def exchange_pushed(exchange: Exchange) -> Event:
    """On a a version left under a standing permission, or on b it came in."""
    decision = exchange.decision
    return _event(
        "exchange_pushed",
        exchange,
        push_sequence=exchange.push_sequence,
        version=decision.version,
        payload_digest=decision.payload_digest.hex(),
        sealed_digest=exchange.sealed_digest.hex(),
        fields=",".join(decision.fields),
        grant_id=decision.grant_id,
    )


def push_settled(exchange: Exchange) -> Event:
    """On a: the other zone took a push, refused it, or did not receive it in time."""
    return _event(
        "push_settled",
        exchange,
        push_sequence=exchange.push_sequence,
        version=exchange.decision.version,
        taken=int(exchange.push_acknowledged),
        status=status_name(exchange.status),
        failure=exchange.failure,
    )


def state_name(state: int) -> str:
    """Return the state of a subscription as one lower-case word."""
    name = SubscriptionState.Name(state)
    return name.removeprefix("SUBSCRIPTION_STATE_").lower()


def _subscription_event(
    kind: str, subscription: Subscription, **attributes: str | int
) -> Event:
    request = subscription.request
    return event(
        kind,
        side="provider" if subscription.side == PROVIDER else "requester",
        channel_id=subscription.channel_id,
        sequence=subscription.sequence,
        requester=request.requester,
        issuer=request.issuer,
        record_id=request.record_id,
        record_type=request.record_type,
        purpose=request.purpose,
        request_id=request.request_id,
        **attributes,
    )


def subscription_started(subscription: Subscription) -> Event:
    """On a a standing permission was granted, or on b this was learnt."""
    request = subscription.request
    return _subscription_event(
        "subscription_started",
        subscription,
        fields=",".join(subscription.decision.fields),
        term_until=request.term_until,
        count_max=request.count_max,
        grant_id=subscription.decision.grant_id,
    )


def subscription_ended(subscription: Subscription) -> Event:
    """A standing permission is over in this zone."""
    return _subscription_event(
        "subscription_ended",
        subscription,
        state=state_name(subscription.state),
        reason_code=subscription.reason_code,
        reason=subscription.reason,
        ended_by="provider" if subscription.ended_by == PROVIDER else "requester",
        end_sequence=subscription.end_sequence,
        push_count=subscription.push_count,
    )


def subscription_end_settled(subscription: Subscription) -> Event:
    """The other zone knows that a standing permission is over, or was not reached."""
    return _subscription_event(
        "subscription_end_settled",
        subscription,
        taken=int(subscription.end_acknowledged),
    )


def hand_over_status_name(status: int) -> str:
    """Return the status of a hand-over in lower case."""
    name = HandOverStatus.Name(status)
    return name.removeprefix("HAND_OVER_STATUS_").lower()


def _hand_over_event(kind: str, hand_over: HandOver, **attributes: str | int) -> Event:
    offer = hand_over.offer
    return event(
        kind,
        side="giver" if hand_over.side == GIVER else "receiver",
        channel_id=hand_over.channel_id,
        sequence=hand_over.sequence,
        issuer=offer.record.issuer,
        record_id=offer.record.record_id,
        receiver=offer.receiver,
        request_id=offer.request_id,
        **attributes,
    )


def hand_over_offered(hand_over: HandOver) -> Event:
    """On a a record was offered and locked, or on b the offer came in."""
    offer = hand_over.offer
    return _hand_over_event(
        "hand_over_offered",
        hand_over,
        version=offer.record.version,
        payload_digest=offer.record.payload_digest.hex(),
        sealed_digest=offer.sealed_digest.hex(),
        reason=offer.reason,
        deadline=hand_over.deadline,
    )


def hand_over_decided(hand_over: HandOver) -> Event:
    """On b a hand-over was accepted or returned, or on a this was learnt."""
    decision = hand_over.decision
    return _hand_over_event(
        "hand_over_decided",
        hand_over,
        status=hand_over_status_name(hand_over.status),
        reason_code=decision.reason_code,
        reason=decision.reason,
        decided_by=decision.decided_by,
        decided_height=decision.decided_height,
        decided_time=decision.decided_time,
        new_record_id=decision.record_id,
    )


def hand_over_failed(hand_over: HandOver) -> Event:
    """On a: the offer did not arrive in time, or the other zone refused it."""
    return _hand_over_event(
        "hand_over_failed",
        hand_over,
        status=hand_over_status_name(hand_over.status),
        failure=hand_over.failure,
    )
