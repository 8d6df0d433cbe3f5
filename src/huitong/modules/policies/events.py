"""What the module ``policies`` tells the world."""

from __future__ import annotations

from huitong.core.events import Event, event
from huitong.modules.policies.state import status_name
from huitong.proto.huitong.policies.v1.policies_pb2 import (
    BreakGlassUse,
    Params,
    Policy,
)


def policy_set(policy: Policy, *, cost_max: int) -> Event:
    """Requests for this type of record are judged by these rules from now on."""
    return event(
        "policy_set",
        record_type=policy.record_type,
        version=policy.version,
        title=policy.title,
        rules=len(policy.rules),
        cost_max=cost_max,
        grade_min=policy.grade_min,
        break_glass_roles=",".join(policy.break_glass_roles),
    )


def policy_removed(policy: Policy, *, reason: str) -> Event:
    """Only the zone's own rules hold for this type of record from now on."""
    return event(
        "policy_removed",
        record_type=policy.record_type,
        version=policy.version,
        reason=reason,
    )


def policy_params_changed(params: Params) -> Event:
    """Members decided on another term for reviews."""
    return event("policy_params_changed", review_term=params.review_term)


def _use_event(kind: str, use: BreakGlassUse, **attributes: str | int) -> Event:
    return event(
        kind,
        use_id=use.use_id,
        user=use.user,
        used_by=use.used_by,
        issuer=use.issuer,
        record_id=use.record_id,
        record_type=use.record_type,
        channel_id=use.channel_id,
        sequence=use.sequence,
        requester=use.requester,
        **attributes,
    )


def glass_broken(use: BreakGlassUse) -> Event:
    """Data was given in an emergency, without what is needed otherwise."""
    return _use_event("glass_broken", use, reason=use.reason, review_due=use.review_due)


def review_overdue(use: BreakGlassUse) -> Event:
    """Nobody reviewed a use in time; its user breaks no glass until somebody does."""
    return _use_event("review_overdue", use, review_due=use.review_due)


def glass_reviewed(use: BreakGlassUse) -> Event:
    """Somebody judged whether it was right to break the glass."""
    return _use_event(
        "glass_reviewed",
        use,
        status=status_name(use.status),
        reviewed_by=use.reviewed_by,
        reason=use.review_reason,
        late=int(use.reviewed_time > use.review_due),
    )
