"""Record headers and the catalogue in the state."""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.store.kv import prefix_end
from huitong.modules.records.errors import RecordNotFoundError, VersionNotFoundError
from huitong.modules.records.keys import (
    STORE,
    archive_key,
    catalogue_key,
    catalogue_prefix,
    issuer_prefix,
    record_key,
)
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.huitong.records.v1.records_pb2 import CatalogueEntry, RecordHeader

ACTIVE = records_pb2.RECORD_STATUS_ACTIVE
HANDED_OVER = records_pb2.RECORD_STATUS_HANDED_OVER
IN_HAND_OVER = records_pb2.RECORD_STATUS_IN_HAND_OVER
REVOKED = records_pb2.RECORD_STATUS_REVOKED
SUPERSEDED = records_pb2.RECORD_STATUS_SUPERSEDED
SUSPENDED = records_pb2.RECORD_STATUS_SUSPENDED
#: What the issuer cannot change: final, or only a hand-over ends it.
SETTLED = (REVOKED, IN_HAND_OVER, HANDED_OVER)


def status_name(status: int) -> str:
    """Return a record's status in lower case, for events, texts and reason codes."""
    name = records_pb2.RecordStatus.Name(status)
    return name.removeprefix("RECORD_STATUS_").lower().replace("_", "-")


def share_class_name(share_class: int) -> str:
    """Return a share class as one lower-case word, for events and texts."""
    name = records_pb2.ShareClass.Name(share_class)
    return name.removeprefix("SHARE_CLASS_").lower()


def level_of_field(header: RecordHeader, name: str) -> int:
    """Return the level of a field that the record has."""
    if not header.field_levels:
        return header.level
    return header.field_levels[list(header.fields).index(name)]


def find_record(ctx: Context, issuer: str, record_id: str) -> RecordHeader | None:
    """Return the head of a record, or None."""
    value = ctx.store(STORE).get(record_key(issuer, record_id))
    return None if value is None else RecordHeader.FromString(value)


def get_record(ctx: Context, issuer: str, record_id: str) -> RecordHeader:
    """Return the head of a record.

    Raises:
        RecordNotFoundError: there is none.
    """
    header = find_record(ctx, issuer, record_id)
    if header is None:
        raise RecordNotFoundError(issuer=issuer, record_id=record_id)
    return header


def find_version(
    ctx: Context, issuer: str, record_id: str, version: int
) -> RecordHeader | None:
    """Return one version of a record, or None; 0 means the head."""
    header = find_record(ctx, issuer, record_id)
    if header is None or version in (0, header.version):
        return header
    value = ctx.store(STORE).get(archive_key(issuer, record_id, version))
    return None if value is None else RecordHeader.FromString(value)


def get_version(
    ctx: Context, issuer: str, record_id: str, version: int
) -> RecordHeader:
    """Return one version of a record; 0 means the head.

    Raises:
        RecordNotFoundError: there is no such record.
        VersionNotFoundError: it has no such version.
    """
    header = find_version(ctx, issuer, record_id, version)
    if header is None:
        get_record(ctx, issuer, record_id)
        raise VersionNotFoundError(issuer=issuer, record_id=record_id, version=version)
    return header


def save_record(ctx: Context, header: RecordHeader) -> None:
    """Write the head of a record."""
    ctx.store(STORE).set(record_key(header.issuer, header.record_id), encode(header))


def save_archived(ctx: Context, header: RecordHeader) -> None:
    """Write a version that is no longer the head."""
    key = archive_key(header.issuer, header.record_id, header.version)
    ctx.store(STORE).set(key, encode(header))


def records_after(
    ctx: Context, issuer: str, start_after: str
) -> Iterator[RecordHeader]:
    """Walk over the heads of an issuer by ascending id, those behind ``start_after``."""
    prefix = issuer_prefix(issuer)
    start = record_key(issuer, start_after) + b"\x00" if start_after else prefix
    for _, value in ctx.store(STORE).iterate(start, prefix_end(prefix)):
        yield RecordHeader.FromString(value)


def all_records(ctx: Context, prefix: bytes) -> Iterator[RecordHeader]:
    """Walk over all headers below ``RECORD_PREFIX`` or ``ARCHIVE_PREFIX``."""
    for _, value in ctx.store(STORE).iterate(prefix, prefix_end(prefix)):
        yield RecordHeader.FromString(value)


def find_catalogue_entry(ctx: Context, header: RecordHeader) -> CatalogueEntry | None:
    """Return the catalogue entry of a record, or None."""
    key = catalogue_key(header.record_type, header.issuer, header.record_id)
    value = ctx.store(STORE).get(key)
    return None if value is None else CatalogueEntry.FromString(value)


def save_catalogue_entry(ctx: Context, entry: CatalogueEntry) -> None:
    """Write a catalogue entry."""
    key = catalogue_key(entry.record_type, entry.issuer, entry.record_id)
    ctx.store(STORE).set(key, encode(entry))


def catalogue_after(
    ctx: Context, record_type: str, start_after: bytes
) -> Iterator[tuple[bytes, CatalogueEntry]]:
    """Walk over catalogue entries and their keys, those behind the key given."""
    prefix = catalogue_prefix(record_type)
    start = max(start_after + b"\x00", prefix) if start_after else prefix
    end = prefix_end(prefix)
    if end is not None and start >= end:
        return
    for key, value in ctx.store(STORE).iterate(start, end):
        yield key, CatalogueEntry.FromString(value)
