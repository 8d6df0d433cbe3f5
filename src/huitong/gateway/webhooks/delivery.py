"""Delivering events: each is a step of the outbox, in the lane of its webhook.

So it is sent at least once, again with growing pauses, and after the last attempt it is
stuck: listed with its reason, and no other webhook has waited for it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import HuitongError
from huitong.core.time import format_rfc3339
from huitong.gateway.http.errors import AbsentError
from huitong.gateway.outbox.ledger import failure_of
from huitong.gateway.outbox.steps import Done, Failed, Settled, Step, StepOutcome
from huitong.gateway.webhooks.book import DELIVER, Webhooks, message_id
from huitong.gateway.webhooks.errors import WebhookDownError
from huitong.gateway.webhooks.sending import WebhookSender

#: Type of the event with which a receiver is tried.
TEST_TYPE: Final = "cn.huitong.webhook.tested.v1"
#: Events that one receiver is sent at the same time.
PARALLEL_MAX: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What became of an event that was sent to try a receiver."""

    status: int
    """HTTP status of its answer; 0 if the event was not taken."""
    failure: HuitongError | None
    """Why not."""
    duration_ns: int


@final
class WebhookDeliveries:
    """Sends events to their receivers (``Executor``)."""

    batch_max = 1
    parallel_max = PARALLEL_MAX

    def __init__(self, webhooks: Webhooks, sender: WebhookSender, source: str) -> None:
        """Prepare; ``source`` is who tells the events that try a receiver."""
        self._webhooks = webhooks
        self._sender = sender
        self._source = source

    async def execute(self, steps: Sequence[Step]) -> Sequence[StepOutcome]:
        """Send each event once."""
        return [await self._deliver(step) for step in steps]

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Nothing follows."""

    async def _deliver(self, step: Step) -> StepOutcome:
        try:
            url, secrets = await self._webhooks.address(step.lane)
            name = step.key.removeprefix(f"{DELIVER}/")
            await self._sender.send(url, name, step.payload, secrets)
        except AbsentError:
            return Done()  # the webhook was removed meanwhile
        except WebhookDownError as error:
            return Failed(error=error, is_away=True)
        except HuitongError as error:
            return Failed(error=error)
        except Exception as bug:  # noqa: BLE001 - each delivery fails for itself
            return failure_of(bug, DELIVER)
        return Done()

    async def try_out(self, webhook_id: str) -> Trial:
        """Send an event that says nothing, once and now.

        Raises:
            AbsentError: there is no such webhook.
        """
        url, secrets = await self._webhooks.address(webhook_id)
        began_ns = time.time_ns()
        name = f"test-{began_ns}"
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": name,
            "source": self._source,
            "type": TEST_TYPE,
            "subject": webhook_id,
            "time": format_rfc3339(began_ns),
            "datacontenttype": "application/json",
            "data": {"webhook": webhook_id},
        }
        status, failure = 0, None
        try:
            status = await self._sender.send(
                url, message_id(webhook_id, name), orjson.dumps(event), secrets
            )
        except HuitongError as error:
            failure = error
        return Trial(
            status=status, failure=failure, duration_ns=time.time_ns() - began_ns
        )
