"""Steps as the rest of the gateway sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, Protocol, TypeAlias, runtime_checkable

from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.codec import encode, pack_any
from huitong.core.errors import HuitongError

#: Characters of a step's key.
KEY_CHARACTERS_MAX: Final = 128


@unique
class StepState(StrEnum):
    """Where a step stands."""

    WAITING = "waiting"
    """To be done, at ``next_attempt_ns`` or later."""
    RUNNING = "running"
    """In a transaction that is signed and stored; the zone's blocks tell the rest."""
    DONE = "done"
    """Done, once."""
    STUCK = "stuck"
    """Failed for good; waits for a person."""
    SKIPPED = "skipped"
    """A person says that it is done, by whatever other way."""
    CANCELLED = "cancelled"
    """A person says that it shall not be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    """Something that is to be done once."""

    kind: str
    """What it is; names the handler."""
    key: str
    """Unique: a second step with the same key is the first one again."""
    payload: bytes
    """What its handler needs; of a chain step an encoded ``Any``."""
    lane: str
    """Steps of one lane wait for one another where order matters: the address of the
    account that signs, or the peer that something goes to."""
    is_chain: bool = False
    """Whether it is a message of a transaction."""
    subject: str = ""
    """What it belongs to, such as the id of an exchange."""
    request_id: str = ""
    """Id of the call that led to it; goes into the memo and to the peer."""
    traceparent: str = ""
    """Span that led to it; empty for that of the request being answered, if any."""
    not_before_ns: int = 0
    """Earliest time of the first attempt, nanoseconds since the epoch."""


def chain_step(
    kind: str,
    key: str,
    message: Message,
    *,
    account: str,
    subject: str = "",
    request_id: str = "",
    not_before_ns: int = 0,
) -> NewStep:
    """Return a step that puts one message on the gateway's own zone.

    Args:
        kind: names the handler that hears of its end.
        key: unique.
        message: its ``signer`` is ``account``.
        account: address of an account that the gateway signs for.
        subject: what it belongs to.
        request_id: id of the call that led to it.
        not_before_ns: earliest time of the first attempt, nanoseconds since the epoch.
    """
    return NewStep(
        kind=kind,
        key=key,
        payload=encode(pack_any(message)),
        lane=account,
        is_chain=True,
        subject=subject,
        request_id=request_id,
        not_before_ns=not_before_ns,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step as it is stored."""

    id: int
    """Number; ascending in the order in which steps were added."""
    kind: str
    key: str
    lane: str
    subject: str
    request_id: str
    payload: bytes
    is_chain: bool
    state: StepState
    attempts: int
    """How often it was tried."""
    next_attempt_ns: int
    """When it is tried next, nanoseconds since the epoch."""
    created_ns: int
    changed_ns: int
    """Since when it is in its state."""
    error_codespace: str
    error_code: int
    error: str
    """Why the last attempt failed, for people; empty if none has."""
    result: bytes
    """Of a chain step that is done: its encoded response."""
    traceparent: str = ""
    """Span that led to it; empty if none is recorded."""
    signed_ns: int = 0
    """When the transaction that carries it was signed; 0 if none was."""
    tx_hash: str
    """Upper-case hexadecimal hash of the transaction that carries it; empty if none."""
    height: int
    """Block that holds it; 0 if none does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An attempt that succeeded."""

    result: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An attempt that failed.

    ``RejectedError`` and ``BrokenError`` make the step stuck at once, since the same
    fails again; ``UnavailableError`` lets it be tried again, up to the limit.
    """

    error: HuitongError
    retry: bool | None = None
    """Overrides whether it is tried again."""
    is_away: bool = False
    """Whether nothing of this lane can be done for now: its other steps are not even
    tried until the pause of this one is over."""


StepOutcome: TypeAlias = Done | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A step that has come to an end: done, stuck, skipped or cancelled."""

    step: Step
    """As it is now; ``step.state`` tells which."""
    outcome: StepOutcome | None
    """Of the last attempt; None where a person ended it."""


class StepHandler(Protocol):
    """Who is told of the end of steps of one kind."""

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Write what follows, in the transaction that ends the steps.

        It reads and writes the database only, and is called again if that fails.
        """


@runtime_checkable
class Executor(StepHandler, Protocol):
    """Who carries out steps that are no messages of the chain."""

    @property
    def batch_max(self) -> int:
        """Steps of one lane that are carried out in one call."""

    @property
    def parallel_max(self) -> int:
        """Calls under way at once, for each lane."""

    async def execute(self, steps: Sequence[Step]) -> Sequence[StepOutcome]:
        """Carry out steps of one lane; return an outcome for each, in their order.

        What is done must be safe to be done again: a stop between this and ``settle``
        leads to another call. An exception fails all of them, to be tried again.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFilter:
    """Which steps to list; all conditions hold together."""

    states: tuple[StepState, ...] = ()
    """Any of these; empty for all."""
    kind: str = ""
    subject: str = ""
    lane: str = ""
