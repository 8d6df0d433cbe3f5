"""Two zones, the link between them and two gateways, gone when it is over.

Whatever ends the demonstration, the processes end before this program does: on success,
on an error, on Ctrl-C and on SIGTERM, also while they are still starting.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from huitong.client import ZoneClient
from huitong.demo import cast
from huitong.demo.consortium import Consortium
from huitong.demo.gateways import DemoGateway
from huitong.demo.nodes import LocalNode
from huitong.demo.story import Narrator
from huitong.localnet.ports import free_ports
from huitong.relayer.config import LinkConfig, ZoneConfig
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.link import open_link
from huitong.relayer.worker import LinkWorker

#: Least time between two blocks with transactions.
BLOCK_TIME: Final = "100ms"

PlayZone: TypeAlias = LocalNode | Consortium
"""One zone of the play: one process, or four validators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that the play needs."""

    zones: tuple[PlayZone, PlayZone]
    """What runs, a and b."""
    clients: tuple[ZoneClient, ZoneClient]
    """A node of a and of b."""
    bureau: DemoGateway
    """The provider's gateway, on zone a."""
    bank: DemoGateway
    """The requester's gateway, on zone b."""
    relayers: tuple[Endpoint, Endpoint]
    """The relayer's accounts on a and b."""
    first_heights: tuple[int, int]
    """Newest heights of a and b before anything happened."""


@asynccontextmanager
async def raise_stage(
    folder: Path, engine: str, narrator: Narrator
) -> AsyncIterator[Stage]:
    """Start both zones; stop them in the end, whatever happens.

    Args:
        folder: homes, vaults and keys go below it.
        engine: ``embedded``: one node for each zone; ``cometbft``: four validators.
        narrator: hears of it.

    Raises:
        StageError: a node does not start.
    """
    zones = (
        _zone(folder, cast.ZONE_A, engine, narrator),
        _zone(folder, cast.ZONE_B, engine, narrator),
    )
    bureau = DemoGateway(folder / "bureau-gateway", cast.BUREAU)
    bank = DemoGateway(folder / "bank-gateway", cast.BANK)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(stop_zones, zones)
        with narrator.step("启动两个区", "start two zones") as step:
            zones[0].make(cast.members_of_a(), cast.accounts_of_a())
            zones[1].make(
                cast.members_of_b(bank.make_reader_key()), cast.accounts_of_b()
            )
            await asyncio.gather(*(zone.start() for zone in zones))
            for zone, members in zip(zones, ("税务局与纳税人", "银行"), strict=True):
                step.tell(f"{zone.chain_id} {members}, {zone.place}")
        clients = [
            await stack.enter_async_context(ZoneClient(zone.rpc_url)) for zone in zones
        ]
        heights = [await client.latest_height() for client in clients]
        yield Stage(
            zones=zones,
            clients=(clients[0], clients[1]),
            bureau=bureau,
            bank=bank,
            relayers=(
                await _relayer(stack, zones[0]),
                await _relayer(stack, zones[1]),
            ),
            first_heights=(heights[0], heights[1]),
        )


@asynccontextmanager
async def keep_link(stage: Stage, narrator: Narrator) -> AsyncIterator[LinkConfig]:
    """Link the zones and relay packets until the block ends.

    Raises:
        TransactionFailedError, UnreachableError: a step of the handshake fails.
    """
    a, b = stage.relayers
    with narrator.step("以 IBC 链接两区", "link them by IBC") as step:
        link = await open_link(
            a, b, LinkConfig(chain_a=cast.ZONE_A, chain_b=cast.ZONE_B)
        )
        step.tell(
            f"{cast.ZONE_A}: {link.client_on_a}, {link.connection_on_a}, {link.channel_on_a}"
        )
        step.tell(
            f"{cast.ZONE_B}: {link.client_on_b}, {link.connection_on_b}, {link.channel_on_b}"
        )
    worker = asyncio.create_task(LinkWorker(link, a, b).run())
    try:
        yield link
    finally:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker


@asynccontextmanager
async def open_gateways(stage: Stage, narrator: Narrator) -> AsyncIterator[None]:
    """Run the gateways of bureau and bank until the block ends.

    Raises:
        StageError: one does not start.
    """
    a, b = stage.zones
    gateways = (stage.bureau, stage.bank)
    with narrator.step("启动两个网关", "start two gateways") as step:
        ports = free_ports(2)
        await stage.bureau.make(
            _settings(a, b, stage.bank, ports), cast.BUREAU_KEY, a.keyring
        )
        await stage.bank.make(
            _settings(b, a, stage.bureau, ports[::-1]), cast.BANK_KEY, b.keyring
        )
        try:
            await asyncio.gather(*(gateway.start() for gateway in gateways))
            for gateway in gateways:
                step.tell(f"{gateway.member_id}: {gateway.place}")
        except BaseException:
            await _stop_gateways(stage)
            raise
    try:
        yield
    finally:
        await _stop_gateways(stage)


async def stop_zones(zones: tuple[PlayZone, PlayZone]) -> None:
    """Stop both zones; kill what does not."""
    await asyncio.gather(*(zone.stop() for zone in zones), return_exceptions=True)


async def _stop_gateways(stage: Stage) -> None:
    await asyncio.gather(stage.bureau.stop(), stage.bank.stop(), return_exceptions=True)


def _settings(
    own: PlayZone, other: PlayZone, peer: DemoGateway, ports: Sequence[int]
) -> dict[str, object]:
    """Return what ``gateway.toml`` says of zones and peers; the own port comes first."""
    return {
        "zone": {"chain_id": own.chain_id, "node": own.rpc_url},
        "zones": {other.chain_id: {"node": other.rpc_url}},
        "peer": {"listen": f"tcp://127.0.0.1:{ports[0]}"},
        "peers": {
            peer.member_id: {
                "url": f"https://127.0.0.1:{ports[1]}",
                "certificate": str(peer.home.path.absolute() / "peer.crt"),
            }
        },
    }


def _zone(folder: Path, chain_id: str, engine: str, narrator: Narrator) -> PlayZone:
    if engine == "cometbft":
        return Consortium(folder / chain_id, chain_id, BLOCK_TIME, narrator.note)
    return LocalNode(folder / chain_id, chain_id, BLOCK_TIME)


async def _relayer(stack: AsyncExitStack, zone: PlayZone) -> Endpoint:
    config = ZoneConfig(chain_id=zone.chain_id, rpc=zone.rpc_url)
    endpoint = Endpoint(config, zone.private_key(cast.RELAYER_KEY))
    stack.push_async_callback(endpoint.close)
    return endpoint
