"""What a data subject does with the lines that it is shown."""

from __future__ import annotations

from huitong.client.zone import ZoneClient
from huitong.core.hashing import MerkleProof
from huitong.gateway.exchange.proven_read import (
    follow_header,
    get_client_view,
    read_proven,
)
from huitong.gateway.reads.lines import verify_line
from huitong.gateway.reads.model import AnchoredLine
from huitong.modules.anchors import STORE as ANCHORS_STORE
from huitong.modules.anchors import anchor_key
from huitong.modules.exchange import PORT_ID
from huitong.proto.huitong.anchors.v1 import anchors_pb2
from huitong.sdk.models import SubjectRead
from tests.gateway.modes_kit import settings_of
from tests.gateway.pair_kit import Side


async def check_lines(
    issuer: Side, reader: Side, lines: list[SubjectRead], subject: str
) -> None:
    """Check each line against its anchor, and the anchor against the reader's zone."""
    settings = settings_of(reader)
    (other,) = settings.zones.values()
    async with ZoneClient(settings.zone.node) as own, ZoneClient(other.node) as zone:
        now_ns = (await own.latest_block())[1]
        view = await get_client_view(own, PORT_ID, reader.channel_id, now_ns=now_ns)
        newest = await zone.latest_height() + 1
        view = await follow_header(view, zone, newest, now_ns=now_ns)
        for line in lines:
            assert line.anchor is not None
            key = anchor_key(
                issuer.member_id,
                anchors_pb2.ANCHOR_KIND_ACCESS_LOG,
                line.anchor.stream,
                line.anchor.sequence,
            )
            value = await read_proven(view, zone, ANCHORS_STORE, key)
            shown = line.anchor.proof
            checked = verify_line(
                AnchoredLine(
                    leaf=bytes.fromhex(line.line),
                    proof=MerkleProof(
                        total=shown.total,
                        index=shown.index,
                        leaf_hash=bytes.fromhex(shown.leaf_hash),
                        aunts=tuple(bytes.fromhex(each) for each in shown.aunts),
                    ),
                    anchor=anchors_pb2.Anchor.FromString(value),
                )
            )
            assert checked.subject.hex() == subject
            assert checked.record_id == line.record
            assert checked.request_id == line.request_id
            assert (checked.way or "read") == line.way
            assert (checked.reader, checked.version) == (line.reader, line.version)
            assert list(checked.fields) == list(line.fields)
