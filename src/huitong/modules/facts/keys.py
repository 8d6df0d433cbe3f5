"""Keys of the store ``facts``.

A fact stands under the hash of its source, store and key, because the key of another
chain alone may be as long as a key of ours can be. Two lists lead to it: by source, and
by the record that it is about.
"""

from __future__ import annotations

from typing import Final

from huitong.core.codec import delimited
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import check_name, check_record_id
from huitong.core.hashing import sha256
from huitong.modules.records.keys import RECORD_PREFIX, record_key
from huitong.modules.records.keys import STORE as RECORDS_STORE

#: Name of the module's tree.
STORE: Final = "facts"
#: Prefix of ``fact_key``.
FACT_PREFIX: Final = b"\x01"
#: Prefix of ``source_key``.
SOURCE_PREFIX: Final = b"\x02"
#: Prefix of ``subject_key``.
SUBJECT_PREFIX: Final = b"\x03"
#: Key of the zone's rules.
PARAMS_KEY: Final = b"\x04"
_DOMAIN: Final = b"huitong/fact/1"


def fact_id_of(source: str, store: str, key: bytes) -> bytes:
    """Return the id of the fact about a key of another chain's store, 32 bytes.

    Args:
        source: the connection or light client of this zone that vouches.
        store: name of the store over there.
        key: key in that store.
    """
    parts = (source.encode(), store.encode(), key)
    return sha256(_DOMAIN + b"".join(delimited(part) for part in parts))


def record_fact_id(source: str, issuer: str, record_id: str) -> bytes:
    """Return the id of the fact about the head of a record of another zone."""
    return fact_id_of(source, RECORDS_STORE, record_key(issuer, record_id))


def record_of_key(store: str, key: bytes) -> tuple[str, str] | None:
    """Return issuer and record id if this is the key of a record's head, else None."""
    if store != RECORDS_STORE or not key.startswith(RECORD_PREFIX):
        return None
    first, _, rest = key[len(RECORD_PREFIX) :].partition(b"/")
    issuer, record_id = first.decode("latin-1"), rest.decode("latin-1")
    try:
        check_name(issuer, "issuer")
        check_record_id(record_id)
    except InvalidRequestError:
        return None
    return issuer, record_id


def fact_key(fact_id: bytes) -> bytes:
    """Return the key of a fact; its value is an encoded ``Fact``."""
    return FACT_PREFIX + fact_id


def source_key(source: str, fact_id: bytes) -> bytes:
    """Return the key under which a fact is listed for its source."""
    return source_prefix(source) + fact_id


def source_prefix(source: str) -> bytes:
    """Return the prefix of ``source_key`` for one source, or for all if it is empty."""
    return SOURCE_PREFIX + (source.encode() + b"/" if source else b"")


def subject_key(issuer: str, record_id: str, fact_id: bytes) -> bytes:
    """Return the key under which a fact is listed for the record that it is about."""
    return subject_prefix(issuer, record_id) + fact_id


def subject_prefix(issuer: str, record_id: str) -> bytes:
    """Return the prefix of ``subject_key``: of one record, or of all of an issuer."""
    prefix = SUBJECT_PREFIX + issuer.encode() + b"/"
    return prefix + record_id.encode() + b"/" if record_id else prefix
