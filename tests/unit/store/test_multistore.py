"""The multistore: versions, pending commits, pruning, proofs, damage."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from huitong.core.codec import decode
from huitong.core.invariants import InvariantBrokenError
from huitong.core.store import multistore
from huitong.core.store.backend import Batch, MemoryBackend
from huitong.core.store.errors import (
    StorageCorruptError,
    StorageFormatError,
    StoreEmptyError,
    StoreUnknownError,
    VersionPrunedError,
    VersionUnknownError,
)
from huitong.core.store.iavl.node import LEFT_AT, LEFT_HASH, RIGHT_HASH
from huitong.core.store.ics23 import IAVL_SPEC, TENDERMINT_SPEC
from huitong.core.store.merkle_path import (
    verify_chained_membership,
    verify_chained_non_membership,
)
from huitong.core.store.multistore import MultiStore
from huitong.core.store.pruning import Pruner
from huitong.core.store.tables import META, NODES, ORPHANS, ROOTS, flat_table
from huitong.core.store.view import StoreProof
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import CommitmentProof
from huitong.proto.ibc.core.commitment.v1.commitment_pb2 import MerkleProof

NAMES = ("bank", "ibc")
SPECS = (IAVL_SPEC, TENDERMINT_SPEC)
Changes = dict[str, list[tuple[bytes, bytes | None]]]


def _open(backend: MemoryBackend, kept: int = 5) -> MultiStore:
    return MultiStore(backend, NAMES, versions_kept=kept)


def _commit(store: MultiStore, changes: Changes, version: int = 0) -> bytes:
    pending = store.commit_changes(version or store.version + 1, changes)
    store.persist(pending)
    return pending.root_hash


def _prove(store: MultiStore, name: str, key: bytes, version: int) -> StoreProof:
    with store.at(version) as view:
        return view.prove(name, key)


def _merkle(proof: StoreProof) -> MerkleProof:
    return MerkleProof(proofs=[decode(CommitmentProof, op.data) for op in proof.ops])


def test_empty_state_has_the_root_of_nothing() -> None:
    store = _open(MemoryBackend())
    assert (store.version, store.oldest_version) == (0, 0)
    assert store.root_hash == sha256(b"").digest()
    assert store.store("ibc").get(b"k") is None
    assert store.check_integrity() == 0


def test_root_of_empty_stores_is_that_of_empty_trees() -> None:
    root = _commit(_open(MemoryBackend()), {})
    leaves = [
        sha256(b"\0" + bytes([len(name)]) + name + b" " + sha256(empty).digest())
        for name in (b"bank", b"ibc")
        for empty in (sha256(b"").digest(),)
    ]
    joined = b"\x01" + leaves[0].digest() + leaves[1].digest()
    assert root == sha256(joined).digest()


@pytest.mark.parametrize("first", [1, 2, 1_000_000])
def test_first_version_may_be_any_and_later_ones_follow(first: int) -> None:
    backend = MemoryBackend()
    store = _open(backend)
    _commit(store, {"ibc": [(b"k", b"v")]}, first)
    _commit(store, {})
    assert (store.version, store.oldest_version) == (first + 1, first)
    with pytest.raises(InvariantBrokenError):
        store.commit_changes(first + 3, {})
    assert _open(backend).version == first + 1
    for unknown in (0, -1, first + 2):
        with pytest.raises(VersionUnknownError):
            store.at(unknown)


def test_pending_commit_changes_nothing_until_it_is_persisted() -> None:
    backend = MemoryBackend()
    store = _open(backend)
    before = _commit(store, {"ibc": [(b"a", b"1"), (b"b", b"1")]})
    pending = store.commit_changes(2, {"ibc": [(b"a", b"2"), (b"b", None)]})
    assert (store.version, store.root_hash) == (1, before)
    assert store.store("ibc").get(b"a") == b"1"
    assert _open(backend).root_hash == before
    with pytest.raises(InvariantBrokenError):
        store.commit_changes(2, {})
    store.persist(pending, [(b"index", b"x", b"y")])
    assert store.root_hash == pending.root_hash != before
    assert list(store.store("ibc").iterate(b"", None)) == [(b"a", b"2")]
    assert not store.store("ibc").has(b"b")
    assert store.find_row(b"index", b"x") == b"y"
    with pytest.raises(InvariantBrokenError):
        store.persist(pending)


def test_discarded_commit_leaves_the_state_and_its_hashes() -> None:
    backend, twin = MemoryBackend(), MemoryBackend()
    store, other = _open(backend), _open(twin)
    rows: Changes = {"ibc": [(b"k%03d" % n, b"v") for n in range(50)]}
    assert _commit(store, rows) == _commit(other, rows)
    dropped = store.commit_changes(2, {"ibc": [(b"k001", None), (b"k007", b"other")]})
    store.discard(dropped)
    with pytest.raises(InvariantBrokenError):
        store.discard(dropped)
    later: Changes = {"ibc": [(b"k002", b"new")]}
    assert _commit(store, later) == _commit(other, later)
    assert store.check_integrity() == 50


def test_failed_commit_is_forgotten() -> None:
    store = _open(MemoryBackend())
    before = _commit(store, {"ibc": [(b"a", b"1")]})
    with pytest.raises(InvariantBrokenError):
        store.commit_changes(2, {"ibc": [(b"b", b"1"), (b"a", b"2")]})
    with pytest.raises(StoreUnknownError):
        store.commit_changes(2, {"nowhere": [(b"b", b"1")]})
    assert store.root_hash == before
    assert _commit(store, {}) == before


def test_older_versions_are_read_as_they_were() -> None:
    store = _open(MemoryBackend())
    roots = {}
    for version in range(1, 6):
        value = b"%d" % version
        roots[version] = _commit(store, {"ibc": [(b"k", value), (b"k" + value, b"x")]})
    for version, root in roots.items():
        with store.at(version) as view:
            assert (view.version, view.root_hash) == (version, root)
            shown = view.store("ibc")
            assert shown.get(b"k") == b"%d" % version
            assert shown.has(b"k%d" % version)
            assert not shown.has(b"k%d" % (version + 1))
            assert len(list(shown.iterate(b"", None))) == version + 1
            assert next(shown.iterate(b"k", b"k2", reverse=True))[0] == b"k1"
            with pytest.raises(StoreUnknownError):
                view.store("nowhere")


def test_open_view_outlives_pruning() -> None:
    store = _open(MemoryBackend(), kept=1)
    rows: Changes = {"ibc": [(b"k%d" % n, b"v") for n in range(9)]}
    _commit(store, rows)
    with store.at(1) as view:
        for _ in range(5):
            _commit(store, {"ibc": [(b"k3", b"w%d" % store.version)]})
        assert list(view.store("ibc").iterate(b"", None)) == rows["ibc"]
        assert view.prove("ibc", b"k3").value == b"v"
    with pytest.raises(VersionPrunedError) as caught:
        store.at(1)
    assert caught.value.fields == {"version": 1, "oldest": 6}


def test_proofs_lead_to_the_app_hash_of_their_version() -> None:
    store = _open(MemoryBackend())
    for n in range(1, 5):
        rows: Changes = {
            "ibc": [(b"k%02d" % i, b"%d" % n) for i in range(0, 40, n)],
            "bank": [(b"only", b"%d" % n)],
        }
        _commit(store, rows)
    for version in range(1, 5):
        with store.at(version) as view:
            root = view.root_hash
        present = _prove(store, "ibc", b"k12", version)
        assert present.value is not None
        verify_chained_membership(
            SPECS, root, _merkle(present), [b"ibc", b"k12"], present.value
        )
        for key in (b"a", b"k12x", b"z"):
            absent = _prove(store, "ibc", key, version)
            assert absent.value is None
            verify_chained_non_membership(SPECS, root, _merkle(absent), [b"ibc", key])
        single = _prove(store, "bank", b"only", version)
        verify_chained_membership(
            SPECS, root, _merkle(single), [b"bank", b"only"], b"%d" % version
        )
        assert [op.type for op in single.ops] == ["ics23:iavl", "ics23:simple"]
        assert [op.key for op in single.ops] == [b"only", b"bank"]


@pytest.mark.parametrize("count", range(1, 18))
def test_every_store_is_proven_whatever_their_number(count: int) -> None:
    names = [f"store{n:02d}" for n in range(count)]
    store = MultiStore(MemoryBackend(), names, versions_kept=1)
    root = _commit(store, {name: [(b"k", name.encode())] for name in names})
    for name in names:
        proof = _merkle(_prove(store, name, b"k", 1))
        path = [name.encode(), b"k"]
        verify_chained_membership(SPECS, root, proof, path, name.encode())


def test_nothing_is_proven_in_an_empty_or_unknown_store() -> None:
    store = _open(MemoryBackend())
    _commit(store, {"ibc": [(b"k", b"v")]})
    with pytest.raises(StoreEmptyError):
        _prove(store, "bank", b"k", 1)
    with pytest.raises(StoreUnknownError):
        _prove(store, "nowhere", b"k", 1)
    with pytest.raises(StoreUnknownError):
        store.store("nowhere")


def test_stores_come_and_go_between_starts() -> None:
    backend = MemoryBackend()
    root = _commit(_open(backend), {"ibc": [(b"k", b"v")]})
    grown = MultiStore(backend, [*NAMES, "added"], versions_kept=5)
    assert grown.root_hash == root
    assert _commit(grown, {"added": [(b"n", b"1")]}) != root
    with grown.at(1) as view, pytest.raises(StoreUnknownError):
        view.store("added")
    shrunk = MultiStore(backend, NAMES, versions_kept=5)
    assert shrunk.root_hash == grown.root_hash
    assert _commit(shrunk, {}) == root


def test_versions_are_kept_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multistore, "Pruner", lambda: Pruner(round_nodes=1))
    backend = MemoryBackend()
    store = _open(backend, kept=3)
    rows: Changes = {"ibc": [(b"k%03d" % n, b"v") for n in range(64)]}
    _commit(store, rows)
    for n in range(200):
        _commit(store, {"ibc": [(b"k%03d" % (n % 64), b"w%d" % n)]})
    assert (store.version, store.oldest_version) == (201, 199)
    latest = backend.latest()
    assert len(list(latest.iterate(ROOTS, b"", None))) == 3
    # 127 nodes of the latest version, and the paths that twenty versions replaced:
    # three are kept, and pruning looks for work every sixteen.
    assert len(list(latest.iterate(NODES, b"", None))) <= 127 + 20 * 8
    assert len(list(latest.iterate(ORPHANS, b"", None))) <= 20
    for version in (199, 200, 201):
        with store.at(version) as view:
            assert len(list(view.store("ibc").iterate(b"", None))) == 64
    with pytest.raises(VersionPrunedError):
        store.at(198)
    assert _open(backend, kept=1).check_integrity() == 64


def test_nothing_is_pruned_where_all_versions_are_kept() -> None:
    store = _open(MemoryBackend(), kept=0)
    for n in range(1, 30):
        _commit(store, {"ibc": [(b"k", b"%d" % n)]})
    assert store.oldest_version == 1
    with store.at(1) as view:
        assert view.store("ibc").get(b"k") == b"1"


def test_keeping_fewer_versions_after_a_restart_catches_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(multistore, "Pruner", lambda: Pruner(round_nodes=1))
    backend = MemoryBackend()
    store = _open(backend, kept=0)
    for n in range(1, 30):
        _commit(store, {"ibc": [(b"k", b"%d" % n)]})
    store = _open(backend, kept=2)
    for _ in range(40):
        _commit(store, {})
    assert store.oldest_version == store.version - 1
    assert len(list(backend.latest().iterate(NODES, b"", None))) == 1


def test_memory_for_nodes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huitong.core.store.forest.STORE_NODES_CACHED_MAX", 40)
    store, twin = _open(MemoryBackend()), _open(MemoryBackend())
    rows: Changes = {"ibc": [(b"k%03d" % n, b"v") for n in range(200)]}
    for changes in (rows, {"ibc": rows["ibc"][::7]}, {"bank": rows["ibc"]}, rows):
        root = _commit(store, changes)
        loaded = sum(tree.loaded_count for tree in store._forest._trees.values())
        assert loaded <= 40
    monkeypatch.undo()
    for changes in (rows, {"ibc": rows["ibc"][::7]}, {"bank": rows["ibc"]}, rows):
        expected = _commit(twin, changes)
    assert root == expected


def _damage(backend: MemoryBackend, table: bytes, rows: list[Any]) -> None:
    batch = Batch()
    batch.write(table, rows)
    backend.apply_batch(batch)


def _filled() -> tuple[MemoryBackend, MultiStore]:
    backend = MemoryBackend()
    store = _open(backend)
    _commit(store, {"ibc": [(b"k%d" % n, b"v%d" % n) for n in range(9)]})
    return backend, store


def _write_everywhere(backend: MemoryBackend) -> None:
    store = _open(backend)
    rows: Changes = {"ibc": [(b"k%d" % n, b"w") for n in range(9)]}
    store.discard(store.commit_changes(2, rows))
    store.check_integrity()  # siblings that no write passes are loaded here


@pytest.mark.parametrize("value", [None, b"\x01" * 150, b"\0", b""])
def test_damaged_node_stops_the_start_or_the_write(value: bytes | None) -> None:
    backend, _ = _filled()
    for ref, _ in list(backend.latest().iterate(NODES, b"", None)):
        damaged, _ = _filled()
        _damage(damaged, NODES, [(ref, value)])
        with pytest.raises(StorageCorruptError):
            _write_everywhere(damaged)


def test_each_flipped_byte_of_a_hashed_part_is_found() -> None:
    backend, _ = _filled()
    for ref, record in list(backend.latest().iterate(NODES, b"", None)):
        for at in range(len(record)):
            if record[0] and (
                LEFT_AT <= at < LEFT_HASH.start
                or at >= RIGHT_HASH.stop
                or LEFT_HASH.stop <= at < RIGHT_HASH.start
            ):
                continue  # addresses and hints that hashes do not cover
            flipped = record[:at] + bytes([record[at] ^ 1]) + record[at + 1 :]
            damaged, _ = _filled()
            _damage(damaged, NODES, [(ref, flipped)])
            with pytest.raises(StorageCorruptError):
                _open(damaged).check_integrity()


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        (META, b"format", b"0"),
        (META, b"format", None),
    ],
)
def test_other_format_is_refused(table: bytes, key: bytes, value: bytes | None) -> None:
    backend, _ = _filled()
    _damage(backend, table, [(key, value)])
    with pytest.raises(StorageFormatError):
        _open(backend)


@pytest.mark.parametrize(
    "row", [None, b"\x03ib", b"\x03ibc" + b"\1" * 20, b"\xff" * 99]
)
def test_damaged_roots_are_told(row: bytes | None) -> None:
    backend, _ = _filled()
    _damage(backend, ROOTS, [((1).to_bytes(8, "big"), row)])
    with pytest.raises(StorageCorruptError):
        _open(backend)


@pytest.mark.parametrize("rows", [[(b"k1", b"x")], [(b"k1", None)], [(b"z", b"x")]])
def test_newest_pairs_that_differ_from_the_tree_are_told(rows: list[Any]) -> None:
    backend, store = _filled()
    assert store.check_integrity() == 9
    _damage(backend, flat_table("ibc"), rows)
    with pytest.raises(StorageCorruptError):
        store.check_integrity()


def test_view_tells_of_a_missing_node() -> None:
    backend, store = _filled()
    refs = [ref for ref, _ in backend.latest().iterate(NODES, b"", None)]
    _damage(backend, NODES, [(ref, None) for ref in refs])
    with store.at(1) as view, pytest.raises(StorageCorruptError):
        view.store("ibc").get(b"k1")
