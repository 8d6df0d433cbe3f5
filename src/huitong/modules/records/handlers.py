"""Publish records, replace them by new versions, change their status.

Rules: [RECORDS.1] a record belongs to the member that published it; [RECORDS.2] a new
version names the head it replaces; [RECORDS.3] revocation is final, and so is a
hand-over, which locks the record while it is under way; [RECORDS.4] the payload never
comes here, only its digest and the names of its fields; [RECORDS.5] the level of a record
is the highest of its fields. Not here: the signer's role ``publisher``, checked before,
and what a hand-over writes, see ``moving``.
"""

from __future__ import annotations

from collections.abc import Sequence

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
from huitong.core.limits import LEVEL_MAX, TEXT_BYTES_MAX, TITLE_BYTES_MAX
from huitong.modules.members.state import get_member_id
from huitong.modules.records import events
from huitong.modules.records.errors import (
    RecordExistsError,
    RecordStatusError,
    StaleVersionError,
)
from huitong.modules.records.state import (
    ACTIVE,
    REVOKED,
    SETTLED,
    SUPERSEDED,
    SUSPENDED,
    find_catalogue_entry,
    find_record,
    get_record,
    save_archived,
    save_catalogue_entry,
    save_record,
    status_name,
)
from huitong.proto.huitong.records.v1 import records_pb2 as pb

_SHARE_CLASSES = (
    pb.SHARE_CLASS_OPEN,
    pb.SHARE_CLASS_CONDITIONAL,
    pb.SHARE_CLASS_CLOSED,
)


def check_publish_record(ctx: Context, msg: pb.MsgPublishRecord) -> None:
    """Raise unless the record may be published.

    Raises:
        InvalidRequestError: a field is malformed.
        NoMemberError: the signer acts for no member.
        RecordExistsError: the member has published this id.
    """
    check_record_id(msg.record_id)
    check_name(msg.record_type, "record_type")
    check_size(msg.subject, "subject", DIGEST_SIZE_BYTES, required=False)
    _check_content(msg.payload_digest, msg.fields, msg.valid_from, msg.valid_until)
    if not 1 <= msg.level <= LEVEL_MAX:
        raise InvalidRequestError(
            reason=f"level {msg.level}, expected 1 to {LEVEL_MAX}"
        )
    check_field_levels(msg.fields, msg.field_levels, msg.level)
    if msg.share_class not in _SHARE_CLASSES:
        raise InvalidRequestError(reason=f"share_class {msg.share_class} is unknown")
    check_text(msg.title, "title", TITLE_BYTES_MAX)
    check_text(msg.terms, "terms", TEXT_BYTES_MAX, required=False)
    if msg.terms and not msg.title:
        raise InvalidRequestError(reason="terms without a title")
    issuer = get_member_id(ctx, msg.signer)  # [RECORDS.1]
    known = find_record(ctx, issuer, msg.record_id)
    if known is not None:
        raise RecordExistsError(
            issuer=issuer, record_id=msg.record_id, version=known.version
        )


def apply_publish_record(
    ctx: Context, msg: pb.MsgPublishRecord
) -> pb.MsgPublishRecordResponse:
    """Write version 1, and the catalogue entry if there is a title.

    Cost: 1 or 2 writes.
    """
    header = pb.RecordHeader(
        issuer=get_member_id(ctx, msg.signer),
        record_id=msg.record_id,
        version=1,
        record_type=msg.record_type,
        subject=msg.subject,
        payload_digest=msg.payload_digest,
        fields=msg.fields,
        field_levels=msg.field_levels,
        level=msg.level,
        share_class=msg.share_class,
        status=ACTIVE,
        valid_from=msg.valid_from,
        valid_until=msg.valid_until,
        published_height=ctx.block.height.revision_height,
        published_time=ctx.block.time_ns,
    )
    save_record(ctx, header)
    if msg.title:
        entry = pb.CatalogueEntry(
            record_type=header.record_type,
            issuer=header.issuer,
            record_id=header.record_id,
            version=1,
            title=msg.title,
            fields=header.fields,
            share_class=header.share_class,
            terms=msg.terms,
            status=ACTIVE,
        )
        save_catalogue_entry(ctx, entry)
    ctx.emit(events.record_published(header, in_catalogue=bool(msg.title)))
    return pb.MsgPublishRecordResponse(version=1)


