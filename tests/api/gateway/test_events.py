"""Events over the real interface: listed, streamed, resumed, bounded."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import orjson
import pytest

from huitong.gateway.access.roles import Role
from huitong.gateway.database.engine import Database
from huitong.gateway.events.register import JOB_STUCK, RECORD_PUBLISHED
from huitong.gateway.events.telling import tell
from huitong.localnet.gateway import GatewayProcess
from huitong.localnet.process import NodeProcess
from huitong.sdk import AsyncGateway, Gateway
from tests.api.gateway_kit import Callers, init, make_key, problem_of, run

pytestmark = pytest.mark.slow

SETTINGS = """
[events]
heartbeat_s = 0.2
stall_s = 1.0
streams_per_caller_max = 2
stream_s_max = 6
"""


@pytest.fixture(scope="module")
def callers(
    tmp_path_factory: pytest.TempPathFactory, node: NodeProcess
) -> Iterator[Callers]:
    home = tmp_path_factory.mktemp("gateway") / "home"
    options = ["--key=gateway8", f"--key-from={node.home}"]
    assert init(home, node.rpc_url, *options).exit_code == 0
    with (home / "gateway.toml").open("a") as file:
        file.write(SETTINGS)
    text = (home / "gateway.toml").read_text().replace("# workers = 1", "workers = 2")
    assert "workers = 2" in text
    (home / "gateway.toml").write_text(text)
    with GatewayProcess(home) as gateway:
        made = Callers(gateway)
        yield made
        made.close()


def _tell(callers: Callers, subject: str, count: int = 1, padding: str = "") -> None:
    """Write events into the gateway's database, as a change would."""

    async def write() -> None:
        url = f"sqlite:///{callers.gateway.home}/gateway.db"
        async with Database(url) as database, database.transaction() as session:
            for number in range(count):
                data = {"job": number, "reason": padding}
                tell(session, JOB_STUCK, subject, data)

    asyncio.run(write())


def _newest(callers: Callers) -> int:
    """Return the id of an event told now, once it and all before it have their order."""
    mark = f"mark-{token_hex(8)}"
    _tell(callers, mark)
    deadline_s = time.monotonic() + 60
    with _client(callers) as gateway:
        while time.monotonic() < deadline_s:
            for event in gateway.list_events(subject=mark):
                return int(event.id)
            time.sleep(0.05)
    raise AssertionError("the gateway gives events no order")


def _client(callers: Callers, *roles: Role) -> Gateway:
    key = make_key(callers.gateway.home, *(roles or (Role.SYSTEM,)))
    return Gateway(callers.gateway.url, key)


def _listed(callers: Callers, role: Role = Role.SYSTEM, **query: Any) -> list[str]:
    answer = callers[role].get("/v1/events", params=query)
    assert answer.status_code == 200, answer.text
    return [event["subject"] for event in answer.json()["items"]]


def test_what_a_caller_does_is_told_once_it_is_on_chain(callers: Callers) -> None:
    since = _newest(callers)
    body = {"record": "EVENT-1", "record_type": "tax.invoice", "document": {"a": 1}}
    done = callers[Role.INTEGRATOR].post("/v1/records?wait=30", json=body)
    assert done.status_code == 200, done.text
    with _client(callers, Role.OFFICER) as gateway:
        deadline_s = time.monotonic() + 30
        found: list[Any] = []
        while not found and time.monotonic() < deadline_s:
            found = list(gateway.list_events(since=since, type=[RECORD_PUBLISHED.name]))
    (event,) = [one for one in found if one.subject == "EVENT-1"]
    assert event.data["record_type"] == "tax.invoice"
    assert event.data["transaction"] == done.json()["transaction"]
    assert event.source == "/zones/hangzhou-1/members/hz-tax-bureau"
    assert "EVENT-1" not in _listed(callers, Role.SECURITY, since=since)


