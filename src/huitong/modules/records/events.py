"""What the module ``records`` tells the world."""

from __future__ import annotations

from huitong.core.events import Event, event
from huitong.modules.records.state import share_class_name, status_name
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader


def record_published(header: RecordHeader, *, in_catalogue: bool) -> Event:
    """A record, or a new version of one, is the head now."""
    return event(
        "record_published",
        issuer=header.issuer,
        record_id=header.record_id,
        version=header.version,
        record_type=header.record_type,
        payload_digest=header.payload_digest.hex(),
        subject=header.subject.hex(),
        fields=len(header.fields),
        level=header.level,
        field_levels=",".join(map(str, header.field_levels)),
        share_class=share_class_name(header.share_class),
        valid_from=header.valid_from,
        valid_until=header.valid_until,
        in_catalogue=int(in_catalogue),
    )


def record_status_changed(header: RecordHeader, *, previous: int) -> Event:
    """The head of a record was suspended, taken back or revoked."""
    return event(
        "record_status_changed",
        issuer=header.issuer,
        record_id=header.record_id,
        version=header.version,
        record_type=header.record_type,
        status=status_name(header.status),
        previous_status=status_name(previous),
        reason=header.status_reason,
    )
