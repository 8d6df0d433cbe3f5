"""Two zones as real processes and the link between them, gone when it is over.

Whatever ends the demonstration, the processes end before this program does: on success,
on an error, on Ctrl-C and on SIGTERM, also while they are still starting.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from huitong.client import Sender, ZoneClient
from huitong.demo import cast
from huitong.demo.consortium import Consortium
from huitong.demo.nodes import LocalNode
from huitong.demo.story import Narrator
from huitong.gateway.exchange.flow import Party
from huitong.gateway.vault.folder import make_folder_vault, open_folder_vault
from huitong.gateway.vault.keys import make_key_file
from huitong.gateway.vault.vault import Vault
from huitong.payload.sealing import make_encryption_key
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
    bureau: Party
    """The provider, on zone a."""
    bank: Party
    """The requester, on zone b."""
    bank_private_key: bytes
    """The bank's X25519 key, which never leaves its gateway."""
    bank_public_key: bytes
    """The same, as it is registered in zone b."""
    vault: Vault
    """The bureau's vault."""
    vault_folder: Path
    """Where the vault lies."""
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
        folder: homes, vault and keys go below it.
        engine: ``embedded``: one node for each zone; ``cometbft``: four validators.
        narrator: hears of it.

    Raises:
        StageError: a node does not start.
    """
    private_key, public_key = make_encryption_key()
    zones = (
        _zone(folder, cast.ZONE_A, engine, narrator),
        _zone(folder, cast.ZONE_B, engine, narrator),
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(stop_zones, zones)
        with narrator.step("启动两个区", "start two zones") as step:
            zones[0].make(cast.members_of_a(), cast.accounts_of_a())
            zones[1].make(cast.members_of_b(public_key), cast.accounts_of_b())
            await asyncio.gather(*(zone.start() for zone in zones))
            for zone, members in zip(zones, ("税务局与纳税人", "银行"), strict=True):
                step.tell(f"{zone.chain_id} {members}, {zone.place}")
        clients = [
            await stack.enter_async_context(ZoneClient(zone.rpc_url)) for zone in zones
        ]
        heights = [await client.latest_height() for client in clients]
        key = make_key_file(folder / "bureau-gateway" / "vault.key")
        vault_folder = folder / "bureau-gateway" / "vault"
        await make_folder_vault(vault_folder)
        vault = await stack.enter_async_context(open_folder_vault(vault_folder, key))
        yield Stage(
            zones=zones,
            bureau=_party(zones[0], clients[0], cast.BUREAU_KEY, cast.BUREAU),
            bank=_party(zones[1], clients[1], cast.BANK_KEY, cast.BANK),
            bank_private_key=private_key,
            bank_public_key=public_key,
            vault=vault,
            vault_folder=vault_folder,
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


async def stop_zones(zones: tuple[PlayZone, PlayZone]) -> None:
    """Stop both zones; kill what does not."""
    await asyncio.gather(*(zone.stop() for zone in zones), return_exceptions=True)


def _zone(folder: Path, chain_id: str, engine: str, narrator: Narrator) -> PlayZone:
    if engine == "cometbft":
        return Consortium(folder / chain_id, chain_id, BLOCK_TIME, narrator.note)
    return LocalNode(folder / chain_id, chain_id, BLOCK_TIME)


def _party(zone: PlayZone, client: ZoneClient, key: str, member_id: str) -> Party:
    sender = Sender(client, zone.private_key(key))
    return Party(zone=client, sender=sender, member_id=member_id)


async def _relayer(stack: AsyncExitStack, zone: PlayZone) -> Endpoint:
    config = ZoneConfig(chain_id=zone.chain_id, rpc=zone.rpc_url)
    endpoint = Endpoint(config, zone.private_key(cast.RELAYER_KEY))
    stack.push_async_callback(endpoint.close)
    return endpoint
