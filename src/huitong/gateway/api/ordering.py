"""Messages to the own zone on behalf of callers: each one a step of the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

from fastapi import Request, Response
from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.gateway.api.jobs import ENDED, Job, job_of
from huitong.gateway.api.router import accept, order_key, request_id
from huitong.gateway.outbox.outbox import Outbox
from huitong.gateway.outbox.steps import Settled, chain_step
from huitong.gateway.service.services import Services

GIVE_GRANT: Final = "grants.give"
WITHDRAW_GRANT: Final = "grants.withdraw"
RECORD_CONSENT: Final = "consents.record"
WITHDRAW_CONSENT: Final = "consents.withdraw"
SET_RECORD_STATUS: Final = "records.status"
_KINDS: Final = (
    GIVE_GRANT,
    WITHDRAW_GRANT,
    RECORD_CONSENT,
    WITHDRAW_CONSENT,
    SET_RECORD_STATUS,
)


@final
class _NothingFollows:
    """Nothing has to be written when such a step ends: the chain has it."""

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Do nothing."""


def register(outbox: Outbox) -> None:
    """Make the kinds of steps known that callers order directly."""
    for kind in _KINDS:
        outbox.register(kind, _NothingFollows())


async def send_message(
    services: Services,
    request: Request,
    response: Response,
    kind: str,
    message: Message,
    *,
    account: str,
    subject: str,
    wait_s: int,
) -> Job:
    """Store a message that is to go to the own zone, and return its job.

    Args:
        services: of the gateway.
        request: what asks for it; a repeat by its key gives the same job.
        response: gets status and place of the job.
        kind: one of the kinds above.
        message: its signer is ``account``.
        account: address of the account that signs.
        subject: what it belongs to.
        wait_s: how long to wait for its end.
    """
    step = chain_step(
        kind,
        f"{kind}/{order_key(request)}",
        message,
        account=account,
        subject=subject,
        request_id=request_id(),
    )
    async with services.database.transaction() as session:
        (step_id,) = await services.outbox.add(session, step)
    found = await services.outbox.wait(step_id, wait_s)
    accept(response, f"/v1/jobs/{step_id}", is_ended=found.state in ENDED)
    return job_of(found)
