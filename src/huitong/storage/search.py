"""Which transactions, or blocks, satisfy an event query (``tx_search``, ``block_search``).

As in CometBFT's index, one event has to satisfy all conditions, but for those on the
height. A search walks over the rows of the most selective ``=``; without one over all
values of an attribute, and without an attribute over all heights that are allowed. What
the rows do not say is read from the stored results. Both are counted, and a search that
would look at too much is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from huitong.core.errors import RejectedError
from huitong.core.events import Event
from huitong.core.store.backend import TableReader
from huitong.core.store.kv import prefix_end
from huitong.storage.blocks import (
    BLOCK_META,
    TX_RESULTS,
    find_hook_results,
    find_result,
    height_key,
)
from huitong.storage.event_query import Condition
from huitong.storage.index import (
    BLOCK_INDEX,
    TX_INDEX,
    UNINDEXED,
    name_stem,
    value_of_key,
    value_stem,
)
from huitong.storage.query_scanner import Token

#: What one search may look at, in index rows; about half a second.
SEARCH_COST_MAX: Final = 300_000
#: Index rows that cost as much as reading one stored result.
RESULT_COST: Final = 10


class SearchTooLongError(
    RejectedError,
    codespace="rpc",
    code=4,
    text="the query selects more than can be looked at: add a condition with =",
):
    """Too much would be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Searched:
    """What differs between transactions and blocks."""

    height_name: str
    """The key that stands for the height."""
    index: bytes
    """Table of the index."""
    everything: bytes
    """A table with one row for each place."""
    events_at: Callable[[TableReader, bytes], Sequence[Event]]
    """Reads the events of a place."""


def _tx_events(reader: TableReader, place: bytes) -> Sequence[Event]:
    result = find_result(reader, place)
    return () if result is None else result.events


def _block_events(reader: TableReader, place: bytes) -> Sequence[Event]:
    hooks = find_hook_results(reader, int.from_bytes(place, "big"))
    return () if hooks is None else hooks.events


