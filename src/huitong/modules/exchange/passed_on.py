"""What moves with a record that is handed over: its earlier versions and its receipts.

Both are digests of what the giver's zone keeps: a Merkle root (RFC 6962) over all earlier
versions, of which the newest are listed, and the head of a hash chain of the receipts
that the record's readers sent. So whoever takes the record over can check later what the
giver shows of its past.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.hashing import merkle_root, sha256
from huitong.core.limits import HAND_OVER_HISTORY_MAX
from huitong.core.store.kv import iterate_prefix
from huitong.modules.exchange.keys import RECEIPTS_PREFIX, STORE, receipts_key
from huitong.modules.records.moving import earlier_versions
from huitong.proto.huitong.exchange.v1.exchange_pb2 import (
    Exchange,
    RecordReceipt,
    RecordReceipts,
)
from huitong.proto.huitong.exchange.v1.handover_pb2 import (
    HandOverPacket,
    HistoryEntry,
    MsgOfferHandOver,
)
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader


def make_offer(
    ctx: Context, msg: MsgOfferHandOver, head: RecordHeader
) -> HandOverPacket:
    """Return the packet that hands over a record with this head.

    Cost: one step of a walk and two hashes for each earlier version.
    """
    newest: deque[HistoryEntry] = deque(maxlen=HAND_OVER_HISTORY_MAX)
    encoded = []
    for header in earlier_versions(ctx, head.issuer, head.record_id):
        entry = HistoryEntry(
            version=header.version,
            payload_digest=header.payload_digest,
            published_time=header.published_time,
        )
        newest.append(entry)
        encoded.append(encode(entry))
    receipts = find_receipts(ctx, head.issuer, head.record_id)
    return HandOverPacket(
        receiver=msg.receiver,
        reader_key=msg.reader_key,
        sealed_digest=msg.sealed_digest,
        reason=msg.reason,
        request_id=msg.request_id,
        record=head,
        history_root=merkle_root(encoded),
        history_count=len(encoded),
        history=newest,
        receipts_digest=receipts.digest,
        receipts_count=receipts.count,
    )


def find_receipts(ctx: Context, issuer: str, record_id: str) -> RecordReceipts:
    """Return the receipts of a record in short; count 0 and no digest if there is none."""
    value = ctx.store(STORE).get(receipts_key(issuer, record_id))
    if value is None:
        return RecordReceipts(issuer=issuer, record_id=record_id)
    return RecordReceipts.FromString(value)


def add_receipt(ctx: Context, exchange: Exchange) -> None:
    """Add the receipt of an exchange to its record's chain. Cost: 1 read, 1 write."""
    request = exchange.request
    receipts = find_receipts(ctx, request.issuer, request.record_id)
    link = RecordReceipt(channel_id=exchange.channel_id, receipt=exchange.receipt)
    receipts.digest = sha256(receipts.digest + sha256(encode(link)))
    receipts.count += 1
    save_receipts(ctx, receipts)


def save_receipts(ctx: Context, receipts: RecordReceipts) -> None:
    """Write the receipts of a record in short."""
    key = receipts_key(receipts.issuer, receipts.record_id)
    ctx.store(STORE).set(key, encode(receipts))


def all_receipts(ctx: Context) -> Iterator[RecordReceipts]:
    """Walk over the receipts of all records, in the order of their keys."""
    for _, value in iterate_prefix(ctx.store(STORE), RECEIPTS_PREFIX):
        yield RecordReceipts.FromString(value)
