"""What goes along with the commit of a session: writes gathered before it, calls after it.

Both belong to the transaction, or savepoint, in which they were asked for: if that is
rolled back, nothing of them happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

_GATHERED: Final = "huitong_gathered"
_AFTERWARDS: Final = "huitong_afterwards"
#: Set in a session whose commit is not yet that of the database.
JOINS: Final = "huitong_joins"

Write: TypeAlias = Callable[[Session, list[dict[str, Any]]], None]


@dataclass(slots=True)
class _Asked:
    """Something that was asked for within a transaction."""

    within: SessionTransaction | None
    call: Callable[..., None]
    values: dict[str, Any] | None = None


def gather(
    session: AsyncSession | Session, write: Write, values: dict[str, Any]
) -> None:
    """Let ``write`` be called once before the commit, with all values gathered for it.

    Args:
        session: of the change that the values belong to.
        write: writes the values of many; the same function each time.
        values: of one row.
    """
    _ask(session, _GATHERED, write, values)


def after_commit(session: AsyncSession | Session, call: Callable[[], None]) -> None:
    """Call something once what the session holds now is durable; it must not wait.

    It is called in this process only, and not if the process ends before.
    """
    _ask(session, _AFTERWARDS, call, None)


def _ask(
    session: AsyncSession | Session,
    name: str,
    call: Callable[..., None],
    values: dict[str, Any] | None,
) -> None:
    inner = session if isinstance(session, Session) else session.sync_session
    within = inner.get_nested_transaction() or inner.get_transaction()
    inner.info.setdefault(name, []).append(_Asked(within, call, values))


@event.listens_for(Session, "before_commit")
def _write_gathered(session: Session) -> None:
    if session.get_nested_transaction() is not None:
        return  # a savepoint is released: all is written with the commit
    asked: list[_Asked] = session.info.pop(_GATHERED, [])
    by_write: dict[Callable[..., None], list[dict[str, Any]]] = {}
    for one in asked:
        by_write.setdefault(one.call, []).append(one.values or {})
    for write, values in by_write.items():
        write(session, values)


@event.listens_for(Session, "after_commit")
def _call_afterwards(session: Session) -> None:
    nested = session.get_nested_transaction()
    if nested is not None:
        # A savepoint was released: its end is that of what is around it.
        for name in (_GATHERED, _AFTERWARDS):
            for one in session.info.get(name, ()):
                if one.within is nested:
                    one.within = nested.parent
        return
    if not session.info.get(JOINS):
        call_afterwards(session)


def call_afterwards(session: Session) -> None:
    """Call what was asked for; the commit is durable."""
    for one in session.info.pop(_AFTERWARDS, ()):
        one.call()


@event.listens_for(Session, "after_soft_rollback")
def _drop(session: Session, ended: SessionTransaction) -> None:
    while not ended.nested and ended.parent is not None:
        ended = ended.parent  # a flush that failed took what is around it along
    for name in (_GATHERED, _AFTERWARDS):
        if asked := session.info.get(name):
            kept = [one for one in asked if ended.nested and one.within is not ended]
            session.info[name] = kept
