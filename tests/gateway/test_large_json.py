"""JSON bodies of many values: refused beyond a limit, and read beside other requests."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Body, FastAPI

from huitong.core.canonical_json import decode_json
from huitong.gateway.database.engine import Database
from huitong.gateway.database.schema import METADATA
from huitong.gateway.http import strict_json
from huitong.gateway.http.limits import (
    BODY_MEMBERS_MAX,
    BODY_NAMES_MAX,
    BODY_READ_AT_ONCE_BYTES_MAX,
    BODY_VALUES_MAX,
)
from huitong.gateway.http.settings import HttpSettings
from huitong.gateway.http.strict_json import StrictRoute
from tests.gateway.edge_kit import Store, put_behind

_USUAL_BYTES = HttpSettings().body_bytes_max
_JSON = {"Content-Type": "application/json"}


def _prepare(app: FastAPI, store: Store) -> None:
    async def measure(value: Annotated[Any, Body()]) -> dict[str, int]:
        return {"length": len(value)}

    app.router.add_api_route(
        "/measured",
        measure,
        methods=["POST"],
        route_class_override=StrictRoute,
    )


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        Database(f"sqlite:///{tmp_path}/gateway.db") as database,
        httpx.AsyncClient() as unused,
    ):
        await database.make_tables(METADATA)
        behind = put_behind(
            database, unused, prepare=_prepare, body_bytes_max=12_000_000
        )
        async with behind.client() as made:
            yield made


async def _measure(client: httpx.AsyncClient, body: bytes) -> tuple[int, Any]:
    answer = await client.post("/measured", content=body, headers=_JSON)
    return answer.status_code, answer.json()


def _list_of(part: bytes, count: int) -> bytes:
    return b"[" + b",".join([part] * count) + b"]"


_TOO_MANY = {
    "empty-lists": (_list_of(b"[]", BODY_VALUES_MAX // 2 + 1), BODY_VALUES_MAX),
    "numbers": (_list_of(b"0", BODY_VALUES_MAX + 1), BODY_VALUES_MAX),
    "objects": (_list_of(b'{"a":{}}', BODY_VALUES_MAX // 3 + 1), BODY_VALUES_MAX),
    "names": (_list_of(b'{"a":0}', BODY_NAMES_MAX + 1), BODY_NAMES_MAX),
    "largest": (_list_of(b"[]", 3_900_000), BODY_VALUES_MAX),
    "not-json": (b"[" * (BODY_VALUES_MAX + 1), BODY_VALUES_MAX),
}


@pytest.mark.parametrize(("body", "maximum"), _TOO_MANY.values(), ids=_TOO_MANY)
async def test_body_of_too_many_values_is_refused_before_any_is_made(
    client: httpx.AsyncClient,
    body: bytes,
    maximum: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[int] = []
    monkeypatch.setattr(strict_json, "decode_json", lambda data: read.append(len(data)))
    status, problem = await _measure(client, body)
    assert (status, problem["codespace"], problem["code"]) == (400, "http", 3)
    assert str(maximum) in problem["detail"]
    assert not read


async def test_body_of_too_many_members_is_refused(client: httpx.AsyncClient) -> None:
    members = {str(number): 0 for number in range(BODY_MEMBERS_MAX + 1)}
    status, problem = await _measure(client, json.dumps(members).encode())
    assert (status, problem["codespace"], problem["code"]) == (400, "http", 3)
    assert str(BODY_MEMBERS_MAX) in problem["detail"]
    members.popitem()
    assert await _measure(client, json.dumps(members).encode()) == (
        200,
        {"length": BODY_MEMBERS_MAX},
    )


_HONEST = {
    "numbers": _list_of(b"0", _USUAL_BYTES // 2 - 1),
    "texts-with-commas": _list_of(b'"a, b, {c}, [d]"', _USUAL_BYTES // 17),
    "objects": _list_of(b'{"n":1}', _USUAL_BYTES // 8 - 1),
    "names": b'[{"' + b'":0,"'.join(b"%05x" % n for n in range(99_000)) + b'":0}]',
    "one-large-text": b'["' + b"A" * 11_000_000 + b'"]',
}


@pytest.mark.parametrize("body", _HONEST.values(), ids=_HONEST)
async def test_large_honest_body_is_read(
    client: httpx.AsyncClient, body: bytes
) -> None:
    assert len(body) > _USUAL_BYTES * 0.9
    expected = len(json.loads(body))
    assert await _measure(client, body) == (200, {"length": expected})


async def test_other_requests_are_answered_while_large_bodies_are_read(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two large bodies of one operation take turns; a small one goes by."""
    may_go_on, readers = threading.Event(), []
    decode = decode_json

    def decode_slowly(data: bytes) -> Any:
        if len(data) > BODY_READ_AT_ONCE_BYTES_MAX:
            readers.append(threading.current_thread())
            assert may_go_on.wait(60)
        return decode(data)

    monkeypatch.setattr(strict_json, "decode_json", decode_slowly)
    large = _list_of(b"0", BODY_READ_AT_ONCE_BYTES_MAX)
    waiting = [asyncio.create_task(_measure(client, large)) for _ in range(2)]
    while not readers:
        await asyncio.sleep(0)
    assert await _measure(client, b"[0, 0]") == (200, {"length": 2})
    assert len(readers) == 1
    assert readers[0] is not threading.current_thread()
    may_go_on.set()
    answer = (200, {"length": BODY_READ_AT_ONCE_BYTES_MAX})
    assert await asyncio.gather(*waiting) == [answer, answer]
