"""The outbox: what the gateway has decided to do in the outside world, durably.

A step is written in the same database transaction as the decision that leads to it, and
is carried out afterwards, however often the gateway is stopped meanwhile::

    async with database.transaction() as session:
        session.add(row)                                   # the decision
        await outbox.add(session, chain_step(...))         # what follows from it

Chain steps are gathered into transactions that are signed, stored, and only then sent
(``writer``); what became of them is read from the zone's blocks (``follower``). Other
steps, such as the hand-over to a peer, are carried out by an ``Executor``. A step that
fails for good is *stuck*: it is listed with its reason, blocks no other, and waits for a
person to retry, skip or cancel it.
"""

from huitong.gateway.outbox.outbox import Outbox
from huitong.gateway.outbox.steps import (
    Done,
    Executor,
    Failed,
    NewStep,
    Settled,
    Step,
    StepFilter,
    StepHandler,
    StepState,
    chain_step,
)

__all__ = [
    "Done",
    "Executor",
    "Failed",
    "NewStep",
    "Outbox",
    "Settled",
    "Step",
    "StepFilter",
    "StepHandler",
    "StepState",
    "chain_step",
]
