"""What callers order of the exchanges, and what they are shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum, unique

from huitong.proto.huitong.records.v1 import records_pb2


@unique
class Side(StrEnum):
    """Which end of an exchange this gateway is."""

    PROVIDER = "provider"
    REQUESTER = "requester"


@unique
class Stage(StrEnum):
    """How far an exchange has come, as this gateway knows it."""

    ORDERED = "ordered"
    """Requester: the request is stored and goes to the zone."""
    REQUESTED = "requested"
    """It is on chain and undecided; a provider's officer may have to decide."""
    GRANTED = "granted"
    """Granted; the delivery is under way."""
    SEALED = "sealed"
    """Provider: sealed, and the statement of it goes to the zone."""
    PUSHED = "pushed"
    """Provider, of a pushed version: on its way to the other zone, which takes it first."""
    DELIVERED = "delivered"
    """Provider: stated on chain; it is handed over to the peer."""
    HANDED_OVER = "handed-over"
    """Provider: the peer has it; the receipt is awaited."""
    ARRIVED = "arrived"
    """Requester: the sealed bytes are here and are being checked."""
    CHECKED = "checked"
    """Requester: every check passed; the receipt goes to the zone."""
    RECEIVED = "received"
    """Requester: the receipt is on its way to the other zone."""
    SETTLED = "settled"
    """Both zones have the receipt."""
    REFUSED = "refused"
    TIMED_OUT = "timed-out"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """A person gave it up."""


#: Nothing more happens in these.
ENDED = frozenset(
    {Stage.SETTLED, Stage.REFUSED, Stage.TIMED_OUT, Stage.FAILED, Stage.CANCELLED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOrder:
    """A document that is to become a record, or a new version of one."""

    key: str
    """The caller's own; the same order under the same key is carried out once."""
    document: bytes | AsyncIterator[bytes] = field(repr=False)
    """Its bytes."""
    record_id: str
    record_type: str
    subject: bytes = b""
    """Salted pseudonym of the data subject, 32 bytes or empty."""
    level: int = 2
    """Data level, 1 (open) to 4."""
    share_class: records_pb2.ShareClass = records_pb2.SHARE_CLASS_CONDITIONAL
    title: str = ""
    """Line in the catalogue; empty keeps it out."""
    terms: str = ""
    valid_from: int = 0
    """Seconds since the epoch; 0 for at once."""
    valid_until: int = 0
    """Seconds since the epoch; 0 for ever."""
    previous_version: int = 0
    """0 for a new record; else the version that this one follows."""
    content_type: str = ""
    """Media type that its sender says it has; empty: whatever it is."""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A document on its way to the zone, or there."""

    id: str
    key: str
    record_id: str
    record_type: str
    version: int
    """0 until it is on chain."""
    payload_digest: bytes
    fields: tuple[str, ...]
    state: str
    """``waiting``, ``published``, ``stuck`` or ``cancelled``."""
    height: int
    tx_hash: str
    created_ns: int
    changed_ns: int
    problem: Problem | None
    step_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOrder:
    """A record that is to be asked for."""

    key: str
    """The caller's own; the same order under the same key is carried out once."""
    channel_id: str
    """Channel on the own zone that leads to the issuer's zone."""
    issuer: str
    record_id: str
    purpose: str
    version: int = 0
    """0 means the newest."""
    legal_basis: str = ""
    consent_id: int = 0
    fields: tuple[str, ...] = ()
    """Empty means every field."""
    term_until: int = 0
    """How long it will be kept, seconds since the epoch; 0 for one use."""
    timeout_s: int = 0
    """How long the request may be on its way; 0 for the setting."""
    minimum_grade: str = ""
    """Empty for the setting."""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideOrder:
    """What an officer decides about a request that waits."""

    key: str
    grant: bool
    reason: str = ""
    """Needed for a refusal."""
    fields: tuple[str, ...] = ()
    """Granted fields; empty for those that were asked for."""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why something does not go on."""

    codespace: str
    code: int
    text: str
    since_ns: int
    attempts: int
    step_id: int
    """The step of the outbox to retry, skip or cancel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeView:
    """An exchange as this gateway knows it."""

    id: str
    side: Side
    stage: Stage
    key: str
    """The caller's, on the requester's side."""
    channel_id: str
    """On the own zone."""
    sequence: int
    """Of the request packet; 0 until the request is on chain."""
    peer: str
    """Member at the other end: the issuer, or the requester."""
    issuer: str
    requester: str
    record_id: str
    record_type: str
    """Of what was received, as proven; empty before the check."""
    version: int
    """Asked for; after a decision, decided on."""
    purpose: str
    legal_basis: str
    consent_id: int
    fields: tuple[str, ...]
    """Asked for; after a grant, granted."""
    term_until: int
    outcome: str
    """``granted``, ``refused`` or empty."""
    reason_code: str
    reason: str
    grant_id: int
    decided_by: str
    decided_height: int
    decided_ns: int
    deadline_ns: int
    """Provider: until when an officer may decide; 0 if nobody waits."""
    payload_digest: bytes
    sealed_digest: bytes
    sealed_size: int
    grade: str
    """Trust grade of what was received; empty before the check."""
    minimum_grade: str
    checked_height: int
    """Header of the other zone that proves the record; 0 before the check."""
    request_id: str
    created_ns: int
    changed_ns: int
    problem: Problem | None
    subscription_id: str = ""
    """The standing permission under which this version was pushed; else empty."""
    push_number: int = 0
    """Of a pushed version: its number there; 0 until it is on chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeFilter:
    """Which exchanges to list; all conditions hold together."""

    side: Side | None = None
    stages: tuple[Stage, ...] = ()
    peer: str = ""
    channel_id: str = ""
    record_id: str = ""
    subscription_id: str = ""
    stuck: bool | None = None
    """Whether it has a problem."""
