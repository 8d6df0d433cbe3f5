"""Streams that a lying source made: every chunk has the hash that the metadata says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from huitong.core.store.backend import MemoryBackend
from huitong.core.store.errors import SnapshotInvalidError
from huitong.core.store.multistore import MultiStore
from huitong.core.store.restoring import Restoring
from huitong.core.store.snapshot_layout import HEAD, MAGIC
from huitong.core.store.snapshot_writer import write_snapshot
from huitong.modules.zone import STORE_NAMES
from tests.unit.snapshots.sources import Source, open_source


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return open_source(tmp_path)


def _restore(
    source: Source, stream: bytes, backend: MemoryBackend | None = None
) -> None:
    restoring = Restoring(
        backend or MemoryBackend(),
        version=source.info.height,
        app_hash=source.app_hash,
        store_names=STORE_NAMES,
        sides=source.zone.app.side_rows,
        initial_height=1,
    )
    restoring.take(stream)
    restoring.finish()


def _stream(source: Source) -> bytes:
    return b"".join(map(source.chunk, range(source.info.chunks)))


def _sides_at(stream: bytes) -> int:
    return stream.rindex(b"\x07history")


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda s: b"x" + s[1:], "does not begin"),
        (lambda s: s[: HEAD.size - 1], "cut off"),
        (lambda s: s[:-1], "cut off"),
        (lambda s: s + b"\0", "bytes follow"),
        (lambda s: HEAD.pack(MAGIC, 19, 1) + s[HEAD.size :], "version 19"),
        (lambda s: HEAD.pack(MAGIC, 20, 65) + s[HEAD.size :], "65 stores"),
        (lambda s: HEAD.pack(MAGIC, 20, 0) + s[HEAD.size :], "another app hash"),
        (lambda s: HEAD.pack(MAGIC, 20, 1) + b"\x02\xff\xff" + bytes(8), "UTF-8"),
        (lambda s: HEAD.pack(MAGIC, 20, 1) + b"\x03abc" + bytes(8), "no store 'abc'"),
        (
            lambda s: HEAD.pack(MAGIC, 20, 2) + 2 * (b"\x07history" + bytes(8)),
            "stores are not in order",
        ),
        (
            lambda s: HEAD.pack(MAGIC, 20, 1) + b"\x07history" + b"\xff" * 8,
            "leaves",
        ),
        (lambda s: s[: _sides_at(s) - 2] + b"\0\0", "other parts"),
        (lambda s: s[: _sides_at(s)] + b"\x01x" + b"\xff" * 4, "not 'history'"),
        (lambda s: s[: _sides_at(s) + 8] + b"\xff\xff\xff\xfe", "an item has"),
        (lambda s: s[: _sides_at(s) + 8] + b"\xff" * 4, "do not fit its state"),
        (lambda s: s[:-5] + bytes((s[-5] ^ 1,)) + s[-4:], "do not fit its state"),
        (
            lambda s: s[:-4] + b"\0\0\0\x20" + bytes(32) + s[-4:],
            "not those of its blocks",
        ),
        (lambda s: s[:-4] + b"\0\0\0\x01x" + s[-4:], "not those of its blocks"),
        (
            lambda s: s[: _sides_at(s) + 8] + b"\0\0\0\x02\x08\x01",
            "begins elsewhere",
        ),
        (lambda s: s[: _sides_at(s) + 8] + b"\0\0\0\x01\xff", "its history"),
    ],
)
def test_forged_stream_is_refused(
    source: Source, forge: Callable[[bytes], bytes], reason: str
) -> None:
    stream = _stream(source)
    _restore(source, stream)
    with pytest.raises(SnapshotInvalidError) as caught:
        _restore(source, forge(stream))
    assert reason in str(caught.value)


def _nodes(*items: bytes, leaves: int) -> bytes:
    head = HEAD.pack(MAGIC, 20, 1) + b"\x07history"
    return head + leaves.to_bytes(8, "big") + b"".join(items) + bytes(40)


def _leaf(key: bytes = b"k", value: bytes = b"v", version: int = 1) -> bytes:
    sizes = len(key).to_bytes(2, "big") + len(value).to_bytes(4, "big")
    return b"\0" + version.to_bytes(8, "big") + sizes + key + value


def _inner(version: int = 1, kind: int = 1) -> bytes:
    return bytes((kind,)) + version.to_bytes(8, "big")


def _keys(count: int) -> list[bytes]:
    return [_leaf(b"%05d" % number) for number in range(count)]


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (_nodes(_leaf(key=b""), leaves=1), "a key has 0 bytes"),
        (_nodes(_leaf(key=bytes(501)), leaves=1), "a key has 501 bytes"),
        (_nodes(_leaf()[:11] + b"\xff" * 4, leaves=1), "a value has"),
        (_nodes(_leaf(b"b"), _leaf(b"a"), leaves=2), "keys are not in order"),
        (_nodes(_leaf(b"a"), _leaf(b"a"), leaves=2), "keys are not in order"),
        (_nodes(_leaf(version=21), leaves=1), "newer than its version"),
        (_nodes(_leaf(version=0), leaves=1), "newer than its version"),
        (_nodes(_inner(), leaves=1), "no place"),
        (_nodes(_leaf(), _inner(), leaves=2), "no place"),
        (_nodes(_leaf(b"a"), _leaf(b"b"), _inner(kind=2), leaves=2), "no place"),
        (_nodes(*_keys(3), leaves=2), "not one tree"),
        (_nodes(*_keys(70), leaves=70), "too high"),
        (
            _nodes(
                *_keys(2),
                _inner(),
                *(item for key in _keys(80)[2:] for item in (key, _inner())),
                leaves=80,
            ),
            "too high",
        ),
    ],
)
def test_forged_tree_is_refused(source: Source, stream: bytes, reason: str) -> None:
    with pytest.raises(SnapshotInvalidError) as caught:
        _restore(source, stream)
    assert reason in str(caught.value)


# --- every byte of the state ----------------------------------------------------------------


def _small_state() -> MultiStore:
    """Return a state of two trees, some versions, writings over and removals."""
    state = MultiStore(MemoryBackend(), ("a", "b", "empty"), versions_kept=1)
    for block in range(1, 8):
        changes = {b"%02d" % (3 * block + at): b"value %d" % block for at in range(5)}
        removed: dict[bytes, bytes | None] = {b"%02d" % (3 * block): None}
        rows = sorted((changes | removed).items())
        state.persist(state.commit_changes(block, {"a": rows, "b": rows[:block]}))
    return state


def _state_stream(state: MultiStore) -> bytes:
    with state.at(state.version) as view:
        return b"".join(write_snapshot(view, ()))


def _restore_state(stream: bytes, like: MultiStore) -> MultiStore:
    backend = MemoryBackend()
    restoring = Restoring(
        backend,
        version=like.version,
        app_hash=like.root_hash,
        store_names=like.store_names,
        sides=(),
        initial_height=1,
    )
    restoring.take(stream)
    restoring.finish()
    return MultiStore(backend, like.store_names, versions_kept=1)


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_no_byte_can_be_another_under_the_same_app_hash(flip: int) -> None:
    state = _small_state()
    stream = _state_stream(state)
    for place in range(len(stream)):
        forged = bytearray(stream)
        forged[place] ^= flip
        with pytest.raises(SnapshotInvalidError):
            _restore_state(bytes(forged), state)


def test_restored_state_gives_the_snapshot_that_it_came_from() -> None:
    state = _small_state()
    stream = _state_stream(state)
    restored = _restore_state(stream, state)
    assert _state_stream(restored) == stream
    assert _state_stream(_restore_state(stream, restored)) == stream
    restored.check_integrity()
