"""Adding steps, carrying them out, and what a person may do with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from sqlalchemy.ext.asyncio import AsyncSession

from huitong.gateway.database.engine import Database
from huitong.gateway.outbox.follower import BlockFollower
from huitong.gateway.outbox.steps import (
    Executor,
    NewStep,
    Step,
    StepFilter,
    StepHandler,
)
from huitong.gateway.outbox.writer import ChainWriter


@final
class Outbox:
    """The steps of one gateway."""

    def __init__(
        self,
        database: Database,
        follower: BlockFollower,
        writers: Sequence[ChainWriter],
    ) -> None:
        """Prepare; nothing is read or started yet."""
        raise NotImplementedError

    def register(self, kind: str, handler: StepHandler | Executor) -> None:
        """Name who hears of steps of a kind; before ``run``."""
        raise NotImplementedError

    async def add(self, session: AsyncSession, *steps: NewStep) -> list[int]:
        """Write steps in the caller's transaction and return their numbers.

        A step whose key is there already is not written again; its number is returned.

        Raises:
            StepKeyReusedError: the key stands for a step with another content.
            AccountMissingError: a chain step of an account that nobody signs for.
            StepTooLargeError: a message that fits into no transaction.
        """
        raise NotImplementedError

    def wake(self) -> None:
        """Look at once for steps that are due; call after the commit that added some."""
        raise NotImplementedError

    async def run(self) -> None:
        """Carry out steps until cancelled.

        Any number of processes may call this: one of them, which holds the lease in the
        database, works; the others wait to take its place within seconds.
        """
        raise NotImplementedError

    async def get(self, step_id: int) -> Step:
        """Return a step.

        Raises:
            StepNotFoundError: there is none.
        """
        raise NotImplementedError

    async def list(
        self, wanted: StepFilter, *, after: int = 0, limit: int = 100
    ) -> list[Step]:
        """Return steps by ascending number, at most ``limit``, from ``after`` on."""
        raise NotImplementedError

    async def wait(self, step_id: int, timeout_s: float) -> Step:
        """Return the step as soon as it has ended, or as it stands after ``timeout_s``."""
        raise NotImplementedError

    async def retry(self, step_id: int) -> Step:
        """Try a stuck or waiting step again, now.

        Raises:
            StepNotFoundError, StepStateError
        """
        raise NotImplementedError

    async def skip(self, step_id: int) -> Step:
        """Say that a stuck or waiting step is done by other means; what follows goes on.

        Raises:
            StepNotFoundError, StepStateError
        """
        raise NotImplementedError

    async def cancel(self, step_id: int) -> Step:
        """Say that a stuck or waiting step shall not be done.

        Raises:
            StepNotFoundError, StepStateError: a message that may be in a block already
                cannot be taken back.
        """
        raise NotImplementedError
