"""Steps that are no messages: tried again, stuck alone, and ended by a person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from huitong.client.zone import ZoneClient
from huitong.core.errors import HuitongError
from huitong.gateway.database.engine import Database
from huitong.gateway.outbox import (
    Done,
    Failed,
    NewStep,
    Outbox,
    Settled,
    Step,
    StepFilter,
    StepState,
    chain_step,
)
from huitong.gateway.outbox.errors import (
    AccountMissingError,
    HandlerMissingError,
    StepKeyReusedError,
    StepNotFoundError,
    StepStateError,
    StepTooLargeError,
)
from huitong.gateway.outbox.lease import Lease
from huitong.gateway.outbox.steps import StepOutcome
from huitong.gateway.peers.errors import PeerDownError, PeerRefusedError
from huitong.proto.huitong.records.v1 import records_pb2
from tests.gateway.outbox_kit import add, make_outbox, running, wait_all

KEY = bytes(range(1, 33))
DOWN = PeerDownError(member_id="x", url="http://x", reason="gone")
NO = PeerRefusedError(member_id="x", reason="no")


class Doing:
    """An executor that does what the key of a step says."""

    batch_max = 4
    parallel_max = 2

    def __init__(self, do: Callable[[Step], StepOutcome | Exception]) -> None:
        self._do = do
        self.tried: list[str] = []
        self.ended: list[Settled] = []
        self.fails_to_settle: set[str] = set()

    async def execute(self, steps: Sequence[Step]) -> list[StepOutcome]:
        outcomes = []
        for step in steps:
            self.tried.append(step.key)
            outcome = self._do(step)
            if isinstance(outcome, Exception):
                raise outcome
            outcomes.append(outcome)
        return outcomes

    async def settle(self, session: Any, settled: Sequence[Settled]) -> None:
        for item in settled:
            if item.step.key in self.fails_to_settle:
                raise KeyError(item.step.key)
        self.ended += settled

    def states(self) -> dict[str, str]:
        return {item.step.key: item.step.state for item in self.ended}


@pytest.fixture
async def zone() -> AsyncIterator[ZoneClient]:
    """No zone at all: local steps do not need one."""
    async with ZoneClient("tcp://127.0.0.1:1") as client:
        yield client


def local(key: str, lane: str = "a") -> NewStep:
    return NewStep(kind="do", key=key, payload=b"", lane=lane, subject=f"s-{key}")


def doing(
    database: Database,
    zone: ZoneClient,
    do: Callable[[Step], StepOutcome | Exception],
    **settings: Any,
) -> tuple[Outbox, Doing]:
    outbox, _, _ = make_outbox(database, zone, KEY, **settings)
    executor = Doing(do)
    outbox.register("do", executor)
    return outbox, executor


async def test_step_that_fails_for_good_is_stuck_and_blocks_no_other(
    database: Database, zone: ZoneClient
) -> None:
    def do(step: Step) -> StepOutcome | Exception:
        return Failed(error=NO) if step.key == "bad" else Done(result=b"r")

    outbox, executor = doing(database, zone, do)
    async with running(outbox):
        ids = await add(outbox, local("bad"), *(local(f"g{n}") for n in range(20)))
        done = await wait_all(outbox, ids, 30)
    assert done[0].state == StepState.STUCK
    assert (done[0].error_codespace, done[0].error_code) == ("peers", 4)
    assert {step.state for step in done[1:]} == {StepState.DONE}
    assert {step.result for step in done[1:]} == {b"r"}
    assert len(executor.ended) == 21
    (stuck,) = await outbox.find(StepFilter(states=(StepState.STUCK,)))
    assert stuck.error == "the gateway of x refuses: no"


async def test_step_is_tried_again_until_it_succeeds_or_its_attempts_are_used_up(
    database: Database, zone: ZoneClient
) -> None:
    seen: dict[str, int] = {}

    def do(step: Step) -> StepOutcome | Exception:
        seen[step.key] = seen.get(step.key, 0) + 1
        if step.key == "never" or seen[step.key] < 3:
            return Failed(error=DOWN)
        return Done()

    outbox, _ = doing(database, zone, do, attempts_max=4)
    async with running(outbox):
        ids = await add(outbox, local("never"), local("third"))
        never, third = await wait_all(outbox, ids, 30)
    assert (never.state, never.attempts) == (StepState.STUCK, 4)
    assert (third.state, third.attempts) == (StepState.DONE, 2)
    assert seen == {"never": 4, "third": 3}


async def test_exception_in_an_executor_fails_its_steps_only(
    database: Database, zone: ZoneClient
) -> None:
    def do(step: Step) -> StepOutcome | Exception:
        return ValueError("a bug") if step.lane == "broken" else Done()

    outbox, _ = doing(database, zone, do, attempts_max=2)
    async with running(outbox):
        ids = await add(outbox, local("x", "broken"), local("y", "whole"))
        broken, whole = await wait_all(outbox, ids, 30)
    assert (broken.state, whole.state) == (StepState.STUCK, StepState.DONE)
    assert "a bug" in broken.error


async def test_handler_that_fails_for_one_step_hears_of_the_others(
    database: Database, zone: ZoneClient
) -> None:
    outbox, executor = doing(database, zone, lambda step: Done())
    executor.fails_to_settle = {"g1"}
    async with running(outbox):
        ids = await add(outbox, *(local(f"g{n}") for n in range(4)))
        done = await wait_all(outbox, ids, 30)
    assert set(executor.states()) == {"g0", "g2", "g3"}
    assert "what follows failed" in done[1].error


async def test_lane_whose_other_end_is_away_is_tried_with_few_steps_and_then_with_all(
    database: Database, zone: ZoneClient
) -> None:
    is_back = False

    def do(step: Step) -> StepOutcome:
        if step.lane == "a" and not is_back:
            return Failed(error=DOWN, is_away=True)
        return Done()

    outbox, executor = doing(database, zone, do, retry_first_s=0.2, retry_longest_s=1)
    others = [local(f"o{n}", "b") for n in range(40)]
    async with running(outbox):
        ids = await add(outbox, *(local(f"a{n}") for n in range(200)))
        for other in others:
            (other_id,) = await add(outbox, other)
            assert (await outbox.wait(other_id, 10)).state == StepState.DONE
        tried = [key for key in executor.tried if key.startswith("a")]
        # Two calls of four steps at first, then one at a time with a pause after each.
        assert 8 <= len(tried) <= 40
        is_back = True
        await outbox.retry(ids[0])
        done = await wait_all(outbox, ids, 30)
    assert {step.state for step in done} == {StepState.DONE}


async def test_executor_that_tells_too_few_outcomes_fails_its_steps_only(
    database: Database, zone: ZoneClient
) -> None:
    outbox, executor = doing(database, zone, lambda _: Done(), attempts_max=1)
    execute = executor.execute

    async def forget_one(steps: Sequence[Step]) -> list[StepOutcome]:
        outcomes = await execute(steps)
        return outcomes[1:] if steps[0].lane == "a" else outcomes

    executor.execute = forget_one  # type: ignore[method-assign]
    async with running(outbox):
        ids = await add(outbox, local("a1"), local("a2"), local("b1", "b"))
        states = [step.state for step in await wait_all(outbox, ids, 30)]
    assert states == [StepState.STUCK, StepState.STUCK, StepState.DONE]


async def test_slow_lane_is_not_waited_for(
    database: Database, zone: ZoneClient
) -> None:
    hangs = asyncio.Event()

    class Slow(Doing):
        async def execute(self, steps: Sequence[Step]) -> list[StepOutcome]:
            if steps[0].lane == "slow":
                await hangs.wait()
            return await super().execute(steps)

    outbox, _, _ = make_outbox(database, zone, KEY)
    outbox.register("do", Slow(lambda step: Done()))
    async with running(outbox):
        await add(outbox, *(local(f"s{n}", "slow") for n in range(50)))
        ids = await add(outbox, *(local(f"q{n}", "quick") for n in range(50)))
        done = await wait_all(outbox, ids, 30)
    assert {step.state for step in done} == {StepState.DONE}


async def test_batches_grow_while_all_calls_are_under_way(
    database: Database, zone: ZoneClient
) -> None:
    """What comes one by one is carried out together once a call is free."""
    goes_on, began = asyncio.Event(), asyncio.Semaphore(0)
    sizes: list[int] = []

    class Slow(Doing):
        async def execute(self, steps: Sequence[Step]) -> list[StepOutcome]:
            sizes.append(len(steps))
            began.release()
            await goes_on.wait()
            return await super().execute(steps)

    outbox, _, _ = make_outbox(database, zone, KEY)
    outbox.register("do", Slow(lambda step: Done()))
    async with running(outbox), asyncio.timeout(30):
        ids = []
        for number in range(2):
            ids += await add(outbox, local(f"first{number}"))
            await began.acquire()
        for number in range(6):
            ids += await add(outbox, local(f"later{number}"))
        goes_on.set()
        await wait_all(outbox, ids, 30)
    assert sizes[:2] == [1, 1]
    assert sum(sizes[2:]) == 6
    assert max(sizes) == Slow.batch_max


async def test_person_retries_skips_and_cancels(
    database: Database, zone: ZoneClient
) -> None:
    broken = {"r", "s", "c"}

    def do(step: Step) -> StepOutcome | Exception:
        return Failed(error=NO) if step.key in broken else Done()

    outbox, executor = doing(database, zone, do)
    async with running(outbox):
        ids = await add(outbox, local("r"), local("s"), local("c"))
        await wait_all(outbox, ids, 30)
        broken.clear()
        await outbox.retry(ids[0])
        await outbox.skip(ids[1])
        await outbox.cancel(ids[2])
        done = await wait_all(outbox, ids, 30)
        async with asyncio.timeout(30):
            while (await outbox.get(ids[0])).state != StepState.DONE:
                await asyncio.sleep(0.05)
    assert [step.state for step in done[1:]] == [StepState.SKIPPED, StepState.CANCELLED]
    assert executor.states() == {"r": "done", "s": "skipped", "c": "cancelled"}
    for action in (outbox.retry, outbox.skip, outbox.cancel):
        with pytest.raises(StepStateError):
            await action(ids[0])
        with pytest.raises(StepNotFoundError):
            await action(999)


async def test_step_is_added_once_under_its_key(
    database: Database, zone: ZoneClient
) -> None:
    outbox, executor = doing(database, zone, lambda step: Done())
    first = await add(outbox, local("k"))
    assert await add(outbox, local("k")) == first
    async with running(outbox):
        await wait_all(outbox, first, 30)
    assert await add(outbox, local("k")) == first
    assert executor.tried == ["k"]


async def _refused(outbox: Outbox, step: NewStep) -> HuitongError:
    with pytest.raises(HuitongError) as refusal:
        await add(outbox, step)
    return refusal.value


async def test_what_cannot_be_done_is_not_added(
    database: Database, zone: ZoneClient
) -> None:
    outbox, _ = doing(database, zone, lambda step: Done())
    await add(outbox, local("k"))
    (address,) = outbox.accounts
    large = records_pb2.MsgPublishRecord(record_id="x" * 3_000_000)
    for step, expected in (
        (local("k", "other lane"), StepKeyReusedError),
        (NewStep(kind="?", key="q", payload=b"", lane="a"), HandlerMissingError),
        (chain_step("do", "m", large, account="ht1stranger"), AccountMissingError),
        (chain_step("do", "m", large, account=address), StepTooLargeError),
    ):
        assert type(await _refused(outbox, step)) is expected
    assert len(await outbox.find(StepFilter())) == 1


async def test_lease_has_one_holder_and_passes_on(database: Database) -> None:
    one = Lease(database, "work", 60)
    two = Lease(database, "work", 60)
    assert await one.take()
    assert await one.take()
    assert not await two.take()
    await one.give_back()
    assert await two.take()
    assert not await one.take()


async def test_two_processes_share_an_outbox_and_one_works(
    database: Database, zone: ZoneClient
) -> None:
    one, one_did = doing(database, zone, lambda step: Done())
    two, two_did = doing(database, zone, lambda step: Done())
    async with running(one), running(two):
        ids = await add(one, *(local(f"k{n}") for n in range(10)))
        await wait_all(two, ids, 30)
        assert one.is_leading != two.is_leading
    assert sorted(one_did.tried + two_did.tried) == sorted(f"k{n}" for n in range(10))
