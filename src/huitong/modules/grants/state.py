"""Grants and consents in the state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.store.kv import iterate_prefix, prefix_end
from huitong.modules.grants.errors import ConsentNotFoundError, GrantNotFoundError
from huitong.modules.grants.keys import (
    CONSENT_PREFIX,
    CONSENT_VERSION_PREFIX,
    GRANT_PREFIX,
    NEXT_CONSENT_ID_KEY,
    NEXT_GRANT_ID_KEY,
    STORE,
    consent_key,
    consent_version_key,
    grant_key,
    hanging_key,
    holder_key,
    holder_prefix,
    scope_key,
    statement_key,
    subject_key,
    subject_prefix,
)
from huitong.proto.huitong.grants.v1.grants_pb2 import Consent, Grant

_ID_SIZE_BYTES = 8
_LISTED = b"\x01"


def find_grant(ctx: Context, grant_id: int) -> Grant | None:
    """Return a grant, or None."""
    value = ctx.store(STORE).get(grant_key(grant_id))
    return None if value is None else Grant.FromString(value)


def get_grant(ctx: Context, grant_id: int) -> Grant:
    """Return a grant.

    Raises:
        GrantNotFoundError: there is none.
    """
    grant = find_grant(ctx, grant_id)
    if grant is None:
        raise GrantNotFoundError(grant_id=grant_id)
    return grant


def save_grant(ctx: Context, grant: Grant) -> None:
    """Write a grant."""
    ctx.store(STORE).set(grant_key(grant.grant_id), encode(grant))


def all_grants(ctx: Context) -> Iterator[Grant]:
    """Walk over all grants by ascending id."""
    for _, value in iterate_prefix(ctx.store(STORE), GRANT_PREFIX):
        yield Grant.FromString(value)


def grants_after(ctx: Context, holder: str, start_after: int) -> Iterator[Grant]:
    """Walk over a holder's grants by ascending id, those behind ``start_after``."""
    prefix = holder_prefix(holder)
    start = holder_key(holder, start_after) + b"\x00"
    for key, _ in ctx.store(STORE).iterate(start, prefix_end(prefix)):
        yield get_grant(ctx, int.from_bytes(key[-_ID_SIZE_BYTES:], "big"))


def list_under_holder(ctx: Context, grant: Grant) -> None:
    """Write that a grant is one of its holder's."""
    ctx.store(STORE).set(holder_key(grant.holder, grant.grant_id), _LISTED)


def scope_of(grant: Grant) -> bytes:
    """Return the key of the scope in which a grant is looked for."""
    return scope_key(
        holder=grant.holder,
        channel_id=grant.reader.channel_id,
        reader=grant.reader.member_id,
        purpose=grant.purpose,
        record_type=grant.record_type,
        record_id=grant.record_id,
    )


def grants_in_scope(ctx: Context, scope: bytes) -> list[Grant]:
    """Return the grants of a scope by ascending id, some of them perhaps used up."""
    return _listed(ctx, scope)


def save_scope(ctx: Context, scope: bytes, grants: Sequence[Grant]) -> None:
    """Write which grants a scope has."""
    _save_listed(ctx, scope, grants)


def grants_on_consent(ctx: Context, consent_id: int) -> list[Grant]:
    """Return the grants that hang on a consent by ascending id, some perhaps used up."""
    return _listed(ctx, hanging_key(consent_id))


def save_grants_on_consent(
    ctx: Context, consent_id: int, grants: Sequence[Grant]
) -> None:
    """Write which grants hang on a consent."""
    _save_listed(ctx, hanging_key(consent_id), grants)


def _listed(ctx: Context, key: bytes) -> list[Grant]:
    value = ctx.store(STORE).get(key) or b""
    return [
        get_grant(ctx, int.from_bytes(value[at : at + _ID_SIZE_BYTES], "big"))
        for at in range(0, len(value), _ID_SIZE_BYTES)
    ]


def _save_listed(ctx: Context, key: bytes, grants: Sequence[Grant]) -> None:
    if grants:
        value = b"".join(grant.grant_id.to_bytes(8, "big") for grant in grants)
        ctx.store(STORE).set(key, value)
    else:
        ctx.store(STORE).delete(key)


