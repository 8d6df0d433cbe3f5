"""Bodies of refused requests are freed at once, without garbage collection."""

from __future__ import annotations

import gc
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from starlette.types import Message, Scope
from structlog.testing import capture_logs

from huitong.gateway.access.roles import Role
from huitong.gateway.database.engine import Database
from huitong.gateway.database.schema import METADATA
from tests.gateway.edge_kit import Behind, put_behind

_SIZE = 900_000
_TEXT = b"x" * _SIZE


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Behind]:
    async with (
        Database(f"sqlite:///{tmp_path}/gateway.db") as database,
        httpx.AsyncClient() as unused,
    ):
        await database.make_tables(METADATA)
        yield put_behind(database, unused)


@pytest.fixture
def garbage() -> Iterator[Callable[[], list[object]]]:
    """Give what would wait for a garbage collection, from here on."""
    gc.collect()
    gc.disable()

    def found() -> list[object]:
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        kept, gc.garbage[:] = list(gc.garbage), []
        return kept

    try:
        yield found
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def _send(
    behind: Behind, method: str, path: str, parts: Sequence[bytes], *, ends: bool = True
) -> dict[str, object]:
    """Call the application, hang up after the parts if it does not end; give its problem."""
    headers = await behind.key(Role.INTEGRATOR)
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"authorization", headers["Authorization"].encode()),
            (b"content-type", b"application/json"),
        ],
        "client": ("192.0.2.1", 1),
        "server": ("gateway", 80),
        "state": {},
    }
    messages: list[Message] = [
        # Each a copy: what is kept of one would hide that of the others.
        {"type": "http.request", "body": bytes(bytearray(part)), "more_body": True}
        for part in parts
    ]
    messages += [
        {"type": "http.request", "body": b"", "more_body": False}
        if ends
        else {"type": "http.disconnect"}
    ]
    messages.reverse()
    answer = bytearray()

    async def receive() -> Message:
        return messages.pop()

    async def send(message: Message) -> None:
        answer.extend(message.get("body", b""))

    with capture_logs():  # the traceback of a bug is not written out with its locals
        await behind.app(scope, receive, send)
    told: dict[str, object] = json.loads(answer)
    return told


def _large_in(garbage: list[object]) -> list[int]:
    return [
        len(held)
        for item in garbage
        for held in gc.get_referents(item)
        if isinstance(held, bytes | bytearray | str) and len(held) > _SIZE // 2
    ]


_REFUSED = {
    "not-ended": ([b'{"name": "' + _TEXT], 3),
    "not-utf-8": ([b'{"name": "\xff' + _TEXT + b'"}'], 3),
    "nul": ([b'{"name": "\\u0000' + _TEXT + b'"}'], 3),
    "half-a-surrogate-pair": ([b'{"name": "\\ud800' + _TEXT + b'"}'], 3),
    "name-twice": ([b'{"name": "' + _TEXT + b'", "name": 1}'], 3),
    "too-deep": ([b'{"name": "' + _TEXT + b'", "a": ' + b"[" * 90 + b"]" * 90], 3),
    "field-not-valid": ([b'{"name": "' + _TEXT + b'"}'], 2),
    "refused-by-the-operation": ([b'{"name": "refused"' + b" " * _SIZE + b"}"], 5),
    "bug-of-the-operation": ([b'{"name": "bug"' + b" " * _SIZE + b"}"], 22),
    "too-large": ([_TEXT, _TEXT], 9),
}


@pytest.mark.parametrize(("parts", "code"), _REFUSED.values(), ids=_REFUSED)
async def test_body_of_a_refused_request_is_freed(
    behind: Behind,
    garbage: Callable[[], list[object]],
    parts: list[bytes],
    code: int,
) -> None:
    for _ in range(3):
        told = await _send(behind, "POST", "/v1/things", parts)
        assert (told["codespace"], told["code"]) == ("http", code)
    assert _large_in(garbage()) == []


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/things"), ("PUT", "/v1/payloads/a")]
)
async def test_body_whose_sender_hangs_up_is_freed(
    behind: Behind, garbage: Callable[[], list[object]], method: str, path: str
) -> None:
    for _ in range(3):
        await _send(behind, method, path, [_TEXT], ends=False)
    assert _large_in(garbage()) == []
