"""Which transaction, or block, has an event attribute with a value: rows for searching.

A row's key is a hash of ``type.attribute``, the value, and a place (height and index), so
that a search (``search``) walks over the matches of one condition in the order of the
chain. Values mostly repeat or count up, so new rows mostly go behind others, and few pages
of the database are touched.

Values longer than a bound are kept as a hash. ``msg_index`` is not indexed: it selects
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from huitong.core.events import Event
from huitong.core.hashing import sha256
from huitong.storage.blocks import ExtraRow, StoredTx, height_key, place_key

TX_INDEX: Final = b"tx_index"
BLOCK_INDEX: Final = b"block_index"
TABLES: Final = (TX_INDEX, BLOCK_INDEX)

#: Bytes of the hash of ``type.attribute`` in a key: there are some hundred of these names,
#: and our software fixes them.
_NAME_SIZE_BYTES: Final = 8
#: Bytes of a value that a key carries as it is; longer ones become a mark and a hash.
_VALUE_SIZE_BYTES_MAX: Final = 128
_LONG: Final = b"\xff"  # begins no text in UTF-8
UNINDEXED: Final = frozenset({"msg_index", "header", "packet_data", "packet_ack"})
_PRESENT: Final = b"\x01"


def tx_index_rows(
    txs: Iterable[StoredTx],
) -> list[ExtraRow]:
    """Return the rows for the transactions of a block; about 1 µs per attribute."""
    rows: list[ExtraRow] = []
    for tx in txs:
        place = place_key(tx.height, tx.index)
        stems = _stems(tx.result.events)
        rows += [(TX_INDEX, stem + place, _PRESENT) for stem in stems]
    return rows


def block_index_rows(height: int, events: Sequence[Event]) -> list[ExtraRow]:
    """Return the rows for the events of a block's hooks."""
    place = height_key(height)
    return [(BLOCK_INDEX, stem + place, _PRESENT) for stem in _stems(events)]


def _stems(events: Sequence[Event]) -> dict[bytes, None]:
    """Return what the rows' keys begin with, each once, in order."""
    return dict.fromkeys(
        value_stem(name_stem(told.kind, key), value)
        for told in events
        for key, value in told.attributes
        if key not in UNINDEXED
    )


@lru_cache(maxsize=4_096)
def name_stem(kind: str, key: str) -> bytes:
    """Return 8 bytes that stand for ``type.attribute`` in keys."""
    return sha256(f"{kind}.{key}".encode())[:_NAME_SIZE_BYTES]


def value_stem(name_hash: bytes, value: str) -> bytes:
    """Return what a row's key begins with; the length in it ends it unmistakably."""
    data = value.encode()
    if len(data) > _VALUE_SIZE_BYTES_MAX:
        data = _LONG + sha256(data)
    return name_hash + len(data).to_bytes(1, "big") + data


def value_of_key(key: bytes) -> tuple[str | None, bytes]:
    """Return the value and the place that a row's key names; None for a long value."""
    size = key[_NAME_SIZE_BYTES]
    start = _NAME_SIZE_BYTES + 1
    value, place = key[start : start + size], key[start + size :]
    return (None if value[:1] == _LONG else value.decode()), place
