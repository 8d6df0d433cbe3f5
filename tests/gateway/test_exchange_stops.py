"""A gateway that is stopped at any point of an exchange: nothing is lost, nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from huitong.gateway.exchange.orders import ExchangeFilter, Stage
from huitong.gateway.vault.tables import SealedRow
from huitong.modules.exchange.keys import REQUESTER
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
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
from tests.gateway.outbox_kit import Stop

PROVIDER_SIDE, REQUESTER_SIDE = 0, 1


@dataclass(frozen=True)
class Point:
    """Where a gateway is stopped."""

    side: int
    part: Callable[[Gateway], Any]
    call: str
    behind: bool


def _zone(gateway: Gateway) -> Any:
    return gateway.zone


def _vault(gateway: Gateway) -> Any:
    return gateway.vault


def _peers(gateway: Gateway) -> Any:
    return gateway.peers


def _arrivals(gateway: Gateway) -> Any:
    return gateway.exchanges.arrivals


def _runner(gateway: Gateway) -> Any:
    return gateway.outbox._runner


def _advancing(gateway: Gateway) -> Any:
    return gateway.outbox.follower._handlers[-1]


def _ledger(gateway: Gateway) -> Any:
    return gateway.outbox._ledger


POINTS = [
    Point(side, part, call, behind)
    for side, part, call in (
        (REQUESTER_SIDE, _zone, "broadcast_many"),
        (PROVIDER_SIDE, _advancing, "apply"),
        (PROVIDER_SIDE, _vault, "seal_many"),
        (PROVIDER_SIDE, _runner, "_write"),
        (PROVIDER_SIDE, _zone, "broadcast_many"),
        (PROVIDER_SIDE, _ledger, "note"),
        (PROVIDER_SIDE, _peers, "hand_over_many"),
        (REQUESTER_SIDE, _vault, "write_sealed"),
        (REQUESTER_SIDE, _arrivals, "_enter"),
        (REQUESTER_SIDE, _advancing, "apply"),
        (REQUESTER_SIDE, _vault, "stage_received"),
        (REQUESTER_SIDE, _runner, "_write"),
        (REQUESTER_SIDE, _ledger, "note"),
    )
    for behind in (False, True)
]


class Rig:
    """Two gateways, each of which can be stopped and begun again."""

    def __init__(self, folder: Path, nodes: Any) -> None:
        self._folder, self._nodes = folder, nodes
        self._peers = DirectPeers()
        self._stacks: list[AsyncExitStack] = [AsyncExitStack(), AsyncExitStack()]
        self.gateways: list[Any] = [None, None]

    async def start(self, side: int) -> None:
        node, other = self._nodes[side], self._nodes[1 - side]
        folder = self._folder / f"gateway-{node.chain_id}"
        stack = self._stacks[side] = AsyncExitStack()
        peers = self._peers.like()
        made = await stack.enter_async_context(make_gateway(folder, node, other, peers))
        await stack.enter_async_context(made.running())
        self.gateways[side] = self._peers.others[made.member_id] = made

    async def stop(self, side: int) -> None:
        del self._peers.others[self.gateways[side].member_id]
        await self._stacks[side].aclose()

    async def run_with_stop(self, point: Point, number: int, channel_id: str) -> None:
        """Let one exchange run, stop a gateway on the way, and begin it again."""
        gateway = self.gateways[point.side]
        part = point.part(gateway)
        call = getattr(part, point.call)
        stop = Stop(behind=call if point.behind else None)
        await self._publish(number)
        setattr(part, point.call, stop)
        order = request(number, channel_id)
        asked = await self.gateways[REQUESTER_SIDE].exchanges.request(order)
        async with asyncio.timeout(120):
            await stop.reached.wait()
        await self.stop(point.side)
        stop.broken.set()
        await self.start(point.side)
        bank = self.gateways[REQUESTER_SIDE].exchanges
        again = await bank.request(order)  # a caller that is not sure asks again
        assert again.id == asked.id
        view = await bank.wait(asked.id, 120)
        assert (view.stage, view.problem) == (Stage.SETTLED, None), point

    @staticmethod
    async def wait_tidy(gateway: Gateway) -> None:
        """Wait until no sealed bytes are kept, also none that a stop made forgotten."""
        async with asyncio.timeout(120):
            while True:
                async with gateway.database.transaction() as session:
                    if await session.scalar(select(SealedRow).limit(1)) is None:
                        return
                await asyncio.sleep(0.1)

    async def _publish(self, number: int) -> None:
        bureau = self.gateways[PROVIDER_SIDE]
        one = await bureau.exchanges.publish(publication(number))
        step = await bureau.outbox.wait(one.step_id, 120)
        assert step.state == "done", step.error


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_gateway_stopped_at_any_point_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    with linked_nodes(tmp_path) as nodes:
        async with relaying(nodes) as link:
            rig = Rig(tmp_path, nodes)
            try:
                for side in (PROVIDER_SIDE, REQUESTER_SIDE):
                    await rig.start(side)
                bureau, _ = rig.gateways
                await grant(bureau, link.channel_on_a, "cq-bank")
                for number, point in enumerate(POINTS):
                    await rig.run_with_stop(point, number, link.channel_on_b)
                _, bank = rig.gateways
                answer = await bank.zone.query(
                    "/huitong.exchange.v1.Query/Exchanges",
                    pb.QueryExchangesRequest(
                        channel_id=link.channel_on_b, side=REQUESTER, limit=1_000
                    ),
                    pb.QueryExchangesResponse,
                )
                on_chain = [one.request.record_id for one in answer.exchanges]
                assert sorted(on_chain) == sorted(
                    f"INV-{number}" for number in range(len(POINTS))
                )
                assert all(one.receipt_acknowledged for one in answer.exchanges)
                for gateway in rig.gateways:
                    rows = await gateway.exchanges.find(ExchangeFilter(), limit=1_000)
                    assert len(rows) == len(POINTS)
                    await rig.wait_tidy(gateway)
            finally:
                for side in (PROVIDER_SIDE, REQUESTER_SIDE):
                    await rig._stacks[side].aclose()
