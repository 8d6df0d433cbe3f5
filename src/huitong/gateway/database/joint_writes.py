"""Writes of many callers in one transaction, because each commit waits for the disk.

Whoever waits for a write gets its answer when that is durable. What comes while a
transaction is under way shares the next one, whatever kind of write it is; a lone write
begins almost at once. If a joint transaction fails, each of its writes is done alone, so that
none fails for another's sake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeAlias, TypeVar, final

from sqlalchemy.ext.asyncio import AsyncSession

from huitong.gateway.database.engine import Database
from huitong.gateway.database.errors import DatabaseDownError

#: Writes of one kind in one transaction.
JOINED_MAX: Final = 500
#: Turns of the event loop until a transaction begins: a busy loop brings company in them,
#: an idle one is through with them at once.
TURNS: Final = 8

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")


WriteMany: TypeAlias = Callable[
    [AsyncSession, Sequence[ItemT]], Awaitable[Sequence[AnswerT | Exception]]
]
"""Writes what it can of many items; returns an answer, or why there is none, for each.

An item whose answer is an exception has written nothing. It may be called again with the
same items, if the transaction fails.
"""


@final
class JointWriter:
    """Writes to one database, in transactions that all kinds of writes share."""

    def __init__(self, database: Database) -> None:
        """Prepare."""
        self._database = database
        self._kinds: list[JointWrites[Any, Any]] = []
        self._task: asyncio.Task[None] | None = None

    def kind(
        self, write: WriteMany[ItemT, AnswerT], *, is_last: bool = False
    ) -> JointWrites[ItemT, AnswerT]:
        """Return one more kind of writes.

        Args:
            write: writes items of it.
            is_last: whether it locks what all writers want, so that it comes at the end
                of each transaction.
        """
        made = JointWrites(self, write)
        self._kinds.insert(len(self._kinds) if is_last else 0, made)
        return made

    def begin(self) -> None:
        """Write what waits, if nobody does."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_waiting())

    async def _write_waiting(self) -> None:
        while any(kind.is_wanted for kind in self._kinds):
            for _ in range(TURNS):
                await asyncio.sleep(0)
            batches = [batch for kind in self._kinds if (batch := kind.take())]
            if not batches:  # whoever waited has gone
                continue
            if not await self._write(batches):
                for one in [one for batch in batches for one in batch.split()]:
                    await self._write([one], is_alone=True)

    async def _write(
        self, batches: Sequence[_Batch[Any, Any]], *, is_alone: bool = False
    ) -> bool:
        """Write batches in one transaction; return False if each is to be tried alone."""
        is_alone = is_alone or (len(batches) == 1 and len(batches[0].items) == 1)
        try:
            async with self._database.transaction() as session:
                answers = [await batch.write(session, batch.items) for batch in batches]
        except Exception as failure:  # noqa: BLE001  told to whoever waits
            if not is_alone and not isinstance(failure, DatabaseDownError):
                return False
            answers = [[failure] * len(batch.items) for batch in batches]
        for batch, of_batch in zip(batches, answers, strict=True):
            batch.answer(of_batch)
        return True


@final
class JointWrites(Generic[ItemT, AnswerT]):
    """Writes of one kind."""

    def __init__(self, writer: JointWriter, write: WriteMany[ItemT, AnswerT]) -> None:
        self._writer = writer
        self._write = write
        self._waiting: list[tuple[ItemT, asyncio.Future[AnswerT]]] = []

    async def do(self, item: ItemT) -> AnswerT:
        """Write one item together with what else waits; return when it is durable.

        Raises:
            DatabaseDownError: nothing was written.
            Exception: whatever ``write`` returns or raises for the item.
        """
        written: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, written))
        self._writer.begin()
        return await written

    @property
    def is_wanted(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)

    def take(self) -> _Batch[ItemT, AnswerT] | None:
        """Return what waits, as much as goes into one transaction; None for nothing."""
        taken = self._waiting[:JOINED_MAX]
        del self._waiting[:JOINED_MAX]
        wanted = [(item, written) for item, written in taken if not written.done()]
        return _Batch(self._write, wanted) if wanted else None


@final
class _Batch(Generic[ItemT, AnswerT]):
    """Items of one kind, and who waits for them."""

    def __init__(
        self,
        write: WriteMany[ItemT, AnswerT],
        taken: Sequence[tuple[ItemT, asyncio.Future[AnswerT]]],
    ) -> None:
        self.write = write
        self.items: list[ItemT] = [item for item, _ in taken]
        self._taken = taken

    def split(self) -> list[_Batch[ItemT, AnswerT]]:
        """Return each item alone."""
        return [_Batch(self.write, [one]) for one in self._taken]

    def answer(self, answers: Sequence[AnswerT | Exception]) -> None:
        """Let everybody go on."""
        for (_, written), answer in zip(self._taken, answers, strict=True):
            if written.done():  # whoever waited has gone
                continue
            if isinstance(answer, Exception):
                written.set_exception(answer)
            else:
                written.set_result(answer)
