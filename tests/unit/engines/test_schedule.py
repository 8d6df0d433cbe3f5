"""When blocks are due."""

from __future__ import annotations

import pytest

from huitong.engines.embedded.schedule import (
    CLOCK_LAG_NS_MAX,
    GATHER_NS,
    NS_PER_MS,
    QUIET_PAUSE_NS_MIN,
    Due,
    Moment,
    Pace,
    next_block,
)

PACE = Pace(block_time_ns=200 * NS_PER_MS, heartbeat_ns=5_000 * NS_PER_MS)


def _at(
    now_ms: int,
    *,
    last_block_ms: int = 0,
    last_work_ms: int = 0,
    waiting_ms: int | None = None,
    proof: bool = False,
) -> Moment:
    return Moment(
        now_ns=now_ms * NS_PER_MS,
        last_block_ns=last_block_ms * NS_PER_MS,
        last_work_ns=last_work_ms * NS_PER_MS,
        waiting_since_ns=None if waiting_ms is None else waiting_ms * NS_PER_MS,
        proof_is_due=proof,
    )


@pytest.mark.parametrize(
    ("moment", "due", "wait_ms"),
    [
        pytest.param(_at(0, last_work_ms=-9_000), Due.HEARTBEAT, 5_000, id="idle"),
        pytest.param(
            _at(5_000, last_work_ms=-9_000), Due.HEARTBEAT, 0, id="idle-for-long"
        ),
        pytest.param(_at(9_000), Due.HEARTBEAT, 0, id="late-heartbeat"),
        pytest.param(_at(1, proof=True), Due.PROOF, 0, id="proof-at-once"),
        pytest.param(
            _at(1, waiting_ms=1, proof=True), Due.PROOF, 0, id="proof-before-work"
        ),
        pytest.param(_at(50, waiting_ms=50), Due.WORK, 150, id="work-in-its-time"),
        pytest.param(_at(300, waiting_ms=300), Due.WORK, 10, id="work-gathers"),
        pytest.param(_at(310, waiting_ms=300), Due.WORK, 0, id="work-now"),
        pytest.param(_at(400, waiting_ms=100), Due.WORK, 0, id="work-late"),
        pytest.param(
            _at(3_000, waiting_ms=3_000), Due.CLOCK, 10, id="clock-before-work"
        ),
        pytest.param(
            _at(3_000, last_block_ms=2_990, waiting_ms=3_000),
            Due.WORK,
            10,
            id="clock-is-right",
        ),
    ],
)
def test_next_block_is(moment: Moment, due: Due, wait_ms: int) -> None:
    assert next_block(PACE, moment) == (due, wait_ms * NS_PER_MS)


def test_pauses_after_work_grow_from_the_block_time_to_the_heartbeat() -> None:
    at_ms, pauses_ms = 0, []
    for _ in range(8):
        due, wait_ns = next_block(PACE, _at(at_ms, last_block_ms=at_ms))
        assert due is Due.HEARTBEAT
        pauses_ms.append(wait_ns // NS_PER_MS)
        at_ms += pauses_ms[-1]
    assert pauses_ms == [200, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]


def test_pauses_are_not_shorter_than_the_least_however_short_the_block_time() -> None:
    pace = Pace(block_time_ns=0)
    assert next_block(pace, _at(0)) == (Due.HEARTBEAT, QUIET_PAUSE_NS_MIN)


def test_work_that_waits_is_not_put_off_by_an_empty_block() -> None:
    moment = _at(190, last_block_ms=0, last_work_ms=0, waiting_ms=190)
    assert next_block(PACE, moment) == (Due.WORK, 10 * NS_PER_MS)


def test_clock_block_is_due_just_beyond_the_lag() -> None:
    lag_ms = CLOCK_LAG_NS_MAX // NS_PER_MS
    gather_ms = GATHER_NS // NS_PER_MS
    at_bound = _at(lag_ms, waiting_ms=lag_ms - gather_ms)
    beyond = _at(lag_ms + 1, waiting_ms=lag_ms - gather_ms + 1)
    assert next_block(PACE, at_bound)[0] is Due.WORK
    assert next_block(PACE, beyond)[0] is Due.CLOCK


def test_block_time_zero_makes_blocks_without_waiting() -> None:
    pace = Pace(block_time_ns=0)
    assert next_block(pace, _at(1, waiting_ms=1)) == (Due.WORK, 0)


def test_slow_pace_makes_one_clock_block_and_keeps_the_heartbeat() -> None:
    pace = Pace(block_time_ns=8_000 * NS_PER_MS, heartbeat_ns=5_000 * NS_PER_MS)
    early = next_block(pace, _at(100, waiting_ms=100))
    assert early == (Due.HEARTBEAT, 4_900 * NS_PER_MS)
    late = next_block(pace, _at(7_000, last_block_ms=5_000, waiting_ms=100))
    assert late == (Due.CLOCK, 1_000 * NS_PER_MS)
    after_clock = next_block(pace, _at(8_000, last_block_ms=8_000, waiting_ms=100))
    assert after_clock == (Due.WORK, 0)
