"""Idempotency-Key on both databases: carried out once, answered every time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import select, text

from huitong.gateway.access.roles import Role
from huitong.gateway.database.engine import Database
from huitong.gateway.http.idempotency import ANSWER_BYTES_MAX
from huitong.gateway.http.kept_answers import KeptAnswers
from huitong.gateway.http.settings import HttpSettings
from huitong.gateway.http.tables import IdempotencyRow
from tests.gateway.edge_kit import Behind, Store, put_behind
from tests.gateway.issuer_kit import Clocks

KEY = {"Idempotency-Key": "order-7:first"}


@pytest.fixture
async def behind(database: Database) -> AsyncIterator[Behind]:
    async with httpx.AsyncClient() as client:
        yield put_behind(database, client, prepare=_add_large)


def _add_large(app: FastAPI, store: Store) -> None:
    @app.post("/v1/large")
    async def large(request: Request) -> StreamingResponse:
        store.received.append(1)
        parts = (b"x" * 100_000 for _ in range(4))
        return StreamingResponse(parts, media_type="text/plain")


@pytest.fixture
async def caller(behind: Behind) -> dict[str, str]:
    return await behind.key(Role.INTEGRATOR)


@pytest.fixture
async def client(
    behind: Behind, caller: dict[str, str]
) -> AsyncIterator[httpx.AsyncClient]:
    async with behind.client() as made:
        made.headers.update(caller)
        yield made


def _code(answer: httpx.Response) -> tuple[int, str]:
    told = answer.json()
    return answer.status_code, f"{told['codespace']}/{told['code']}"


async def test_repeat_gets_the_same_answer_and_is_not_carried_out(
    behind: Behind, client: httpx.AsyncClient
) -> None:
    first = await client.post("/v1/things", json={"name": "a"}, headers=KEY)
    behind.store.things.clear()
    again = await client.post("/v1/things", json={"name": "a"}, headers=KEY)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert first.headers["Location"] == again.headers["Location"] == "/v1/things/a"
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.headers["X-Request-Id"] != again.headers["X-Request-Id"]
    assert not behind.store.things


async def test_request_without_key_is_carried_out_every_time(
    behind: Behind, client: httpx.AsyncClient
) -> None:
    for _ in range(2):
        await client.post("/v1/things", json={"name": "a"})
    assert behind.store.keys == [None, None]


@pytest.mark.parametrize(
    "other",
    [
        {"json": {"name": "b"}},
        {"content": b'{"name": "a"}', "headers": {"Content-Type": "application/json"}},
        {"json": {"name": "a"}, "params": {"dry": "1"}},
        {"json": {"name": "a"}, "method": "PUT", "url": "/v1/payloads/a"},
    ],
)
async def test_key_of_another_request_is_refused(
    other: dict[str, Any], behind: Behind, client: httpx.AsyncClient
) -> None:
    await client.post("/v1/things", json={"name": "a"}, headers=KEY)
    asked = {"method": "POST", "url": "/v1/things", **other}
    answer = await client.request(
        **{**asked, "headers": {**KEY, **other.get("headers", {})}}
    )
    assert _code(answer) == (422, "http/14")
    assert list(behind.store.things) == ["a"]


async def test_equal_requests_at_the_same_time_are_carried_out_once(
    behind: Behind, client: httpx.AsyncClient
) -> None:
    behind.store.hold = asyncio.Event()
    asked = [
        asyncio.create_task(client.post("/v1/things", json={"name": "a"}, headers=KEY))
        for _ in range(6)
    ]
    done: set[asyncio.Task[httpx.Response]] = set()
    while len(done) < 5:
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        assert _code(task.result()) == (409, "http/15")
        assert task.result().headers["Retry-After"] == "1"
    behind.store.hold.set()
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert len(behind.store.keys) == 1


async def test_same_key_of_another_caller_is_another_request(
    behind: Behind, client: httpx.AsyncClient
) -> None:
    await client.post("/v1/things", json={"name": "a"}, headers=KEY)
    other = await behind.key(Role.INTEGRATOR)
    answer = await client.post("/v1/things", json={"name": "b"}, headers=KEY | other)
    assert answer.status_code == 201
    first, second = behind.store.keys
    assert first != second


async def test_handler_has_one_name_for_all_repeats(
    behind: Behind, client: httpx.AsyncClient
) -> None:
    """What a handler begins is unique by it, also when a process died before it answered."""
    await client.post("/v1/things", json={"name": "a"}, headers=KEY)
    behind.clocks.seconds += HttpSettings().idempotency_age_s + 1
    await client.post("/v1/things", json={"name": "a"}, headers=KEY)
    first, second = behind.store.keys
    assert first == second
    assert first is not None
    assert len(first) == 64


@pytest.mark.parametrize(
    ("name", "status"), [("refused", 404), ("", 422), ("bug", 500)]
)
async def test_request_that_changed_nothing_frees_its_key(
    name: str, status: int, behind: Behind, client: httpx.AsyncClient
) -> None:
    answer = await client.post("/v1/things", json={"name": name}, headers=KEY)
    assert answer.status_code == status
    answer = await client.post("/v1/things", json={"name": "right"}, headers=KEY)
    assert answer.status_code == 201


async def test_caller_that_may_not_leaves_no_key(
    behind: Behind, client: httpx.AsyncClient, database: Database
) -> None:
    officer = await behind.key(Role.OFFICER)
    answer = await client.post("/v1/things", json={"name": "a"}, headers=KEY | officer)
    assert answer.status_code == 403
    async with database.transaction() as session:
        assert not (await session.scalars(select(IdempotencyRow))).all()


@pytest.mark.parametrize(
    "key", ["short", "x" * 129, "with space", "令牌令牌令牌令牌".encode(), "a;b;c;d;e"]
)
async def test_key_of_another_form_is_refused(
    key: str | bytes, client: httpx.AsyncClient
) -> None:
    answer = await client.post(
        "/v1/things",
        json={"name": "a"},
        headers={"Idempotency-Key": key},  # type: ignore[dict-item]
    )
    assert _code(answer) == (400, "http/13")


async def test_answer_is_remembered_for_a_day(
    behind: Behind, client: httpx.AsyncClient
) -> None:
    behind.clocks.seconds -= 86_400
    await client.post("/v1/things", json={"name": "a"}, headers=KEY)
    behind.clocks.seconds += 86_400
    again = await client.post("/v1/things", json={"name": "a"}, headers=KEY)
    assert "Idempotency-Replayed" in again.headers
    behind.clocks.seconds += 1
    assert await behind.edge.idempotency.purge() == 1
    assert await behind.edge.idempotency.purge() == 0


async def test_large_answer_is_not_kept_and_not_made_twice(
    behind: Behind, client: httpx.AsyncClient
) -> None:
    first = await client.post("/v1/large", headers=KEY)
    assert len(first.content) == 400_000 > ANSWER_BYTES_MAX
    again = await client.post("/v1/large", headers=KEY)
    assert _code(again) == (409, "http/17")
    assert behind.store.received == [1]


async def _parts(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 50_000


async def test_streamed_body_is_told_apart_by_what_is_in_it(
    behind: Behind, client: httpx.AsyncClient
) -> None:
    async def put(count: int) -> httpx.Response:
        return await client.put("/v1/payloads/a", content=_parts(count), headers=KEY)

    assert (await put(20)).json() == {"size": 1_000_000}
    assert (await put(20)).headers["Idempotency-Replayed"] == "true"
    assert _code(await put(19)) == (422, "http/14")
    assert sum(behind.store.received) == 1_000_000


async def test_keys_of_one_caller_are_bounded(database: Database) -> None:
    async with httpx.AsyncClient() as unused:
        behind = put_behind(database, unused, idempotency_keys_max=3)
        headers = await behind.key(Role.INTEGRATOR)
        async with behind.client() as client:
            told = [
                await client.post(
                    "/v1/things",
                    json={"name": "a"},
                    headers={**headers, "Idempotency-Key": f"order-7-{number}"},
                )
                for number in range(4)
            ]
    assert [answer.status_code for answer in told] == [201, 201, 201, 429]
    assert _code(told[-1]) == (429, "http/16")


# --- leases -----------------------------------------------------------------------------


async def test_attempt_of_a_process_that_died_is_taken_over_after_its_lease(
    database: Database,
) -> None:
    clocks = Clocks()
    here = KeptAnswers(database, HttpSettings(), clock=clocks.ns)
    dead = await here.begin("key:1", "order-7:first")
    clocks.seconds += 61
    mine = await here.begin("key:1", "order-7:first")
    assert isinstance(dead, bytes)
    assert isinstance(mine, bytes)
    # The first was not dead but slow: it changes nothing any more.
    await here.release("key:1", "order-7:first", dead)
    async with database.transaction() as session:
        row = await session.get(IdempotencyRow, ("key:1", "order-7:first"))
    assert row is not None
    assert row.holder == mine


async def test_request_that_takes_long_keeps_its_lease(database: Database) -> None:
    async with httpx.AsyncClient() as unused:
        behind = put_behind(database, unused, idempotency_lease_s=1)
        headers = {**await behind.key(Role.INTEGRATOR), **KEY}
        behind.store.hold = asyncio.Event()
        async with behind.client() as client:
            slow = asyncio.create_task(
                client.post("/v1/things", json={"name": "a"}, headers=headers)
            )
            lease_ns = 0
            behind.clocks.seconds += 100
            while lease_ns < behind.clocks.ns():  # until it was renewed
                async with database.transaction() as session:
                    row = await session.scalar(select(IdempotencyRow))
                lease_ns = row.leased_until_ns if row is not None else 0
                await asyncio.sleep(0.02)
            again = await client.post("/v1/things", json={"name": "a"}, headers=headers)
            assert again.status_code == 409
            behind.store.hold.set()
            assert (await slow).status_code == 201


async def test_answer_that_cannot_be_kept_is_not_given(
    behind: Behind, client: httpx.AsyncClient, database: Database
) -> None:
    """A caller that was told of success could otherwise begin the same twice."""
    kept, lost = "idempotency_keys", "idempotency_keys_lost"
    rename = "ALTER TABLE {} RENAME TO {}"
    behind.store.hold = asyncio.Event()
    asked = asyncio.create_task(
        client.post("/v1/things", json={"name": "a"}, headers=KEY)
    )
    while not await _count(database, kept):
        await asyncio.sleep(0.02)
    async with database.transaction() as session:
        await session.execute(text(rename.format(kept, lost)))
    behind.store.hold.set()
    assert (await asked).is_server_error
    async with database.transaction() as session:
        await session.execute(text(rename.format(lost, kept)))
    behind.clocks.seconds += HttpSettings().idempotency_lease_s + 1
    again = await client.post("/v1/things", json={"name": "a"}, headers=KEY)
    assert again.status_code == 201


async def _count(database: Database, table: str) -> int:
    async with database.transaction() as session:
        found = await session.scalar(text(f"SELECT count(*) FROM {table}"))
    return int(found or 0)