def test_security_is_told_of_keys_and_nobody_else_is(callers: Callers) -> None:
    since = _newest(callers)
    body = {"name": "told", "roles": ["system"]}
    made = callers[Role.SECURITY].post("/v1/api-keys", json=body).json()
    callers[Role.SECURITY].delete(f"/v1/api-keys/{made['id']}")
    _newest(callers)
    seen = callers[Role.SECURITY].get("/v1/events", params={"since": since}).json()
    told = [one for one in seen["items"] if one["subject"] == made["id"]]
    assert [one["type"].split(".")[-2] for one in told] == ["made", "revoked"]
    assert made["key"] not in orjson.dumps(seen).decode()
    for role in (Role.OFFICER, Role.INTEGRATOR, Role.AUDITOR, Role.SYSTEM):
        assert made["id"] not in _listed(callers, role, since=since)


def test_list_goes_on_page_by_page_without_gap(callers: Callers) -> None:
    since = _newest(callers)
    _tell(callers, "paged", 7)
    _newest(callers)
    with _client(callers) as gateway:
        found = list(gateway.list_events(since=since, subject="paged", limit=2))
    assert [event.data["job"] for event in found] == list(range(7))


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"since": 10**9}, 422, "events/3"),
        ({"since": -1}, 422, "http/2"),
        ({"type": "cn.huitong.exchange.setled.v1"}, 422, "http/2"),
        ({"after": "x"}, 400, "http/12"),
        ({"subject": "x" * 129}, 422, "http/2"),
    ],
)
def test_list_refuses(
    callers: Callers, query: dict[str, Any], status: int, code: str
) -> None:
    answer = callers[Role.SYSTEM].get("/v1/events", params=query)
    assert problem_of(answer) == (status, code)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"last-event-id": "none"}, 422, "http/2"),
        ({"last-event-id": "999999999"}, 422, "events/3"),
        ({"accept": "application/json"}, 406, "http/9"),
    ],
)
def test_stream_refuses(
    callers: Callers, headers: dict[str, str], status: int, code: str
) -> None:
    answer = callers[Role.SYSTEM].get("/v1/events/stream", headers=headers)
    assert problem_of(answer)[0] == status
    assert problem_of(answer)[1].split("/")[0] == code.split("/")[0]


def test_stream_tells_what_happens_and_a_reader_that_comes_back_misses_nothing(
    callers: Callers,
) -> None:
    since = _newest(callers)
    _tell(callers, "streamed", 3)
    with _client(callers) as gateway:
        stream = gateway.stream_events(since=since, subject="streamed")
        seen = [next(stream) for _ in range(3)]
        _tell(callers, "streamed", 2)
        seen.append(next(stream))
        stream.close()
        back = gateway.stream_events(since=int(seen[-1].id), subject="streamed")
        seen.append(next(back))
        back.close()
    assert [event.data["job"] for event in seen] == [0, 1, 2, 0, 1]


def test_client_goes_on_where_it_was_when_its_stream_has_ended(
    callers: Callers,
) -> None:
    key = make_key(callers.gateway.home, Role.SYSTEM)
    since = _newest(callers)

    async def listen() -> list[int]:
        seen: list[int] = []
        async with AsyncGateway(callers.gateway.url, key) as gateway:
            async for event in gateway.stream_events(since=since, subject="again"):
                seen.append(event.data["job"])
                if len(seen) == 4:
                    break
        return seen

    async def both() -> list[int]:
        listening = asyncio.create_task(listen())
        for _ in range(2):
            await asyncio.to_thread(_tell, callers, "again", 2)
            await asyncio.sleep(7)  # longer than a stream lasts
        return await listening

    assert asyncio.run(both()) == [0, 1, 0, 1]


def _raw_stream(callers: Callers, key: str, query: str = "") -> socket.socket:
    url = httpx.URL(callers.gateway.url)
    connection = socket.create_connection((url.host, url.port or 80), timeout=20)
    connection.sendall(
        f"GET /v1/events/stream{query} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {key}\r\n\r\n".encode()
    )
    return connection


def _head(connection: socket.socket) -> bytes:
    return connection.recv(64)


