"""What a decision on a request rests on, as plain values.

The zone reads them from its state. A gateway that reads the same through queries can ask
``policy.decide`` itself, and learns what the zone will say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from huitong.core.cel import Value
from huitong.core.context import Context
from huitong.core.time import NS_PER_SECOND
from huitong.modules.exchange.keys import PORT_ID
from huitong.modules.exchange.state import get_params, waiting_count
from huitong.modules.grants.coverage import (
    Asked,
    consents_for,
    fault_of_consent,
    grants_for,
)
from huitong.modules.links.keys import STORE as LINKS_STORE
from huitong.modules.links.state import get_channel, get_connection
from huitong.modules.members.state import is_in_force
from huitong.modules.policies.state import find_overdue, find_policy
from huitong.modules.records.state import (
    find_version,
    level_of_field,
    share_class_name,
    status_name,
)
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Params, RequestPacket
from huitong.proto.huitong.grants.v1.grants_pb2 import Consent, Grant, Reader
from huitong.proto.huitong.policies.v1.policies_pb2 import Policy
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader

_NO_CONSENTS: Final[Mapping[int, Consent]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A request, and what the zone knows about it."""

    request: RequestPacket
    channel_id: str
    """Channel of this zone on which it came in."""
    client_id: str
    """Light client below that channel: what vouches for the reader's zone."""
    now_s: int
    """The block's time, seconds since the epoch."""
    params: Params
    """The zone's rules of exchange."""
    header: RecordHeader | None
    """The version asked for; None if there is none."""
    issuer_in_force: bool = False
    policy: Policy | None = None
    """For the record's type; None if there is none or it is removed."""
    grants: Sequence[Grant] = ()
    """Those of the issuer for this reader, purpose and record or type, as ``grants_for``
    orders them."""
    consents: Mapping[int, Consent] = field(default_factory=lambda: _NO_CONSENTS)
    """Those that the request and the grants refer to, by id."""
    waiting: int = 0
    """Requests of this channel that wait for an officer."""
    is_review_overdue: bool = False
    """Whether the requester had glass broken for it and the review is overdue."""


def user_of(channel_id: str, requester: str) -> str:
    """Return whom an overdue review blocks where the policy itself broke the glass."""
    return f"{channel_id}/{requester}"


def gather(ctx: Context, channel_id: str, request: RequestPacket) -> Facts:
    """Read what a decision rests on.

    Cost: 4 reads if there is no such record; else about 10, and one for each grant and
    consent that could cover the request.
    """
    header = find_version(ctx, request.issuer, request.record_id, request.version)
    return gather_for(ctx, channel_id, request, header)


def gather_for(
    ctx: Context,
    channel_id: str,
    request: RequestPacket,
    header: RecordHeader | None,
) -> Facts:
    """Read what a decision rests on that is about the record with this header.

    For a type of record the header has the issuer and the type alone.
    """
    facts = Facts(
        request=request,
        channel_id=channel_id,
        client_id=_client_of(ctx, channel_id),
        now_s=ctx.block.time_ns // NS_PER_SECOND,
        params=get_params(ctx),
        header=header,
    )
    if header is None:
        return facts
    asked = asked_of(facts, header, ())
    grants = grants_for(ctx, asked)
    policy = find_policy(ctx, header.record_type)
    user = user_of(channel_id, request.requester)
    return Facts(
        request=request,
        channel_id=channel_id,
        client_id=facts.client_id,
        now_s=facts.now_s,
        params=facts.params,
        header=header,
        issuer_in_force=is_in_force(ctx, header.issuer),
        policy=None if policy is None or policy.removed else policy,
        grants=grants,
        consents=consents_for(ctx, asked, grants),
        waiting=waiting_count(ctx, channel_id),
        is_review_overdue=request.emergency and find_overdue(ctx, user) is not None,
    )


def asked_of(facts: Facts, header: RecordHeader, fields: Sequence[str]) -> Asked:
    """Return what is asked for; no fields stand for all of the record."""
    request = facts.request
    return Asked(
        header=header,
        reader=Reader(channel_id=facts.channel_id, member_id=request.requester),
        purpose=request.purpose,
        legal_basis=request.legal_basis,
        fields=tuple(fields) or tuple(header.fields),
        term_until=request.term_until,
        consent_id=request.consent_id,
        now_s=facts.now_s,
    )


def level_max_of(facts: Facts) -> int:
    """Return up to which level fields may go to the reader's zone."""
    for entry in facts.params.client_levels:
        if entry.client_id == facts.client_id:
            return entry.level_max
    return facts.params.level_max


def variables_of(
    facts: Facts, header: RecordHeader, asked: Asked, grant: Grant | None
) -> dict[str, Value]:
    """Return the values of ``policies.VARIABLES``, those that are absent left out."""
    request = facts.request
    values: dict[str, Value] = {
        "now": facts.now_s,
        "request.purpose": request.purpose,
        "request.legal_basis": request.legal_basis,
        "request.fields": tuple(asked.fields),
        "request.level": max(level_of_field(header, name) for name in asked.fields),
        "request.term_until": request.term_until,
        "request.requester": request.requester,
        "request.channel": facts.channel_id,
        "request.client": facts.client_id,
        "request.emergency": request.emergency,
        "record.id": header.record_id,
        "record.type": header.record_type,
        "record.issuer": header.issuer,
        "record.version": header.version,
        "record.level": header.level,
        "record.share_class": share_class_name(header.share_class),
        "record.status": status_name(header.status),
        "record.fields": tuple(header.fields),
        "record.field_levels": tuple(header.field_levels)
        or (header.level,) * len(header.fields),
        "record.has_subject": bool(header.subject),
    }
    values.update(_of_consent(facts, asked, grant))
    values.update(_of_grant(grant))
    return values


def covering_consent(facts: Facts, asked: Asked, grant: Grant | None) -> Consent | None:
    """Return the consent that the request or its grant refers to, if it covers it."""
    number = asked.consent_id or (0 if grant is None else grant.consent_id)
    consent = facts.consents.get(number)
    if consent is None or fault_of_consent(consent, asked):
        return None
    return consent


def _of_consent(facts: Facts, asked: Asked, grant: Grant | None) -> dict[str, Value]:
    consent = covering_consent(facts, asked, grant)
    if consent is None:
        return {"consent.present": False}
    values: dict[str, Value] = {
        "consent.present": True,
        "consent.fields": tuple(consent.fields) or tuple(asked.header.fields),
        "consent.signed": consent.HasField("signature"),
    }
    if consent.valid_until:
        values["consent.until"] = consent.valid_until
    return values


def _of_grant(grant: Grant | None) -> dict[str, Value]:
    if grant is None:
        return {"grant.present": False}
    values: dict[str, Value] = {"grant.present": True}
    if grant.count_max:
        values["grant.count_left"] = grant.count_max - grant.count_used
    if grant.valid_until:
        values["grant.until"] = grant.valid_until
    return values


def _client_of(ctx: Context, channel_id: str) -> str:
    store = ctx.store(LINKS_STORE)
    channel = get_channel(store, PORT_ID, channel_id)
    return get_connection(store, channel.connection_hops[0]).client_id
