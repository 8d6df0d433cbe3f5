"""What both zones, both databases and both vaults say of many exchanges, compared."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from sqlalchemy import func, or_, select

from huitong.client.zone import ZoneClient
from huitong.gateway.database.engine import Database
from huitong.gateway.exchange.tables import ExchangeRow, PublicationRow
from huitong.gateway.outbox.tables import (
    SIGNED,
    ChainTransactionRow,
    StepRow,
)
from huitong.gateway.service.home import GatewayHome, open_database
from huitong.gateway.settings import load_settings
from huitong.gateway.vault.opening import open_vault
from huitong.gateway.vault.tables import PayloadRow, SealedRow
from huitong.gateway.vault.vault import Vault
from huitong.localnet.process import NodeProcess
from huitong.modules.exchange.keys import PROVIDER, REQUESTER
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from tests.gateway.pair_kit import Side

_PAGE = 200


async def exchanges_on(node: NodeProcess, side: int, channel_id: str) -> list[Any]:
    """Return all exchanges of one side on a channel, as the zone has them."""
    found: list[Any] = []
    start_after = 0
    async with ZoneClient(node.rpc_url) as zone:
        while True:
            page = await zone.query(
                "/huitong.exchange.v1.Query/Exchanges",
                pb.QueryExchangesRequest(
                    channel_id=channel_id,
                    side=side,
                    start_after=start_after,
                    limit=_PAGE,
                ),
                pb.QueryExchangesResponse,
            )
            found += page.exchanges
            if not page.next:
                return found
            start_after = page.next


async def check_zones(
    nodes: Sequence[NodeProcess], channels: Sequence[str], records: set[str]
) -> dict[int, Any]:
    """Compare what both zones have; return the requester's exchanges by sequence."""
    given = await exchanges_on(nodes[0], PROVIDER, channels[0])
    got = await exchanges_on(nodes[1], REQUESTER, channels[1])
    assert sorted(one.request.record_id for one in got) == sorted(records)
    assert [one.sequence for one in given] == [one.sequence for one in got]
    for here, there in zip(given, got, strict=True):
        assert here.status == there.status == pb.EXCHANGE_STATUS_RECEIVED
        assert there.receipt_acknowledged
        assert here.request == there.request
        assert here.decision == there.decision
        assert here.decision.outcome == pb.OUTCOME_GRANTED
        assert here.receipt == there.receipt
        assert here.receipt.request_sequence == here.sequence
        assert here.receipt.payload_digest == here.decision.payload_digest
        assert here.receipt.sealed_digest == here.sealed_digest == there.sealed_digest
        assert here.receipt.grade == "proven"
    return {one.sequence: one for one in got}


async def check_records(
    node: NodeProcess, issuer: str, records: set[str]
) -> dict[str, bytes]:
    """Check that every record has one version and one receipt; return their digests."""
    digests = {}
    async with ZoneClient(node.rpc_url) as zone:
        for record_id in sorted(records):
            shown = await zone.query(
                "/huitong.records.v1.Query/Record",
                records_pb2.QueryRecordRequest(issuer=issuer, record_id=record_id),
                records_pb2.QueryRecordResponse,
            )
            assert shown.record.version == 1, record_id
            digests[record_id] = shown.record.payload_digest
            receipts = await zone.query(
                "/huitong.exchange.v1.Query/RecordReceipts",
                pb.QueryRecordReceiptsRequest(issuer=issuer, record_id=record_id),
                pb.QueryRecordReceiptsResponse,
            )
            assert receipts.receipts.count == 1, record_id
    return digests


async def uses_of_grant(node: NodeProcess, grant_id: int) -> int:
    """Return how often a grant was used."""
    async with ZoneClient(node.rpc_url) as zone:
        answer = await zone.query(
            "/huitong.grants.v1.Query/Grant",
            grants_pb2.QueryGrantRequest(grant_id=grant_id),
            grants_pb2.QueryGrantResponse,
        )
    return int(answer.grant.count_used)


@asynccontextmanager
async def opened(side: Side) -> AsyncIterator[tuple[Database, Vault]]:
    """Open the database and the vault of a gateway that does not run."""
    home, settings = GatewayHome(side.home), load_settings(side.home)
    async with open_database(home, settings) as database:
        yield (
            database,
            open_vault(
                database, settings.vault, base=home.path, environment=os.environ
            ),
        )


async def unfinished(database: Database) -> int:
    """Return how many exchanges and steps of a gateway are not through."""
    async with database.transaction() as session:
        exchanges = await session.scalar(
            select(func.count())
            .select_from(ExchangeRow)
            .where(or_(ExchangeRow.stage != "settled", ExchangeRow.keeps_sealed))
        )
        steps = await session.scalar(
            select(func.count()).select_from(StepRow).where(StepRow.state != "done")
        )
    return (exchanges or 0) + (steps or 0)


async def check_database(
    database: Database, on_chain: dict[int, Any], *, side: str
) -> dict[str, ExchangeRow]:
    """Check that a gateway knows what its zone says, and has nothing left to do.

    Returns:
        Its exchanges, by record.
    """
    async with database.transaction() as session:
        rows = list(await session.scalars(select(ExchangeRow)))
        steps = await session.execute(
            select(StepRow.state, func.count()).group_by(StepRow.state)
        )
        assert {state for state, _ in steps.all()} == {"done"}
        waiting = await session.scalar(
            select(func.count()).where(ChainTransactionRow.state == SIGNED)
        )
        assert waiting == 0
        session.expunge_all()
    assert {row.side for row in rows} == {side}
    assert {row.stage for row in rows} == {"settled"}
    assert sorted(row.sequence or 0 for row in rows) == sorted(on_chain)
    for row in rows:
        exchange = on_chain[row.sequence or 0]
        assert row.record_id == exchange.request.record_id
        assert row.sealed_digest == exchange.sealed_digest
        assert row.decision == exchange.decision.SerializeToString(deterministic=True)
        assert not row.problem_codespace
    return {row.record_id: row for row in rows}


async def check_publications(database: Database, digests: dict[str, bytes]) -> None:
    """Check that each record came of one publication."""
    async with database.transaction() as session:
        rows = await session.execute(
            select(
                PublicationRow.record_id,
                PublicationRow.payload_digest,
                PublicationRow.version,
                PublicationRow.state,
            )
        )
        found = rows.all()
    assert len(found) == len(digests)
    assert {row.record_id: row.payload_digest for row in found} == digests
    assert {(row.version, row.state) for row in found} == {(1, "published")}


async def check_vault(
    database: Database, vault: Vault, expected: dict[tuple[bytes, str], Any]
) -> None:
    """Check that a vault holds these documents and nothing else.

    Args:
        database: of the gateway.
        vault: of the gateway.
        expected: document by digest and holder.
    """
    async with database.transaction() as session:
        rows = await session.execute(select(PayloadRow.digest, PayloadRow.holder))
        assert {(digest, holder) for digest, holder in rows.all()} == set(expected)
        assert await session.scalar(select(func.count()).select_from(SealedRow)) == 0
    for (digest, holder), document in expected.items():
        payload = await vault.open(digest, holder)
        content = b"".join([piece async for piece in payload.content])
        assert orjson.loads(content) == document
    await vault.sweep(before_ns=time.time_ns())  # what kills left behind
    names = [
        name
        async for page in vault._objects.list(before_ns=time.time_ns())
        for name, _ in page
    ]
    assert len(names) == len(expected)
