"""Which transaction, or block, has an event attribute with a value: rows for searching.

A row's key is a hash of ``type.attribute``, the value, and a place (height and index), so
that a search walks over the matches of one condition in the order of the chain and checks
the others against the stored results. Values mostly repeat or count up, so new rows mostly
go behind others, and few pages of the database are touched.

Values longer than a bound are kept as a hash. ``msg_index`` is not indexed: it selects
nothing. Searching needs one condition with ``=`` on an indexed key, or a range of heights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from huitong.core.errors import RejectedError
from huitong.core.events import Event
from huitong.core.hashing import sha256
from huitong.core.store.backend import TableReader
from huitong.storage.blocks import (
    TX_HASHES,
    TX_RESULTS,
    ExtraRow,
    StoredTx,
    find_hook_results,
    find_result,
    height_key,
    place_key,
    place_of_key,
)
from huitong.storage.event_query import Condition, matches
from huitong.storage.results import event_values

TX_INDEX: Final = b"tx_index"
BLOCK_INDEX: Final = b"block_index"
TABLES: Final = (TX_INDEX, BLOCK_INDEX)

#: Bytes of the hash of ``type.attribute`` in a key: there are some hundred of these names,
#: and our software fixes them.
_NAME_SIZE_BYTES: Final = 8
#: Bytes of a value that a key carries as it is; longer ones become a mark and a hash.
_VALUE_SIZE_BYTES_MAX: Final = 128
_LONG: Final = b"\xff"  # begins no text in UTF-8
_UNINDEXED: Final = frozenset({"msg_index", "header", "packet_data", "packet_ack"})
#: Candidates that one search looks at; more would be a query for "everything".
SEARCH_CANDIDATES_MAX: Final = 100_000
_PRESENT: Final = b"\x01"
HEIGHT_KEYS: Final = frozenset({"tx.height", "block.height"})


class SearchTooWideError(
    RejectedError,
    codespace="rpc",
    code=3,
    text="the query needs one condition with = on an attribute, or a range of heights",
):
    """Nothing in the query selects."""


class SearchTooLongError(
    RejectedError,
    codespace="rpc",
    code=4,
    text="the query selects more than {maximum} candidates: add a condition",
):
    """Too much would be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """Heights that the conditions allow, both ends included."""

    first: int
    last: int


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
        _stem(_name_hash(told.kind, key), value)
        for told in events
        for key, value in told.attributes
        if key not in _UNINDEXED
    )


@lru_cache(maxsize=4_096)
def _name_hash(kind: str, key: str) -> bytes:
    """Return 8 bytes that stand for ``type.attribute`` in keys."""
    return sha256(f"{kind}.{key}".encode())[:_NAME_SIZE_BYTES]


def _stem(name_hash: bytes, value: str) -> bytes:
    """Return what a row's key begins with; the length in it ends it unmistakably."""
    data = value.encode()
    if len(data) > _VALUE_SIZE_BYTES_MAX:
        data = _LONG + sha256(data)
    return name_hash + len(data).to_bytes(1, "big") + data


def _stem_of(condition: Condition) -> bytes:
    kind, _, key = condition.key.rpartition(".")
    return _stem(_name_hash(kind, key), condition.operand)


def _is_exact(condition: Condition) -> bool:
    """Tell whether the key holds the whole value, so that it need not be compared."""
    return (
        not condition.is_number
        and len(condition.operand.encode()) <= _VALUE_SIZE_BYTES_MAX
    )


def search_txs(
    reader: TableReader,
    conditions: Sequence[Condition],
    newest: int,
    *,
    reverse: bool,
    oldest: int = 0,
) -> list[bytes]:
    """Return the place keys of the transactions that satisfy all conditions.

    Args:
        reader: a snapshot.
        conditions: the query.
        newest: height of the newest block.
        reverse: newest first.
        oldest: height of the oldest block; what is older is about to be removed.

    Raises:
        SearchTooWideError, SearchTooLongError: the query selects too little.
    """
    by_hash = _equal_to(conditions, "tx.hash")
    if by_hash is not None:
        candidates = _places_of_hash(reader, by_hash)
    else:
        heights = _Range(first=oldest, last=newest)
        candidates = _candidates(
            reader, TX_INDEX, TX_RESULTS, conditions, heights, reverse
        )
    rest = _unanswered(conditions, "Tx")
    found = []
    for looked_at, place in enumerate(candidates):
        if looked_at >= SEARCH_CANDIDATES_MAX:
            raise SearchTooLongError(maximum=SEARCH_CANDIDATES_MAX)
        if place < height_key(oldest):
            continue
        if not rest or _tx_matches(reader, place, conditions):
            found.append(place)
    return found


