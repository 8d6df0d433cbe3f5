"""``huitong bench relay``: how many packets a second two zones settle.

Two nodes of the embedded engine and one relayer process, default settings. Accounts of
one zone send exchange requests, thirty in a transaction, as relayers batch them;
a standing grant of the other zone lets each be decided at once. A packet is settled when
its acknowledgement has been proven to the zone that sent it; its latency counts from the
sending of its transaction until a subscriber is told of that block.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uvloop

from huitong.bench import usage
from huitong.bench.loader import Progress, make_batches, send_batches
from huitong.bench.report import Report, make_report
from huitong.client import BlockSeen, Sender, ZoneClient
from huitong.client.sender import get_account
from huitong.core.codec import encode, pack_any
from huitong.core.tx import build_transaction
from huitong.keys import Keyring
from huitong.localnet.process import NodeProcess, huitong_arguments
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.relayer.config import LinkConfig, RelayConfig, ZoneConfig, save_config
from huitong.relayer.packet_events import (
    ACKNOWLEDGE_PACKET,
    SEND_PACKET,
    PacketEvent,
    read_relay_events,
)
from huitong.relayer.supervisor import Supervisor

PROVIDER_ZONE: Final = "hangzhou-1"
REQUESTER_ZONE: Final = "chongqing-1"
#: Accounts that send requests.
ACCOUNTS: Final = 4
PACKETS_PER_TX: Final = 30
#: Packets under way at once.
WINDOW: Final = 600
#: Gas of one request; it uses about 60,000.
GAS_PER_REQUEST: Final = 120_000
#: How long a request may take before it times out.
TIMEOUT_S: Final = 3_600
#: Seconds without a settled packet after which the run is over.
SILENCE_S: Final = 20.0
RELAYER_KEY: Final = "relayer"
PURPOSE: Final = "receivable-financing"


@dataclass(slots=True)
class _Tally:
    """Packets under way and settled."""

    total: int
    tx_sent_s: dict[str, float]
    sent_s: dict[int, float] = field(default_factory=dict)
    settled_s: dict[int, float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return len(self.settled_s) + len(self.refused) >= self.total


def run_relay_bench(
    folder: Path,
    *,
    count: int,
    seconds: float,
    block_time_ms: int,
    told: Callable[[str], None],
) -> Report:
    """Run the benchmark in ``folder`` and return what was measured.

    Args:
        folder: an empty folder.
        count: packets to send.
        seconds: stop sending after this long; 0 for never.
        block_time_ms: block time of both nodes.
        told: called with a line about each step.
    """
    relayer = AccountSpec(name=RELAYER_KEY, roles=("relayer",))
    provider = NodeProcess(
        folder / "provider",
        chain_id=PROVIDER_ZONE,
        members=[MemberSpec(member_id="hz-tax")],
        accounts=[
            relayer,
            AccountSpec(name="tax", member_id="hz-tax", roles=("publisher",)),
        ],
        block_time=f"{block_time_ms}ms",
    )
    requester = NodeProcess(
        folder / "requester",
        chain_id=REQUESTER_ZONE,
        members=[MemberSpec(member_id="cq-bank")],
        accounts=[
            relayer,
            *(
                AccountSpec(
                    name=f"bank-{number}", member_id="cq-bank", roles=("requester",)
                )
                for number in range(ACCOUNTS)
            ),
        ],
        block_time=f"{block_time_ms}ms",
    )
    told("setting up two zones")
    for zone in (provider, requester):
        zone.init()
    with provider, requester:
        return uvloop.run(
            _measure(folder, provider, requester, count, seconds, block_time_ms, told)
        )


async def _measure(
    folder: Path,
    provider: NodeProcess,
    requester: NodeProcess,
    count: int,
    seconds: float,
    block_time_ms: int,
    told: Callable[[str], None],
) -> Report:
    link = await _make_link(folder / "relayer", provider, requester)
    told(f"linked {link.channel_on_a} to {link.channel_on_b}")
    async with ZoneClient(provider.rpc_url) as client:
        await _publish_and_grant(client, provider, link)
    async with ZoneClient(requester.rpc_url) as client:
        told(f"signing {count} requests beforehand")
        raws = await _signed_requests(client, requester, link, count)
        data = exchange_pb2.ExchangePacketData(request=_request())
        relayer = _start_relayer(folder / "relayer")
        pids = {
            "provider": provider.pid,
            "requester": requester.pid,
            "relayer": relayer.pid,
        }
        try:
            await asyncio.sleep(2)  # the relayer reads both zones first
            told(f"sending {count} packets in transactions of {PACKETS_PER_TX}")
            before = usage.cpu_s_by_name(pids)
            tally = await _send_all(client, raws, count, seconds)
            processes = usage.used_since(pids, before)
        finally:
            relayer.send_signal(signal.SIGTERM)
            relayer.wait(10)
    for reason in sorted(set(tally.refused))[:3]:
        told(f"refused: {reason}")
    latencies_s = [
        done_s - tally.sent_s[sequence] for sequence, done_s in tally.settled_s.items()
    ]
    first_s = min(tally.sent_s.values(), default=0.0)
    return make_report(
        bench="relay",
        latencies_s=latencies_s,
        seconds=max(tally.settled_s.values(), default=first_s) - first_s,
        errors=max(len(tally.sent_s) - len(latencies_s), len(tally.refused)),
        block_time_ms=block_time_ms,
        processes=processes,
        payload_bytes=len(encode(data)),
    )


async def _make_link(
    home: Path, provider: NodeProcess, requester: NodeProcess
) -> LinkConfig:
    """Write the relayer's home and make the link."""
    zones = {zone.chain_id: zone for zone in (provider, requester)}
    keyring = Keyring(home / "keyring")
    for chain_id, zone in zones.items():
        keyring.add(chain_id, zone.private_key(RELAYER_KEY), None)
    config = RelayConfig(
        zones=tuple(
            ZoneConfig(chain_id=chain_id, rpc=zone.rpc_url, key=chain_id)
            for chain_id, zone in zones.items()
        )
    )
    wanted = LinkConfig(chain_a=PROVIDER_ZONE, chain_b=REQUESTER_ZONE)
    async with Supervisor(config, keyring.unlock) as supervisor:
        link = await supervisor.make_link(wanted)
        save_config(home, supervisor.config)
        return link


