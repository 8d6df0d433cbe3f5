"""Lines of the access log of what is given otherwise than by a proven read.

A granted exchange, a version under a standing permission, an emergency and a hand-over
give a subject's data away too. Each is one line, written before the first sealed byte
leaves and however often the bytes have to be sent again: the log may have a line of what
a peer never took, and lacks none of what one did.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy.dialects import postgresql, sqlite

from huitong.gateway.database.engine import POSTGRESQL, Database
from huitong.gateway.reads.lines import SALT_SIZE_BYTES, encode_line
from huitong.gateway.reads.tables import ReadRow
from huitong.gateway.vault.owners import Owned, owned_payloads
from huitong.proto.huitong.reads.v1 import reads_pb2 as pb


class Way(StrEnum):
    """How a record was given; a proven read has none."""

    EXCHANGE = "exchange"
    SUBSCRIPTION = "subscription"
    EMERGENCY = "emergency"
    HAND_OVER = "hand-over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gift:
    """One record that is about to be brought to one reader."""

    key: str
    """What it is given in, such as the id of an exchange: of each there is one line."""
    way: Way
    reader_zone: str
    """Chain id of the reader's zone."""
    reader: str
    """Member there."""
    purpose: str
    issuer: str
    record_id: str
    version: int
    payload_digest: bytes
    """Of the whole payload; the vault knows whose it is."""
    fields: tuple[str, ...] = ()
    """Names of the given fields; empty for all."""
    height: int = 0
    """Block of the own zone that states it; 0 if none is known."""
    request_id: str


async def log_gifts(database: Database, gifts: Sequence[Gift]) -> None:
    """Write a line for each gift that has none yet; two statements, one transaction.

    Raises:
        DatabaseDownError: nothing is written, so nothing may be given.
    """
    if not gifts:
        return
    kind: Any = postgresql if database.kind == POSTGRESQL else sqlite
    async with database.transaction() as session:
        payloads = await owned_payloads(
            session, {gift.payload_digest for gift in gifts}
        )
        lines = [_line(gift, payloads.get(gift.payload_digest)) for gift in gifts]
        added = kind.insert(ReadRow).on_conflict_do_nothing(index_elements=["gift"])
        await session.execute(added, lines)


_UNKNOWN: Final = Owned(b"", ())


def _line(gift: Gift, payload: Owned | None) -> dict[str, object]:
    known = payload or _UNKNOWN
    time_ns = time.time_ns()
    line = pb.AccessLine(
        salt=os.urandom(SALT_SIZE_BYTES),
        time=time_ns,
        request_id=gift.request_id,
        reader_zone=gift.reader_zone,
        reader=gift.reader,
        purpose=gift.purpose,
        issuer=gift.issuer,
        record_id=gift.record_id,
        version=gift.version,
        subject=known.subject,
        fields=gift.fields or known.fields,
        height=gift.height,
        way=gift.way,
    )
    return {
        "time_ns": time_ns,
        "reader": gift.reader,
        "record_id": gift.record_id,
        "subject": known.subject,
        "line": encode_line(line),
        "gift": gift.key,
    }
