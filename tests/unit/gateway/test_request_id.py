"""Names of requests: what is taken over from the caller, and what is made."""

from __future__ import annotations

import pytest

from huitong.gateway.http.request_id import make_context

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize("given", ["a1b2c3d4", "Order_7.2026-11-27", "0" * 64])
def test_id_of_safe_form_is_taken_over(given: str) -> None:
    assert make_context(given, None).request_id == given


@pytest.mark.parametrize(
    "given",
    [None, "", "short", "x" * 65, "-abcdefgh", "with space", "a/../../b", "令牌令牌令牌令牌",
     "abcdefgh\n", "abcdefgh\r\nSet-Cookie: a=b", "${jndi:ldap}", "http:abcdefgh"],
)  # fmt: skip
def test_id_of_another_form_is_replaced(given: str | None) -> None:
    made = make_context(given, None).request_id
    assert made != given
    assert len(made) == 32
    assert made.isalnum()


def test_span_is_a_new_one_in_the_caller_s_trace() -> None:
    version, trace, span, flags = make_context(None, PARENT).traceparent.split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert span != "00f067aa0ba902b7"


def test_trace_of_a_later_version_is_taken_over() -> None:
    later = PARENT.replace("00-", "cc-", 1) + "-what-comes-later"
    assert make_context(None, later).traceparent.split("-")[1] == TRACE


@pytest.mark.parametrize(
    "given",
    [None, "", PARENT.upper(), PARENT + "-more", PARENT.replace("00-", "ff-", 1),
     f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-{TRACE}-{'0' * 16}-01", PARENT[:-1], PARENT + "\n"],
)  # fmt: skip
def test_trace_of_another_form_is_replaced(given: str | None) -> None:
    version, trace, _, flags = make_context(None, given).traceparent.split("-")
    assert (version, flags) == ("00", "00")
    assert trace != TRACE
    assert len(trace) == 32