def _start_relayer(home: Path) -> subprocess.Popen[bytes]:
    with (home / "relayer.log").open("ab") as log:
        return subprocess.Popen(
            huitong_arguments("relay", "start", f"--home={home}"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


async def _publish_and_grant(
    client: ZoneClient, zone: NodeProcess, link: LinkConfig
) -> None:
    sender = Sender(client, zone.private_key("tax"))
    await sender.send(
        records_pb2.MsgPublishRecord(
            signer=sender.address,
            record_id="invoice-1",
            record_type="tax.invoice",
            payload_digest=bytes(range(32)),
            fields=["amount", "buyer", "seller"],
            level=2,
            share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
        ),
        grants_pb2.MsgGrant(
            signer=sender.address,
            reader=grants_pb2.Reader(channel_id=link.channel_on_a, member_id="cq-bank"),
            record_type="tax.invoice",
            purpose=PURPOSE,
        ),
    )


def _request() -> exchange_pb2.RequestPacket:
    return exchange_pb2.RequestPacket(
        requester="cq-bank",
        reader_key=bytes(range(32)),
        issuer="hz-tax",
        record_id="invoice-1",
        purpose=PURPOSE,
        legal_basis="contract",
    )


async def _signed_requests(
    client: ZoneClient, zone: NodeProcess, link: LinkConfig, count: int
) -> list[list[bytes]]:
    """Return the transactions of each account, signed."""
    timeout_ns = time.time_ns() + TIMEOUT_S * 1_000_000_000
    sizes = [PACKETS_PER_TX] * (count // PACKETS_PER_TX)
    if count % PACKETS_PER_TX:
        sizes.append(count % PACKETS_PER_TX)
    raws: list[list[bytes]] = []
    for number in range(ACCOUNTS):
        name = f"bank-{number}"
        account = await get_account(client, zone.address(name))
        message = exchange_pb2.MsgRequestExchange(
            signer=account.address,
            channel_id=link.channel_on_b,
            request=_request(),
            timeout_timestamp=timeout_ns,
        )
        raws.append(
            [
                build_transaction(
                    [pack_any(message)] * size,
                    private_key=zone.private_key(name),
                    chain_id=REQUESTER_ZONE,
                    account_number=account.account_number,
                    sequence=account.sequence + index,
                    gas_limit=GAS_PER_REQUEST * (size + 1),
                )
                for index, size in enumerate(sizes[number::ACCOUNTS])
            ]
        )
    return raws


async def _send_all(
    client: ZoneClient, raws: list[list[bytes]], total: int, seconds: float
) -> _Tally:
    """Send all transactions and follow the zone until every packet is settled."""
    progress = Progress(window=max(1, WINDOW // PACKETS_PER_TX))
    progress.add(0)
    tally = _Tally(total=total, tx_sent_s=progress.sent_s)
    following = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_follow(client, tally, progress, following))
        await following.wait()
        tasks.create_task(_send(client.url, raws, tally, progress, seconds))
    return tally


async def _send(
    url: str,
    raws: list[list[bytes]],
    tally: _Tally,
    progress: Progress,
    seconds: float,
) -> None:
    """Send the transactions of each account over a connection of its own."""
    try:
        async with asyncio.timeout(seconds or None), asyncio.TaskGroup() as tasks:
            for of_account in raws:
                batches = make_batches(of_account, 1)
                tasks.create_task(send_batches(url, batches, progress))
    except TimeoutError:
        # What is under way is still waited for.
        tally.total = len(progress.sent_s) * PACKETS_PER_TX


async def _follow(
    client: ZoneClient, tally: _Tally, progress: Progress, following: asyncio.Event
) -> None:
    async with aclosing(client.blocks()) as blocks:
        while not tally.is_complete:
            try:
                async with asyncio.timeout(SILENCE_S):
                    block = await anext(blocks)
            except TimeoutError:
                return
            following.set()
            if block is not None:
                _take_block(block, tally, progress)


def _take_block(block: BlockSeen, tally: _Tally, progress: Progress) -> None:
    now_s = asyncio.get_running_loop().time()
    for tx in block.txs:
        sent_s = tally.tx_sent_s.get(tx.raw)
        if sent_s is not None and tx.code:
            tally.refused += [tx.log] * PACKETS_PER_TX
            progress.add(-1)
            continue
        for told in read_relay_events(tx.events):
            if not isinstance(told, PacketEvent):
                continue
            if told.kind == SEND_PACKET and sent_s is not None:
                tally.sent_s[told.sequence] = sent_s
            elif told.kind == ACKNOWLEDGE_PACKET:
                tally.settled_s[told.sequence] = now_s
                if len(tally.settled_s) % PACKETS_PER_TX == 0:
                    progress.add(-1)
