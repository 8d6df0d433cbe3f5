"""Blocks that a process under test and its judge make alike, from the version alone."""

from __future__ import annotations

from hashlib import sha256

from huitong.core.store.backend import MemoryBackend, Row
from huitong.core.store.multistore import MultiStore

NAMES = ("bank", "ibc")
VERSIONS_KEPT = 3
SIDE = b"heights"


def block(version: int) -> dict[str, list[Row]]:
    """Return the changes of a block: some 60 writes and removals in two stores."""
    changes: dict[str, list[Row]] = {}
    for name in NAMES:
        rows: dict[bytes, bytes | None] = {}
        for number in range(30):
            seed = sha256(f"{name}/{version}/{number}".encode()).digest()
            key = b"key/%03d" % (int.from_bytes(seed[:2], "big") % 300)
            rows[key] = None if seed[2] < 50 else seed * (1 + seed[3] % 8)
        changes[name] = sorted(rows.items())
    return changes


def side_rows(version: int) -> list[tuple[bytes, bytes, bytes | None]]:
    """Return the rows beside the state of a block."""
    return [(SIDE, b"latest", b"%d" % version), (SIDE, b"%08d" % version, b"block")]


def commit(store: MultiStore) -> None:
    """Commit the next block."""
    version = store.version + 1
    store.persist(store.commit_changes(version, block(version)), side_rows(version))


def expected_roots(last: int) -> list[bytes]:
    """Return the app hashes of the versions 0 to ``last``."""
    store = MultiStore(MemoryBackend(), NAMES, versions_kept=VERSIONS_KEPT)
    roots = [store.root_hash]
    for _ in range(last):
        commit(store)
        roots.append(store.root_hash)
    return roots


def check_whole(store: MultiStore, roots: list[bytes]) -> None:
    """Check that the store is that of one whole block, side rows included."""
    assert store.root_hash == roots[store.version]
    store.check_integrity()
    latest = store.find_row(SIDE, b"latest")
    assert latest == (b"%d" % store.version if store.version else None)
    for version in range(1, store.version + 2):
        found = store.find_row(SIDE, b"%08d" % version)
        assert found == (b"block" if version <= store.version else None)
    for version in range(max(store.oldest_version, 1), store.version + 1):
        with store.at(version) as view:
            assert view.root_hash == roots[version]
            assert list(view.store("ibc").iterate(b"", None))
