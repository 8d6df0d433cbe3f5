"""Grants and consents in the genesis file.

::

    {"grants": [Grant…], "consents": [Consent…], "old_consents": [Consent…],
     "next_grant_id": "1", "next_consent_id": "1"}

The two numbers may be left out; then they follow the highest id.
"""

from __future__ import annotations

from collections.abc import Callable
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
from huitong.core.limits import (
    CONSENT_VERSIONS_MAX,
    GRANTS_PER_CONSENT_MAX,
    GRANTS_PER_SCOPE_MAX,
    TEXT_BYTES_MAX,
)
from huitong.core.time import NS_PER_SECOND
from huitong.modules.grants.coverage import is_live
from huitong.modules.grants.handlers import check_conditions
from huitong.modules.grants.state import (
    all_consents,
    all_grants,
    find_consent,
    find_grant,
    find_statement,
    grants_in_scope,
    grants_on_consent,
    list_under_holder,
    list_under_subject,
    next_consent_id,
    next_grant_id,
    old_consents,
    save_consent,
    save_grant,
    save_grants_on_consent,
    save_next_consent_id,
    save_next_grant_id,
    save_old_consent,
    save_scope,
    save_statement,
    scope_of,
)
from huitong.modules.grants.statements import check_signature_form
from huitong.modules.members.state import get_member
from huitong.proto.huitong.grants.v1.grants_pb2 import Consent, Grant


def init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Write the grants and consents of a genesis file.

    Raises:
        GenesisError: anything in it is unknown, malformed, twice or without its member.
    """
    known = ("grants", "consents", "old_consents", "next_grant_id", "next_consent_id")
    check_known_keys(state, known, "grants")
    grants = messages_from_json(Grant, state.get("grants", []), "grants.grants")
    for index, grant in enumerate(grants):
        try:
            _init_grant(ctx, grant)
        except RejectedError as wrong:
            where = f"grants.grants[{index}]"
            raise GenesisError(where=where, reason=str(wrong)) from wrong
    consents = messages_from_json(Consent, state.get("consents", []), "grants.consents")
    _init_consents(ctx, consents, "grants.consents", _init_consent)
    where = "grants.old_consents"
    old = messages_from_json(Consent, state.get("old_consents", []), where)
    _init_consents(ctx, old, where, _init_old_consent)
    for grant in grants:
        _init_hanging(ctx, grant)
    highest = max((grant.grant_id for grant in grants), default=0)
    save_next_grant_id(ctx, _next_id(state, "next_grant_id", highest))
    highest = max((consent.consent_id for consent in consents), default=0)
    save_next_consent_id(ctx, _next_id(state, "next_consent_id", highest))


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return all grants and consents by ascending id."""
    return {
        "grants": [message_to_json(grant) for grant in all_grants(ctx)],
        "consents": [message_to_json(consent) for consent in all_consents(ctx)],
        "old_consents": [message_to_json(consent) for consent in old_consents(ctx)],
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
    check_conditions(grant)
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


def _init_hanging(ctx: Context, grant: Grant) -> None:
    """Let a live grant hang on its consent, which is written before."""
    now_s = ctx.block.time_ns // NS_PER_SECOND
    if not grant.consent_id or not is_live(grant, now_s):
        return
    where = f"grant {grant.grant_id}"
    consent = find_consent(ctx, grant.consent_id)
    if consent is None or consent.withdrawn:
        raise GenesisError(where=where, reason="it hangs on no consent in force")
    hanging = [*grants_on_consent(ctx, grant.consent_id), grant]
    if len(hanging) > GRANTS_PER_CONSENT_MAX:
        raise GenesisError(where=where, reason="too many grants hang on its consent")
    save_grants_on_consent(ctx, grant.consent_id, hanging)


def _init_consents(
    ctx: Context,
    consents: list[Consent],
    where: str,
    init: Callable[[Context, Consent], None],
) -> None:
    for index, consent in enumerate(consents):
        try:
            init(ctx, consent)
        except RejectedError as wrong:
            raise GenesisError(where=f"{where}[{index}]", reason=str(wrong)) from wrong


def _init_consent(ctx: Context, consent: Consent) -> None:
    _check_consent(ctx, consent)
    if find_consent(ctx, consent.consent_id) is not None:
        raise GenesisError(where="consent_id", reason="stands twice")
    save_consent(ctx, consent)
    list_under_subject(ctx, consent)


def _init_old_consent(ctx: Context, consent: Consent) -> None:
    _check_consent(ctx, consent)
    newest = find_consent(ctx, consent.consent_id)
    if newest is None or consent.version >= newest.version:
        raise GenesisError(where="version", reason="is not older than the newest")
    if (consent.subject, consent.recorder) != (newest.subject, newest.recorder):
        raise GenesisError(where="subject", reason="is not as in the newest version")
    save_old_consent(ctx, consent)


def _check_consent(ctx: Context, consent: Consent) -> None:
    get_member(ctx, consent.recorder)
    check_size(consent.subject, "subject", DIGEST_SIZE_BYTES)
    check_size(consent.evidence_digest, "evidence_digest", DIGEST_SIZE_BYTES)
    check_name(consent.reader.member_id, "reader.member_id")
    check_name(consent.purpose, "purpose")
    check_field_names(consent.fields)
    check_period(consent.valid_from, consent.valid_until)
    check_text(consent.withdrawn_reason, "withdrawn_reason", TEXT_BYTES_MAX)
    if not consent.consent_id or not 1 <= consent.version <= CONSENT_VERSIONS_MAX:
        raise GenesisError(where="consent_id", reason="it or the version is missing")
    if consent.HasField("signature"):
        check_signature_form(consent.signature)
        if find_statement(ctx, consent.evidence_digest):
            raise GenesisError(where="evidence_digest", reason="stands twice")
        save_statement(ctx, consent.evidence_digest, consent.consent_id)
    if consent.HasField("withdrawal"):
        check_signature_form(consent.withdrawal)