def _wait_for(connection: socket.socket, wanted: bytes) -> bytes:
    read = b""
    while wanted not in read:
        piece = connection.recv(65_536)
        assert piece, read
        read += piece
    return read


def test_silent_stream_says_that_it_lives(callers: Callers) -> None:
    key = make_key(callers.gateway.home, Role.SYSTEM)
    with _raw_stream(callers, key, "?subject=silence") as connection:
        read = _wait_for(connection, b":\n\n")
    assert b"content-type: text/event-stream" in read.lower()
    assert b"cache-control: no-store" in read.lower()
    assert b"retry: 2000\nid: " in read


def test_stream_of_a_key_that_is_revoked_ends(callers: Callers) -> None:
    made = (
        callers[Role.SECURITY]
        .post("/v1/api-keys", json={"name": "gone", "roles": ["system"]})
        .json()
    )
    opened_s = time.monotonic()
    with _raw_stream(callers, made["key"]) as connection:
        _wait_for(connection, b"retry")
        callers[Role.SECURITY].delete(f"/v1/api-keys/{made['id']}")
        _wait_for(connection, b"0\r\n\r\n")  # the end of a body in chunks
    assert time.monotonic() - opened_s < 6  # it would have ended by itself


def test_caller_has_so_many_streams_and_reader_that_takes_nothing_loses_its_one(
    callers: Callers,
) -> None:
    since = _newest(callers)
    _tell(callers, "flood", 1_500, "x" * 4_000)
    _newest(callers)
    key = make_key(callers.gateway.home, Role.SYSTEM)
    sockets = []
    try:
        # Two workers take two streams each; nobody reads.
        statuses = []
        while b" 429 " not in b"".join(statuses) and len(sockets) < 40:
            sockets.append(_raw_stream(callers, key, f"?since={since}"))
            statuses.append(_head(sockets[-1]))
        assert b" 429 " in statuses[-1]
        assert sum(b" 200 " in status for status in statuses) <= 4
        deadline_s = time.monotonic() + 60
        while b" 200 " not in statuses[-1]:
            assert time.monotonic() < deadline_s
            sockets.append(_raw_stream(callers, key))
            statuses.append(_head(sockets[-1]))
            time.sleep(0.1)
    finally:
        for connection in sockets:
            connection.close()


def test_gateway_with_open_streams_ends_at_once(
    tmp_path: Path, node: NodeProcess
) -> None:
    home = tmp_path / "home"
    options = ["--key=gateway9", f"--key-from={node.home}"]
    assert init(home, node.rpc_url, *options).exit_code == 0
    key = make_key(home, Role.SYSTEM)
    with GatewayProcess(home) as gateway:
        url = httpx.URL(gateway.url)
        with socket.create_connection((url.host, url.port or 80), timeout=20) as stream:
            stream.sendall(
                f"GET /v1/events/stream HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {key}\r\n\r\n".encode()
            )
            _wait_for(stream, b"retry")
            began_s = time.monotonic()
            gateway.ask_to_stop()
            _wait_for(stream, b"0\r\n\r\n")
            # The grace for open requests is ten seconds.
            assert time.monotonic() - began_s < 9


def test_command_lists_and_follows_events(callers: Callers) -> None:
    since = _newest(callers)
    _tell(callers, "by-command", 2)
    _newest(callers)
    key_file = callers.gateway.home / "events.key"
    key_file.write_text(make_key(callers.gateway.home, Role.SYSTEM))
    where = [f"--url={callers.gateway.url}", f"--key-file={key_file}"]
    options = [f"--since={since}", "--subject=by-command", "--json"]
    listed = run("gw", "events", "list", *where, *options)
    found = orjson.loads(listed.stdout)["events"]
    assert [event["subject"] for event in found] == ["by-command", "by-command"]
    options = [f"--since={since}", "--limit=2", "--json"]
    followed = run("gw", "events", "follow", *where, *options)
    lines = [orjson.loads(line) for line in followed.stdout.splitlines()]
    assert [line["id"] for line in lines] == [event["id"] for event in found]
