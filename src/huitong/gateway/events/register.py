"""Every type of event: name, meaning, data, and who sees it. The one list of them.

Names are permanent. Whoever may call the operation that shows a thing sees the events
about it, so the permission table stays the one place that says who sees what.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from huitong.gateway.access.permissions import PERMISSIONS
from huitong.gateway.access.roles import Role

_PREFIX: Final = "cn.huitong."
_VERSION: Final = ".v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """A type of event."""

    name: str
    """``type`` of the CloudEvent."""
    meaning: str
    """When it is told, for people."""
    subject: str
    """What ``subject`` is, for people."""
    data: Mapping[str, str]
    """Members of ``data`` with their meanings, for people."""
    operation: str
    """Id of the operation whose callers see it."""

    @property
    def roles(self) -> frozenset[Role]:
        """Roles that see it."""
        return PERMISSIONS[self.operation].roles


EVENT_TYPES: Final[dict[str, EventType]] = {}
"""All types by name."""


def _type(
    name: str, meaning: str, *, subject: str, operation: str, data: Mapping[str, str]
) -> EventType:
    full = f"{_PREFIX}{name}{_VERSION}"
    EVENT_TYPES[full] = EventType(
        name=full, meaning=meaning, subject=subject, data=data, operation=operation
    )
    return EVENT_TYPES[full]


# --- exchanges ----------------------------------------------------------------------------

_EXCHANGE: Final = {
    "exchange": "Id of the exchange.",
    "side": "`provider` or `requester`: which end this gateway is.",
    "stage": "How far it has come.",
    "peer": "Member at the other end.",
    "record": "Id of the record.",
    "channel": "Channel on the own zone.",
    "sequence": "Of the request; null until it is on chain.",
    "deadline": "Until when an officer may decide, RFC 3339; null where none has to.",
    "reason": "Why it ended or does not go on, for people; empty if nothing is wrong.",
    "codespace": "Family of the error code, where it does not go on; else empty.",
    "code": "Error code within its family; else 0.",
}
_STAGES: Final = {
    "ordered": "Requester: a request is stored and goes to the zone.",
    "requested": "The request is on chain.",
    "granted": "The request is granted.",
    "sealed": "Provider: the granted fields are sealed.",
    "pushed": "Provider: a version under a standing permission goes to the zone.",
    "delivered": "Provider: the delivery is stated on chain.",
    "handed-over": "Provider: the peer has the sealed bytes.",
    "arrived": "Requester: the sealed bytes are here.",
    "checked": "Requester: every check passed; the document can be read.",
    "confirmed": "Requester: the receipt is on the own zone.",
    "settled": "Both zones have the receipt.",
    "refused": "The request is refused.",
    "timed-out": "The request did not arrive in time, and this is proven.",
    "failed": "The other zone could not answer.",
    "cancelled": "A person gave the exchange up.",
}


def _exchange(name: str, meaning: str) -> EventType:
    return _type(
        f"exchange.{name}",
        meaning,
        subject="id of the exchange",
        operation="getExchange",
        data=_EXCHANGE,
    )


#: Type by stage; the stage ``received`` is told as ``confirmed``, because a document that
#: was received is an event of connectors.
EXCHANGE_STAGES: Final = {
    {"confirmed": "received"}.get(name, name): _exchange(name, meaning)
    for name, meaning in _STAGES.items()
}
DECISION_NEEDED: Final = _exchange(
    "decision-needed", "Provider: a request waits for an officer."
)
EXCHANGE_STUCK: Final = _exchange(
    "stuck", "An exchange does not go on by itself and waits for a person."
)

# --- subscriptions ------------------------------------------------------------------------

_SUBSCRIPTION: Final = {
    "subscription": "Id of the subscription.",
    "side": "`provider` or `requester`: which end this gateway is.",
    "stage": "How far it has come.",
    "peer": "Member at the other end.",
    "record": "Id of the one record; empty for a type.",
    "record_type": "Type of the records; empty for one record.",
    "channel": "Channel on the own zone.",
    "sequence": "Of the request; null until it is on chain.",
    "deadline": "Until when an officer may decide, RFC 3339; null where none has to.",
    "reason": "Why it ended or does not go on, for people; empty if nothing is wrong.",
    "codespace": "Family of the error code, where it does not go on; else empty.",
    "code": "Error code within its family; else 0.",
}


def _subscription(name: str, meaning: str) -> EventType:
    return _type(
        f"subscription.{name}",
        meaning,
        subject="id of the subscription",
        operation="getSubscription",
        data=_SUBSCRIPTION,
    )


SUBSCRIPTION_DECISION_NEEDED: Final = _subscription(
    "decision-needed", "Provider: a request for each new version waits for an officer."
)
SUBSCRIPTION_REFUSED: Final = _subscription(
    "refused", "A request for each new version was refused, or did not arrive."
)
SUBSCRIPTION_STUCK: Final = _subscription(
    "stuck", "A subscription does not go on by itself and waits for a person."
)

# --- jobs ---------------------------------------------------------------------------------

JOB_STUCK: Final = _type(
    "job.stuck",
    "A step failed for good and waits for a person.",
    subject="what the job belongs to, such as an exchange; else its number",
    operation="getJob",
    data={
        "job": "Number of the job.",
        "kind": "What it does.",
        "lane": "The account that signs, or whom it goes to.",
        "attempts": "How often it was tried.",
        "codespace": "Family of the error code.",
        "code": "Error code within its family.",
        "reason": "What happened, for people.",
    },
)

# --- what the own zone tells --------------------------------------------------------------

_BLOCK: Final = {
    "height": "Block of the own zone.",
    "transaction": "Hash of the transaction; empty for what the block itself told.",
    "…": "The attributes of the zone's event, as texts.",
}


def _zone(name: str, meaning: str, subject: str, operation: str) -> EventType:
    return _type(name, meaning, subject=subject, operation=operation, data=_BLOCK)


RECORD_PUBLISHED: Final = _zone(
    "record.published",
    "A record of this member, or a new version of one, stands on chain.",
    "id of the record",
    "getRecord",
)
RECORD_STATUS_CHANGED: Final = _zone(
    "record.status-changed",
    "A record of this member was suspended, taken back or revoked.",
    "id of the record",
    "getRecord",
)
GRANT_GIVEN: Final = _zone(
    "grant.given",
    "This member gave a grant, or got one inside of its zone.",
    "number of the grant",
    "getGrant",
)
GRANT_WITHDRAWN: Final = _zone(
    "grant.withdrawn",
    "This member took a grant back.",
    "number of the grant",
    "getGrant",
)
CONSENT_RECORDED: Final = _zone(
    "consent.recorded",
    "A consent was given that this member recorded, or that lets it read.",
    "number of the consent",
    "getConsent",
)
CONSENT_WITHDRAWN: Final = _zone(
    "consent.withdrawn",
    "Such a consent was withdrawn; what hangs on it covers nothing any more.",
    "number of the consent",
    "getConsent",
)
GLASS_BROKEN: Final = _zone(
    "emergency.opened",
    "A record of this member was given in an emergency.",
    "id of the record",
    "getExchange",
)
GLASS_REVIEWED: Final = _zone(
    "emergency.reviewed",
    "Somebody judged such an emergency.",
    "id of the record",
    "getExchange",
)
REVIEW_OVERDUE: Final = _zone(
    "emergency.overdue",
    "Nobody reviewed such an emergency in time.",
    "id of the record",
    "getExchange",
)
SUBSCRIPTION_STARTED: Final = _zone(
    "subscription.started",
    "A standing permission was granted, by this member or to it.",
    "id of the record, or the type of the records",
    "getSubscription",
)
SUBSCRIPTION_ENDED: Final = _zone(
    "subscription.ended",
    "A standing permission of this member is over.",
    "id of the record, or the type of the records",
    "getSubscription",
)
VERSION_PUSHED: Final = _zone(
    "subscription.pushed",
    "A version left under a standing permission, or came in.",
    "id of the record",
    "getExchange",
)
HAND_OVER_OFFERED: Final = _zone(
    "hand-over.offered",
    "A record was offered to another zone by this member, or to it.",
    "id of the record",
    "getExchange",
)
HAND_OVER_DECIDED: Final = _zone(
    "hand-over.decided",
    "Such an offer was accepted or returned.",
    "id of the record",
    "getExchange",
)
HAND_OVER_FAILED: Final = _zone(
    "hand-over.failed",
    "Such an offer did not arrive in time, or the other zone refused it.",
    "id of the record",
    "getExchange",
)
BLOCKS_MISSED: Final = _type(
    "zone.blocks-missed",
    "The node no longer had blocks that this gateway had not seen; events of the zone in "
    "them are not told, and its state was read instead.",
    subject="chain id of the own zone",
    operation="listJobs",
    data={"height": "Newest block that had been seen."},
)

# --- who may call -------------------------------------------------------------------------

_KEY: Final = {
    "key": "Id of the API key.",
    "name": "What it is for.",
    "roles": "What its holder may do.",
    "by": "Who did it, if that is known here; else empty.",
}
API_KEY_MADE: Final = _type(
    "api-key.made",
    "An API key was made, also in place of another one.",
    subject="id of the API key",
    operation="listApiKeys",
    data=_KEY,
)
API_KEY_REVOKED: Final = _type(
    "api-key.revoked",
    "An API key was revoked.",
    subject="id of the API key",
    operation="listApiKeys",
    data=_KEY,
)


# --- webhooks -----------------------------------------------------------------------------

_WEBHOOK: Final = {
    "webhook": "Id of the webhook.",
    "name": "What it is for.",
    "types": "Types of events; none for all that the roles see.",
    "roles": "It gets what these roles see.",
    "by": "Id of the caller who did it.",
}
WEBHOOK_MADE: Final = _type(
    "webhook.made",
    "Events are sent to a new receiver from now on.",
    subject="id of the webhook",
    operation="listWebhooks",
    data=_WEBHOOK,
)
WEBHOOK_REMOVED: Final = _type(
    "webhook.removed",
    "Nothing more is sent to a receiver.",
    subject="id of the webhook",
    operation="listWebhooks",
    data=_WEBHOOK,
)
WEBHOOK_MISSED: Final = _type(
    "webhook.missed",
    "Events were cleared away before a receiver took those before them; it misses them.",
    subject="id of the webhook",
    operation="listWebhooks",
    data={
        "webhook": "Id of the webhook.",
        "first": "Id of the first event that may be missed.",
        "last": "Id of the last one.",
    },
)


def types_for(roles: Collection[Role]) -> frozenset[str]:
    """Return the names of the types that a caller with these roles sees."""
    held = frozenset(roles)
    return frozenset(
        name for name, kind in EVENT_TYPES.items() if not kind.roles.isdisjoint(held)
    )
