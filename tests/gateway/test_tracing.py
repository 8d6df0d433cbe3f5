"""One exchange as one trace over two organisations, at a receiver of OTLP."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from huitong.gateway.tracing.ids import exchange_trace
from tests.gateway.exchange_kit import PURPOSE
from tests.gateway.otlp_kit import Receiver, SeenSpan, receiving
from tests.gateway.pair_kit import Side, pair_of_gateways

pytestmark = pytest.mark.slow

CALLERS_TRACE, CALLERS_SPAN = 0xABCDEF << 64 | 7, 0x1234567890
TRACEPARENT = f"00-{CALLERS_TRACE:032x}-{CALLERS_SPAN:016x}-01"
UNSAMPLED = f"00-{9:032x}-{9:016x}-00"
#: Steps of a granted exchange, and which side's they are.
STEPS = {
    "exchange.request": "cq-bank",
    "exchange.seal": "hz-tax",
    "exchange.state": "hz-tax",
    "exchange.hand-over": "hz-tax",
    "exchange.check": "cq-bank",
    "exchange.confirm": "cq-bank",
}


def _wait(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


def _exchange(provider: Side, reader: Side) -> tuple[int, str]:
    """Carry out a granted exchange; return its sequence and the request's id."""
    with provider.client() as gateway:
        gateway.publish_record(
            record="INV-1", record_type="tax.invoice", document={"total": 1}, wait=60
        )
        gateway.give_grant(
            reader="cq-bank",
            channel=provider.channel_id,
            record_type="tax.invoice",
            purpose=PURPOSE,
            wait=60,
        )
    answer = httpx.post(
        f"{reader.url}/v1/requests",
        params={"wait": 60},
        json={
            "channel": reader.channel_id,
            "issuer": "hz-tax",
            "record": "INV-1",
            "purpose": PURPOSE,
            "legal_basis": "contract",
        },
        headers={
            "authorization": f"Bearer {reader.api_key}",
            "traceparent": TRACEPARENT,
        },
        timeout=90,
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["stage"] == "settled"
    return answer.json()["sequence"], answer.headers["x-request-id"]


def _named(spans: list[SeenSpan], name: str) -> SeenSpan:
    (found,) = [span for span in spans if span.name == name]
    return found


def test_exchange_is_one_trace_over_two_organisations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTLP_TOKEN", "a-token")
    with receiving() as receiver:
        settings = (
            f'\n[tracing]\nendpoint = "{receiver.url}"\n'
            'headers = ["x-token=env:OTLP_TOKEN"]\n'
        )
        with pair_of_gateways(tmp_path, settings=settings) as (provider, reader):
            sequence, request_id = _exchange(provider, reader)
            root = exchange_trace("hangzhou-1", provider.channel_id, sequence)
            _wait(lambda: _is_whole(receiver, root.trace_id))
            unsampled = {"traceparent": UNSAMPLED}
            httpx.get(f"{reader.url}/health/live", headers=unsampled)
        # All spans are sent when the gateways have stopped.
        spans = receiver.of_trace(root.trace_id)
        assert receiver.of_trace(9) == []
        assert receiver.headers[0]["x-token"] == "a-token"
    for name, member in STEPS.items():
        step = _named(spans, name)
        assert step.member == member
        assert step.parent_id == root.span_id
        assert step.start_ns <= step.end_ns
        assert not step.is_failed
    # Every span has its parent here, and the root none.
    ids = {span.span_id for span in spans}
    assert all(span.parent_id in ids for span in spans if span.name != "exchange")
    top = _named(spans, "exchange")
    assert (top.span_id, top.parent_id, top.member) == (root.span_id, 0, "cq-bank")
    # The delivery is one span on each side, the one below the other.
    brought, taken = (
        _named(spans, "peer delivery"),
        _named(spans, "peer delivery taken"),
    )
    assert brought.parent_id == _named(spans, "exchange.hand-over").span_id
    assert taken.parent_id == brought.span_id
    assert (brought.member, taken.member) == ("hz-tax", "cq-bank")
    # What went on chain, in which transaction.
    carried = [span for span in spans if span.name == "chain transaction"]
    assert {span.member for span in carried} == {"hz-tax", "cq-bank"}
    assert all(len(span.attributes["huitong.transaction"]) == 64 for span in carried)
    # The caller's own trace has the call, and the exchange is linked to it.
    call = _named(receiver.of_trace(CALLERS_TRACE), "POST /v1/requests")
    assert call.parent_id == CALLERS_SPAN
    assert call.attributes["http.response.status_code"] == 200
    assert call.attributes["huitong.request_id"] == request_id
    asked = _named(spans, "exchange.request")
    assert asked.links == [(CALLERS_TRACE, call.span_id)]
    assert asked.attributes["huitong.request_id"] == request_id


def _is_whole(receiver: Receiver, trace_id: int) -> bool:
    names = {span.name for span in receiver.of_trace(trace_id)}
    return names >= {*STEPS, "peer delivery", "peer delivery taken", "exchange"}
