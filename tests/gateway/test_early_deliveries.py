"""Sealed bytes that come before the requester's gateway knows its request's sequence."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from huitong.gateway.exchange.errors import NotAskedForError, RequestNotKnownYetError
from huitong.gateway.exchange.orders import Stage
from tests.gateway.exchange_kit import (
    DirectPeers,
    grant,
    linked_nodes,
    make_gateway,
    publication,
    relaying,
    request,
)


async def test_delivery_before_the_sequence_is_known_comes_again(
    tmp_path: Path,
) -> None:
    with linked_nodes(tmp_path) as nodes:
        async with AsyncExitStack() as stack:
            link = await stack.enter_async_context(relaying(nodes))
            peers = DirectPeers()
            bureau, bank = [
                await stack.enter_async_context(
                    make_gateway(tmp_path / node.chain_id, node, other, peers)
                )
                for node, other in (nodes, nodes[::-1])
            ]
            peers.others |= {each.member_id: each for each in (bureau, bank)}
            await stack.enter_async_context(bureau.running())
            await grant(bureau, link.channel_on_a, "cq-bank")
            one = await bureau.exchanges.publish(publication(1))
            await bureau.outbox.wait(one.step_id, 60)
            arrivals, channel = bank.exchanges.arrivals, link.channel_on_b
            with pytest.raises(NotAskedForError):
                await arrivals.check(channel, 1, "hz-tax")
            asked = await bank.exchanges.request(request(1, channel))
            with pytest.raises(RequestNotKnownYetError):
                await arrivals.check(channel, 1, "hz-tax")
            with pytest.raises(NotAskedForError):
                await arrivals.check(channel, 1, "cq-bank")
            await stack.enter_async_context(bank.running())
            view = await bank.exchanges.wait(asked.id, 90)
            assert (view.stage, view.problem) == (Stage.SETTLED, None)
            with pytest.raises(NotAskedForError):
                await arrivals.check(channel, view.sequence + 1, "hz-tax")
