"""What the zone would refuse, the gateway refuses with the same code and does not send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from huitong.client.sender import Sender
from huitong.gateway.exchange.orders import (
    DecideOrder,
    ExchangeFilter,
    RequestOrder,
    Side,
    Stage,
)
from huitong.gateway.exchange.settings import ExchangeSettings
from huitong.gateway.outbox.steps import StepFilter
from huitong.modules.exchange.errors import FieldsNotAskedError, NotShareableError
from huitong.proto.huitong.records.v1 import records_pb2
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

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
_CLOSED = records_pb2.SHARE_CLASS_CLOSED
#: What is asked for, and the code with which the issuer's zone refuses it.
_REFUSED: dict[str, dict[str, Any]] = {
    "unknown-record": {"record_id": "INV-99"},
    "superseded": {"record_id": "INV-2", "version": 1},
    "revoked": {"record_id": "INV-3"},
    "closed": {"record_id": "INV-4"},
    "unknown-field": {"record_id": "INV-2", "fields": ("iban",)},
    "consent": {"record_id": "INV-2", "consent_id": 7},
}


@pytest.fixture
async def gateways(
    tmp_path: Path,
) -> AsyncIterator[tuple[Gateway, Gateway, Gateway, LinkConfig]]:
    """The bureau, the bank, and the bank once more, which asks the zone first."""
    with linked_nodes(tmp_path) as nodes:
        async with AsyncExitStack() as stack:
            link = await stack.enter_async_context(relaying(nodes))
            made = []
            for name, own, judges in (
                ("bureau", 0, False),
                ("bank", 1, False),
                ("careful", 1, True),
            ):
                gateway = await stack.enter_async_context(
                    make_gateway(
                        tmp_path / name,
                        nodes[own],
                        nodes[1 - own],
                        DirectPeers(),
                        exchange=ExchangeSettings(judge_requests=judges),
                    )
                )
                if name != "careful":
                    await stack.enter_async_context(gateway.running())
                made.append(gateway)
            yield made[0], made[1], made[2], link


async def test_requests_are_refused_first_with_the_code_of_the_zone(
    gateways: tuple[Gateway, Gateway, Gateway, LinkConfig],
) -> None:
    bureau, bank, careful, link = gateways
    await _publish(bureau)
    orders = {
        code: request(1, link.channel_on_b, **{"key": code} | changes)
        for code, changes in _REFUSED.items()
    }
    asked = [await bank.exchanges.request(order) for order in orders.values()]
    views = [await bank.exchanges.wait(view.id, 60) for view in asked]
    assert [view.reason_code for view in views] == list(_REFUSED)
    for code, order in orders.items():
        assert await _code_of(careful, order) == code
    assert await careful.exchanges.find(ExchangeFilter()) == []
    assert await careful.outbox.find(StepFilter()) == []
    # What waits for an officer, and what is granted, is let through.
    await careful.exchanges.request(request(2, link.channel_on_b))
    await grant(bureau, link.channel_on_a, "cq-bank")
    await careful.exchanges.request(request(2, link.channel_on_b, key="another"))


async def test_officer_s_grant_is_refused_before_it_is_sent(
    gateways: tuple[Gateway, Gateway, Gateway, LinkConfig],
) -> None:
    bureau, bank, _, link = gateways
    await _publish(bureau)
    order = request(2, link.channel_on_b, fields=("number",))
    await bank.exchanges.request(order)
    waits = ExchangeFilter(side=Side.PROVIDER, stages=(Stage.REQUESTED,))
    async with asyncio.timeout(60):
        while not (found := await bureau.exchanges.find(waits)):
            await asyncio.sleep(0.1)
    more = DecideOrder(key="more", grant=True, fields=("number", "total"))
    with pytest.raises(FieldsNotAskedError):
        await bureau.exchanges.decide(found[0].id, more)
    await _set_status(bureau, "INV-2", records_pb2.RECORD_STATUS_SUSPENDED)
    with pytest.raises(NotShareableError) as refused:
        await bureau.exchanges.decide(found[0].id, DecideOrder(key="yes", grant=True))
    assert refused.value.fields["reason_code"] == "suspended"
    assert await bureau.outbox.find(StepFilter(kind="exchange.decide")) == []


async def _code_of(gateway: Gateway, order: RequestOrder) -> str:
    with pytest.raises(NotShareableError) as refused:
        await gateway.exchanges.request(order)
    return str(refused.value.fields["reason_code"])


async def _publish(bureau: Gateway) -> None:
    """Publish records 2 to 4: of two versions, revoked, closed."""
    for order in (
        publication(2),
        publication(2, key="second", previous_version=1),
        publication(3),
        publication(4, share_class=_CLOSED),
    ):
        done = await bureau.exchanges.publish(order)
        step = await bureau.outbox.wait(done.step_id, 60)
        assert step.state == "done", step.error
    await _set_status(bureau, "INV-3", records_pb2.RECORD_STATUS_REVOKED)


async def _set_status(bureau: Gateway, record_id: str, status: Any) -> None:
    sender = Sender(bureau.zone, bureau.node.private_key("hz-tax"))
    await sender.send(
        records_pb2.MsgSetRecordStatus(
            signer=sender.address, record_id=record_id, status=status, reason="test"
        )
    )
