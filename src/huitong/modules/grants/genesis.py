"""Grants and consents in the genesis file.

::

    {"grants": [Grant…], "consents": [Consent…], "next_grant_id": "1", "next_consent_id": "1"}

The two numbers may be left out; then they follow the highest id.
"""

from __future__ import annotations

from typing import Any

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.fields import (
    DIGEST_SIZE_BYTES,
    check_field_names,
    check_name,
    check_period,
    check_record_id,
    check_size,
    check_text,
)
from huitong.core.genesis import (
    GenesisError,
    check_known_keys,
    integer_from_json,
    message_to_json,
    messages_from_json,
)
from huitong.core.limits import GRANTS_PER_SCOPE_MAX, TEXT_BYTES_MAX
from huitong.core.time import NS_PER_SECOND
from huitong.modules.grants.coverage import is_live
from huitong.modules.grants.state import (
    all_consents,
    all_grants,
    find_consent,
    find_grant,
    grants_in_scope,
    list_under_holder,
    next_consent_id,
    next_grant_id,
    save_consent,
    save_grant,
    save_next_consent_id,
    save_next_grant_id,
    save_scope,
    scope_of,
)
from huitong.modules.members.state import get_member
from huitong.proto.huitong.grants.v1.grants_pb2 import Consent, Grant


def init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Write the grants and consents of a genesis file.

    Raises:
        GenesisError: anything in it is unknown, malformed, twice or without its member.
    """
    known = ("grants", "consents", "next_grant_id", "next_consent_id")
    check_known_keys(state, known, "grants")
    grants = messages_from_json(Grant, state.get("grants", []), "grants.grants")
    for index, grant in enumerate(grants):
        try:
            _init_grant(ctx, grant)
        except RejectedError as wrong:
            where = f"grants.grants[{index}]"
            raise GenesisError(where=where, reason=str(wrong)) from wrong
    consents = messages_from_json(Consent, state.get("consents", []), "grants.consents")
    for index, consent in enumerate(consents):
        try:
            _init_consent(ctx, consent)
        except RejectedError as wrong:
            where = f"grants.consents[{index}]"
            raise GenesisError(where=where, reason=str(wrong)) from wrong
    highest = max((grant.grant_id for grant in grants), default=0)
    save_next_grant_id(ctx, _next_id(state, "next_grant_id", highest))
    highest = max((consent.consent_id for consent in consents), default=0)
    save_next_consent_id(ctx, _next_id(state, "next_consent_id", highest))


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return all grants and consents by ascending id."""
    return {
        "grants": [message_to_json(grant) for grant in all_grants(ctx)],
        "consents": [message_to_json(consent) for consent in all_consents(ctx)],
        "next_grant_id": str(next_grant_id(ctx)),
        "next_consent_id": str(next_consent_id(ctx)),
    }


def _next_id(state: dict[str, Any], name: str, highest: int) -> int:
    if name not in state:
        return highest + 1
    number = integer_from_json(state[name], f"grants.{name}")
    if number <= highest:
        raise GenesisError(where=f"grants.{name}", reason=f"id {highest} is in use")
    return number


def _init_grant(ctx: Context, grant: Grant) -> None:
    get_member(ctx, grant.holder)
    check_name(grant.reader.member_id, "reader.member_id")
    check_name(grant.purpose, "purpose")
    if grant.record_id:
        check_record_id(grant.record_id)
    else:
        check_name(grant.record_type, "record_type")
    check_field_names(grant.fields)
    check_period(grant.valid_from, grant.valid_until)
    check_text(grant.withdrawn_reason, "withdrawn_reason", TEXT_BYTES_MAX)
    if not grant.grant_id or find_grant(ctx, grant.grant_id) is not None:
        raise GenesisError(where="grant_id", reason="is missing or stands twice")
    save_grant(ctx, grant)
    list_under_holder(ctx, grant)
    if not is_live(grant, ctx.block.time_ns // NS_PER_SECOND):
        return
    scope = scope_of(grant)
    live = [*grants_in_scope(ctx, scope), grant]
    if len(live) > GRANTS_PER_SCOPE_MAX:
        raise GenesisError(where="grant_id", reason="too many live grants in its scope")
    save_scope(ctx, scope, live)


def _init_consent(ctx: Context, consent: Consent) -> None:
    get_member(ctx, consent.recorder)
    check_size(consent.subject, "subject", DIGEST_SIZE_BYTES)
    check_size(consent.evidence_digest, "evidence_digest", DIGEST_SIZE_BYTES)
    check_name(consent.reader.member_id, "reader.member_id")
    check_name(consent.purpose, "purpose")
    check_field_names(consent.fields)
    check_period(consent.valid_from, consent.valid_until)
    check_text(consent.withdrawn_reason, "withdrawn_reason", TEXT_BYTES_MAX)
    if not consent.consent_id or find_consent(ctx, consent.consent_id) is not None:
        raise GenesisError(where="consent_id", reason="is missing or stands twice")
    save_consent(ctx, consent)
