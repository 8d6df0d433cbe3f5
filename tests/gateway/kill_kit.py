"""Two zones, two gateways and a relayer as processes, any of which is killed at any time."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from huitong.sdk import AsyncGateway
from huitong.sdk.errors import NoAnswerError, ProblemError
from tests.gateway.exchange_kit import PURPOSE
from tests.gateway.process_kit import ZONES, Rig

ResultT = TypeVar("ResultT")

#: Callers that each run one exchange after the other.
CALLERS: Final = 40
#: Seconds between the moment when a kill is due and the kill.
KILL_DELAY_S: Final = (0.0, 0.4)
#: How often a kill follows at once on another, before anything has recovered.
IN_A_ROW: Final = 0.6
#: How often a program that was just started is killed once more, on its way up.
KILL_ON_THE_WAY_UP: Final = 0.2
ON_THE_WAY_UP_S: Final = (0.1, 2.0)
_PAUSE_S: Final = 0.2


@dataclass
class Killing:
    """Some exchanges, during which something is killed again and again."""

    rig: Rig
    exchanges: int
    kills: int
    seed: int
    killed: Counter[str] = field(default_factory=Counter)
    """How often each program was killed."""
    settled: int = 0
    """Exchanges that a caller has seen settled."""
    ids: dict[int, str] = field(default_factory=dict)
    """The requester's ids of the exchanges, by number."""

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._numbers = iter(range(self.exchanges))
        self._progress = asyncio.Event()
        self._started_s = time.monotonic()

    async def run(self) -> None:
        """Run all exchanges to their end; every call is made until it is answered."""
        provider, requester = self.rig.sides
        async with (
            AsyncGateway(provider.url, provider.api_key, attempts_max=1) as bureau,
            AsyncGateway(requester.url, requester.api_key, attempts_max=1) as bank,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(self._watch())
            for _ in range(CALLERS):
                tasks.create_task(self._call(bureau, bank))
            tasks.create_task(self._kill_all())

    async def _call(self, bureau: AsyncGateway, bank: AsyncGateway) -> None:
        for number in self._numbers:
            await self._publish(bureau, number)
            asked = await answered(
                lambda n=number: bank.create_request(
                    channel=self.rig.sides[1].channel_id,
                    issuer=ZONES[0][1],
                    record=f"INV-{n}",
                    purpose=PURPOSE,
                    legal_basis="contract",
                    idempotency_key=f"request-{n:06}",
                )
            )
            self.ids[number] = asked.id
            while not asked.is_ended:
                asked = await answered(lambda a=asked: bank.get_exchange(a.id, wait=20))
                assert asked.problem is None, asked
            assert asked.stage == "settled", asked
            self.settled += 1
            self._progress.set()

    async def _publish(self, bureau: AsyncGateway, number: int) -> None:
        made = await answered(
            lambda: bureau.publish_record(
                record=f"INV-{number}",
                record_type="tax.invoice",
                document=document(number),
                idempotency_key=f"publish-{number:06}",
            )
        )
        while made.state == "waiting":
            made = await answered(lambda m=made: bureau.get_publication(m.id, wait=20))
        assert made.state == "published", made

    async def _kill_all(self) -> None:
        """Kill evenly over the exchanges, each time at a moment that nobody chose."""
        for number in range(self.kills):
            if self._chance.random() >= IN_A_ROW:
                await self._catch_up(number)
            name = self._chance.choice(sorted(self.rig.programs))
            await asyncio.sleep(self._chance.uniform(*KILL_DELAY_S))
            if self._chance.random() < KILL_ON_THE_WAY_UP:
                self._kill(name)
                await asyncio.sleep(self._chance.uniform(*ON_THE_WAY_UP_S))
            self._kill(name)
            since_s = time.monotonic() - self._started_s
            tell(f"{since_s:6.1f} s: {name} killed, {self.settled} settled")

    async def _catch_up(self, number: int) -> None:
        """Wait until as many exchanges are settled as belong to so many kills."""
        while self.settled * self.kills < number * self.exchanges * 0.9:
            self._progress.clear()
            await self._progress.wait()

    async def _watch(self) -> None:
        """Make sure that nothing ends by itself, whatever else is down meanwhile."""
        while self.settled < self.exchanges:
            for name, program in self.rig.programs.items():
                assert program.is_running, f"{name} ended: {program.log_tail()}"
            await asyncio.sleep(_PAUSE_S)

    def _kill(self, name: str) -> None:
        self.rig.programs[name].kill()
        self.killed[name] += 1
        self.rig.launch(name)


def tell(what: str) -> None:
    """Write a line that is shown if the test fails; commands change how logs go."""
    sys.stdout.write(f"{what}\n")


def document(number: int) -> dict[str, Any]:
    """Return the invoice of a number."""
    return {"buyer": "b", "lines": [1, 2], "number": str(number), "total": "113.00"}


async def answered(call: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Make a call again and again until the gateway answers.

    Raises:
        ProblemError: it refuses, and not for a reason that passes.
    """
    while True:
        try:
            return await call()
        except NoAnswerError:
            pass
        except ProblemError as refusal:
            if refusal.problem.status not in (409, 429, 503):
                raise
        await asyncio.sleep(_PAUSE_S)
