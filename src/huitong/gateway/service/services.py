"""All parts of a running gateway, built once for each process and handed to whoever needs
them; there is no global state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from huitong.client.zone import ZoneClient
from huitong.gateway.database.engine import Database
from huitong.gateway.database.migrating import check_version
from huitong.gateway.service.errors import WrongZoneError
from huitong.gateway.service.home import GatewayHome, open_database
from huitong.gateway.settings import GatewaySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Private keys of a gateway, unlocked."""

    account: bytes = field(repr=False)
    """Signs transactions; secp256k1, 32 bytes."""
    officer: bytes = field(repr=False)
    """Signs decisions; may be the same."""
    requester: bytes = field(repr=False)
    """Signs requests and receipts; may be the same."""
    reader: bytes = field(repr=False)
    """Opens what others seal to this member; X25519, 32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a process needs to open a gateway; can be handed to a child process."""

    home: GatewayHome
    """Where it lies."""
    settings: GatewaySettings
    """How it runs."""
    secrets: Secrets
    """Its keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of a gateway in this process."""

    home: GatewayHome
    settings: GatewaySettings
    database: Database
    zone: ZoneClient
    """The own zone, through a node that is trusted."""
    zones: Mapping[str, ZoneClient]
    """Other zones by chain id, through nodes that are not trusted."""


@asynccontextmanager
async def open_services(opening: Opening) -> AsyncIterator[Services]:
    """Open all parts; close them in the end.

    Nodes that are down do not hinder the start: what needs them waits, or refuses.

    Raises:
        DatabaseDownError, DatabaseOlderError, DatabaseNewerError: the database.
    """
    settings = opening.settings
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            open_database(opening.home, settings)
        )
        await check_version(database)
        zone = await stack.enter_async_context(ZoneClient(settings.zone.node))
        zones = {
            chain_id: await stack.enter_async_context(ZoneClient(other.node))
            for chain_id, other in settings.zones.items()
        }
        yield Services(
            home=opening.home,
            settings=settings,
            database=database,
            zone=zone,
            zones=zones,
        )


async def check_zone(settings: GatewaySettings) -> None:
    """Check that the node which is to be believed serves the member's zone.

    Raises:
        WrongZoneError: it serves another one.
        UnreachableError: it does not answer.
    """
    async with ZoneClient(settings.zone.node) as zone:
        actual = await zone.chain_id()
    if actual != settings.zone.chain_id:
        raise WrongZoneError(
            url=settings.zone.node, actual=actual, expected=settings.zone.chain_id
        )
