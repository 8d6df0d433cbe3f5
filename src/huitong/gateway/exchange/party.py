"""A party of an exchange, and the exchange as its own zone has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from huitong.client.sender import Sender
from huitong.client.zone import ZoneClient
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Exchange

_EXCHANGE_PATH: Final = "/huitong.exchange.v1.Query/Exchange"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A member, its zone and the key that signs for it."""

    zone: ZoneClient
    """A node of its own zone; trusted by it."""
    sender: Sender
    """Signs and sends on that zone."""
    member_id: str
    """The member on that zone."""


async def get_exchange(
    party: Party, channel_id: str, sequence: int, side: exchange_pb2.ExchangeSide
) -> Exchange:
    """Return an exchange as the party's own zone has it.

    Raises:
        QueryError: there is none.
    """
    request = exchange_pb2.QueryExchangeRequest(
        channel_id=channel_id, sequence=sequence, side=side
    )
    answer = await party.zone.query(
        _EXCHANGE_PATH, request, exchange_pb2.QueryExchangeResponse
    )
    return answer.exchange


def status_text(exchange: Exchange) -> str:
    """Return the status of an exchange as one lower-case word."""
    name = exchange_pb2.ExchangeStatus.Name(exchange.status)
    return name.removeprefix("EXCHANGE_STATUS_").lower()
