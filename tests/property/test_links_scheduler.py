"""Packets under a hostile scheduler: at most once, settled once, nothing lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huitong.modules.links import state
from huitong.modules.links.handlers import (
    acknowledge_packet,
    recv_packet,
    timeout_on_close,
    timeout_packet,
)
from tests.property.links_world import live

STEPS = 80
#: A canary that outlives this many lives would mean that the test proves nothing.
LIVES_MAX = 300


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_packet_is_received_once_and_settled_once(seed: int) -> None:
    live(seed, STEPS)


def nothing(*arguments: Any, **named: Any) -> None:
    """Stand for a rule that was forgotten."""


def never(*arguments: Any) -> bool:
    """Stand for a question that is always answered wrongly."""
    return False


#: What is forgotten, and a life that noticed it when this was written.
CANARIES = [
    pytest.param([(state, "save_receipt", nothing)], 40, id="no receipt"),
    pytest.param(
        [(recv_packet, "_was_received", never)], 10, id="no replay protection"
    ),
    pytest.param(
        [(recv_packet, "check_not_elapsed", nothing)], 41, id="received too late"
    ),
    pytest.param(
        [(recv_packet, "verify_packet_commitment", nothing)],
        36,
        id="no proof of sending",
    ),
    pytest.param([(state, "delete_commitment", nothing)], 0, id="not settled"),
    pytest.param(
        [
            (acknowledge_packet, "is_packet_settled", never),
            (timeout_packet, "is_packet_settled", never),
        ],
        16,
        id="settled twice",
    ),
    pytest.param(
        [(acknowledge_packet, "verify_packet_acknowledgement", nothing)],
        0,
        id="no proof of receipt",
    ),
    pytest.param(
        [(timeout_packet, "check_elapsed", nothing)], 108, id="timed out too early"
    ),
    pytest.param(
        [(timeout_packet, "verify_not_received", nothing)], 19, id="no proof of absence"
    ),
    pytest.param(
        [(timeout_on_close, "verify_channel_end", nothing)],
        82,
        id="no proof of closing",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("forgotten", "hint"), CANARIES)
def test_a_forgotten_rule_is_noticed(
    forgotten: list[tuple[Any, str, Any]], hint: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, name, wrong in forgotten:
        monkeypatch.setattr(place, name, wrong)
    for seed in (hint, *range(LIVES_MAX)):
        try:
            live(seed, STEPS)
        except AssertionError:
            return
    pytest.fail(f"{LIVES_MAX} lives went by without it")
