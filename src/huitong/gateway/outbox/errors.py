"""Failures of the outbox; codespace outbox."""

from __future__ import annotations

from typing import ClassVar

from huitong.core.errors import BrokenError, RejectedError, UnavailableError


class StepNotFoundError(
    RejectedError, codespace="outbox", code=2, text="no step {step_id}"
):
    """No step has this number."""

    http_status: ClassVar[int] = 404


class StepStateError(
    RejectedError,
    codespace="outbox",
    code=3,
    text="step {step_id} is {state}, which does not allow to {action} it",
    next_step="Only a step that is stuck or waits can be changed; look at it again.",
):
    """A step that runs or is finished is not changed by hand."""

    http_status: ClassVar[int] = 409


class StepKeyReusedError(
    RejectedError,
    codespace="outbox",
    code=4,
    text="the key {key} was used for something else before",
    next_step="Use a new key for a new order.",
):
    """The same key came again, with another content."""

    http_status: ClassVar[int] = 409


class StepTooLargeError(
    RejectedError,
    codespace="outbox",
    code=5,
    text="a message of {size} bytes, at most {maximum} fit into a transaction",
):
    """No transaction of the zone can carry the message."""


class AccountMissingError(
    RejectedError,
    codespace="outbox",
    code=6,
    text="the gateway holds no key of account {account}",
    next_step="Name an account of the gateway's settings.",
):
    """A chain step names an account that this gateway does not sign for."""


class HandlerMissingError(
    BrokenError, codespace="outbox", code=7, text="nobody carries out steps of {kind!r}"
):
    """The database holds a step that this version of the software does not know."""


class BlocksPrunedError(
    UnavailableError,
    codespace="outbox",
    code=8,
    text="{chain_id} no longer has block {height}; its oldest is {oldest}",
    next_step="Nothing is lost: the state of the zone is read instead.",
):
    """The gateway was away for longer than its zone's node keeps blocks."""


class StepInterruptedError(
    UnavailableError, codespace="outbox", code=9, text="{what} failed: {reason}"
):
    """Something unexpected happened while a step was carried out; it is tried again."""


class TransactionLostError(
    UnavailableError,
    codespace="outbox",
    code=10,
    text="transaction {tx_hash} was in no block up to its timeout height {height}",
):
    """The zone can no longer take these bytes; the steps are signed anew."""


class LeaseLostError(
    UnavailableError,
    codespace="outbox",
    code=11,
    text="another process carries out {name} now",
):
    """This process was silent for too long, so another one took over."""
