"""Keys that no store can hold are answered, and leave nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from huitong.core.limits import STORE_KEY_SIZE_BYTES_MAX
from huitong.core.store.backend import MemoryBackend, NodeBackend
from huitong.core.store.multistore import MultiStore
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend

LONG = STORE_KEY_SIZE_BYTES_MAX + 1


def remembered(held: Any) -> set[bytes]:
    """The keys in the memo of a store."""
    (name,) = (name for name in type(held).__slots__ if name in ("_recent", "_read"))
    return set(getattr(held, name))


def opened(kind: str, folder: Path) -> tuple[MultiStore, NodeBackend]:
    backend: NodeBackend = (
        MemoryBackend()
        if kind == "memory"
        else LmdbBackend(LmdbEnvironment(folder, map_size_bytes=2**22, durable=False))
    )
    state = MultiStore(backend, ["ibc"], versions_kept=0)
    state.persist(state.commit_changes(1, {"ibc": [(b"k", b"v")]}))
    return state, backend


@pytest.mark.parametrize("kind", ["memory", "lmdb"])
def test_key_beyond_the_limit_is_absent_and_not_remembered(
    kind: str, tmp_path: Path
) -> None:
    state, backend = opened(kind, tmp_path / "state")
    with state.at(1) as view:
        for store in (state.store("ibc"), view.store("ibc")):
            for size in range(LONG, LONG + 50):
                assert store.get(b"x" * size) is None
                assert not store.has(b"y" * size)
            assert remembered(store) <= {b"k"}
            assert store.get(b"x" * STORE_KEY_SIZE_BYTES_MAX) is None
            assert store.get(b"k") == b"v"
            assert list(store.iterate(b"x" * LONG, b"y" * LONG)) == []
            assert list(store.iterate(b"", b"y" * LONG, reverse=True)) == [(b"k", b"v")]
    backend.close()
