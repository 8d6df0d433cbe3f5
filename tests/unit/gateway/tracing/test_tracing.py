"""Traces: their ids, what a step becomes, and that nothing is there while it is off."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from huitong.gateway.http.request_id import make_context
from huitong.gateway.outbox.steps import Step, StepState
from huitong.gateway.tracing.ids import (
    TracePlace,
    exchange_trace,
    read_traceparent,
    step_span_id,
)
from huitong.gateway.tracing.settings import TracingSettings
from huitong.gateway.tracing.spans import NO_TRACING, SpanKind, span_of
from huitong.gateway.tracing.steps import ExchangeSpan, spans_of

CALL = TracePlace(5, 6)
STEP = Step(
    id=1,
    kind="exchange.confirm",
    key="exchange.confirm/e/0",
    lane="ht1",
    subject="e",
    request_id="r",
    payload=b"",
    is_chain=True,
    state=StepState.DONE,
    attempts=1,
    next_attempt_ns=0,
    created_ns=10,
    changed_ns=30,
    error_codespace="",
    error_code=0,
    error="",
    result=b"",
    traceparent=CALL.traceparent,
    signed_ns=20,
    tx_hash="AB" * 32,
    height=7,
)
EXCHANGE = ExchangeSpan(
    place=exchange_trace("hangzhou-1", "channel-0", 7),
    start_ns=1,
    attributes={},
    ends_with="exchange.confirm",
)


def test_trace_of_an_exchange_never_changes() -> None:
    place = exchange_trace("hangzhou-1", "channel-0", 7)
    assert place.traceparent == (
        "00-858fae718bb88d25fb73e976afbbb564-e4de7296489fff16-01"
    )


def test_exchanges_have_traces_of_their_own() -> None:
    places = {
        exchange_trace(chain, channel, sequence)
        for chain in ("hangzhou-1", "hangzhou-2")
        for channel in ("channel-1", "channel-11")
        for sequence in (1, 11)
    }
    assert len({place.trace_id for place in places}) == 8


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-" + "0" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "1" * 32 + "-" + "0" * 16 + "-01",
        "01-" + "1" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "A" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "1" * 32 + "-" + "1" * 16 + "-01-x",
    ],
)
def test_traceparent_that_is_none_is_not_taken(text: str) -> None:
    assert read_traceparent(text) is None


def test_traceparent_is_read_as_it_is_written() -> None:
    for place in (CALL, TracePlace(5, 6, is_sampled=False)):
        assert read_traceparent(place.traceparent) == place


def test_step_of_an_exchange_stands_in_its_trace_and_is_linked_to_the_call() -> None:
    step, transaction, root = spans_of(STEP, EXCHANGE)
    assert step.place.trace_id == EXCHANGE.place.trace_id
    assert step.place.span_id == step_span_id(STEP.key)
    assert step.parent_id == root.place.span_id == EXCHANGE.place.span_id
    assert [*step.links] == [CALL]
    assert transaction.parent_id == step.place.span_id
    assert (transaction.start_ns, transaction.end_ns) == (20, 30)
    assert (root.start_ns, root.end_ns, root.parent_id) == (1, 30, 0)


def test_other_step_stands_below_the_call() -> None:
    step, _ = spans_of(STEP, None)
    assert (step.place.trace_id, step.parent_id) == (CALL.trace_id, CALL.span_id)
    assert [*step.links] == []


def test_step_that_is_stuck_is_a_failure() -> None:
    stuck = replace(STEP, state=StepState.STUCK, error="no", tx_hash="")
    assert spans_of(stuck, None)[0].failure == "no"


@pytest.mark.parametrize(
    "traceparent", ["", TracePlace(5, 6, is_sampled=False).traceparent]
)
def test_step_that_nobody_traces_is_no_span(traceparent: str) -> None:
    assert spans_of(replace(STEP, traceparent=traceparent), None) == []


def test_failure_within_a_span_goes_on() -> None:
    def fail() -> None:
        parent = TracePlace(5, 6)
        with span_of(NO_TRACING, "x", parent, kind=SpanKind.CLIENT, attributes={}):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


def test_call_goes_on_with_the_callers_trace_and_decision() -> None:
    context = make_context(None, CALL.traceparent, lambda _: False)
    place = read_traceparent(context.traceparent)
    assert place is not None
    assert (place.trace_id, place.is_sampled, context.parent_id) == (5, True, 6)


@pytest.mark.parametrize("sampled", [True, False])
def test_trace_that_begins_here_is_sampled_as_the_settings_say(sampled: bool) -> None:
    context = make_context(None, None, lambda _: sampled)
    place = read_traceparent(context.traceparent)
    assert place is not None
    assert place.is_sampled is sampled
    assert context.parent_id == 0


def test_nothing_of_opentelemetry_is_loaded_while_it_is_off() -> None:
    code = (
        "import sys, huitong.gateway.service.app;"
        "print([m for m in sys.modules if m.startswith(('opentelemetry.sdk',"
        "'opentelemetry.exporter', 'requests.'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "given",
    [
        {"endpoint": "127.0.0.1:4318"},
        {"endpoint": "ftp://127.0.0.1/x"},
        {"endpoint": "http://127.0.0.1:99999/x"},
        {"headers": ("token",)},
        {"headers": ("bad header=x",)},
        {"sample": 1.5},
    ],
)
def test_setting_that_cannot_be_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        TracingSettings.model_validate(given)
