"""The access log: lines, batches under roots, and what a subject sees.

Lines come in any order from any number of workers. A batch takes those that are committed
and in none yet; the next one is cut when the one before stands on chain, so anchors never
overtake one another. A batch keeps its lines for as long as the log is kept: the proof of
a line is made from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final, cast, final

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.hashing import MerkleProof, merkle_proofs, merkle_root
from huitong.gateway.database.engine import Database
from huitong.gateway.reads.errors import LineNotFoundError
from huitong.gateway.reads.lines import decode_line
from huitong.gateway.reads.model import LoggedRead
from huitong.gateway.reads.tables import ANCHORED, WAITING, ReadBatchRow, ReadRow

#: Lines in one page of a subject's list.
PAGE_LINES_MAX: Final = 1_000


@final
class ReadLog:
    """The lines of one gateway's access log."""

    def __init__(self, database: Database) -> None:
        """Prepare; nothing is read yet."""
        self._database = database

    async def cut(self, session: AsyncSession, lines_max: int) -> ReadBatchRow | None:
        """Put the lines that are in no batch into the next one, in this transaction.

        Args:
            session: the caller's. Of two that cut at once one fails, on the key of
                the batch.
            lines_max: lines of one batch.

        Returns:
            The batch; None if there are no lines, or the last batch is not on chain yet.
        """
        last = await session.scalar(
            select(ReadBatchRow).order_by(ReadBatchRow.sequence.desc()).limit(1)
        )
        if last is not None and last.state != ANCHORED:
            return None
        rows = (
            await session.execute(
                select(ReadRow.id, ReadRow.line, ReadRow.time_ns)
                .where(ReadRow.batch.is_(None))
                .order_by(ReadRow.id)
                .limit(lines_max)
            )
        ).all()
        if not rows:
            return None
        batch = ReadBatchRow(
            sequence=1 if last is None else last.sequence + 1,
            root=merkle_root(row.line for row in rows),
            previous_root=b"" if last is None else last.root,
            count=len(rows),
            first_ns=min(row.time_ns for row in rows),
            last_ns=max(row.time_ns for row in rows),
            state=WAITING,
        )
        session.add(batch)
        await session.flush()
        await self._place(session, batch.sequence, [row.id for row in rows])
        return batch

    @staticmethod
    async def _place(session: AsyncSession, sequence: int, ids: Sequence[int]) -> None:
        table = cast(Table, ReadRow.__table__)
        await session.execute(
            update(table)
            .where(table.c.id == bindparam("line_id"))
            .values(batch=sequence, place=bindparam("line_place")),
            [
                {"line_id": line_id, "line_place": place}
                for place, line_id in enumerate(ids)
            ],
        )

    async def note_anchored(
        self, session: AsyncSession, sequence: int, *, height: int, tx_hash: str
    ) -> None:
        """Note that a batch stands on chain."""
        batch = await session.get_one(ReadBatchRow, sequence)
        batch.state, batch.height, batch.tx_hash = ANCHORED, height, tx_hash

    async def counts(self) -> tuple[int, int]:
        """Return how many lines there are, and how many of them stand on chain."""
        async with self._database.searching() as session:
            lines = await session.scalar(select(func.count()).select_from(ReadRow))
            anchored = await session.scalar(
                select(func.coalesce(func.sum(ReadBatchRow.count), 0)).where(
                    ReadBatchRow.state == ANCHORED
                )
            )
        return int(lines or 0), int(anchored or 0)

    async def of_subject(
        self, subject: bytes, *, after: int = 0, limit: int = 100
    ) -> list[LoggedRead]:
        """Return the lines that concern a data subject, with their proofs.

        Args:
            subject: its pseudonym, 32 bytes.
            after: id of the line behind which to go on.
            limit: lines at most.

        Cost: one pass over each batch that holds one of the lines.
        """
        chosen = (
            select(ReadRow)
            .where(ReadRow.subject == subject, ReadRow.id > after)
            .order_by(ReadRow.id)
            .limit(min(limit, PAGE_LINES_MAX))
        )
        async with self._database.searching() as session:
            rows = list(await session.scalars(chosen))
            return await self._proven(session, rows)

    async def line(self, line_id: int) -> LoggedRead:
        """Return one line with its proof.

        Raises:
            LineNotFoundError: there is none.
        """
        async with self._database.reading() as session:
            row = await session.get(ReadRow, line_id)
            if row is None:
                raise LineNotFoundError(line_id=line_id)
            return (await self._proven(session, [row]))[0]

    async def _proven(
        self, session: AsyncSession, rows: Sequence[ReadRow]
    ) -> list[LoggedRead]:
        found: dict[int, LoggedRead] = {}
        by_batch = sorted(rows, key=lambda row: row.batch or 0)
        for number, group in groupby(by_batch, key=lambda row: row.batch or 0):
            batch, proofs = await self._proofs(session, number)
            for row in group:
                found[row.id] = _logged(row, batch, proofs)
        return [found[row.id] for row in rows]

    @staticmethod
    async def _proofs(
        session: AsyncSession, sequence: int
    ) -> tuple[ReadBatchRow | None, Sequence[MerkleProof]]:
        if not sequence:
            return None, ()
        batch = await session.get_one(ReadBatchRow, sequence)
        leaves = await session.scalars(
            select(ReadRow.line)
            .where(ReadRow.batch == sequence)
            .order_by(ReadRow.place)
        )
        return batch, merkle_proofs(list(leaves))[1]


def _logged(
    row: ReadRow, batch: ReadBatchRow | None, proofs: Sequence[MerkleProof]
) -> LoggedRead:
    return LoggedRead(
        id=row.id,
        line=decode_line(row.line),
        leaf=row.line,
        sequence=0 if batch is None else batch.sequence,
        proof=None if row.place is None else proofs[row.place],
        root=b"" if batch is None else batch.root,
        height=0 if batch is None else batch.height,
    )
