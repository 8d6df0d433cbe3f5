"""Standing permissions over two gateways in this process, on two zones that run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from huitong.client.sender import Sender
from huitong.gateway.exchange.orders import (
    DecideOrder,
    ExchangeFilter,
    ExchangeView,
    PublishOrder,
    Side,
    Stage,
)
from huitong.gateway.exchange.subscription_orders import (
    OVER,
    UNDECIDED,
    EndOrder,
    SubscribeOrder,
    SubscriptionFilter,
    SubscriptionStage,
    SubscriptionView,
)
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.relayer.config import LinkConfig
from tests.gateway.exchange_kit import (
    INVOICE,
    PURPOSE,
    DirectPeers,
    Gateway,
    grant,
    linked_nodes,
    make_gateway,
    publication,
    relaying,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
_PATIENCE_S = 120
_REQUESTED = (SubscriptionStage.REQUESTED,)
_BEGUN = frozenset(SubscriptionStage) - UNDECIDED


@dataclass
class Pair:
    """The tax bureau's and the bank's gateway, on linked zones."""

    bureau: Gateway
    bank: Gateway
    link: LinkConfig

    def order(self, **changes: Any) -> SubscribeOrder:
        fields: dict[str, Any] = {
            "key": "subscribe-1",
            "channel_id": self.link.channel_on_b,
            "issuer": "hz-tax",
            "record_type": "tax.invoice",
            "fields": ("number", "total"),
            "purpose": PURPOSE,
            "legal_basis": "contract",
            "term_until": int(time.time()) + 3_600,
        }
        return SubscribeOrder(**fields | changes)

    async def subscribe(self, **changes: Any) -> SubscriptionView:
        """Ask, and return what was decided."""
        asked = await self.bank.exchanges.subscriptions.request(self.order(**changes))
        wait = self.bank.exchanges.subscriptions.wait
        return await wait(asked.id, _PATIENCE_S, _BEGUN)

    async def publish(self, number: int, version: int = 1) -> None:
        """Publish an invoice, or a version of it, and wait until it is on chain."""
        done = await self.bureau.exchanges.publish(invoice(number, version))
        step = await self.bureau.outbox.wait(done.step_id, _PATIENCE_S)
        assert step.state == "done", step.error

    async def pushed(self, side: Gateway, stage: Stage, count: int) -> list[str]:
        """Return which versions are in a stage once there are so many."""
        wanted = ExchangeFilter(stages=(stage,))
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                found = await side.exchanges.find(wanted, limit=1_000)
                if len(found) >= count:
                    return [_name(view) for view in found]
                await asyncio.sleep(0.1)

    async def over(self, side: Gateway) -> SubscriptionView:
        """Return the one permission of a side once it is over."""
        (found,) = await side.exchanges.subscriptions.find(SubscriptionFilter())
        return await side.exchanges.subscriptions.wait(found.id, _PATIENCE_S, OVER)


def invoice(number: int, version: int) -> PublishOrder:
    document = INVOICE % number
    if version > 1:
        document = document.replace(b"113.00", b"%d.00" % version)
    return publication(
        number,
        key=f"publish-{number}-{version}",
        document=document,
        previous_version=version - 1,
    )


def _name(view: ExchangeView) -> str:
    return f"{view.record_id}/{view.version}"


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    with linked_nodes(tmp_path) as nodes:
        async with AsyncExitStack() as stack:
            link = await stack.enter_async_context(relaying(nodes))
            peers = DirectPeers()
            made = []
            for node, other in zip(nodes, reversed(nodes), strict=True):
                folder = tmp_path / f"gateway-{node.chain_id}"
                gateway = await stack.enter_async_context(
                    make_gateway(folder, node, other, peers)
                )
                peers.others[gateway.member_id] = gateway
                await stack.enter_async_context(gateway.running())
                made.append(gateway)
            yield Pair(made[0], made[1], link)


async def test_new_versions_are_pushed_checked_and_confirmed(pair: Pair) -> None:
    await grant(pair.bureau, pair.link.channel_on_a, "cq-bank")
    await pair.publish(1)
    begun = await pair.subscribe()
    assert begun.stage == SubscriptionStage.ACTIVE, begun
    await pair.publish(1, version=2)
    await pair.publish(2)
    wanted = {"INV-1/2", "INV-2/1"}
    for side in (pair.bank, pair.bureau):
        assert set(await pair.pushed(side, Stage.SETTLED, 2)) == wanted
    (first, second) = await pair.bank.exchanges.find(ExchangeFilter())
    assert (first.grade, first.push_number) == ("proven", 1)
    assert first.subscription_id == second.subscription_id == begun.id
    opened = await pair.bank.exchanges.open_document(first.id)
    document = b"".join([piece async for piece in opened.content])
    assert b"2.00" in document
    view = await pair.bank.exchanges.subscriptions.get(begun.id)
    assert (view.pushes, view.stage) == (2, SubscriptionStage.ACTIVE)


async def test_permission_ends_when_the_versions_asked_for_were_taken(
    pair: Pair,
) -> None:
    await grant(pair.bureau, pair.link.channel_on_a, "cq-bank")
    await pair.publish(1)
    begun = await pair.subscribe(record_type="", record_id="INV-1", count_max=2)
    assert begun.stage == SubscriptionStage.ACTIVE, begun
    for version in (2, 3, 4):
        await pair.publish(1, version)
    await pair.pushed(pair.bank, Stage.SETTLED, 2)
    for side in (pair.bureau, pair.bank):
        over = await pair.over(side)
        assert (over.stage, over.reason_code) == (SubscriptionStage.ENDED, "count")
        assert over.ended_by == "provider"
    found = await pair.bank.exchanges.find(ExchangeFilter())
    assert sorted(_name(view) for view in found) == ["INV-1/2", "INV-1/3"]


async def test_withdrawn_grant_ends_it_in_both_zones_at_once(pair: Pair) -> None:
    await grant(pair.bureau, pair.link.channel_on_a, "cq-bank")
    begun = await pair.subscribe()
    assert begun.stage == SubscriptionStage.ACTIVE, begun
    sender = Sender(pair.bureau.zone, pair.bureau.node.private_key("officer"))
    await sender.send(
        grants_pb2.MsgWithdrawGrant(
            signer=sender.address, grant_id=begun.grant_id, reason="over"
        )
    )
    for side in (pair.bureau, pair.bank):
        over = await pair.over(side)
        assert (over.stage, over.reason_code) == (
            SubscriptionStage.WITHDRAWN,
            "grant",
        )
    await pair.publish(1)
    assert await pair.bank.exchanges.find(ExchangeFilter()) == []
    assert await pair.bureau.exchanges.find(ExchangeFilter()) == []


async def test_either_side_ends_it(pair: Pair) -> None:
    await grant(pair.bureau, pair.link.channel_on_a, "cq-bank")
    begun = await pair.subscribe()
    order = EndOrder(key="end-1", reason="no longer needed")
    await pair.bank.exchanges.subscriptions.end(begun.id, order)
    for side in (pair.bank, pair.bureau):
        over = await pair.over(side)
        assert (over.stage, over.reason_code) == (SubscriptionStage.ENDED, "requester")
        assert over.reason == "no longer needed"


async def test_officer_s_permission_stands_in_for_a_grant(pair: Pair) -> None:
    subscriptions = pair.bureau.exchanges.subscriptions
    asked = await pair.bank.exchanges.subscriptions.request(pair.order())
    async with asyncio.timeout(_PATIENCE_S):
        while not await subscriptions.find(SubscriptionFilter(stages=_REQUESTED)):
            await asyncio.sleep(0.1)
    (waiting,) = await subscriptions.find(SubscriptionFilter())
    assert (waiting.side, waiting.fields) == (Side.PROVIDER, ("number", "total"))
    order = DecideOrder(key="decide-1", grant=True, fields=("total",))
    await subscriptions.decide(waiting.id, order)
    begun = await pair.bank.exchanges.subscriptions.wait(asked.id, _PATIENCE_S, _BEGUN)
    assert (begun.stage, begun.decision_code) == (SubscriptionStage.ACTIVE, "officer")
    await pair.publish(1)
    assert await pair.pushed(pair.bank, Stage.SETTLED, 1) == ["INV-1/1"]
    (push,) = await pair.bank.exchanges.find(ExchangeFilter())
    assert push.fields == ("total",)
