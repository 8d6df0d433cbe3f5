"""All exchanges of one gateway, on both sides, over all channels of its zone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, final

from huitong.client.zone import ZoneClient
from huitong.gateway.database.engine import Database
from huitong.gateway.exchange.orders import (
    DecideOrder,
    ExchangeFilter,
    ExchangeView,
    Publication,
    PublishOrder,
    RequestOrder,
)
from huitong.gateway.exchange.settings import ExchangeSettings
from huitong.gateway.outbox.outbox import Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this gateway is on its own zone."""

    member_id: str
    publisher: str
    """Address of the account that publishes and states deliveries."""
    officer: str
    """Address of the account that decides; may be the same."""
    requester: str
    """Address of the account that asks and confirms; may be the same."""


@final
class Exchanges:
    """Publishes, asks, decides, delivers, checks and confirms."""

    def __init__(
        self,
        database: Database,
        zone: ZoneClient,
        peers: Any,
        vault: Any,
        outbox: Outbox,
        settings: ExchangeSettings,
        identity: Identity,
    ) -> None:
        """Prepare, and register with the outbox; nothing is asked or started yet."""
        raise NotImplementedError

    async def publish(self, order: PublishOrder) -> Publication:
        """Put a document into the vault and its record on the way to the zone."""
        raise NotImplementedError

    async def publication(self, publication_id: str) -> Publication:
        """Return what became of a publication."""
        raise NotImplementedError

    async def request(self, order: RequestOrder) -> ExchangeView:
        """Ask for a record."""
        raise NotImplementedError

    async def decide(self, exchange_id: str, order: DecideOrder) -> ExchangeView:
        """Decide on a request that waits for an officer."""
        raise NotImplementedError

    async def get(self, exchange_id: str) -> ExchangeView:
        """Return an exchange.

        Raises:
            ExchangeNotFoundError: there is none, or it is not this gateway's.
        """
        raise NotImplementedError

    async def find(
        self, wanted: ExchangeFilter, *, after: str = "", limit: int = 100
    ) -> list[ExchangeView]:
        """Return exchanges by ascending id, which is the order of their making."""
        raise NotImplementedError

    async def wait(self, exchange_id: str, timeout_s: float) -> ExchangeView:
        """Return the exchange once it has ended or has a problem, or after the time."""
        raise NotImplementedError

    def open_document(self, exchange_id: str) -> AsyncIterator[bytes]:
        """Yield the document that was received, decrypted, as people would read it."""
        raise NotImplementedError
