"""Sealed bytes that come before the requester's gateway knows its request's sequence."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from huitong.core.errors import HuitongError
from huitong.gateway.exchange.arrival_rows import Arrival
from huitong.gateway.exchange.arrivals import Arrivals
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
            verdict = await _verdict_on(arrivals, channel, 1, "hz-tax")
            assert isinstance(verdict, NotAskedForError)
            asked = await bank.exchanges.request(request(1, channel))
            verdict = await _verdict_on(arrivals, channel, 1, "hz-tax")
            assert isinstance(verdict, RequestNotKnownYetError)
            verdict = await _verdict_on(arrivals, channel, 1, "cq-bank")
            assert isinstance(verdict, NotAskedForError)
            await stack.enter_async_context(bank.running())
            view = await bank.exchanges.wait(asked.id, 90)
            assert (view.stage, view.problem) == (Stage.SETTLED, None)
            verdict = await _verdict_on(
                arrivals, channel, (view.sequence or 0) + 1, "hz-tax"
            )
            assert isinstance(verdict, NotAskedForError)


async def _verdict_on(
    arrivals: Arrivals, channel: str, sequence: int, peer: str
) -> bool | HuitongError:
    arrival = Arrival(
        peer=peer,
        chain_id_of_a="hangzhou-1",
        channel_on_b=channel,
        sequence=sequence,
        sealed_digest=bytes(32),
    )
    (verdict,) = await arrivals.look([arrival])
    return verdict
