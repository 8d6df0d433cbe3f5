"""Exchanges of the same two members: what is small is handed over together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from huitong.core.errors import HuitongError
from huitong.gateway.exchange.kinds import HAND_OVER
from huitong.gateway.exchange.orders import Side, Stage
from huitong.gateway.exchange.parts import HandOver
from huitong.gateway.exchange.provider import HANDED_OVER_AT_ONCE, HandOvers
from huitong.gateway.exchange.tables import ExchangeRow
from huitong.gateway.outbox.steps import Done, Failed, StepFilter
from huitong.gateway.peers.errors import PeerRefusedError
from huitong.gateway.peers.limits import (
    BATCH_ITEM_SIZE_BYTES_MAX,
    BATCH_ITEMS_MAX,
    BATCH_SIZE_BYTES_MAX,
)
from tests.gateway.exchange_kit import (
    Gateway,
    LatePeers,
    by_https,
    grant,
    linked_nodes,
    make_gateway,
    publication,
    relaying,
    request,
)

LARGE = b'{"scan":"' + b"x" * (BATCH_ITEM_SIZE_BYTES_MAX + 1) + b'"}'


class Watched:
    """Peers that are real ones, and remember what was brought how."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.batches: list[int] = []
        self.alone: list[int] = []
        self.takes_batches = True

    async def hand_over(self, what: HandOver, sealed: AsyncIterator[bytes]) -> None:
        self.alone.append(what.size)
        await self._inner.hand_over(what, sealed)

    async def hand_over_many(
        self, many: Sequence[HandOver], sealed: Sequence[bytes]
    ) -> Sequence[HuitongError | None]:
        if not self.takes_batches:
            raise PeerRefusedError(member_id="cq-bank", reason="HTTP 404")
        self.batches.append(len(many))
        failures: Sequence[HuitongError | None]
        failures = await self._inner.hand_over_many(many, sealed)
        return failures


def test_every_batch_fits_into_one_request() -> None:
    assert HANDED_OVER_AT_ONCE <= BATCH_ITEMS_MAX
    assert HANDED_OVER_AT_ONCE * BATCH_ITEM_SIZE_BYTES_MAX <= BATCH_SIZE_BYTES_MAX


async def test_small_payloads_go_together_and_large_ones_alone(tmp_path: Path) -> None:
    with linked_nodes(tmp_path) as nodes:
        async with AsyncExitStack() as stack:
            link = await stack.enter_async_context(relaying(nodes))
            bureau, bank = [
                await stack.enter_async_context(
                    make_gateway(tmp_path / node.chain_id, node, other, LatePeers())
                )
                for node, other in (nodes, nodes[::-1])
            ]
            await stack.enter_async_context(by_https((bureau, bank), tmp_path))
            watched = bureau.peers.inner = Watched(bureau.peers.inner)
            for gateway in (bureau, bank):
                await stack.enter_async_context(gateway.running())
            await grant(bureau, link.channel_on_a, "cq-bank")
            documents: dict[int, dict[str, Any]] = {number: {} for number in range(12)}
            documents[12] = {"document": LARGE}
            for number, changes in documents.items():
                one = await bureau.exchanges.publish(publication(number, **changes))
                await bureau.outbox.wait(one.step_id, 60)
            await _exchange(bank, link.channel_on_b, list(documents))
            assert len(watched.alone) == 1
            assert watched.alone[0] > BATCH_ITEM_SIZE_BYTES_MAX
            assert sum(watched.batches) == 12
            assert max(watched.batches) > 1
            await _dead_channel_stops_no_other(bureau)
            # A gateway that takes no batches gets each alone.
            watched.takes_batches = False
            await _exchange(bank, link.channel_on_b, [3], key="again")
            assert len(watched.alone) == 2


async def _dead_channel_stops_no_other(bureau: Gateway) -> None:
    (step, *_) = await bureau.outbox.find(StepFilter(kind=HAND_OVER))
    async with bureau.database.transaction() as session:
        session.add(
            ExchangeRow(
                id="dead",
                side=Side.PROVIDER,
                stage=Stage.DELIVERED,
                order_digest=b"",
                channel_id="channel-9",
                sequence=1,
                push_number=0,
                peer="cq-bank",
                record_id="R-dead",
                request=b"",
                created_ns=1,
                changed_ns=1,
            )
        )
    dead = replace(step, subject="dead")
    outcomes = await HandOvers(bureau.exchanges._parts).execute([dead, step])
    assert [type(one) for one in outcomes] == [Failed, Done]


async def _exchange(
    bank: Gateway, channel_id: str, numbers: Sequence[int], key: str = "request"
) -> None:
    asked = [
        await bank.exchanges.request(
            request(number, channel_id, key=f"{key}-{number}", minimum_grade="")
        )
        for number in numbers
    ]
    for one in asked:
        view = await bank.exchanges.wait(one.id, 90)
        assert (view.stage, view.problem) == (Stage.SETTLED, None)