def find_consent(ctx: Context, consent_id: int) -> Consent | None:
    """Return a consent, or None."""
    value = ctx.store(STORE).get(consent_key(consent_id))
    return None if value is None else Consent.FromString(value)


def get_consent(ctx: Context, consent_id: int) -> Consent:
    """Return a consent.

    Raises:
        ConsentNotFoundError: there is none.
    """
    consent = find_consent(ctx, consent_id)
    if consent is None:
        raise ConsentNotFoundError(consent_id=consent_id)
    return consent


def get_consent_version(ctx: Context, consent_id: int, version: int) -> Consent:
    """Return one version of a consent; 0 means the newest.

    Raises:
        ConsentNotFoundError: there is none.
    """
    newest = get_consent(ctx, consent_id)
    if version in (0, newest.version):
        return newest
    value = ctx.store(STORE).get(consent_version_key(consent_id, version))
    if value is None:
        raise ConsentNotFoundError(consent_id=consent_id)
    return Consent.FromString(value)


def save_consent(ctx: Context, consent: Consent) -> None:
    """Write the newest version of a consent."""
    ctx.store(STORE).set(consent_key(consent.consent_id), encode(consent))


def save_old_consent(ctx: Context, consent: Consent) -> None:
    """Write a version of a consent that another one has replaced."""
    key = consent_version_key(consent.consent_id, consent.version)
    ctx.store(STORE).set(key, encode(consent))


def old_consents(ctx: Context) -> Iterator[Consent]:
    """Walk over all versions that were replaced, by ascending id and version."""
    for _, value in iterate_prefix(ctx.store(STORE), CONSENT_VERSION_PREFIX):
        yield Consent.FromString(value)


def list_under_subject(ctx: Context, consent: Consent) -> None:
    """Write that a consent is one of its subject's."""
    ctx.store(STORE).set(subject_key(consent.subject, consent.consent_id), _LISTED)


def consents_after(ctx: Context, subject: bytes, start_after: int) -> Iterator[Consent]:
    """Walk over a subject's consents by ascending id, those behind ``start_after``."""
    start = subject_key(subject, start_after) + b"\x00"
    end = prefix_end(subject_prefix(subject))
    for key, _ in ctx.store(STORE).iterate(start, end):
        yield get_consent(ctx, int.from_bytes(key[-_ID_SIZE_BYTES:], "big"))


def find_statement(ctx: Context, digest: bytes) -> int:
    """Return the consent for which a signed statement was used; 0 for none."""
    return int.from_bytes(ctx.store(STORE).get(statement_key(digest)) or b"", "big")


def save_statement(ctx: Context, digest: bytes, consent_id: int) -> None:
    """Write that a signed statement was used."""
    value = consent_id.to_bytes(_ID_SIZE_BYTES, "big")
    ctx.store(STORE).set(statement_key(digest), value)


def all_consents(ctx: Context) -> Iterator[Consent]:
    """Walk over all consents by ascending id."""
    for _, value in iterate_prefix(ctx.store(STORE), CONSENT_PREFIX):
        yield Consent.FromString(value)


def next_grant_id(ctx: Context) -> int:
    """Return the id that the next grant will have; ids begin at 1."""
    return _number(ctx, NEXT_GRANT_ID_KEY)


def save_next_grant_id(ctx: Context, grant_id: int) -> None:
    """Write the id that the next grant will have."""
    ctx.store(STORE).set(NEXT_GRANT_ID_KEY, grant_id.to_bytes(8, "big"))


def next_consent_id(ctx: Context) -> int:
    """Return the id that the next consent will have; ids begin at 1."""
    return _number(ctx, NEXT_CONSENT_ID_KEY)


def save_next_consent_id(ctx: Context, consent_id: int) -> None:
    """Write the id that the next consent will have."""
    ctx.store(STORE).set(NEXT_CONSENT_ID_KEY, consent_id.to_bytes(8, "big"))


def _number(ctx: Context, key: bytes) -> int:
    value = ctx.store(STORE).get(key)
    return 1 if value is None else int.from_bytes(value, "big")
