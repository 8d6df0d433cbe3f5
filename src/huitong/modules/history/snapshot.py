"""The history's rows in a snapshot: header hashes only, the mountains follow from them.

The first item is the accumulator before the first block that this zone itself has made,
empty unless genesis brought one. The others are the header hashes from that block to the
snapshot's, in order, some hundred in one item. The reader appends them again; what
comes out must be the accumulator of the restored state, so no hash can be wrong and none
can be missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from huitong.core.codec import DecodeError, decode, encode
from huitong.core.hashing import HASH_SIZE_BYTES
from huitong.core.store.backend import Row
from huitong.core.store.errors import SnapshotInvalidError
from huitong.core.store.snapshot_layout import GetValue
from huitong.core.store.view import ReadView
from huitong.modules.history.errors import HistoryNodesMissingError
from huitong.modules.history.keys import (
    ACCUMULATOR_KEY,
    HEADERS_TABLE,
    NODES_TABLE,
    STORE,
    header_key,
    node_key,
)
from huitong.modules.history.mountain import (
    EMPTY,
    append,
    is_well_formed,
    peak_positions,
)
from huitong.modules.history.state import mountains_of
from huitong.proto.huitong.history.v1.history_pb2 import Accumulator

#: Header hashes in one item.
_HASHES_PER_ITEM: Final = 1_024


class HistoryRows:
    """Puts the history's rows into snapshots, and takes them out."""

    name = "history"

    def items(self, view: ReadView) -> Iterator[bytes]:
        """Return the accumulator at the beginning, then the header hashes.

        Raises:
            HistoryNodesMissingError: this node does not keep them.
        """
        value = view.store(STORE).get(ACCUMULATOR_KEY)
        if value is None:
            yield b""
            return
        first_height = Accumulator.FromString(value).first_height
        end = header_key(view.version + 1)
        begin, _ = next(view.iterate_rows(HEADERS_TABLE, b"", end), (end, b""))
        start = int.from_bytes(begin, "big")
        yield encode(_accumulator_before(view, first_height, start))
        hashes = (row for _, row in view.iterate_rows(HEADERS_TABLE, begin, end))
        while item := b"".join(islice(hashes, _HASHES_PER_ITEM)):
            yield item

    def restore(self, version: int, initial_height: int) -> HistoryRestore:
        """Begin to take the history of a snapshot."""
        return HistoryRestore(version, initial_height)


class HistoryRestore:
    """Appends the headers of a snapshot again."""

    def __init__(self, version: int, initial_height: int) -> None:
        """Expect the headers from ``initial_height`` to ``version``."""
        self._version = version
        self._height = initial_height
        self._first_height = 0
        self._mountains = EMPTY
        self._has_begun = False

    def take(self, item: bytes) -> Sequence[tuple[bytes, Row]]:
        """Return the rows of the next headers.

        Raises:
            SnapshotInvalidError: it is malformed, or has more headers than blocks.

        Cost: about 5 µs per header.
        """
        if not self._has_begun:
            self._has_begun = True
            return self._begin(item)
        count, rest = divmod(len(item), HASH_SIZE_BYTES)
        if rest or not count or self._height + count - 1 > self._version:
            raise SnapshotInvalidError(reason="its headers are not those of its blocks")
        rows: list[tuple[bytes, Row]] = []
        for at in range(0, len(item), HASH_SIZE_BYTES):
            header_hash = item[at : at + HASH_SIZE_BYTES]
            rows.append((HEADERS_TABLE, (header_key(self._height), header_hash)))
            self._mountains, nodes = append(self._mountains, header_hash)
            rows += [(NODES_TABLE, (node_key(place), node)) for place, node in nodes]
            self._height += 1
        return rows

    def check(self, get: GetValue) -> None:
        """Compare with the accumulator of the state.

        Raises:
            SnapshotInvalidError: they differ.
        """
        rebuilt = Accumulator(
            leaf_count=self._mountains.leaf_count,
            first_height=self._first_height,
            peaks=self._mountains.peaks,
        )
        value = get(STORE, ACCUMULATOR_KEY)
        if value != (encode(rebuilt) if rebuilt.leaf_count else None):
            raise SnapshotInvalidError(reason="its headers do not fit its state")

    def _begin(self, item: bytes) -> Sequence[tuple[bytes, Row]]:
        try:
            before = decode(Accumulator, item)
        except DecodeError as wrong:
            raise SnapshotInvalidError(reason=f"its history: {wrong}") from wrong
        mountains = mountains_of(before)
        after = before.first_height + before.leaf_count
        if not is_well_formed(mountains) or after != self._height:
            raise SnapshotInvalidError(reason="its history begins elsewhere")
        self._first_height, self._mountains = before.first_height, mountains
        places = peak_positions(before.leaf_count)
        return [
            (NODES_TABLE, (node_key(place), peak))
            for place, peak in zip(places, before.peaks, strict=True)
        ]


def _accumulator_before(view: ReadView, first_height: int, start: int) -> Accumulator:
    """Return the accumulator before the header of height ``start``.

    Raises:
        HistoryNodesMissingError: its peaks are not kept.
    """
    count = start - first_height
    peaks: list[bytes] = []
    for place in peak_positions(count):
        peak = view.find_row(NODES_TABLE, node_key(place))
        if peak is None:
            raise HistoryNodesMissingError(height=start)
        peaks.append(peak)
    return Accumulator(leaf_count=count, first_height=first_height, peaks=peaks)
