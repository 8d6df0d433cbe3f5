"""Our relayer and ibc-go's ``simd``: transfers between two chains, lies caught on both kinds."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from huitong.bench.errors import PeerMissingError
from huitong.bench.simd import DENOM, SimdChain, cosmos_address
from huitong.bench.tx import compared_settings
from huitong.client import AccountTerms, Sender, ZoneClient
from huitong.engines.validator_key import load_validator_key
from huitong.keys import Keyring
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.node.home import Home
from huitong.proto.cosmos.bank.v1beta1 import query_pb2 as bank_pb2
from huitong.proto.ibc.applications.transfer.v1 import tx_pb2
from huitong.relayer import evidence, misbehaviour
from huitong.relayer.config import (
    TRANSFER_PORT,
    LinkConfig,
    RelayConfig,
    ZoneConfig,
    load_config,
    save_config,
)
from huitong.relayer.discovery import get_client_status
from huitong.relayer.link import create_client
from huitong.relayer.misbehaviour import HeaderWatch
from huitong.relayer.supervisor import Supervisor
from huitong.testing.command import run_huitong
from tests.e2e.forging import show_forged_header
from tests.e2e.relaying import Relayer, supervised, until

pytestmark = pytest.mark.heavy

BLOCK_TIME_MS = 200
#: Keys known to all: two that relay, one that owns coins.
RELAYER_KEYS = {name: hashlib.sha256(name.encode()).digest() for name in ("one", "two")}
OWNER_KEY = hashlib.sha256(b"owner").digest()
GAS_PER_TRANSFER = 250_000
TIMEOUT_S = 600


@dataclass
class Chain:
    """A chain and the owner's account there."""

    simd: SimdChain
    client: ZoneClient
    owner: Sender

    async def balance(self, denom: str = DENOM) -> int:
        answer = await self.client.query(
            "/cosmos.bank.v1beta1.Query/Balance",
            bank_pb2.QueryBalanceRequest(address=self.owner.address, denom=denom),
            bank_pb2.QueryBalanceResponse,
        )
        return int(answer.balance.amount or "0")

    async def transfer(
        self,
        channel: str,
        *,
        denom: str = DENOM,
        count: int = 1,
        timeout_height: int = 0,
        revision: int = 0,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Send one coin ``count`` times to the owner's account on the other chain."""
        message = tx_pb2.MsgTransfer(
            source_port=TRANSFER_PORT,
            source_channel=channel,
            sender=self.owner.address,
            receiver=self.owner.address,
            timeout_timestamp=time.time_ns() + int(timeout_s * 1e9) if timeout_s else 0,
        )
        message.token.denom = denom
        message.token.amount = "1"
        message.timeout_height.revision_height = timeout_height
        message.timeout_height.revision_number = revision
        message.timeout_height.SetInParent()
        gas_limit = GAS_PER_TRANSFER * (count + 1)
        await self.owner.send(*[message] * count, gas_limit=gas_limit)


@pytest.fixture
def zone(tmp_path: Path) -> Iterator[NodeProcess]:
    """A zone of ours in which one of the relayers' keys may relay."""
    zone = NodeProcess(
        tmp_path / "hangzhou",
        chain_id="hangzhou-1",
        members=[MemberSpec(member_id="hz-tax")],
        accounts=[
            AccountSpec(name=name, roles=("relayer",), private_key=RELAYER_KEYS[name])
            for name in RELAYER_KEYS
        ],
        block_time=f"{BLOCK_TIME_MS}ms",
    )
    zone.init()
    with zone:
        yield zone


def make_simd(folder: Path, name: str) -> SimdChain:
    try:
        chain = SimdChain(
            folder / name,
            settings=compared_settings(BLOCK_TIME_MS),
            chain_id=name,
            funded=[cosmos_address(key) for key in (*RELAYER_KEYS.values(), OWNER_KEY)],
            serves_grpc=True,
        )
    except PeerMissingError:
        pytest.skip("not run: simd is not installed; make peers")
    chain.init()
    return chain


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[SimdChain]]:
    folder = tmp_path_factory.mktemp("simd")
    chains = [make_simd(folder, name) for name in ("simd-1", "simd-2")]
    with chains[0], chains[1]:
        yield chains