def check_publish_version(ctx: Context, msg: pb.MsgPublishVersion) -> None:
    """Raise unless the new version may replace the head.

    Raises:
        InvalidRequestError: a field is malformed.
        NoMemberError: the signer acts for no member.
        RecordNotFoundError: the member has published no such record.
        StaleVersionError: the head is another version.
        RecordStatusError: the record is revoked, or in a hand-over.
    """
    check_record_id(msg.record_id)
    _check_content(msg.payload_digest, msg.fields, msg.valid_from, msg.valid_until)
    check_field_levels(msg.fields, msg.field_levels, max(msg.field_levels, default=0))
    head = get_record(ctx, get_member_id(ctx, msg.signer), msg.record_id)
    if msg.previous_version != head.version:  # [RECORDS.2]
        raise StaleVersionError(expected=head.version, actual=msg.previous_version)
    if head.status in SETTLED:  # [RECORDS.3]
        raise _status_error(head, "a new version")


def apply_publish_version(
    ctx: Context, msg: pb.MsgPublishVersion
) -> pb.MsgPublishVersionResponse:
    """Write the new head and archive the old one as superseded.

    A suspended record stays suspended. Without levels of fields all of them have the level
    that the record had. Cost: 2 or 3 writes.
    """
    old = get_record(ctx, get_member_id(ctx, msg.signer), msg.record_id)
    new = pb.RecordHeader()
    new.CopyFrom(old)
    new.version += 1
    new.payload_digest = msg.payload_digest
    del new.fields[:]
    new.fields.extend(msg.fields)
    del new.field_levels[:]
    new.field_levels.extend(msg.field_levels)
    if msg.field_levels:
        new.level = max(msg.field_levels)  # [RECORDS.5]
    new.valid_from, new.valid_until = msg.valid_from, msg.valid_until
    new.published_height = ctx.block.height.revision_height
    new.published_time = ctx.block.time_ns
    old.status = SUPERSEDED
    save_archived(ctx, old)
    save_record(ctx, new)
    entry = find_catalogue_entry(ctx, new)
    if entry is not None:
        entry.version = new.version
        del entry.fields[:]
        entry.fields.extend(new.fields)
        save_catalogue_entry(ctx, entry)
    ctx.emit(events.record_published(new, in_catalogue=entry is not None))
    return pb.MsgPublishVersionResponse(version=new.version)


def check_set_record_status(ctx: Context, msg: pb.MsgSetRecordStatus) -> None:
    """Raise unless the record may get this status.

    Raises:
        InvalidRequestError: the reason is malformed, or missing where it is needed.
        NoMemberError: the signer acts for no member.
        RecordNotFoundError: the member has published no such record.
        RecordStatusError: revoked for good, in a hand-over, or it is so already.
    """
    if msg.status not in (ACTIVE, SUSPENDED, REVOKED):
        raise InvalidRequestError(reason=f"status {msg.status} cannot be set")
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=msg.status != ACTIVE)
    head = get_record(ctx, get_member_id(ctx, msg.signer), msg.record_id)
    if head.status in (*SETTLED, msg.status):  # [RECORDS.3]
        raise _status_error(head, status_name(msg.status))


def apply_set_record_status(
    ctx: Context, msg: pb.MsgSetRecordStatus
) -> pb.MsgSetRecordStatusResponse:
    """Write the status of the head, in the catalogue too. Cost: 1 or 2 writes."""
    head = get_record(ctx, get_member_id(ctx, msg.signer), msg.record_id)
    previous = head.status
    head.status = msg.status
    head.status_reason = msg.reason
    save_record(ctx, head)
    entry = find_catalogue_entry(ctx, head)
    if entry is not None:
        entry.status = msg.status
        save_catalogue_entry(ctx, entry)
    ctx.emit(events.record_status_changed(head, previous=previous))
    return pb.MsgSetRecordStatusResponse()


def _check_content(
    payload_digest: bytes, fields: Sequence[str], valid_from: int, valid_until: int
) -> None:
    check_size(payload_digest, "payload_digest", DIGEST_SIZE_BYTES)
    check_field_names(fields, required=True)
    check_period(valid_from, valid_until)


def check_field_levels(
    fields: Sequence[str], levels: Sequence[int], level: int
) -> None:
    """Check the levels of a record's fields; none at all means the record's for each.

    Raises:
        InvalidRequestError: not one for each field, out of bounds, or the highest is not
            the record's level.
    """
    if not levels:
        return
    if len(levels) != len(fields):
        raise InvalidRequestError(
            reason=f"field_levels has {len(levels)} entries for {len(fields)} fields"
        )
    for name, value in zip(fields, levels, strict=True):
        if not 1 <= value <= LEVEL_MAX:
            raise InvalidRequestError(
                reason=f"level {value} of field {name}, expected 1 to {LEVEL_MAX}"
            )
    if max(levels) != level:  # [RECORDS.5]
        raise InvalidRequestError(
            reason=f"level {level}, but the highest of its fields is {max(levels)}"
        )


def _status_error(head: pb.RecordHeader, wanted: str) -> RecordStatusError:
    return RecordStatusError(
        issuer=head.issuer,
        record_id=head.record_id,
        status=status_name(head.status),
        wanted=wanted,
    )
