"""Which steps go into one transaction together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from huitong.core.limits import TX_SIZE_BYTES_MAX
from huitong.gateway.outbox.ledger import ENVELOPE_BYTES


class Batched(Protocol):
    """A step, as far as it matters here."""

    payload: bytes
    is_alone: bool
    request_id: str


StepT = TypeVar("StepT", bound=Batched)


def make_batches(
    steps: Iterable[StepT], messages_max: int, size_bytes_max: int = TX_SIZE_BYTES_MAX
) -> Iterator[list[StepT]]:
    """Yield groups of steps, in their order; a step that goes alone is alone.

    Args:
        steps: each of them fits into a transaction.
        messages_max: messages in one transaction.
        size_bytes_max: bytes of one transaction.
    """
    batch: list[StepT] = []
    size = ENVELOPE_BYTES
    for step in steps:
        more = len(step.payload) + 8
        if batch and (
            step.is_alone
            or batch[-1].is_alone
            or len(batch) == messages_max
            or size + more > size_bytes_max
        ):
            yield batch
            batch, size = [], ENVELOPE_BYTES
        batch.append(step)
        size += more
    if batch:
        yield batch
