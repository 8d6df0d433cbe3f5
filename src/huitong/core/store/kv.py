"""Key-value stores as the state machine sees them, and overlays of unwritten changes.

A store maps non-empty keys to non-empty values; its keys are ordered as bytes. The
state machine reads and writes through these protocols only and never learns whether a
tree, a database or another overlay lies below.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NoReturn, Protocol

from huitong.core.invariants import InvariantBrokenError, invariant
from huitong.core.limits import STORE_KEY_SIZE_BYTES_MAX
from huitong.core.store.errors import KeyTooLongError


class ReadStore(Protocol):
    """What can be read: the committed state at some height, or an overlay."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value under ``key``, or None if there is none."""
        ...

    def has(self, key: bytes) -> bool:
        """Tell whether there is a value under ``key``."""
        ...

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Walk over the pairs with ``start <= key < end`` in the order of the keys.

        Args:
            start: first key, inclusive; ``b""`` begins at the first of all.
            end: key to stop before; None goes on to the last of all.
            reverse: walk from the last key of the range down to the first.

        Returns:
            The pairs as they were when ``iterate`` was called: later writes to an
            overlay do not show up in a walk that has begun.
        """
        ...


class WriteStore(ReadStore, Protocol):
    """What can be read and written."""

    def set(self, key: bytes, value: bytes) -> None:
        """Put ``value`` under ``key``; neither may be empty."""
        ...

    def delete(self, key: bytes) -> None:
        """Remove ``key``; removing what is absent changes nothing."""
        ...


def prefix_end(prefix: bytes) -> bytes | None:
    """Return the first key after all keys that begin with ``prefix``; None if none is."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else None


def iterate_prefix(
    store: ReadStore, prefix: bytes, reverse: bool = False
) -> Iterator[tuple[bytes, bytes]]:
    """Walk over the pairs whose keys begin with ``prefix``, keys in full."""
    return store.iterate(prefix, prefix_end(prefix), reverse=reverse)


class EmptyStore:
    """A store without a key."""

    __slots__ = ()

    def get(self, key: bytes) -> bytes | None:
        return None

    def has(self, key: bytes) -> bool:
        return False

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        return iter(())


class OverlayStore:
    """Writes held back in memory above a store that stays as it is.

    One overlay is made for each transaction and each block, so making and dropping one
    costs next to nothing; the sorted list of keys is only kept once a walk asked for it.
    """

    __slots__ = ("_keys", "_parent", "_parent_get", "_pending")

    def __init__(self, parent: ReadStore) -> None:
        self._parent = parent
        self._parent_get = parent.get
        self._pending: dict[bytes, bytes | None] = {}
        self._keys: list[bytes] | None = None

    def get(self, key: bytes) -> bytes | None:
        """Return the value under ``key``, or None if there is none."""
        if key in self._pending:
            return self._pending[key]
        return self._parent_get(key)

    def has(self, key: bytes) -> bool:
        """Tell whether there is a value under ``key``."""
        if key in self._pending:
            return self._pending[key] is not None
        return self._parent.has(key)

    def set(self, key: bytes, value: bytes) -> None:
        """Put ``value`` under ``key``.

        Raises:
            KeyTooLongError: the key passes ``STORE_KEY_SIZE_BYTES_MAX``.
            InvariantBrokenError: the key or the value is empty.
        """
        if not 0 < len(key) <= STORE_KEY_SIZE_BYTES_MAX or not value:
            _refuse_write(key, value)
        if self._keys is not None and key not in self._pending:
            insort(self._keys, key)
        self._pending[key] = value

    def delete(self, key: bytes) -> None:
        """Remove ``key``; removing what is absent changes nothing.

        Raises:
            InvariantBrokenError: the key is empty.
        """
        if not key:
            invariant(False, "keys are not empty")
        if self._keys is not None and key not in self._pending:
            insort(self._keys, key)
        self._pending[key] = None

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Walk over the pairs with ``start <= key < end``; see ``ReadStore.iterate``."""
        below = self._parent.iterate(start, end, reverse=reverse)
        pending = self._pending
        if not pending:
            return below
        if self._keys is None:
            self._keys = sorted(pending)
        keys = self._keys
        first = bisect_left(keys, start)
        after = len(keys) if end is None else bisect_left(keys, end)
        if first >= after:
            return below
        own = [(key, pending[key]) for key in keys[first:after]]
        if reverse:
            own.reverse()
        return _merge(own, below, reverse)

    def pending(self) -> list[tuple[bytes, bytes | None]]:
        """Return the held writes by ascending key; None stands for a removal."""
        return sorted(self._pending.items(), key=_key_of)

    def write_to(self, parent: WriteStore) -> None:
        """Apply the held writes to ``parent``, by ascending key; they stay held here."""
        if type(parent) is OverlayStore and parent._keys is None:
            parent._pending.update(self._pending)
            return
        for key, value in self.pending():
            if value is None:
                parent.delete(key)
            else:
                parent.set(key, value)


def _refuse_write(key: bytes, value: bytes) -> NoReturn:
    if len(key) > STORE_KEY_SIZE_BYTES_MAX:
        raise KeyTooLongError(size=len(key), maximum=STORE_KEY_SIZE_BYTES_MAX)
    raise InvariantBrokenError(
        "keys and values are not empty", {"key": key, "value": value}
    )


def _key_of(item: tuple[bytes, bytes | None]) -> bytes:
    return item[0]


def _merge(
    own: list[tuple[bytes, bytes | None]],
    below: Iterator[tuple[bytes, bytes]],
    reverse: bool,
) -> Iterator[tuple[bytes, bytes]]:
    """Merge two walks in the same order; on equal keys ``own`` hides ``below``."""
    pair = next(below, None)
    for key, value in own:
        while pair is not None and (pair[0] > key if reverse else pair[0] < key):
            yield pair
            pair = next(below, None)
        if pair is not None and pair[0] == key:
            pair = next(below, None)
        if value is not None:
            yield key, value
    while pair is not None:
        yield pair
        pair = next(below, None)
