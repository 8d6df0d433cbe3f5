"""Messages that engine and node tests send."""

from __future__ import annotations

from huitong.core.hashing import sha256
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.testing.embedded import EmbeddedZone

ACCOUNTS = {"tax": ("hz-tax", "publisher"), "road": ("hz-road", "publisher")}


def publish(
    zone: EmbeddedZone, record_id: str, by: str = "tax"
) -> records_pb2.MsgPublishRecord:
    """Return the message that publishes a record."""
    return records_pb2.MsgPublishRecord(
        signer=zone.address(by),
        record_id=record_id,
        record_type="invoice",
        payload_digest=sha256(record_id.encode()),
        fields=["amount", "date"],
        level=2,
        share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
    )
