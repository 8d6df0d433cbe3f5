"""Zones that run, and databases of both kinds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from huitong.client.zone import ZoneClient
from huitong.gateway.database.engine import Database
from huitong.gateway.database.schema import METADATA
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.testing.dex import DexMissingError, DexServer
from huitong.testing.postgres import PostgresMissingError, PostgresServer
from tests.gateway.pair_kit import Ground


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    try:
        server = PostgresServer()
    except PostgresMissingError as missing:
        pytest.skip(f"not run: {missing}")
    with server:
        yield server


@pytest.fixture(scope="session")
def dex() -> Iterator[DexServer]:
    """An identity provider; a test that stops it starts it again."""
    try:
        server = DexServer()
    except DexMissingError as missing:
        pytest.skip(f"not run: {missing}")
    with server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/gateway.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url) as opened:
        await opened.make_tables(METADATA)
        yield opened


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    """A zone in a process of its own, with two accounts of one member."""
    made = NodeProcess(
        tmp_path / "zone",
        chain_id="hangzhou-1",
        members=[MemberSpec(member_id="hz-tax")],
        accounts=[
            AccountSpec(name="tax", member_id="hz-tax", roles=("publisher",)),
            AccountSpec(name="second", member_id="hz-tax", roles=("publisher",)),
        ],
        block_time="50ms",
    )
    made.init()
    with made:
        yield made


@pytest.fixture
async def zone(node: NodeProcess) -> AsyncIterator[ZoneClient]:
    async with ZoneClient(node.rpc_url) as client:
        yield client


@pytest.fixture(
    params=[
        "sqlite-folder",
        "postgresql-folder",
        "sqlite-s3",
        "postgresql-s3",
        pytest.param("cometbft", marks=pytest.mark.heavy),
    ]
)
def ground(request: pytest.FixtureRequest) -> Ground:
    """What a pair of gateways stands on, one after the other."""
    if request.param == "cometbft":
        request.getfixturevalue("cometbft")
        return Ground(engine="cometbft")
    database, vault = request.param.split("-")
    databases = ["", ""]
    if database == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        databases = [server.create_database() for _ in databases]
    bucket = request.getfixturevalue("s3_server") if vault == "s3" else None
    return Ground(databases=databases, bucket=bucket)
