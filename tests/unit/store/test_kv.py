"""Overlays: what they hide, how they walk, what they write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.invariants import InvariantBrokenError
from huitong.core.limits import STORE_KEY_SIZE_BYTES_MAX
from huitong.core.store.errors import KeyTooLongError
from huitong.core.store.kv import OverlayStore, iterate_prefix, prefix_end

KEYS = st.binary(min_size=1, max_size=3)
WRITES = st.lists(st.tuples(KEYS, st.none() | st.binary(min_size=1, max_size=2)))


class DictStore:
    """A store that is nothing but a dictionary, and sorts at every walk."""

    def __init__(self, values: dict[bytes, bytes]) -> None:
        self.values = values

    def get(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    def has(self, key: bytes) -> bool:
        return key in self.values

    def iterate(self, start, end, *, reverse=False):  # type: ignore[no-untyped-def]
        keys = [k for k in self.values if start <= k and (end is None or k < end)]
        return iter([(k, self.values[k]) for k in sorted(keys, reverse=reverse)])


def _write(store: OverlayStore, values: dict[bytes, bytes], writes: list) -> None:  # type: ignore[type-arg]
    for key, value in writes:
        if value is None:
            store.delete(key)
            values.pop(key, None)
        else:
            store.set(key, value)
            values[key] = value


@given(WRITES, WRITES, WRITES, KEYS, st.none() | KEYS, st.booleans(), st.booleans())
def test_two_overlays_read_like_one_dictionary(  # type: ignore[no-untyped-def]
    below, middle, above, start, end, reverse, walk_early
) -> None:
    base = {key: value for key, value in below if value is not None}
    expected = dict(base)
    first = OverlayStore(DictStore(base))
    second = OverlayStore(first)
    if walk_early:
        list(second.iterate(b"", None))
    _write(first, expected, middle)
    if walk_early:
        list(second.iterate(b"", None))
    _write(second, expected, above)
    model = DictStore(expected)
    assert list(second.iterate(start, end, reverse=reverse)) == list(
        model.iterate(start, end, reverse=reverse)
    )
    for key in {key for key, _ in below + middle + above}:
        assert second.get(key) == expected.get(key)
        assert second.has(key) is (key in expected)
    second.write_to(first)
    assert list(first.iterate(b"", None)) == sorted(expected.items())
    assert first.pending() == sorted(first.pending())


def test_walk_shows_the_store_as_it_was_when_it_began() -> None:
    store = OverlayStore(DictStore({b"a": b"1", b"c": b"3"}))
    store.set(b"b", b"2")
    walk = store.iterate(b"", None)
    assert next(walk) == (b"a", b"1")
    store.set(b"d", b"4")
    store.delete(b"b")
    assert list(walk) == [(b"b", b"2"), (b"c", b"3")]


def test_writes_reach_any_store_below_in_the_order_of_keys() -> None:
    seen: list[tuple[bytes, bytes | None]] = []

    class Recorder(DictStore):
        def set(self, key: bytes, value: bytes) -> None:
            seen.append((key, value))

        def delete(self, key: bytes) -> None:
            seen.append((key, None))

    store = OverlayStore(DictStore({}))
    store.set(b"b", b"2")
    store.delete(b"c")
    store.set(b"a", b"1")
    store.write_to(Recorder({}))
    assert seen == [(b"a", b"1"), (b"b", b"2"), (b"c", None)]


@pytest.mark.parametrize(("key", "value"), [(b"", b"v"), (b"k", b"")])
def test_empty_keys_and_values_break_the_invariant(key: bytes, value: bytes) -> None:
    store = OverlayStore(DictStore({}))
    with pytest.raises(InvariantBrokenError):
        store.set(key, value)
    with pytest.raises(InvariantBrokenError):
        store.delete(b"")


def test_key_at_the_limit_is_taken_and_one_byte_more_is_refused() -> None:
    store = OverlayStore(DictStore({}))
    store.set(b"k" * STORE_KEY_SIZE_BYTES_MAX, b"v")
    with pytest.raises(KeyTooLongError):
        store.set(b"k" * (STORE_KEY_SIZE_BYTES_MAX + 1), b"v")


@pytest.mark.parametrize(
    ("prefix", "end"),
    [(b"a", b"b"), (b"a\xff", b"b"), (b"\xff\xff", None), (b"", None), (b"a/", b"a0")],
)
def test_prefix_ends_before_the_next_prefix(prefix: bytes, end: bytes | None) -> None:
    assert prefix_end(prefix) == end
    store = DictStore({prefix + b"\xff\xff": b"1", b"Z": b"2"} if prefix else {})
    assert len(list(iterate_prefix(store, prefix, reverse=True))) == bool(prefix)