_TXS: Final = _Searched(
    height_name="tx.height", index=TX_INDEX, everything=TX_RESULTS, events_at=_tx_events
)
_BLOCKS: Final = _Searched(
    height_name="block.height",
    index=BLOCK_INDEX,
    everything=BLOCK_META,
    events_at=_block_events,
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
        conditions: the query, without one on ``tx.hash``.
        newest: height of the newest block.
        reverse: newest first.
        oldest: height of the oldest block; what is older is about to be removed.

    Raises:
        SearchTooLongError: the query selects too little.
    """
    return _Search(reader, _TXS, conditions).places(oldest, newest, reverse)


def search_blocks(
    reader: TableReader,
    conditions: Sequence[Condition],
    newest: int,
    *,
    reverse: bool,
    oldest: int = 0,
) -> list[int]:
    """Return the heights of the blocks whose hook events satisfy all conditions.

    Raises:
        SearchTooLongError: the query selects too little.
    """
    search = _Search(reader, _BLOCKS, conditions)
    places = search.places(oldest, newest, reverse)
    return [int.from_bytes(place, "big") for place in places]


class _Search:
    """One search, with what it has looked at so far."""

    def __init__(
        self, reader: TableReader, searched: _Searched, conditions: Sequence[Condition]
    ) -> None:
        self._reader = reader
        self._searched = searched
        name = searched.height_name
        self._on_height = [item for item in conditions if item.key == name]
        self._on_events = [item for item in conditions if item.key != name]
        self._has_long_values = False
        self._cost = 0

    def places(self, oldest: int, newest: int, reverse: bool) -> list[bytes]:
        """Return what satisfies everything, in the order of the chain."""
        first, last = _bounds(self._on_height, oldest, newest)
        start, end = height_key(first), height_key(max(first, last + 1))
        exact = [item for item in self._on_events if _is_exact(item)]
        named = [item for item in self._on_events if _is_indexed(item)]
        places: Iterable[bytes]
        if exact:
            places = self._having(min(exact, key=_rank), start, end, reverse)
        elif named:
            places = sorted(set(self._satisfying(named[0], start, end)))
            places = places[::-1] if reverse else places
        else:
            places = self._all(start, end, reverse)
        is_settled = len(self._on_events) == len((exact or named)[:1])
        if not is_settled or self._has_long_values:
            places = filter(self._event_satisfies, places)
        return [place for place in places if self._height_satisfies(place)]

    def _spend(self, cost: int) -> None:
        self._cost += cost
        if self._cost > SEARCH_COST_MAX:
            raise SearchTooLongError

    # --- walking ----------------------------------------------------------------------

    def _having(
        self, condition: Condition, start: bytes, end: bytes, reverse: bool
    ) -> Iterator[bytes]:
        """Walk over the places whose attribute has exactly this value."""
        stem = value_stem(_name_stem(condition), condition.operand)
        index = self._searched.index
        walk = self._reader.iterate(index, stem + start, stem + end, reverse=reverse)
        for key, _ in walk:
            self._spend(1)
            yield key[len(stem) :]

    def _satisfying(
        self, condition: Condition, start: bytes, end: bytes
    ) -> Iterator[bytes]:
        """Walk over all values of an attribute; long ones are kept for a second look."""
        stem = _name_stem(condition)
        for key, _ in self._reader.iterate(
            self._searched.index, stem, prefix_end(stem)
        ):
            self._spend(1)
            value, place = value_of_key(key)
            if not start <= place < end:
                continue
            if value is None:
                self._has_long_values = True
            if value is None or condition.finds(value):
                yield place

    def _all(self, start: bytes, end: bytes, reverse: bool) -> Iterator[bytes]:
        everything = self._searched.everything
        for key, _ in self._reader.iterate(everything, start, end, reverse=reverse):
            self._spend(1)
            yield key

    # --- looking again ----------------------------------------------------------------

    def _event_satisfies(self, place: bytes) -> bool:
        """Tell whether one event of a place satisfies all conditions on events."""
        self._spend(RESULT_COST)
        events = self._searched.events_at(self._reader, place)
        return any(_satisfies_all(told, self._on_events) for told in events)

    def _height_satisfies(self, place: bytes) -> bool:
        height = str(int.from_bytes(place[:8], "big"))
        return all(
            item.finds(height) for item in self._on_height if not _bounds_it(item)
        )


def _satisfies_all(told: Event, conditions: Sequence[Condition]) -> bool:
    for item in conditions:
        kind, _, name = item.key.rpartition(".")
        if kind != told.kind or not any(
            key == name and item.finds(value) for key, value in told.attributes
        ):
            return False
    return True


def _name_stem(condition: Condition) -> bytes:
    kind, _, name = condition.key.rpartition(".")
    return name_stem(kind, name)


def _is_indexed(condition: Condition) -> bool:
    return condition.key.rpartition(".")[2] not in UNINDEXED


def _is_exact(condition: Condition) -> bool:
    return condition.operator is Token.EQ and _is_indexed(condition)


def _rank(condition: Condition) -> int:
    """Return how much a condition selects, going by its name: the less, the more."""
    name = condition.key.rpartition(".")[2]
    if "sequence" in name or "height" in name or name in ("acc_seq", "signature"):
        return 0
    if condition.key in ("message.module", "message.action", "message.sender"):
        return 3
    return 2 if name.endswith(("port", "channel", "_type", "ordering")) else 1


def _bounds_it(condition: Condition) -> bool:
    """Tell whether a condition on the height is a bound of it."""
    operand = condition.operand
    is_number = operand.isascii() and operand.isdigit()
    return is_number and condition.operator is not Token.CONTAINS


def _bounds(conditions: Sequence[Condition], first: int, last: int) -> tuple[int, int]:
    """Return the first and last height that the conditions allow."""
    for item in conditions:
        if not _bounds_it(item):
            continue
        height = min(int(item.operand[:19]), last + 1)
        match item.operator:
            case Token.EQ:
                first, last = max(first, height), min(last, height)
            case Token.GT | Token.GEQ:
                first = max(first, height + (item.operator is Token.GT))
            case _:
                last = min(last, height - (item.operator is Token.LT))
    return first, last
