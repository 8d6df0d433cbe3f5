"""Keys of the store ``records``.

The head of a record, its newest version, stands under a key of its own, and its value is
the whole ``RecordHeader``: one proof shows what the record says now. When a new version
is published, the old header moves to the archive, where it stays provable.

Ids contain no slash, so a slash ends them, and no key is the beginning of another id's.
"""

from __future__ import annotations

from typing import Final

#: Name of the module's tree.
STORE: Final = "records"
#: Prefix of ``record_key``.
RECORD_PREFIX: Final = b"\x01"
#: Prefix of ``archive_key``.
ARCHIVE_PREFIX: Final = b"\x02"
#: Prefix of ``catalogue_key``.
CATALOGUE_PREFIX: Final = b"\x03"
_END: Final = b"/"


def record_key(issuer: str, record_id: str) -> bytes:
    """Return the key of a record's head; its value is an encoded ``RecordHeader``."""
    return b"%b%b/%b" % (RECORD_PREFIX, issuer.encode(), record_id.encode())


def issuer_prefix(issuer: str) -> bytes:
    """Return the prefix of ``record_key`` for all records of an issuer."""
    return RECORD_PREFIX + issuer.encode() + _END


def archive_key(issuer: str, record_id: str, version: int) -> bytes:
    """Return the key of a version that is no longer the head: an encoded header."""
    return archive_prefix(issuer, record_id) + version.to_bytes(8, "big")


def archive_prefix(issuer: str, record_id: str) -> bytes:
    """Return the prefix of ``archive_key`` for the old versions of one record."""
    return b"%b%b/%b/" % (ARCHIVE_PREFIX, issuer.encode(), record_id.encode())


def catalogue_key(record_type: str, issuer: str, record_id: str) -> bytes:
    """Return the key of a catalogue entry; its value is a ``CatalogueEntry``."""
    return b"%b%b/%b/%b" % (
        CATALOGUE_PREFIX,
        record_type.encode(),
        issuer.encode(),
        record_id.encode(),
    )


def catalogue_prefix(record_type: str) -> bytes:
    """Return the prefix of ``catalogue_key``: of one type, or of all if it is empty."""
    return CATALOGUE_PREFIX + (record_type.encode() + _END if record_type else b"")
