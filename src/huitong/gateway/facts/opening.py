"""The parts of the room, put together."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from huitong.client.zone import ZoneClient
from huitong.gateway.database.engine import Database
from huitong.gateway.facts.importing import FactImports
from huitong.gateway.facts.settings import FactsSettings
from huitong.gateway.facts.sources import FactSources
from huitong.gateway.facts.watching import FactWatch
from huitong.gateway.outbox.outbox import Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What facts of other zones need."""

    sources: FactSources
    """The zones."""
    imports: FactImports
    """Brings proofs to the own zone."""
    watch: FactWatch
    """Looks after what was brought."""


def make_facts(
    settings: FactsSettings,
    *,
    database: Database,
    zone: ZoneClient,
    zones: Mapping[str, ZoneClient],
    outbox: Outbox,
    account: str,
) -> Facts:
    """Put the parts together; nothing is asked yet.

    Args:
        settings: of the room.
        database: keeps what was ordered.
        zone: the own zone.
        zones: nodes of others by chain id.
        outbox: carries it out.
        account: address of the member's account that signs.
    """
    sources = FactSources(zone, zones, updates=settings.update_client)
    imports = FactImports(database, outbox, sources, account=account)
    watch = FactWatch(database, outbox, imports, sources, settings, clock=time.time_ns)
    return Facts(sources=sources, imports=imports, watch=watch)
