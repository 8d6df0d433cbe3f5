"""The audit log: every call, each entry bound to the one before by its digest.

An entry's digest is SHA-256 over ``huitong/audit/1``, a zero byte and the canonical JSON
of the list [sequence, time_ns, caller, roles, address, method, path, operation, status,
problem, request_id, digest of the entry before in hexadecimal]. Changing, deleting or
reordering any entry breaks the chain; rewriting the whole chain does not match the heads
that were anchored on chain.

Writers lock the row of the head, so that several processes make one chain. Calls that
end at the same time are written in one transaction, and no answer leaves before its
entry is durable.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast, final

from sqlalchemy import Table, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.canonical_json import encode_json
from huitong.core.time import TimeNs
from huitong.gateway.access.errors import AuditBrokenError
from huitong.gateway.access.tables import AuditAnchorRow, AuditHeadRow, AuditRow
from huitong.gateway.database.engine import POSTGRESQL, Database
from huitong.gateway.database.joint_writes import JointWriter

#: The digest before the first entry.
GENESIS: Final = bytes(32)
#: Entries read at once while verifying.
BATCH_MAX: Final = 500
#: Entries of one page.
PAGE_MAX: Final = 500
#: Characters of a path that are kept; longer ones are cut and end with an ellipsis.
PATH_CHARACTERS_MAX: Final = 1_024
_NAME_CHARACTERS_MAX: Final = 128
_DOMAIN: Final = b"huitong/audit/1\x00"
_HEAD_ID: Final = 1
_ENTRIES: Final = cast(Table, AuditRow.__table__)
_HEADS: Final = cast(Table, AuditHeadRow.__table__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One call, as it is given to the log."""

    time_ns: TimeNs
    """When it was answered."""
    caller: str
    """Id of the caller; empty if it did not prove who it is."""
    roles: tuple[str, ...] = ()
    """Roles that the caller had then."""
    address: str = ""
    """Network address of the sender."""
    method: str
    """HTTP method, or ``COMMAND`` for a command on the gateway's machine."""
    path: str
    """The object, without a query."""
    operation: str = ""
    """Id of the operation; empty if the call did not get that far."""
    status: int
    """HTTP status of the answer."""
    problem: str = ""
    """``codespace/code`` of the refusal, or empty."""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The newest entry: whoever knows it notices any later change of what is before."""

    sequence: int
    """Number of entries; 0 for an empty log."""
    digest: bytes
    """SHA-256 of the newest entry, see the module's text."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What verifying found; that it is there means that the log is whole."""

    head: AuditHead
    anchors: int
    """Anchored heads that the log agrees with."""


