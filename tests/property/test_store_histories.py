"""Random histories of the multistore against a plain model and a naive IAVL tree.

The naive tree is written from the rules alone: immutable, recursive, hashed from scratch
at every version.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.store import forest, multistore
from huitong.core.store.backend import MemoryBackend, NodeBackend
from huitong.core.store.errors import VersionPrunedError
from huitong.core.store.multistore import MultiStore
from huitong.core.store.pruning import Pruner
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend


@dataclass(frozen=True)
class Naive:
    key: bytes
    value: bytes
    version: int
    height: int = 0
    size: int = 1
    left: Naive | None = None
    right: Naive | None = None


def _varint(number: int) -> bytes:
    number *= 2
    out = b""
    while number >= 128:
        out += bytes([number % 128 + 128])
        number //= 128
    return out + bytes([number])


def _hash(node: Naive | None) -> bytes:
    if node is None:
        return sha256(b"").digest()
    head = _varint(node.height) + _varint(node.size) + _varint(node.version)
    if node.left is None or node.right is None:
        key_size = len(node.key)
        assert key_size < 128
        body = bytes([key_size]) + node.key + b" " + sha256(node.value).digest()
    else:
        body = b" " + _hash(node.left) + b" " + _hash(node.right)
    return sha256(head + body).digest()


def _join(key: bytes, left: Naive, right: Naive, version: int) -> Naive:
    height = max(left.height, right.height) + 1
    return Naive(key, b"", version, height, left.size + right.size, left, right)


def _balanced(node: Naive, version: int) -> Naive:
    left, right = node.left, node.right
    assert left is not None
    assert right is not None
    lean = left.height - right.height
    if lean > 1:
        assert left.left is not None
        assert left.right is not None
        if left.left.height < left.right.height:
            left = _rotated_left(left, version)
        return _rotated_right(replace(node, left=left), version)
    if lean < -1:
        assert right.left is not None
        assert right.right is not None
        if right.left.height > right.right.height:
            right = _rotated_right(right, version)
        return _rotated_left(replace(node, right=right), version)
    return _join(node.key, left, right, version)


def _rotated_right(node: Naive, version: int) -> Naive:
    top, right = node.left, node.right
    assert top is not None
    assert right is not None
    assert top.left is not None
    assert top.right is not None
    lower = _join(node.key, top.right, right, version)
    return _join(top.key, top.left, lower, version)


def _rotated_left(node: Naive, version: int) -> Naive:
    left, top = node.left, node.right
    assert top is not None
    assert left is not None
    assert top.left is not None
    assert top.right is not None
    lower = _join(node.key, left, top.left, version)
    return _join(top.key, lower, top.right, version)


def _with(node: Naive | None, key: bytes, value: bytes, version: int) -> Naive:
    new = Naive(key, value, version)
    if node is None:
        return new
    if node.left is None or node.right is None:
        if key == node.key:
            return new
        if key < node.key:
            return _join(node.key, new, node, version)
        return _join(key, node, new, version)
    if key < node.key:
        grown = replace(node, left=_with(node.left, key, value, version))
    else:
        grown = replace(node, right=_with(node.right, key, value, version))
    return _balanced(grown, version)


def _smallest(node: Naive) -> bytes:
    while node.left is not None:
        node = node.left
    return node.key


def _without(node: Naive | None, key: bytes, version: int) -> Naive | None:
    """Remove a key that is there."""
    if node is None or node.left is None or node.right is None:
        return None
    if key < node.key:
        left = _without(node.left, key, version)
        if left is None:
            return node.right
        return _balanced(replace(node, left=left), version)
    right = _without(node.right, key, version)
    if right is None:
        return node.left
    shrunk = replace(node, right=right, key=_smallest(right))
    return _balanced(shrunk, version)


KEY = st.integers(0, 40).map(lambda number: b"k%02d" % number)
VALUE = st.none() | st.binary(min_size=1, max_size=3)
CHANGES = st.dictionaries(KEY, VALUE, max_size=14)
BLOCK = st.fixed_dictionaries({"a": CHANGES, "b": st.just({}) | CHANGES})
STEP = st.tuples(BLOCK, st.sampled_from(["", "", "reopen", "discard", "grow"]))


@pytest.mark.parametrize("kind", ["memory", "lmdb"])
@given(
    steps=st.lists(STEP, min_size=1, max_size=12),
    first=st.sampled_from([1, 70]),
    kept=st.integers(0, 4),
    cached=st.sampled_from([0, 6, 1_000]),
)
def test_every_history_agrees_with_the_model(  # type: ignore[no-untyped-def]
    kind: str, steps, first: int, kept: int, cached: int
) -> None:
    with (
        TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(forest, "STORE_NODES_CACHED_MAX", cached)
        patch.setattr(multistore, "Pruner", lambda: Pruner(round_nodes=3))
        backend: NodeBackend = MemoryBackend()
        if kind == "lmdb":
            backend = LmdbBackend(LmdbEnvironment(Path(folder), durable=False))
        _run(backend, steps, first, kept)
        backend.close()


def _run(backend: NodeBackend, steps, first: int, kept: int) -> None:  # type: ignore[no-untyped-def]
    store = MultiStore(backend, ["a", "b"], versions_kept=kept)
    trees: dict[str, Naive | None] = {"a": None, "b": None}
    values: dict[str, dict[bytes, bytes]] = {"a": {}, "b": {}}
    history: dict[int, tuple[bytes, dict[str, dict[bytes, bytes]]]] = {}
    for version, (block, before) in enumerate(steps, start=first):
        if before == "reopen":
            store = MultiStore(backend, ["a", "b"], versions_kept=kept)
        elif before == "discard":
            flipped = {"a": sorted((key, b"x") for key in block["b"])}
            store.discard(store.commit_changes(version, flipped))
        changes = {name: sorted(rows.items()) for name, rows in block.items()}
        pending = store.commit_changes(version, changes)
        for name, rows in changes.items():
            for key, value in rows:
                if value is not None:
                    trees[name] = _with(trees[name], key, value, version)
                    values[name][key] = value
                elif key in values[name]:
                    trees[name] = _without(trees[name], key, version)
                    del values[name][key]
        assert {root.name: root.hash for root in pending.roots} == {
            name: _hash(tree) for name, tree in trees.items()
        }
        store.persist(pending)
        history[version] = (
            store.root_hash,
            {name: dict(rows) for name, rows in values.items()},
        )
    _check_history(store, history, kept)
    assert store.check_integrity() == sum(map(len, values.values()))


def _check_history(  # type: ignore[no-untyped-def]
    store: MultiStore, history, kept: int
) -> None:
    versions = sorted(history)
    readable = versions[-kept:] if kept else versions
    for version in versions:
        root_hash, values = history[version]
        if version not in readable:
            with pytest.raises(VersionPrunedError):
                store.at(version)
            continue
        with store.at(version) as view:
            assert view.root_hash == root_hash
            for name, rows in values.items():
                shown = list(view.store(name).iterate(b"", None))
                assert shown == sorted(rows.items())
                backwards = view.store(name).iterate(b"k1", b"k3", reverse=True)
                inside = [k for k in sorted(rows, reverse=True) if b"k1" <= k < b"k3"]
                assert [key for key, _ in backwards] == inside
    for name, rows in history[versions[-1]][1].items():
        assert list(store.store(name).iterate(b"", None)) == sorted(rows.items())
