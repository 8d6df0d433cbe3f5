"""Grants and consents in the state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.store.kv import iterate_prefix, prefix_end
from huitong.modules.grants.errors import ConsentNotFoundError, GrantNotFoundError
from huitong.modules.grants.keys import (
    CONSENT_PREFIX,
    GRANT_PREFIX,
    NEXT_CONSENT_ID_KEY,
    NEXT_GRANT_ID_KEY,
    STORE,
    consent_key,
    grant_key,
    holder_key,
    holder_prefix,
    scope_key,
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
    value = ctx.store(STORE).get(scope) or b""
    return [
        get_grant(ctx, int.from_bytes(value[at : at + _ID_SIZE_BYTES], "big"))
        for at in range(0, len(value), _ID_SIZE_BYTES)
    ]


def save_scope(ctx: Context, scope: bytes, grants: Sequence[Grant]) -> None:
    """Write which grants a scope has."""
    if grants:
        value = b"".join(grant.grant_id.to_bytes(8, "big") for grant in grants)
        ctx.store(STORE).set(scope, value)
    else:
        ctx.store(STORE).delete(scope)


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


def save_consent(ctx: Context, consent: Consent) -> None:
    """Write a consent."""
    ctx.store(STORE).set(consent_key(consent.consent_id), encode(consent))


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
