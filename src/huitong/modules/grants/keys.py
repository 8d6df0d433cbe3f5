"""Keys of the store ``grants``: one byte of kind, then a number or the hash of a scope.

A scope is what a decision asks for: holder, reader, purpose, and one record or a type.
Its key holds the ids of the live grants in it, so a decision reads two keys and a few
grants however many grants there are.
"""

from __future__ import annotations

from typing import Final

from huitong.core.codec import delimited
from huitong.core.hashing import sha256

#: Name of the module's tree.
STORE: Final = "grants"
#: Prefix of ``grant_key``.
GRANT_PREFIX: Final = b"\x01"
#: Prefix of ``consent_key``.
CONSENT_PREFIX: Final = b"\x02"
#: Prefix of ``scope_key``.
SCOPE_PREFIX: Final = b"\x03"
#: Prefix of ``holder_key``.
HOLDER_PREFIX: Final = b"\x04"
#: Where the id of the next grant stands, as 8 bytes, big-endian.
NEXT_GRANT_ID_KEY: Final = b"\x05"
#: Where the id of the next consent stands, as 8 bytes, big-endian.
NEXT_CONSENT_ID_KEY: Final = b"\x06"
#: Prefix of ``consent_version_key``.
CONSENT_VERSION_PREFIX: Final = b"\x07"
#: Prefix of ``subject_key``.
SUBJECT_PREFIX: Final = b"\x08"
#: Prefix of ``statement_key``.
STATEMENT_PREFIX: Final = b"\x09"
#: Prefix of ``hanging_key``.
HANGING_PREFIX: Final = b"\x0a"


def grant_key(grant_id: int) -> bytes:
    """Return the key of a grant; its value is an encoded ``Grant``."""
    return GRANT_PREFIX + grant_id.to_bytes(8, "big")


def consent_key(consent_id: int) -> bytes:
    """Return the key of a consent; its value is an encoded ``Consent``."""
    return CONSENT_PREFIX + consent_id.to_bytes(8, "big")


def consent_version_key(consent_id: int, version: int) -> bytes:
    """Return the key of a version that is no longer the newest: a ``Consent``."""
    number = consent_id.to_bytes(8, "big") + version.to_bytes(8, "big")
    return CONSENT_VERSION_PREFIX + number


def subject_key(subject: bytes, consent_id: int) -> bytes:
    """Return the key that lists a consent under its subject; its value is one byte."""
    return subject_prefix(subject) + consent_id.to_bytes(8, "big")


def subject_prefix(subject: bytes) -> bytes:
    """Return the prefix of ``subject_key`` for all consents of a pseudonym."""
    return SUBJECT_PREFIX + subject


def statement_key(digest: bytes) -> bytes:
    """Return the key that marks a signed statement as used: the consent's id, 8 bytes."""
    return STATEMENT_PREFIX + digest


def hanging_key(consent_id: int) -> bytes:
    """Return the key of the ids of live grants that hang on a consent, 8 bytes each."""
    return HANGING_PREFIX + consent_id.to_bytes(8, "big")


def scope_key(
    *,
    holder: str,
    channel_id: str,
    reader: str,
    purpose: str,
    record_type: str,
    record_id: str,
) -> bytes:
    """Return the key of a scope; its value is the ids of its live grants, 8 bytes each.

    Args:
        holder: member id of the records' issuer.
        channel_id: channel to the reader's zone; empty for this zone.
        reader: member id on the reader's zone.
        purpose: what the data may be used for.
        record_type: the type; only used if ``record_id`` is empty.
        record_id: one record; empty for all of the type.
    """
    parts = (
        holder,
        channel_id,
        reader,
        purpose,
        "" if record_id else record_type,
        record_id,
    )
    return SCOPE_PREFIX + sha256(b"".join(delimited(part.encode()) for part in parts))


def holder_key(holder: str, grant_id: int) -> bytes:
    """Return the key that lists a grant under its holder; its value is one byte."""
    return holder_prefix(holder) + grant_id.to_bytes(8, "big")


def holder_prefix(holder: str) -> bytes:
    """Return the prefix of ``holder_key`` for all grants of a holder."""
    return b"%b%b/" % (HOLDER_PREFIX, holder.encode())
