"""Looking after facts: due ones are refreshed, and headers are shown where that is allowed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from huitong.client.sender import Sender
from huitong.client.zone import ZoneClient
from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.core.time import NS_PER_SECOND, SECONDS_PER_DAY
from huitong.gateway.database.engine import Database
from huitong.gateway.database.schema import METADATA
from huitong.gateway.facts.importing import FactImports
from huitong.gateway.facts.model import FactPlace, FactState
from huitong.gateway.facts.settings import FactsSettings
from huitong.gateway.facts.sources import FactSources
from huitong.gateway.facts.watching import FactWatch
from huitong.gateway.outbox import Outbox
from huitong.gateway.outbox.follower import BlockFollower
from huitong.gateway.outbox.settings import OutboxSettings
from huitong.gateway.outbox.writer import ChainWriter
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.modules.records import STORE, record_key
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.relayer.config import LinkConfig, ZoneConfig
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.link import open_link

pytestmark = pytest.mark.slow
WEEK_S = 7 * SECONDS_PER_DAY


@dataclass
class Keeper:
    """A gateway as far as facts need one; nobody relays, so it shows headers itself."""

    zone: ZoneClient
    source: ZoneClient
    sender: Sender
    """Of the member at the source."""
    imports: FactImports
    watch: FactWatch
    sources: FactSources
    outbox: Outbox
    late_ns: int = 0
    """How far the clock of the watch is ahead."""

    def now_ns(self) -> int:
        return time.time_ns() + self.late_ns

    async def fact(self, fact_id: bytes) -> records_pb2.RecordHeader:
        """Return the value that is proven to the zone."""
        known = await self.sources.find(fact_id)
        assert known is not None
        return records_pb2.RecordHeader.FromString(known.fact.value)

    async def height(self, fact_id: bytes) -> Height:
        """Return as of which header it is known."""
        known = await self.sources.find(fact_id)
        assert known is not None
        return Height.from_proto(known.fact.source_height)

    async def looked(self, fact_id: bytes) -> None:
        """Let the watch look once, and wait for what it orders."""
        await self.watch.look()
        entry = await self.imports.wait(fact_id, 60)
        assert entry is not None
        assert (entry.state, entry.problem) == (FactState.KNOWN, None)


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    async with _linked(tmp_path) as (nodes, _), AsyncExitStack() as stack:
        zones = [
            await stack.enter_async_context(ZoneClient(node.rpc_url)) for node in nodes
        ]
        database = await stack.enter_async_context(
            Database(f"sqlite:///{tmp_path}/gateway.db")
        )
        await database.make_tables(METADATA)
        writer = ChainWriter(database, zones[1], nodes[1].private_key("cq-bank"))
        outbox = Outbox(
            database,
            BlockFollower(database, zones[1]),
            [writer],
            OutboxSettings(retry_first_s=0.05, lease_s=1),
        )
        sources = FactSources(zones[1], {"hangzhou-1": zones[0]}, updates=True)
        imports = FactImports(database, outbox, sources, account=writer.address)
        made = Keeper(
            zone=zones[1],
            source=zones[0],
            sender=Sender(zones[0], nodes[0].private_key("hz-tax")),
            imports=imports,
            watch=FactWatch(
                database,
                outbox,
                imports,
                sources,
                FactsSettings(look_s=1, refresh_before_s=WEEK_S),
                clock=lambda: made.now_ns(),
            ),
            sources=sources,
            outbox=outbox,
        )
        running = asyncio.create_task(outbox.run())
        yield made
        running.cancel()
        await asyncio.wait([running])


@asynccontextmanager
async def _linked(
    folder: Path,
) -> AsyncIterator[tuple[list[NodeProcess], LinkConfig]]:
    nodes = [
        NodeProcess(
            folder / chain_id,
            chain_id=chain_id,
            members=[MemberSpec(member_id=member)],
            accounts=[
                AccountSpec(name="relayer", roles=("relayer",)),
                AccountSpec(
                    name=member, member_id=member, roles=("publisher", "relayer")
                ),
            ],
            block_time="50ms",
        )
        for chain_id, member in (("hangzhou-1", "hz-tax"), ("chongqing-1", "cq-bank"))
    ]
    for node in nodes:
        node.init()
    with nodes[0], nodes[1]:
        async with AsyncExitStack() as stack:
            ends = []
            for node in nodes:
                config = ZoneConfig(chain_id=node.chain_id, rpc=node.rpc_url)
                ends.append(Endpoint(config, node.private_key("relayer")))
                stack.push_async_callback(ends[-1].close)
            wanted = LinkConfig(chain_a="hangzhou-1", chain_b="chongqing-1")
            link = await open_link(ends[0], ends[1], wanted)
        yield nodes, link


async def _publish(keeper: Keeper, record_id: str) -> FactPlace:
    await keeper.sender.send(
        records_pb2.MsgPublishRecord(
            signer=keeper.sender.address,
            record_id=record_id,
            record_type="market.licence",
            payload_digest=sha256(record_id.encode()),
            fields=["name"],
            level=1,
            share_class=records_pb2.SHARE_CLASS_OPEN,
        )
    )
    await keeper.source.wait_height(await keeper.source.latest_height() + 1)
    return FactPlace(
        source="connection-0", store=STORE, key=record_key("hz-tax", record_id)
    )


async def _imported(keeper: Keeper, record_id: str) -> bytes:
    place = await _publish(keeper, record_id)
    entry = await keeper.imports.order(place, record_id, is_watched=True)
    done = await keeper.imports.wait(entry.id, 60)
    assert done is not None
    assert (done.state, done.problem) == (FactState.KNOWN, None)
    return entry.id


async def test_fact_is_refreshed_in_time_and_not_before(keeper: Keeper) -> None:
    fact_id = await _imported(keeper, "L-1")
    first = await keeper.height(fact_id)
    await keeper.looked(fact_id)
    # Half of its term has not passed: a look leaves it as it is.
    assert await keeper.height(fact_id) == first
    keeper.late_ns = (WEEK_S // 2 + 60) * NS_PER_SECOND
    await keeper.looked(fact_id)
    assert await keeper.height(fact_id) > first


async def test_change_at_the_source_is_brought_at_the_next_look(keeper: Keeper) -> None:
    changed, other = [await _imported(keeper, name) for name in ("L-1", "L-2")]
    before = await keeper.height(other)
    await keeper.sender.send(
        records_pb2.MsgSetRecordStatus(
            signer=keeper.sender.address,
            record_id="L-1",
            status=records_pb2.RECORD_STATUS_REVOKED,
            reason="withdrawn",
        )
    )
    await keeper.source.wait_height(await keeper.source.latest_height() + 1)
    await keeper.looked(changed)
    header = await keeper.fact(changed)
    assert header.status == records_pb2.RECORD_STATUS_REVOKED
    assert await keeper.height(other) == before


async def test_fact_without_a_source_that_answers_keeps_no_other_from_being_kept(
    keeper: Keeper,
) -> None:
    kept = await _imported(keeper, "L-1")
    lost = FactPlace(source="connection-9", store=STORE, key=b"\x01x")
    entry = await keeper.imports.watch(lost, is_watched=True)
    keeper.late_ns = (WEEK_S // 2 + 60) * NS_PER_SECOND
    before = await keeper.height(kept)
    await keeper.looked(kept)
    assert await keeper.height(kept) > before
    stuck = await keeper.imports.wait(entry.id, 60)
    assert stuck is not None
    assert (stuck.state, stuck.problem is not None) == (FactState.STUCK, True)
