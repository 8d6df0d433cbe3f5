"""What came of exchanges: looked up in both gateways, both zones, and the documents.

An exchange counts if it is settled in all four places, proven, and if what can be
downloaded is what was published.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from huitong.bench.exchange_load import Ordered
from huitong.bench.linked_zones import PROVIDER, REQUESTER
from huitong.client import ZoneClient
from huitong.core.time import parse_rfc3339
from huitong.gateway.exchange.zone_state import all_exchanges
from huitong.modules.exchange.keys import PROVIDER as PROVIDER_SIDE
from huitong.proto.huitong.exchange.v1.exchange_pb2 import (
    EXCHANGE_STATUS_RECEIVED,
    Exchange,
)
from huitong.sdk import AsyncGateway
from huitong.sdk.models import Exchange as ExchangeView

#: Documents that are fetched at once.
_FETCHED_AT_ONCE: Final = 4
#: Seconds that the gateways get to settle what the zones say is settled.
_SETTLE_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.2
_SETTLED: Final = "settled"
#: Stages of an exchange that goes on.
_GOING_ON: Final = (
    "ordered",
    "requested",
    "granted",
    "sealed",
    "delivered",
    "handed-over",
    "arrived",
    "checked",
    "received",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What is verified of one exchange."""

    sent_ns: int
    """When it was asked for."""
    settled_ns: int
    """When the later one of the two gateways had settled it."""


async def wait_settled(*gateways: AsyncGateway) -> None:
    """Return once nothing goes on at any gateway, or after a while."""
    deadline_s = time.monotonic() + _SETTLE_TIMEOUT_S
    for gateway in gateways:
        while time.monotonic() < deadline_s:
            going_on = gateway.list_exchanges(stage=_GOING_ON, limit=1)
            if await anext(aiter(going_on), None) is None:
                break
            await asyncio.sleep(_POLL_S)


async def verified(
    ordered: Ordered,
    documents: Mapping[str, Any],
    gateways: tuple[AsyncGateway, AsyncGateway],
    zones: tuple[ZoneClient, ZoneClient],
) -> list[Settled]:
    """Return the exchanges that are settled everywhere with the right document.

    Args:
        ordered: what was begun.
        documents: what was published, by record.
        gateways: the provider's and the requester's.
        zones: nodes of the provider's and of the requester's zone.
    """
    given = {view.sequence: view async for view in gateways[0].list_exchanges()}
    asked = [
        view
        async for view in gateways[1].list_exchanges()
        if view.id in ordered.sent_ns
    ]
    states = [
        await _settled_sequences(zone, member)
        for zone, member in zip(zones, (PROVIDER, REQUESTER), strict=True)
    ]
    found = {
        view.id: Settled(
            sent_ns=ordered.sent_ns[view.id],
            settled_ns=max(_changed_ns(view), _changed_ns(given[view.sequence])),
        )
        for view in asked
        if view.sequence in states[0] & states[1]
        and view.stage == _SETTLED
        and view.grade == "proven"
        and view.sequence in given
        and given[view.sequence].stage == _SETTLED
    }
    wrong = await _wrong_documents(gateways[1], list(found), ordered, documents)
    return [one for exchange_id, one in found.items() if exchange_id not in wrong]


async def _settled_sequences(zone: ZoneClient, member_id: str) -> set[int]:
    """Return the exchanges that a zone's state says are settled."""
    return {
        one.sequence
        async for page in all_exchanges(zone, member_id)
        for one in page
        if _is_settled(one)
    }


def _is_settled(exchange: Exchange) -> bool:
    is_told = exchange.side == PROVIDER_SIDE or exchange.receipt_acknowledged
    return exchange.status == EXCHANGE_STATUS_RECEIVED and is_told


def _changed_ns(view: ExchangeView) -> int:
    return parse_rfc3339(view.changed)


async def _wrong_documents(
    gateway: AsyncGateway,
    exchange_ids: list[str],
    ordered: Ordered,
    documents: Mapping[str, Any],
) -> set[str]:
    """Return the exchanges whose document is not what was published."""
    wrong: set[str] = set()
    waiting = iter(exchange_ids)

    async def fetch() -> None:
        for exchange_id in waiting:
            pieces = gateway.download_document(exchange_id)
            document = b"".join([piece async for piece in pieces])
            if orjson.loads(document) != documents[ordered.record_ids[exchange_id]]:
                wrong.add(exchange_id)

    await asyncio.gather(*(fetch() for _ in range(_FETCHED_AT_ONCE)))
    return wrong