@pytest.fixture
def lone_simd(tmp_path: Path) -> Iterator[SimdChain]:
    """A chain for one test: evidence against its only validator stops it."""
    with make_simd(tmp_path, "simd-3") as chain:
        yield chain


@pytest.fixture
async def pair(running: list[SimdChain]):
    async with AsyncExitStack() as stack:
        chains = []
        for simd in running:
            client = await stack.enter_async_context(ZoneClient(simd.rpc_url))
            terms = AccountTerms(address_prefix="cosmos")
            chains.append(Chain(simd, client, Sender(client, OWNER_KEY, terms)))
        yield tuple(chains)


@pytest.fixture
def home(running: list[SimdChain], tmp_path: Path) -> Path:
    """A relayer's home with a link that the command made."""
    keyring = Keyring(tmp_path / "keyring")
    for name, key in RELAYER_KEYS.items():
        keyring.add(name, key, None)
    zones = tuple(
        ZoneConfig(chain_id=chain.chain_id, rpc=chain.rpc_url, key="one")
        for chain in running
    )
    save_config(tmp_path, RelayConfig(zones=zones))
    made = json.loads(
        run_huitong(
            *("relay", "link", "simd-1", "simd-2", "--transfer", "--json"),
            f"--home={tmp_path}",
        )
    )
    assert made["version"] == "ics20-1"
    return tmp_path


def voucher(channel: str, denom: str = DENOM) -> str:
    trace = f"{TRANSFER_PORT}/{channel}/{denom}"
    return f"ibc/{hashlib.sha256(trace.encode()).hexdigest().upper()}"


def link_of(home: Path) -> LinkConfig:
    return load_config(home).links[0]


async def test_coins_go_there_and_come_back_to_the_starting_balances(pair, home):
    a, b = pair
    config, link = load_config(home), link_of(home)
    config = replace(
        config, zones=tuple(replace(z, more_keys=("two",)) for z in config.zones)
    )
    there, here = voucher(link.channel_on_b), voucher(link.channel_on_a)
    before = await a.balance(), await b.balance()
    held = await a.balance(here), await b.balance(there)
    async with supervised(config, RELAYER_KEYS) as supervisor:
        await until(lambda: supervisor.status()[0][1].ready)
        await asyncio.gather(
            a.transfer(link.channel_on_a, count=50),
            b.transfer(link.channel_on_b, count=50),
        )
        await until(lambda: supervisor.status()[0][1].settled == 100)
        arrived = await a.balance(here), await b.balance(there)
        assert arrived == (held[0] + 50, held[1] + 50)
        await asyncio.gather(
            a.transfer(link.channel_on_a, count=50, denom=here),
            b.transfer(link.channel_on_b, count=50, denom=there),
        )
        await until(lambda: supervisor.status()[0][1].settled == 200)
        status = supervisor.status()[0][1]
    assert (await a.balance(here), await b.balance(there)) == held
    assert (await a.balance(), await b.balance()) == before
    assert (status.problem, status.stuck, status.failures) == ("", (), {})


async def test_transfers_that_are_too_late_are_refunded(pair, home):
    a, b = pair
    link = link_of(home)
    before = await a.balance()
    height = await b.client.latest_height() + 5
    await a.transfer(link.channel_on_a, timeout_height=height, revision=2, timeout_s=0)
    await a.transfer(link.channel_on_a, timeout_s=3)
    assert await a.balance() == before - 2
    await b.client.wait_height(height)
    await asyncio.sleep(3)
    told = await asyncio.to_thread(
        run_huitong, "relay", "once", f"--home={home}", "--json"
    )
    (found,) = json.loads(told)["links"]
    assert found["pending_a_to_b"] == 0
    assert await a.balance() == before