@final
class AuditLog:
    """The log of one gateway, in its database."""

    def __init__(self, database: Database, writer: JointWriter | None = None) -> None:
        """Prepare.

        Args:
            database: keeps the log.
            writer: writes for all calls; None for one of its own.
        """
        self._database = database
        writer = writer or JointWriter(database)
        self._entries = writer.kind(self._write_many, is_last=True)

    async def record(self, entry: AuditEntry) -> None:
        """Write an entry, together with others that wait; return when it is durable.

        Raises:
            DatabaseDownError: nothing was written.
        """
        await self._entries.do(entry)

    async def write(self, session: AsyncSession, *entries: AuditEntry) -> AuditHead:
        """Write entries within a transaction of the caller's; the log waits until its end.

        Returns:
            The head after them.
        """
        head = await self._lock_head(session)
        if not entries:
            return head
        rows: list[dict[str, Any]] = []
        sequence, digest = head.sequence, head.digest
        for entry in entries:
            rows.append(_values(entry, sequence + 1, digest))
            sequence, digest = rows[-1]["sequence"], rows[-1]["digest"]
        # Without objects for the rows, this takes a fifth of the time.
        await session.execute(insert(_ENTRIES), rows)
        await session.execute(
            update(_HEADS).where(_HEADS.c.id == _HEAD_ID),
            {"sequence": sequence, "digest": digest},
        )
        return AuditHead(sequence, digest)

    async def head(self) -> AuditHead:
        """Return the newest entry's number and digest."""
        async with self._database.reading() as session:
            row = await session.get(AuditHeadRow, _HEAD_ID)
        return AuditHead(row.sequence, row.digest) if row else AuditHead(0, GENESIS)

    async def page(
        self, *, caller: str | None = None, after: int = 0, limit: int = PAGE_MAX
    ) -> Sequence[AuditRow]:
        """Return entries in their order, beginning behind the number ``after``.

        Args:
            caller: only entries of this caller.
            after: number of the last entry that is known.
            limit: at most so many, up to ``PAGE_MAX``.
        """
        query = select(AuditRow).where(AuditRow.sequence > after)
        if caller is not None:
            query = query.where(AuditRow.caller == caller)
        query = query.order_by(AuditRow.sequence).limit(min(limit, PAGE_MAX))
        async with self._database.reading() as session:
            return list(await session.scalars(query))

    async def verify(
        self,
        anchored: Iterable[AuditHead] = (),
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> AuditReport:
        """Read the whole log and check that nothing was changed, deleted or reordered.

        Args:
            anchored: heads read from the chain; those in the database are checked too.
            progress: is told how many entries are checked, of how many.

        Returns:
            The head, and how many anchors agree.

        Raises:
            AuditBrokenError: the first entry that is not what it was, and how.

        Takes about 30 µs an entry; others may write meanwhile.
        """
        head, last = await self._read_end()
        anchors = [*anchored, *await self._read_anchors()]
        if last != head.sequence:
            reason = f"the head says {head.sequence}"
            raise AuditBrokenError(sequence=last, reason=reason)
        if any(anchor.sequence > head.sequence for anchor in anchors):
            raise AuditBrokenError(
                sequence=head.sequence, reason="later ones were anchored"
            )
        wanted = {anchor.sequence: anchor.digest for anchor in anchors}
        digest = await self._verify_entries(head.sequence, wanted, progress)
        if digest != head.digest:
            raise AuditBrokenError(
                sequence=head.sequence, reason="not the head's digest"
            )
        return AuditReport(head, len(wanted))

    async def _write_many(
        self, session: AsyncSession, entries: Sequence[AuditEntry]
    ) -> list[Exception | None]:
        await self.write(session, *entries)
        return [None] * len(entries)

    async def _lock_head(self, session: AsyncSession) -> AuditHead:
        locked = (
            select(_HEADS.c.sequence, _HEADS.c.digest)
            .where(_HEADS.c.id == _HEAD_ID)
            .with_for_update()
        )
        head = (await session.execute(locked)).first()
        if head is None:
            kind = postgresql if self._database.kind == POSTGRESQL else sqlite
            first = kind.insert(_HEADS).values(id=_HEAD_ID, sequence=0, digest=GENESIS)
            await session.execute(first.on_conflict_do_nothing())
            head = (await session.execute(locked)).one()
        return AuditHead(head.sequence, head.digest)

    async def _read_end(self) -> tuple[AuditHead, int]:
        """Return the head and the number of the last entry, as of one moment."""
        last = select(func.max(AuditRow.sequence)).scalar_subquery()
        query = select(AuditHeadRow.sequence, AuditHeadRow.digest, last)
        async with self._database.reading() as session:
            found = (await session.execute(query)).first()
            if found is None:
                number = await session.scalar(select(func.max(AuditRow.sequence)))
                return AuditHead(0, GENESIS), number or 0
        return AuditHead(found[0], found[1]), found[2] or 0

    async def _read_anchors(self) -> list[AuditHead]:
        async with self._database.reading() as session:
            rows = await session.scalars(select(AuditAnchorRow))
            return [AuditHead(row.sequence, row.digest) for row in rows]

    async def _verify_entries(
        self,
        count: int,
        anchors: dict[int, bytes],
        progress: Callable[[int, int], None] | None,
    ) -> bytes:
        sequence, digest = 0, GENESIS
        if anchors.get(0, GENESIS) != GENESIS:
            raise AuditBrokenError(sequence=0, reason="another digest was anchored")
        while sequence < count:
            rows = await self.page(after=sequence, limit=BATCH_MAX)
            for row in rows[: count - sequence]:
                digest = _check_row(row, sequence + 1, digest, anchors)
                sequence += 1
            if not rows:
                raise AuditBrokenError(sequence=sequence + 1, reason="missing")
            if progress is not None:
                progress(sequence, count)
        return digest


def _values(entry: AuditEntry, sequence: int, previous: bytes) -> dict[str, Any]:
    """Return the values of an entry's row."""
    values = {
        "sequence": sequence,
        "time_ns": entry.time_ns,
        "caller": _cut(entry.caller, _NAME_CHARACTERS_MAX),
        "roles": ",".join(entry.roles),
        "address": _cut(entry.address, _NAME_CHARACTERS_MAX),
        "method": _cut(entry.method, _NAME_CHARACTERS_MAX),
        "path": _cut(entry.path, PATH_CHARACTERS_MAX),
        "operation": _cut(entry.operation, _NAME_CHARACTERS_MAX),
        "status": entry.status,
        "problem": _cut(entry.problem, _NAME_CHARACTERS_MAX),
        "request_id": _cut(entry.request_id, _NAME_CHARACTERS_MAX),
    }
    digest = _digest([*values.values(), previous.hex()])
    return {**values, "previous": previous, "digest": digest}


def digest_of(row: AuditRow) -> bytes:
    """Return the digest that an entry must have, from all its other values."""
    values = [
        *(row.sequence, row.time_ns, row.caller, row.roles, row.address, row.method),
        *(row.path, row.operation, row.status, row.problem, row.request_id),
    ]
    return _digest([*values, row.previous.hex()])


def _digest(values: Sequence[Any]) -> bytes:
    return hashlib.sha256(_DOMAIN + encode_json(list(values))).digest()


def _check_row(
    row: AuditRow, sequence: int, previous: bytes, anchors: dict[int, bytes]
) -> bytes:
    """Return the digest of an entry that is what it was.

    Raises:
        AuditBrokenError: it is not.
    """
    reason = None
    if row.sequence != sequence:
        reason = "missing"
    elif row.previous != previous:
        reason = "not bound to the entry before it"
    elif row.digest != digest_of(row):
        reason = "its digest is not that of its values"
    elif anchors.get(sequence, row.digest) != row.digest:
        reason = "another digest was anchored"
    if reason is not None:
        raise AuditBrokenError(sequence=sequence, reason=reason)
    return row.digest


def _cut(text: str, maximum: int) -> str:
    """Return a stranger's text without what no database or log takes, and bounded."""
    if not text.isprintable():
        text = "".join(
            char if char.isprintable() else f"\\u{ord(char):04x}" for char in text
        )
    return text if len(text) <= maximum else text[: maximum - 1] + "…"