def search_blocks(
    reader: TableReader, conditions: Sequence[Condition], newest: int, *, reverse: bool
) -> list[int]:
    """Return the heights of the blocks whose hook events satisfy all conditions.

    Raises:
        SearchTooWideError, SearchTooLongError: the query selects too little.
    """
    found = []
    heights = _Range(first=0, last=newest)
    candidates = _candidates(
        reader, BLOCK_INDEX, b"block_meta", conditions, heights, reverse
    )
    for looked_at, place in enumerate(candidates):
        if looked_at >= SEARCH_CANDIDATES_MAX:
            raise SearchTooLongError(maximum=SEARCH_CANDIDATES_MAX)
        height = int.from_bytes(place[:8], "big")
        if _block_matches(reader, height, conditions):
            found.append(height)
    return found


def _unanswered(conditions: Sequence[Condition], kind: str) -> list[Condition]:
    """Return the conditions that the walk over candidates does not answer by itself."""
    rest = [item for item in conditions if not _bounds_heights(item)]
    rest = [
        item
        for item in rest
        if (item.key, item.operator, item.operand) != ("tm.event", "=", kind)
    ]
    indexed = [item for item in rest if _is_indexed(item)]
    if indexed:
        chosen = _most_selective(indexed)
        if _is_exact(chosen):
            rest.remove(chosen)
    return rest


def _tx_matches(
    reader: TableReader, place: bytes, conditions: Sequence[Condition]
) -> bool:
    result = find_result(reader, place)
    if result is None:
        return False
    height, _ = place_of_key(place)
    values = event_values(result.events)
    values["tm.event"] = ["Tx"]
    values["tx.height"] = [str(height)]
    rest = [item for item in conditions if item.key != "tx.hash"]
    return matches(rest, values)


def _block_matches(
    reader: TableReader, height: int, conditions: Sequence[Condition]
) -> bool:
    results = find_hook_results(reader, height)
    if results is None:
        return False
    values = event_values(results.events)
    values["tm.event"] = ["NewBlock"]
    values["block.height"] = [str(height)]
    return matches(conditions, values)


def _places_of_hash(reader: TableReader, text: str) -> Iterator[bytes]:
    try:
        place = reader.get(TX_HASHES, bytes.fromhex(text))
    except ValueError:
        return
    if place is not None:
        yield place


def _equal_to(conditions: Sequence[Condition], key: str) -> str | None:
    for item in conditions:
        if item.key == key and item.operator == "=":
            return item.operand
    return None


def _candidates(
    reader: TableReader,
    index: bytes,
    everything: bytes,
    conditions: Sequence[Condition],
    within: _Range,
    reverse: bool,
) -> Iterator[bytes]:
    """Walk over the places that the most selective usable condition allows."""
    heights = _heights(conditions, within)
    equals = [item for item in conditions if _is_indexed(item)]
    if not equals:
        if heights is None:
            raise SearchTooWideError
        start, end = height_key(heights.first), height_key(heights.last + 1)
        walk = reader.iterate(everything, start, end, reverse=reverse)
        return (key for key, _ in walk)
    chosen = _most_selective(equals)
    stem = _stem_of(chosen)
    first, last = (heights or within).first, (heights or within).last
    walk = reader.iterate(
        index, stem + height_key(first), stem + height_key(last + 1), reverse=reverse
    )
    return (key[len(stem) :] for key, _ in walk)


def _is_indexed(condition: Condition) -> bool:
    name = condition.key.rpartition(".")[2]
    return (
        condition.operator == "="
        and condition.key not in HEIGHT_KEYS
        and condition.key not in ("tm.event", "tx.hash")
        and name not in _UNINDEXED
    )


def _most_selective(conditions: Sequence[Condition]) -> Condition:
    """Choose the condition with the fewest matches, going by what its name tells."""

    def rank(item: Condition) -> int:
        name = item.key.rpartition(".")[2]
        if "sequence" in name or "height" in name or name in ("acc_seq", "signature"):
            return 0
        if item.key in ("message.module", "message.action", "message.sender"):
            return 3
        return 2 if name.endswith(("port", "channel", "_type", "ordering")) else 1

    return min(conditions, key=rank)


def _bounds_heights(condition: Condition) -> bool:
    return (
        condition.key in HEIGHT_KEYS
        and condition.operator in ("=", "<", "<=", ">", ">=")
        and condition.operand.isascii()
        and condition.operand.isdigit()
    )


def _heights(conditions: Sequence[Condition], within: _Range) -> _Range | None:
    first, last, is_bounded = within.first, within.last, False
    for item in conditions:
        if not _bounds_heights(item):
            continue
        height = min(int(item.operand[:19]), within.last + 1)
        is_bounded = True
        if item.operator in ("=", ">=", ">"):
            first = max(first, height + (item.operator == ">"))
        if item.operator in ("=", "<=", "<"):
            last = min(last, height - (item.operator == "<"))
    if not is_bounded:
        return None
    return _Range(first=first, last=max(last, first - 1))
