"""Zones to take snapshots of, and empty nodes to put them into."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from huitong.core.app import Application
from huitong.core.store.backend import MemoryBackend, NodeBackend
from huitong.core.store.snapshot_writer import cut_chunks, write_snapshot
from huitong.engines.cometbft.snapshots import ApplyAnswer, SnapshotInfo
from huitong.engines.cometbft.state_sync import NodeSnapshots
from huitong.engines.genesis import GenesisDocument
from huitong.node.parts import open_application
from huitong.storage.snapshot_files import SnapshotFiles
from huitong.testing.embedded import EmbeddedZone

CHUNK_SIZE = 300
"""Small, so that the small state of a test has several chunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A zone with one snapshot, made in small chunks."""

    zone: EmbeddedZone
    """The zone."""
    files: SnapshotFiles
    """Its snapshots."""
    info: SnapshotInfo
    """The one that there is."""
    app_hash: bytes
    """The app hash that a light client would have verified."""

    def chunk(self, index: int) -> bytes:
        """Return a chunk as this node gives it."""
        found = self.files.find_chunk(self.info.height, self.info.format, index)
        assert found is not None
        return found


def open_source(folder: Path, blocks: int = 20) -> Source:
    """Run a zone for some blocks and make a snapshot of the newest one."""
    zone = EmbeddedZone(accounts={"tax": ("hz-tax", "publisher")})
    zone.start()
    while zone.app.state.version < blocks:
        zone.empty()
    files = SnapshotFiles(folder / "source")
    save_snapshot(zone.app, files)
    target = open_target(folder / "giver", zone.genesis, app=zone.app, files=files)
    return Source(
        zone=zone,
        files=files,
        info=target.exchange.list()[0],
        app_hash=zone.app.state.root_hash,
    )


def save_snapshot(app: Application, files: SnapshotFiles) -> None:
    """Make a snapshot of the newest version in small chunks."""
    with app.state.at(app.state.version) as view:
        pieces = write_snapshot(view, app.side_rows)
        files.save(view.version, cut_chunks(pieces, CHUNK_SIZE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A node that takes snapshots."""

    app: Application
    """Its state machine."""
    backend: NodeBackend
    """Its database."""
    exchange: NodeSnapshots
    """Under test."""

    def take_all(self, source: Source) -> list[ApplyAnswer]:
        """Give it every chunk in order."""
        return [
            self.exchange.apply_chunk(index, source.chunk(index), "peer")
            for index in range(source.info.chunks)
        ]

    def row_count(self) -> int:
        """Return how many rows its database has."""
        reader = self.backend.latest()
        tables = [b"meta", b"nodes", b"roots", b"orphans", b"history_headers"]
        self.backend.declare_tables(tables)
        return sum(reader.count(table) for table in tables)


def open_target(
    folder: Path,
    genesis: GenesisDocument,
    *,
    backend: NodeBackend | None = None,
    app: Application | None = None,
    files: SnapshotFiles | None = None,
) -> Target:
    """Open a node of the zone; an empty one unless told otherwise."""
    backend = backend or MemoryBackend()
    app = app or open_application(genesis, backend, 100)
    exchange = NodeSnapshots(
        app=app,
        backend=backend,
        files=files or SnapshotFiles(folder),
        initial_height=genesis.initial_height,
    )
    return Target(app=app, backend=backend, exchange=exchange)
