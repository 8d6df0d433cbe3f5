"""A relayer process under kill -9, nodes that restart, two relayers on one link."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from huitong.client import Sender, ZoneClient
from huitong.keys import Keyring
from huitong.localnet.process import NodeProcess, huitong_arguments
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.ibc.core.channel.v1 import query_pb2
from huitong.relayer.config import LinkConfig, RelayConfig, ZoneConfig, save_config
from huitong.relayer.supervisor import Supervisor

pytestmark = pytest.mark.slow

PACKETS = 60
PURPOSE = "receivable-financing"


@pytest.fixture
def zones(tmp_path: Path) -> Iterator[tuple[NodeProcess, NodeProcess]]:
    relayers = [
        AccountSpec(name=f"relayer-{number}", roles=("relayer",)) for number in (0, 1)
    ]
    provider = NodeProcess(
        tmp_path / "hangzhou",
        chain_id="hangzhou-1",
        members=[MemberSpec(member_id="hz-tax")],
        accounts=[
            *relayers,
            AccountSpec(name="tax", member_id="hz-tax", roles=("publisher",)),
        ],
        block_time="50ms",
    )
    requester = NodeProcess(
        tmp_path / "chongqing",
        chain_id="chongqing-1",
        members=[MemberSpec(member_id="cq-bank")],
        accounts=[
            *relayers,
            AccountSpec(name="bank", member_id="cq-bank", roles=("requester",)),
        ],
        block_time="50ms",
    )
    for zone in (provider, requester):
        zone.init()
    with provider, requester:
        yield provider, requester


class Relayer:
    """One relayer process with a home and keys of its own."""

    def __init__(self, home: Path, zones: tuple[NodeProcess, ...], number: int) -> None:
        self.home = home
        self.log = home / "relayer.log"
        self._process: subprocess.Popen[bytes] | None = None
        keyring = Keyring(home / "keyring")
        for zone in zones:
            keyring.add(zone.chain_id, zone.private_key(f"relayer-{number}"), None)

    def configure(self, zones: tuple[NodeProcess, ...], *links: LinkConfig) -> None:
        save_config(self.home, config_of(zones, *links))

    def start(self) -> None:
        """Start, and wait until it listens to signals."""
        said = self._times_started()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                huitong_arguments("relay", "start", f"--home={self.home}"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

        deadline_s = time.monotonic() + 30
        while self._times_started() == said and time.monotonic() < deadline_s:
            time.sleep(0.02)

    def _times_started(self) -> int:
        return self.log.read_text().count("relaying") if self.log.exists() else 0

    def end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(20)


def config_of(zones: tuple[NodeProcess, ...], *links: LinkConfig) -> RelayConfig:
    return RelayConfig(
        zones=tuple(
            ZoneConfig(chain_id=zone.chain_id, rpc=zone.rpc_url, key=zone.chain_id)
            for zone in zones
        ),
        links=links,
    )


async def make_link(relayer: Relayer, zones: tuple[NodeProcess, ...]) -> LinkConfig:
    keyring = Keyring(relayer.home / "keyring")
    async with Supervisor(config_of(zones), keyring.unlock) as supervisor:
        return await supervisor.make_link(
            LinkConfig(chain_a="hangzhou-1", chain_b="chongqing-1")
        )


async def grant(provider: NodeProcess, link: LinkConfig) -> None:
    async with ZoneClient(provider.rpc_url) as client:
        sender = Sender(client, provider.private_key("tax"))
        await sender.send(
            records_pb2.MsgPublishRecord(
                signer=sender.address,
                record_id="invoice-1",
                record_type="tax.invoice",
                payload_digest=bytes(range(32)),
                fields=["amount"],
                level=2,
                share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
            ),
            grants_pb2.MsgGrant(
                signer=sender.address,
                reader=grants_pb2.Reader(
                    channel_id=link.channel_on_a, member_id="cq-bank"
                ),
                record_type="tax.invoice",
                purpose=PURPOSE,
            ),
        )


async def request(
    requester: NodeProcess, link: LinkConfig, count: int, timeout_s: float = 600
) -> None:
    async with ZoneClient(requester.rpc_url) as client:
        sender = Sender(client, requester.private_key("bank"))
        message = exchange_pb2.MsgRequestExchange(
            signer=sender.address,
            channel_id=link.channel_on_b,
            request=exchange_pb2.RequestPacket(
                requester="cq-bank",
                reader_key=bytes(range(32)),
                issuer="hz-tax",
                record_id="invoice-1",
                purpose=PURPOSE,
                legal_basis="contract",
            ),
            timeout_timestamp=time.time_ns() + int(timeout_s * 1e9),
        )
        for _ in range(count // 10):
            await sender.send(*[message] * 10)


async def wait_until_settled(requester: NodeProcess, link: LinkConfig) -> None:
    """Wait until no commitment is left on the zone that sent."""
    query = query_pb2.QueryPacketCommitmentsRequest(
        port_id=link.port_on_b, channel_id=link.channel_on_b
    )
    async with ZoneClient(requester.rpc_url) as client, asyncio.timeout(60):
        while True:
            answer = await client.query(
                "/ibc.core.channel.v1.Query/PacketCommitments",
                query,
                query_pb2.QueryPacketCommitmentsResponse,
            )
            if not answer.commitments:
                return
            await asyncio.sleep(0.05)


async def statuses(requester: NodeProcess, link: LinkConfig) -> list[int]:
    async with ZoneClient(requester.rpc_url) as client:
        answer = await client.query(
            "/huitong.exchange.v1.Query/Exchanges",
            exchange_pb2.QueryExchangesRequest(channel_id=link.channel_on_b, limit=500),
            exchange_pb2.QueryExchangesResponse,
        )
    return [item.status for item in answer.exchanges]


async def test_relayer_killed_again_and_again_loses_no_packet(zones, tmp_path):
    provider, requester = zones
    relayer = Relayer(tmp_path / "relayer", zones, 0)
    link = await make_link(relayer, zones)
    relayer.configure(zones, link)
    await grant(provider, link)
    relayer.start()
    for _ in range(3):
        await request(requester, link, PACKETS // 3)
        relayer.end(signal.SIGKILL)
        relayer.start()
    await wait_until_settled(requester, link)
    assert relayer.end(signal.SIGTERM) == 0
    granted = exchange_pb2.EXCHANGE_STATUS_GRANTED
    assert await statuses(requester, link) == [granted] * PACKETS


async def test_nodes_killed_under_a_running_relayer_are_followed_again(zones, tmp_path):
    provider, requester = zones
    relayer = Relayer(tmp_path / "relayer", zones, 0)
    link = await make_link(relayer, zones)
    relayer.configure(zones, link)
    await grant(provider, link)
    relayer.start()
    for zone in zones:
        await request(requester, link, 20)
        zone.kill()
        zone.start()
    await request(requester, link, 20)
    await wait_until_settled(requester, link)
    assert relayer.end(signal.SIGTERM) == 0
    granted = exchange_pb2.EXCHANGE_STATUS_GRANTED
    assert await statuses(requester, link) == [granted] * 60


async def test_two_relayers_on_one_link_settle_each_packet_once(zones, tmp_path):
    provider, requester = zones
    first = Relayer(tmp_path / "first", zones, 0)
    second = Relayer(tmp_path / "second", zones, 1)
    link = await make_link(first, zones)
    await grant(provider, link)
    for relayer in (first, second):
        relayer.configure(zones, link)
        relayer.start()
    await request(requester, link, PACKETS)
    await wait_until_settled(requester, link)
    for relayer in (first, second):
        assert relayer.end(signal.SIGTERM) == 0
    granted = exchange_pb2.EXCHANGE_STATUS_GRANTED
    assert await statuses(requester, link) == [granted] * PACKETS


async def test_packets_that_nobody_carried_in_time_are_timed_out(zones, tmp_path):
    provider, requester = zones
    relayer = Relayer(tmp_path / "relayer", zones, 0)
    link = await make_link(relayer, zones)
    await grant(provider, link)
    await request(requester, link, 20, timeout_s=2)
    await asyncio.sleep(2)
    relayer.configure(zones, link)
    relayer.start()
    await wait_until_settled(requester, link)
    assert relayer.end(signal.SIGTERM) == 0
    timed_out = exchange_pb2.EXCHANGE_STATUS_TIMED_OUT
    assert await statuses(requester, link) == [timed_out] * 20