async def test_relayer_killed_amid_transfers_loses_and_doubles_nothing(pair, home):
    a, b = pair
    link = link_of(home)
    there = voucher(link.channel_on_b)
    before = await b.balance(there)
    relayer = Relayer(home, (), 0)
    with relayer:
        for _ in range(3):
            await a.transfer(link.channel_on_a, count=30)
            relayer.end(signal.SIGKILL)
            relayer.start()
        async with asyncio.timeout(60):
            while await b.balance(there) < before + 90:
                await asyncio.sleep(0.2)
        relayer.end(signal.SIGKILL)
        told = await asyncio.to_thread(
            run_huitong, "relay", "once", f"--home={home}", "--json"
        )
        (found,) = json.loads(told)["links"]
        assert found["pending_a_to_b"] == 0
        assert await b.balance(there) == before + 90


def test_check_knows_the_chains_for_what_they_are(home):
    found = json.loads(run_huitong("relay", "check", f"--home={home}", "--json"))
    assert found["ok"]
    zone = next(item for item in found["findings"] if item["what"] == "zone simd-1")
    assert zone["seen"].startswith("cosmos, ")
    assert "gas price none" in zone["seen"]
    accounts = [item for item in found["findings"] if "account cosmos1" in item["what"]]
    assert len(accounts) == 2


async def make_clients(zone: NodeProcess, simd: SimdChain) -> LinkConfig:
    """Make the clients of a zone of ours and of simd on one another."""
    config = config_with(zone, simd)
    async with Supervisor(config, RELAYER_KEYS.__getitem__) as supervisor:
        ours, theirs = supervisor.endpoints
        found = {}
        for name, on, of in (("a", ours, theirs), ("b", theirs, ours)):
            await on.check_chain()
            await of.check_chain()
            found[name] = await create_client(on=on, of=of)
    return LinkConfig(
        chain_a=ours.chain_id,
        chain_b=theirs.chain_id,
        client_on_a=found["a"],
        client_on_b=found["b"],
    )


def config_with(zone: NodeProcess, simd: SimdChain) -> RelayConfig:
    return RelayConfig(
        zones=(
            ZoneConfig(chain_id=zone.chain_id, rpc=zone.rpc_url, key="one"),
            ZoneConfig(chain_id=simd.chain_id, rpc=simd.rpc_url, key="one"),
        )
    )


@pytest.mark.parametrize("liar", ["ours", "simd"])
async def test_second_header_freezes_the_client_on_the_other_kind_of_chain(
    zone, lone_simd, liar, monkeypatch
):
    for module in (evidence, misbehaviour):  # no other test may have bound them
        monkeypatch.setattr(module, "log", structlog.get_logger("relayer"))
    link = await make_clients(zone, lone_simd)
    config = config_with(zone, lone_simd)
    async with Supervisor(config, RELAYER_KEYS.__getitem__) as supervisor:
        ours, theirs = supervisor.endpoints
        for endpoint in (ours, theirs):
            await endpoint.check_chain()
        if liar == "ours":
            host, chain, client_id = theirs, ours, link.client_on_b
            key = Home(zone.home).load_key()
        else:
            host, chain, client_id = ours, theirs, link.client_on_a
            key = load_validator_key(lone_simd.validator_key_file)
        sender = Sender(host.client, RELAYER_KEYS["two"], host.terms.account)
        await show_forged_header(sender, client_id, chain.client, key)
        watch = HeaderWatch(host, chain, client_id)
        await watch.look_back()
        with capture_logs() as logs:
            assert await watch.compare() is True
        assert await get_client_status(host.client, client_id) == "Frozen", logs
    told = {entry["event"]: entry for entry in logs}
    assert "misbehaviour_submitted" in told
    if liar == "simd":
        assert "evidence_submitted" in told, told["evidence_refused"]["reason"]
