"""What tests of a relayer share: two zones, a relayer process, requests as packets."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from huitong.client import Sender, ZoneClient
from huitong.core.time import parse_rfc3339
from huitong.keys import Keyring
from huitong.localnet.process import NodeProcess, huitong_arguments
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.ibc.core.channel.v1 import query_pb2
from huitong.relayer.config import LinkConfig, RelayConfig, ZoneConfig, save_config
from huitong.relayer.supervisor import Supervisor

PURPOSE = "receivable-financing"
#: Accounts with the role relayer in each zone.
RELAYERS = 3


@contextmanager
def running_zones(folder: Path) -> Iterator[tuple[NodeProcess, NodeProcess]]:
    """Yield the provider's and the requester's zone, running."""
    relayers = [
        AccountSpec(name=f"relayer-{number}", roles=("relayer",))
        for number in range(RELAYERS)
    ]
    provider = NodeProcess(
        folder / "hangzhou",
        chain_id="hangzhou-1",
        members=[MemberSpec(member_id="hz-tax")],
        accounts=[
            *relayers,
            AccountSpec(name="tax", member_id="hz-tax", roles=("publisher",)),
        ],
        block_time="50ms",
    )
    requester = NodeProcess(
        folder / "chongqing",
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
    """One relayer process with a home and keys of its own.

    A context: it relays inside, if it is not ended, and no process is left behind it.
    """

    def __init__(self, home: Path, zones: tuple[NodeProcess, ...], number: int) -> None:
        self.home = home
        self.log = home / "relayer.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.keyring = Keyring(home / "keyring")
        for zone in zones:
            self.keyring.add(zone.chain_id, zone.private_key(f"relayer-{number}"), None)

    def configure(
        self,
        zones: tuple[NodeProcess, ...],
        *links: LinkConfig,
        watch_listen: str = "",
    ) -> None:
        config = replace(config_of(zones, *links), watch_listen=watch_listen)
        save_config(self.home, config)

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

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

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


async def wait_time(zone: NodeProcess, time_ns: int) -> None:
    """Wait until the zone has a block of this time or later."""
    async with ZoneClient(zone.rpc_url) as client, asyncio.timeout(60):
        while True:
            told = (await client.status())["sync_info"]["latest_block_time"]
            if parse_rfc3339(told) >= time_ns:
                return
            await asyncio.sleep(0.05)


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


def keys_of(zones: tuple[NodeProcess, ...]) -> dict[str, bytes]:
    """Return the relayers' keys as ``CHAIN_ID/NUMBER``, and the first as ``CHAIN_ID``."""
    keys = {
        f"{zone.chain_id}/{number}": zone.private_key(f"relayer-{number}")
        for zone in zones
        for number in range(RELAYERS)
    }
    return keys | {zone.chain_id: keys[f"{zone.chain_id}/0"] for zone in zones}


@asynccontextmanager
async def supervised(
    config: RelayConfig, keys: dict[str, bytes]
) -> AsyncIterator[Supervisor]:
    """Yield a supervisor that relays until the block ends."""
    async with Supervisor(config, keys.__getitem__) as supervisor:
        running = asyncio.create_task(supervisor.run())
        try:
            yield supervisor
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def with_zone_options(config: RelayConfig, **options: object) -> RelayConfig:
    """Return the configuration with the same options in every zone."""
    return replace(config, zones=tuple(replace(z, **options) for z in config.zones))


async def until(condition, timeout_s: float = 60.0) -> None:
    """Wait until ``condition`` holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.05)
