"""Random histories: a state restored from a snapshot is the state that replay gives."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.store import multistore
from huitong.core.store.backend import MemoryBackend, NodeBackend
from huitong.core.store.errors import SnapshotInvalidError
from huitong.core.store.multistore import MultiStore
from huitong.core.store.pruning import Pruner
from huitong.core.store.restoring import Restoring
from huitong.core.store.snapshot_writer import cut_chunks, write_snapshot
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend

NAMES = ("a", "b", "c")
KEY = st.integers(0, 40).map(lambda number: b"k%02d" % number)
VALUE = st.none() | st.binary(max_size=40)
CHANGES = st.dictionaries(KEY, VALUE, max_size=14)
BLOCK = st.fixed_dictionaries({"a": CHANGES, "b": st.just({}) | CHANGES})
BLOCKS = st.lists(BLOCK, min_size=1, max_size=12)


def _commit(store: MultiStore, block: dict[str, dict[bytes, Any]], first: int) -> None:
    changes = {name: sorted(rows.items()) for name, rows in block.items()}
    version = store.version + 1 if store.version else first
    store.persist(store.commit_changes(version, changes))


def _snapshot(store: MultiStore, version: int, size: int) -> list[bytes]:
    with store.at(version) as view:
        return list(cut_chunks(write_snapshot(view, ()), size))


def _restore(
    backend: NodeBackend, chunks: list[bytes], version: int, app_hash: bytes
) -> None:
    restoring = Restoring(
        backend,
        version=version,
        app_hash=app_hash,
        store_names=NAMES,
        sides=(),
        initial_height=1,
    )
    for chunk in chunks:
        restoring.take(chunk)
    restoring.finish()


def _pairs(store: MultiStore) -> dict[str, list[tuple[bytes, bytes]]]:
    return {name: list(store.store(name).iterate(b"", None)) for name in NAMES}


@pytest.mark.parametrize("kind", ["memory", "lmdb"])
@given(
    before=BLOCKS,
    after=BLOCKS,
    first=st.sampled_from([1, 70]),
    kept=st.integers(1, 4),
    back=st.integers(0, 3),
    size=st.sampled_from([1, 7, 64, 1 << 20]),
)
def test_restored_state_goes_on_like_the_replayed_one(  # type: ignore[no-untyped-def]
    kind: str, before, after, first: int, kept: int, back: int, size: int
) -> None:
    with (
        TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(multistore, "Pruner", lambda: Pruner(round_nodes=3))
        original = MultiStore(MemoryBackend(), NAMES, versions_kept=kept)
        for block in before:
            _commit(original, block, first)
        version = max(original.oldest_version, original.version - back)
        with original.at(version) as view:
            root_hash = view.root_hash
        chunks = _snapshot(original, version, size)
        backend: NodeBackend = MemoryBackend()
        if kind == "lmdb":
            backend = LmdbBackend(LmdbEnvironment(Path(folder), durable=False))
        _restore(backend, chunks, version, root_hash)
        restored = MultiStore(backend, NAMES, versions_kept=kept)
        assert (restored.version, restored.root_hash) == (version, root_hash)
        assert _snapshot(restored, version, size) == chunks
        assert restored.is_as_restored
        for block in before[version - first + 1 :]:
            _commit(restored, block, first)
        for block in after:
            _commit(original, block, first)
            _commit(restored, block, first)
            assert restored.root_hash == original.root_hash
        assert _pairs(restored) == _pairs(original)
        assert not restored.is_as_restored
        restored.check_integrity()
        latest = original.version
        assert _snapshot(restored, latest, 100) == _snapshot(original, latest, 100)
        backend.close()


@given(
    blocks=BLOCKS,
    place=st.integers(0, 1 << 20),
    flip=st.integers(1, 255),
    cut=st.booleans(),
)
def test_no_changed_byte_is_taken(  # type: ignore[no-untyped-def]
    blocks, place: int, flip: int, cut: bool
) -> None:
    original = MultiStore(MemoryBackend(), NAMES, versions_kept=1)
    for block in blocks:
        _commit(original, block, 1)
    stream = bytearray(b"".join(_snapshot(original, original.version, 1 << 20)))
    place %= len(stream)
    if cut:
        del stream[place:]
    else:
        stream[place] ^= flip
    backend = MemoryBackend()
    with pytest.raises(SnapshotInvalidError):
        _restore(backend, [bytes(stream)], original.version, original.root_hash)
    assert MultiStore(backend, NAMES, versions_kept=1).version == 0
