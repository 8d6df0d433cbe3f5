"""What a hand-over does to records: lock, unlock, give away, take over.

The protocol is that of ``exchange.hand_overs``; here are the records only. A record that
is given away keeps its header and its archive where they are, with the place it moved to;
whoever takes it over has a record with version 1 and the place it came from.
"""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import (
    DIGEST_SIZE_BYTES,
    check_field_names,
    check_name,
    check_period,
    check_record_id,
    check_size,
    check_text,
)
from huitong.core.ids import check_channel_id, check_client_id
from huitong.core.limits import LEVEL_MAX, TEXT_BYTES_MAX
from huitong.core.store.kv import prefix_end
from huitong.modules.records import events
from huitong.modules.records.handlers import check_field_levels
from huitong.modules.records.keys import STORE, archive_prefix
from huitong.modules.records.state import (
    ACTIVE,
    HANDED_OVER,
    IN_HAND_OVER,
    find_catalogue_entry,
    get_record,
    save_catalogue_entry,
    save_record,
)
from huitong.proto.huitong.records.v1 import records_pb2 as pb


def check_moving_header(header: pb.RecordHeader) -> None:
    """Check the header of a record that another zone hands over.

    Raises:
        InvalidRequestError: it is no header of an active record that never moved on.
    """
    check_name(header.issuer, "issuer")
    check_record_id(header.record_id)
    check_name(header.record_type, "record_type")
    check_size(header.subject, "subject", DIGEST_SIZE_BYTES, required=False)
    check_size(header.payload_digest, "payload_digest", DIGEST_SIZE_BYTES)
    check_field_names(header.fields, required=True)
    check_period(header.valid_from, header.valid_until)
    check_text(header.status_reason, "status_reason", TEXT_BYTES_MAX)
    if not header.version:
        raise InvalidRequestError(reason="version is 0")
    if not 1 <= header.level <= LEVEL_MAX:
        raise InvalidRequestError(
            reason=f"level {header.level}, expected 1 to {LEVEL_MAX}"
        )
    check_field_levels(header.fields, header.field_levels, header.level)
    if header.share_class not in pb.ShareClass.values()[1:]:
        raise InvalidRequestError(reason=f"share_class {header.share_class} is unknown")
    if header.status != ACTIVE or header.HasField("moved_to"):
        raise InvalidRequestError(reason="the record is not active")
    if header.HasField("origin"):
        check_origin(header.origin)


def check_origin(origin: pb.Origin) -> None:
    """Check where a record says that it came from.

    Raises:
        InvalidRequestError: a field is malformed.
        InvalidIdentifierError: the channel or the client is.
    """
    check_channel_id(origin.channel_id)
    check_client_id(origin.client_id)
    check_name(origin.issuer, "issuer")
    check_record_id(origin.record_id)
    check_size(origin.payload_digest, "payload_digest", DIGEST_SIZE_BYTES)
    check_size(origin.history_root, "history_root", DIGEST_SIZE_BYTES)
    check_size(
        origin.receipts_digest,
        "receipts_digest",
        DIGEST_SIZE_BYTES,
        required=bool(origin.receipts_count),
    )
    if not (origin.sequence and origin.version):
        raise InvalidRequestError(reason="sequence or version is 0")


def lock_record(ctx: Context, issuer: str, record_id: str, reason: str) -> None:
    """Let nobody change or share a record while it is offered to another zone.

    Cost: 1 or 2 writes.
    """
    _set_status(ctx, get_record(ctx, issuer, record_id), IN_HAND_OVER, reason)


def unlock_record(ctx: Context, issuer: str, record_id: str, reason: str) -> None:
    """Make a record active again whose hand-over came to nothing.

    Cost: 1 or 2 writes.
    """
    _set_status(ctx, get_record(ctx, issuer, record_id), ACTIVE, reason)


def give_away_record(
    ctx: Context, issuer: str, record_id: str, place: pb.Place, reason: str
) -> None:
    """Write where a record lives from now on; final here. Cost: 1 or 2 writes."""
    head = get_record(ctx, issuer, record_id)
    head.moved_to.CopyFrom(place)
    _set_status(ctx, head, HANDED_OVER, reason)


def take_over_record(
    ctx: Context, header: pb.RecordHeader, *, issuer: str, record_id: str
) -> None:
    """Write a record that came from another zone, under its new issuer.

    Args:
        ctx: the branch to write to.
        header: as the other zone had it, with ``origin`` as this zone sees it.
        issuer: the member that took it over.
        record_id: its id here, which must be free.

    Cost: 1 write.
    """
    taken = pb.RecordHeader()
    taken.CopyFrom(header)
    taken.issuer, taken.record_id, taken.version = issuer, record_id, 1
    taken.status_reason = ""
    taken.published_height = ctx.block.height.revision_height
    taken.published_time = ctx.block.time_ns
    save_record(ctx, taken)
    ctx.emit(events.record_published(taken, in_catalogue=False))


def earlier_versions(
    ctx: Context, issuer: str, record_id: str
) -> Iterator[pb.RecordHeader]:
    """Walk over the archived versions of a record, ascending."""
    prefix = archive_prefix(issuer, record_id)
    for _, value in ctx.store(STORE).iterate(prefix, prefix_end(prefix)):
        yield pb.RecordHeader.FromString(value)


def _set_status(ctx: Context, head: pb.RecordHeader, status: int, reason: str) -> None:
    previous = head.status
    head.status = status  # type: ignore[assignment]
    head.status_reason = reason
    save_record(ctx, head)
    entry = find_catalogue_entry(ctx, head)
    if entry is not None:
        entry.status = head.status
        save_catalogue_entry(ctx, entry)
    ctx.emit(events.record_status_changed(head, previous=previous))
