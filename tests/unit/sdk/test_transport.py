"""Calls: sent again when that may help, with the same key, and told when it does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from huitong.sdk import (
    AnswerFormError,
    AsyncGateway,
    Gateway,
    NoAnswerError,
    ProblemError,
)

_PROBLEM = {
    "type": "/errors#http-2",
    "title": "Fields are missing.",
    "status": 422,
    "detail": "1 field is not valid",
    "instance": "r1",
    "codespace": "http",
    "code": 2,
    "next_step": "Correct it.",
    "errors": [{"field": "body.record", "reason": "Field required"}],
}
_JOB = {
    "id": 7,
    "kind": "grants.give",
    "subject": "s",
    "lane": "l",
    "state": "done",
    "attempts": 1,
    "created": "2026-03-18T09:30:00Z",
    "changed": "2026-03-18T09:30:00Z",
    "next_attempt": None,
    "transaction": None,
    "height": None,
    "result": {"grant": 1},
    "problem": None,
    "request_id": "r1",
    "said_by_a_newer_gateway": True,
}
_BUSY = {**_PROBLEM, "status": 503, "codespace": "outbox", "code": 9, "errors": None}


class Wire:
    """Answers each request with the next of what was prepared, and keeps the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.bodies: list[bytes] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.bodies.append(request.read())
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def awaited(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self(request)


Run = Callable[[Wire, Callable[[Any], Any]], Any]


def _run_waiting(wire: Wire, use: Callable[[Any], Any]) -> Any:
    http = httpx.Client(transport=httpx.MockTransport(wire))
    with Gateway("http://gateway/", "k", http=http) as gateway:
        found = use(gateway)
        return list(found) if isinstance(found, Iterator) else found


def _run_awaited(wire: Wire, use: Callable[[Any], Any]) -> Any:
    async def run() -> Any:
        http = httpx.AsyncClient(transport=httpx.MockTransport(wire.awaited))
        async with AsyncGateway("http://gateway/", "k", http=http) as gateway:
            found = use(gateway)
            if hasattr(found, "__aiter__"):
                return [each async for each in found]
            return await found

    return asyncio.run(run())


@pytest.fixture(params=[_run_waiting, _run_awaited], ids=["waiting", "awaited"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run:
    async def no_pause(_: float) -> None: ...

    monkeypatch.setattr("huitong.sdk.transport.time.sleep", lambda _: None)
    monkeypatch.setattr(
        "huitong.sdk.async_transport.asyncio", type("A", (), {"sleep": no_pause})
    )
    return request.param  # type: ignore[no-any-return]


def _give(gateway: Any) -> Any:
    return gateway.give_grant(reader="bank", purpose="p", fields=["total"], wait=5)


def test_order_is_sent_again_with_the_same_key_and_body(run: Run) -> None:
    wire = Wire(
        httpx.Response(503, json=_BUSY, headers={"retry-after": "1"}),
        httpx.ReadTimeout("lost"),
        httpx.Response(429, json=_BUSY),
        httpx.Response(200, json=_JOB),
    )
    job = run(wire, _give)
    assert (job.id, job.result) == (7, {"grant": 1})
    keys = {request.headers["idempotency-key"] for request in wire.requests}
    assert len(keys) == 1
    assert len(wire.requests) == 4
    assert {bytes(body) for body in wire.bodies} == {wire.bodies[0]}
    assert json.loads(wire.bodies[0]) == {
        "reader": "bank",
        "purpose": "p",
        "fields": ["total"],
    }
    assert wire.requests[0].url.params["wait"] == "5"
    assert wire.requests[0].headers["authorization"] == "Bearer k"


def test_two_orders_have_two_keys_and_a_given_one_is_taken(run: Run) -> None:
    wire = Wire(*(httpx.Response(202, json=_JOB) for _ in range(3)))
    run(wire, _give)
    answers = Wire(httpx.Response(202, json=_JOB))
    run(answers, _give)
    given = Wire(httpx.Response(202, json=_JOB))
    run(given, lambda g: g.withdraw_grant(7, idempotency_key="mine"))
    keys = [w.requests[0].headers["idempotency-key"] for w in (wire, answers, given)]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"


def test_refusal_is_raised_with_everything_that_was_said(run: Run) -> None:
    wire = Wire(httpx.Response(422, json=_PROBLEM))
    with pytest.raises(ProblemError) as raised:
        run(wire, _give)
    problem = raised.value.problem
    assert (problem.status, problem.codespace, problem.code) == (422, "http", 2)
    assert (problem.request_id, problem.next_step) == ("r1", "Correct it.")
    assert [(e.field, e.reason) for e in problem.errors] == [
        ("body.record", "Field required")
    ]
    assert len(wire.requests) == 1


def test_refusal_that_stays_is_raised_after_the_last_attempt(run: Run) -> None:
    wire = Wire(*(httpx.Response(503, json=_BUSY) for _ in range(5)))
    with pytest.raises(ProblemError):
        run(wire, _give)
    assert len(wire.requests) == 5


def test_what_may_have_been_done_without_a_key_is_not_sent_again(run: Run) -> None:
    wire = Wire(httpx.ReadTimeout("lost"))
    with pytest.raises(NoAnswerError, match="lost"):
        run(wire, lambda g: g.cancel_exchange("e1"))
    refused = Wire(httpx.ConnectError("closed"), httpx.Response(200, json=_JOB))
    assert run(refused, lambda g: g.retry_job(7)).id == 7


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (200, b"<html>"),
        (200, b'{"id": 7}'),
        (404, b"nginx"),
        (404, b"[]"),
        (302, b""),
    ],
)
def test_answer_of_something_else_is_refused(
    run: Run, status: int, content: bytes
) -> None:
    wire = Wire(httpx.Response(status, content=content))
    with pytest.raises(AnswerFormError):
        run(wire, lambda g: g.get_job(7))


def test_list_goes_on_with_the_cursor_until_there_is_none(run: Run) -> None:
    wire = Wire(
        httpx.Response(200, json={"items": [_JOB], "next": "c1"}),
        httpx.Response(200, json={"items": [], "next": "c2"}),
        httpx.Response(200, json={"items": [{**_JOB, "id": 8}], "next": None}),
    )
    jobs = run(wire, lambda g: g.list_jobs(state=["stuck", "waiting"], limit=1))
    assert [job.id for job in jobs] == [7, 8]
    asked = [request.url.params for request in wire.requests]
    assert [each.get("after") for each in asked] == [None, "c1", "c2"]
    assert {tuple(each.get_list("state")) for each in asked} == {("stuck", "waiting")}


def test_file_is_sent_whole_at_every_attempt(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "scan.pdf"
    file.write_bytes(b"%PDF" * 200_000)
    wire = Wire(httpx.Response(503, json=_BUSY), httpx.Response(422, json=_PROBLEM))
    with pytest.raises(ProblemError):
        run(
            wire,
            lambda g: g.publish_file(
                "R/1", file, record_type="t", content_type="application/pdf"
            ),
        )
    assert wire.bodies == [file.read_bytes()] * 2
    request = wire.requests[1]
    assert request.url.raw_path.startswith(b"/v1/records/R%2F1/file?")
    assert request.headers["content-type"] == "application/pdf"
    assert request.headers["content-length"] == str(file.stat().st_size)
    assert "transfer-encoding" not in request.headers


def test_document_comes_in_pieces_and_a_refusal_of_it_is_raised(run: Run) -> None:
    data = bytes(600_000)
    wire = Wire(httpx.Response(200, content=data))
    pieces = run(wire, lambda g: g.download_document("e1"))
    assert b"".join(pieces) == data
    assert len(pieces) > 1
    with pytest.raises(ProblemError):
        run(
            Wire(httpx.Response(404, json=_PROBLEM)),
            lambda g: g.download_document("e1"),
        )
