"""Records in the genesis file.

::

    {"records": [RecordHeader…], "archive": [RecordHeader…], "catalogue": [CatalogueEntry…]}
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
    message_to_json,
    messages_from_json,
)
from huitong.core.limits import LEVEL_MAX, TEXT_BYTES_MAX, TITLE_BYTES_MAX
from huitong.modules.members.state import get_member
from huitong.modules.records.handlers import check_field_levels
from huitong.modules.records.keys import ARCHIVE_PREFIX, RECORD_PREFIX
from huitong.modules.records.moving import check_origin
from huitong.modules.records.state import (
    HANDED_OVER,
    SUPERSEDED,
    all_records,
    catalogue_after,
    find_catalogue_entry,
    find_record,
    find_version,
    save_archived,
    save_catalogue_entry,
    save_record,
)
from huitong.proto.huitong.records.v1.records_pb2 import CatalogueEntry, RecordHeader


def init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Write the records and catalogue entries of a genesis file.

    Raises:
        GenesisError: anything in it is unknown, malformed, twice or without its issuer.
    """
    check_known_keys(state, ("records", "archive", "catalogue"), "records")
    for name, archived in (("records", False), ("archive", True)):
        where = f"records.{name}"
        headers = messages_from_json(RecordHeader, state.get(name, []), where)
        for index, header in enumerate(headers):
            try:
                _init_record(ctx, header, archived=archived)
            except RejectedError as wrong:
                raise GenesisError(
                    where=f"{where}[{index}]", reason=str(wrong)
                ) from wrong
    where = "records.catalogue"
    entries = messages_from_json(CatalogueEntry, state.get("catalogue", []), where)
    for index, entry in enumerate(entries):
        try:
            _init_catalogue_entry(ctx, entry)
        except RejectedError as wrong:
            raise GenesisError(where=f"{where}[{index}]", reason=str(wrong)) from wrong


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return all headers and catalogue entries, each in the order of its keys."""
    return {
        "records": [message_to_json(item) for item in all_records(ctx, RECORD_PREFIX)],
        "archive": [message_to_json(item) for item in all_records(ctx, ARCHIVE_PREFIX)],
        "catalogue": [
            message_to_json(entry) for _, entry in catalogue_after(ctx, "", b"")
        ],
    }


def _init_record(ctx: Context, header: RecordHeader, *, archived: bool) -> None:
    get_member(ctx, header.issuer)
    check_record_id(header.record_id)
    check_name(header.record_type, "record_type")
    check_size(header.subject, "subject", DIGEST_SIZE_BYTES, required=False)
    check_size(header.payload_digest, "payload_digest", DIGEST_SIZE_BYTES)
    check_field_names(header.fields, required=True)
    check_period(header.valid_from, header.valid_until)
    check_text(header.status_reason, "status_reason", TEXT_BYTES_MAX)
    if not (header.version and header.status and header.share_class):
        raise _wrong(header, "version, status or share_class is missing")
    if not 1 <= header.level <= LEVEL_MAX:
        raise _wrong(header, f"level is not 1 to {LEVEL_MAX}")
    check_field_levels(header.fields, header.field_levels, header.level)
    if header.HasField("moved_to") != (header.status == HANDED_OVER):
        raise _wrong(header, "moved_to is for records that were handed over")
    if header.HasField("origin"):
        check_origin(header.origin)
    if archived != (header.status == SUPERSEDED):
        raise _wrong(header, "superseded versions, and only these, are archived")
    head = find_record(ctx, header.issuer, header.record_id)
    if not archived:
        if head is not None:
            raise _wrong(header, "stands twice")
        save_record(ctx, header)
        return
    if head is None or header.version >= head.version:
        raise _wrong(header, "is not older than the record's head")
    if find_version(ctx, header.issuer, header.record_id, header.version) is not None:
        raise _wrong(header, "stands twice")
    save_archived(ctx, header)


def _init_catalogue_entry(ctx: Context, entry: CatalogueEntry) -> None:
    check_text(entry.title, "title", TITLE_BYTES_MAX, required=True)
    check_text(entry.terms, "terms", TEXT_BYTES_MAX)
    head = find_record(ctx, entry.issuer, entry.record_id)
    if (
        head is None
        or head.version != entry.version
        or head.record_type != entry.record_type
        or head.status != entry.status
        or head.share_class != entry.share_class
        or head.fields != entry.fields
    ):
        raise GenesisError(where=entry.record_id, reason="is not as its record's head")
    if find_catalogue_entry(ctx, head) is not None:
        raise GenesisError(where=entry.record_id, reason="stands twice")
    save_catalogue_entry(ctx, entry)


def _wrong(header: RecordHeader, reason: str) -> GenesisError:
    where = f"{header.issuer}/{header.record_id}/{header.version}"
    return GenesisError(where=where, reason=reason)
