"""Two gateways over two zones that run, with a relayer between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from huitong.gateway.exchange.orders import ExchangeFilter, Side, Stage
from huitong.relayer.config import LinkConfig
from tests.gateway.exchange_kit import (
    DirectPeers,
    Gateway,
    grant,
    linked_nodes,
    make_gateway,
    publication,
    relaying,
    request,
)


@pytest.fixture
async def pair(
    tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Gateway, Gateway, LinkConfig]]:
    """The tax bureau's and the bank's gateway, running, with a link between their zones."""
    urls: list[Any] = ["", ""]
    if getattr(request, "param", "sqlite") == "postgresql":
        server = request.getfixturevalue("postgres")
        urls = [server.create_database(), server.create_database()]
    with linked_nodes(tmp_path) as nodes:
        async with AsyncExitStack() as stack:
            link = await stack.enter_async_context(relaying(nodes))
            peers = DirectPeers()
            gateways = []
            for node, other, url in zip(nodes, reversed(nodes), urls, strict=True):
                folder = tmp_path / f"gateway-{node.chain_id}"
                made = await stack.enter_async_context(
                    make_gateway(folder, node, other, peers, url)
                )
                peers.others[made.member_id] = made
                gateways.append(made)
            for made in gateways:
                await stack.enter_async_context(made.running())
            yield gateways[0], gateways[1], link


async def all_settled(gateway: Gateway, count: int, timeout_s: float = 120) -> None:
    """Wait until so many exchanges of a gateway are settled."""
    settled = ExchangeFilter(stages=(Stage.SETTLED,))
    async with asyncio.timeout(timeout_s):
        while len(await gateway.exchanges.find(settled, limit=1_000)) < count:
            await asyncio.sleep(0.1)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("pair", "count"), [("sqlite", 50), ("postgresql", 20)], indirect=["pair"]
)
async def test_many_exchanges_settle_on_both_sides(
    pair: tuple[Gateway, Gateway, LinkConfig], count: int
) -> None:
    bureau, bank, link = pair
    async with asyncio.timeout(800):  # a bound for a machine that does much else
        await _run_exchanges(bureau, bank, link, count)


async def _run_exchanges(
    bureau: Gateway, bank: Gateway, link: LinkConfig, count: int
) -> None:
    await grant(bureau, link.channel_on_a, "cq-bank")
    published = [
        await bureau.exchanges.publish(publication(number)) for number in range(count)
    ]
    for one in published:
        step = await bureau.outbox.wait(one.step_id, 60)
        assert step.state == "done", step.error
    asked = [
        await bank.exchanges.request(request(number, link.channel_on_b))
        for number in range(count)
    ]
    views = [await bank.exchanges.wait(one.id, 120) for one in asked]
    assert {(view.stage, view.problem) for view in views} == {(Stage.SETTLED, None)}
    assert {view.grade for view in views} == {"proven"}
    await all_settled(bureau, count)
    assert len(await bureau.exchanges.find(ExchangeFilter(), limit=1_000)) == count
    opened = await bank.exchanges.open_document(asked[7].id)
    document = b"".join([piece async for piece in opened.content])
    assert b'"7"' in document


async def test_gateway_provides_and_requests_at_once(
    pair: tuple[Gateway, Gateway, LinkConfig],
) -> None:
    bureau, bank, link = pair
    await grant(bureau, link.channel_on_a, "cq-bank")
    await grant(bank, link.channel_on_b, "hz-tax")
    for gateway in (bureau, bank):
        one = await gateway.exchanges.publish(publication(1))
        await gateway.outbox.wait(one.step_id, 60)
    there = await bank.exchanges.request(request(1, link.channel_on_b))
    back = await bureau.exchanges.request(request(1, link.channel_on_a, "cq-bank"))
    assert (await bank.exchanges.wait(there.id, 60)).stage == Stage.SETTLED
    assert (await bureau.exchanges.wait(back.id, 60)).stage == Stage.SETTLED
    sides = {view.side for view in await bank.exchanges.find(ExchangeFilter())}
    assert sides == {Side.PROVIDER, Side.REQUESTER}
