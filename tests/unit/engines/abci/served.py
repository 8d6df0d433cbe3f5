"""A zone behind the ABCI server, as the tests of this folder use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from huitong.core.abci import BlockRequest, FinalizedBlock, QueryResult
from huitong.core.app import Application
from huitong.core.store.backend import MemoryBackend, NodeBackend
from huitong.engines.cometbft.abci.server import AbciServer
from huitong.engines.cometbft.service import ZoneService
from huitong.engines.cometbft.snapshots import SnapshotExchange
from huitong.node.parts import open_application
from huitong.testing.consensus import ScriptedConsensus
from huitong.testing.embedded import EmbeddedZone
from tests.unit.engines.messages import ACCOUNTS

VERSIONS_KEPT = 100


@dataclass
class ServedZone:
    """An application, its service and its server; ``serve`` starts and stops it."""

    folder: Path
    snapshots: SnapshotExchange | None = None
    backend: NodeBackend = field(default_factory=MemoryBackend)
    retained_from: int = 0
    zone: EmbeddedZone = field(init=False)
    app: Application = field(init=False)
    service: ZoneService = field(init=False)
    blocks: list[tuple[BlockRequest, FinalizedBlock]] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    address: str = ""

    def __post_init__(self) -> None:
        self.zone = EmbeddedZone(accounts=ACCOUNTS, folder=self.folder)
        self.consensus = ScriptedConsensus(self.zone.genesis, self.zone.key)
        self.reopen()

    def reopen(self) -> None:
        """Open the application anew, as a process that starts does."""
        self.app = open_application(self.zone.genesis, self.backend, VERSIONS_KEPT)
        self.service = ZoneService(
            app=self.app,
            genesis=self.zone.genesis,
            answer_query=self.answer_query,
            snapshots=self.snapshots,
            retain_height=lambda height: self.retained_from,
            on_block=lambda request, done: self.blocks.append((request, done)),
        )

    def answer_query(
        self, path: str, data: bytes, height: int, prove: bool
    ) -> QueryResult:
        return self.app.query(path, data, height, prove)

    @contextmanager
    def serve(self, address: str = "") -> Iterator[AbciServer]:
        server = AbciServer(
            address=address or f"unix://{self.folder}/abci.sock",
            service=self.service,
            on_failure=self.failures.append,
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()

    @contextmanager
    def driven(self) -> Iterator[ScriptedConsensus]:
        """Serve, with the scripted consensus connected."""
        with self.serve() as server, self.consensus.connected(server.address) as driver:
            yield driver
