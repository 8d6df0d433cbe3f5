"""Calls that are under way at once: written together, each with its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select

from huitong.core.hashing import sha256
from huitong.gateway.access.audit import AuditEntry, AuditLog
from huitong.gateway.database.engine import Database
from huitong.gateway.database.joint_writes import JointWriter
from huitong.gateway.events.tables import EventRow
from huitong.gateway.exchange.errors import OrderKeyReusedError
from huitong.gateway.exchange.orders import ExchangeFilter, ExchangeView, Stage
from huitong.gateway.http.errors import IdempotencyRunningError
from huitong.gateway.http.kept_answers import KeptAnswer, KeptAnswers
from huitong.gateway.http.settings import HttpSettings
from huitong.gateway.outbox.steps import StepFilter
from tests.gateway.exchange_kit import Gateway, make_gateway, request
from tests.gateway.issuer_kit import Clocks

COUNT = 20


def _node(chain_id: str) -> Any:
    """Return a node that is never asked."""
    return SimpleNamespace(
        chain_id=chain_id,
        rpc_url="http://127.0.0.1:1",
        private_key=lambda name: sha256(name.encode()),
    )


@pytest.fixture(params=["sqlite", "postgresql"])
async def bank(
    tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Gateway]:
    """A gateway that is not running: it takes orders only."""
    url = ""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").create_database()
    nodes = _node("chongqing-1"), _node("hangzhou-1")
    async with make_gateway(tmp_path / "bank", *nodes, None, url) as made:
        yield made


async def test_requests_at_the_same_time_are_all_made(bank: Gateway) -> None:
    orders = [request(number, "channel-0") for number in range(COUNT)]
    made = await asyncio.gather(*(bank.exchanges.request(order) for order in orders))
    assert [view.key for view in made] == [order.key for order in orders]
    assert {view.stage for view in made} == {Stage.ORDERED}
    steps = await bank.outbox.find(StepFilter())
    assert {step.subject for step in steps} == {view.id for view in made}
    async with bank.database.reading() as session:
        assert await session.scalar(select(func.count(EventRow.number))) == COUNT


async def test_each_of_them_gets_its_own_answer(bank: Gateway) -> None:
    first = request(1, "channel-0")
    other, same = replace(first, purpose="curiosity"), replace(first, request_id="7")
    answers = await asyncio.gather(
        *(
            bank.exchanges.request(order)
            for order in (first, request(2, "channel-0"), other, same)
        ),
        return_exceptions=True,
    )
    made = [answer for answer in answers if isinstance(answer, ExchangeView)]
    assert [answer.key for answer in made] == [
        "request-hz-tax-1",
        "request-hz-tax-2",
        "request-hz-tax-1",
    ]
    assert made[0].id == made[2].id
    assert isinstance(answers[2], OrderKeyReusedError)
    assert len(await bank.exchanges.find(ExchangeFilter())) == 2


async def test_request_that_cannot_be_written_keeps_no_other_back(
    bank: Gateway,
) -> None:
    fields = tuple(f"field-{number:08}" * 20 for number in range(9_000))
    answers = await asyncio.gather(
        *(bank.exchanges.request(request(number, "channel-0")) for number in (1, 2)),
        bank.exchanges.request(request(3, "channel-0", fields=fields)),
        return_exceptions=True,
    )
    assert [type(answer).__name__ for answer in answers] == [
        "ExchangeView",
        "ExchangeView",
        "StepTooLargeError",
    ]
    assert len(await bank.exchanges.find(ExchangeFilter())) == 2


async def test_key_that_comes_twice_at_once_is_begun_once(database: Database) -> None:
    keys = KeptAnswers(database, HttpSettings(), clock=Clocks().ns)
    names = [f"order-{number:04}" for number in range(COUNT)]
    answers = await asyncio.gather(
        *(keys.begin("key:1", name) for name in [*names, *names]),
        return_exceptions=True,
    )
    for pair in zip(answers[:COUNT], answers[COUNT:], strict=True):
        assert {type(answer) for answer in pair} == {bytes, IdempotencyRunningError}


async def test_answers_kept_at_the_same_time_are_each_their_own(
    database: Database,
) -> None:
    clocks = Clocks()
    keys = KeptAnswers(database, HttpSettings(), clock=clocks.ns)
    names = [f"order-{number:04}" for number in range(COUNT)]
    begun = await asyncio.gather(*(keys.begin("key:1", name) for name in names))
    answers = [
        KeptAnswer(sha256(name.encode()), 201, (("location", name),), name.encode())
        for name in names
    ]
    kept = zip(names[1:], begun[1:], answers[1:], strict=True)
    await asyncio.gather(
        keys.release("key:1", names[0], begun[0]),  # type: ignore[arg-type]
        *(keys.keep("key:1", name, held, answer) for name, held, answer in kept),  # type: ignore[arg-type]
    )
    again = await asyncio.gather(*(keys.begin("key:1", name) for name in names))
    assert isinstance(again[0], bytes)
    assert again[1:] == answers[1:]


async def test_audit_entries_written_with_other_things_make_one_chain(
    database: Database,
) -> None:
    writer, clocks = JointWriter(database), Clocks()
    log = AuditLog(database, writer)
    keys = KeptAnswers(database, HttpSettings(), clock=clocks.ns, writer=writer)
    entry = AuditEntry(
        time_ns=1, caller="key:1", method="POST", path="/v1/things", status=201
    )
    for _ in range(3):
        await asyncio.gather(
            *(log.record(entry) for _ in range(COUNT)),
            *(keys.begin("key:1", f"order-{n}-{_}-key") for n in range(COUNT)),
        )
    assert (await log.verify()).head.sequence == 3 * COUNT
