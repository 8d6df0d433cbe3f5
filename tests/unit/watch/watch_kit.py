"""A zone on a real database, watched, with an RPC server that answers what tests say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from huitong.core.abci import BlockRequest
from huitong.core.hashing import sha256
from huitong.engines.embedded.chain import CommittedBlock
from huitong.node.config import NodeConfig
from huitong.node.watch.watch import NodeWatch
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend
from huitong.testing.embedded import EmbeddedZone
from tests.unit.watch.fake_rpc import FakeRpc, fake_rpc

CONFIG = NodeConfig(moniker="tax", watch_address="tcp://127.0.0.1:0")


class FakeEngine:
    """The part of an engine that is watched."""

    def __init__(self, zone: EmbeddedZone, rpc_address: str) -> None:
        self.genesis = zone.genesis
        self.height = 1
        self.rpc_address = rpc_address
        self.failed: BaseException | None = None

    def on_end(self, listener: object) -> None: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def failure(self) -> BaseException | None:
        return self.failed


@dataclass
class Watching:
    zone: EmbeddedZone
    watch: NodeWatch
    engine: FakeEngine
    rpc: FakeRpc

    def get(self, path: str) -> httpx.Response:
        url = self.watch.address.replace("tcp://", "http://")
        return httpx.get(f"{url}{path}", timeout=10, trust_env=False)

    def samples(self) -> dict[str, float]:
        """Return the samples of a scrape by name and labels, as they are printed."""
        text = self.get("/metrics").text
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        return {
            name: float(value)
            for name, _, value in (line.rpartition(" ") for line in lines)
        }

    def publish(self, *record_ids: str, by: str = "tax") -> CommittedBlock:
        for record_id in record_ids:
            message = records_pb2.MsgPublishRecord(
                signer=self.zone.address(by),
                record_id=record_id,
                record_type="invoice",
                payload_digest=sha256(record_id.encode()),
                fields=["amount"],
                level=2,
                share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
            )
            assert self.zone.send(by, message).code == 0
        return self.tell(self.zone.work())

    def tell(self, committed: CommittedBlock) -> CommittedBlock:
        header = committed.block.header
        request = BlockRequest(
            height=header.height,
            time_ns=header.time_ns,
            header_hash=committed.block.block_id.hash,
            proposer_address=header.proposer_address,
            next_validators_hash=header.next_validators_hash,
            txs=tuple(committed.block.txs),
        )
        self.watch.block_committed(request, committed.finalized, 0.012)
        return committed


@contextmanager
def watching(folder: Path, config: NodeConfig = CONFIG) -> Iterator[Watching]:
    """Open the zone and watch it until the block ends."""
    backend = LmdbBackend(LmdbEnvironment(folder / "data", durable=False))
    accounts = {"tax": ("hz-tax", "publisher")}
    zone = EmbeddedZone("hangzhou-1", accounts=accounts, backend=backend, folder=folder)
    zone.start()
    with fake_rpc() as rpc:
        engine = FakeEngine(zone, rpc.address)
        watch = NodeWatch(config=config, app=zone.app, backend=backend)
        watch.start(engine, count_subscriptions=lambda: 3)
        try:
            yield Watching(zone, watch, engine, rpc)
        finally:
            watch.stop()
            zone.app.close()
            backend.close()
