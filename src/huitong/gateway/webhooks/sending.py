"""One request to one receiver."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Final, final

import httpx

from huitong.core.time import NS_PER_SECOND, TimeNs
from huitong.gateway.webhooks.addresses import find_target
from huitong.gateway.webhooks.errors import (
    WebhookBusyError,
    WebhookDownError,
    WebhookRefusedError,
)
from huitong.gateway.webhooks.lookups import Lookups
from huitong.gateway.webhooks.settings import WebhookSettings
from huitong.sdk.webhooks import sign_webhook

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
#: Answers that say "not now".
_MAY_PASS: Final = frozenset({408, 425, 429})


@final
class WebhookSender:
    """Posts signed events; never follows where a receiver points to."""

    def __init__(
        self,
        settings: WebhookSettings,
        verify: ssl.SSLContext | bool = True,
        *,
        clock: Callable[[], TimeNs] = time.time_ns,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            settings: where events may go.
            verify: which authorities certify receivers; True for the public ones.
            clock: tells nanoseconds since the epoch.
        """
        self._settings = settings
        self._clock = clock
        self._lookups = Lookups()
        self._client = httpx.AsyncClient(
            timeout=settings.timeout_s,
            verify=verify,
            follow_redirects=False,
            trust_env=False,
            # The next event may be for another name at the same address, so no
            # connection is used twice: each is checked against its own name.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def send(
        self, url: str, message_id: str, body: bytes, secrets: Sequence[str]
    ) -> int:
        """Post an event and return the status of the answer, 200 to 299.

        Args:
            url: of the receiver.
            message_id: the same for every attempt at one event.
            body: the event.
            secrets: that it is signed with, the newest first.

        Raises:
            WebhookUrlError, WebhookAddressError: nothing may be sent there.
            WebhookDownError: it does not answer.
            WebhookBusyError: it answers that it cannot take the event now.
            WebhookRefusedError: it does not want the event, or points elsewhere.
        """
        host = httpx.URL(url).host
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                status = await self._post(url, message_id, body, secrets)
        except TimeoutError:
            raise WebhookDownError(host=host, reason="no answer in time") from None
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise WebhookDownError(host=host, reason=reason) from None
        if status >= 500 or status in _MAY_PASS:
            raise WebhookBusyError(host=host, status=status)
        if not 200 <= status < 300:
            raise WebhookRefusedError(host=host, reason=f"HTTP {status}")
        return status

    async def _post(
        self, url: str, message_id: str, body: bytes, secrets: Sequence[str]
    ) -> int:
        target = await find_target(url, self._settings, self._lookups)
        now_s = self._clock() // NS_PER_SECOND
        headers = sign_webhook(message_id, body, secrets, now_s=now_s)
        headers["content-type"] = CONTENT_TYPE
        headers["host"] = target.host_header
        async with self._client.stream(
            "POST",
            target.url,
            content=body,
            headers=headers,
            extensions={"sni_hostname": target.host},
        ) as answer:
            return answer.status_code  # what else it says is nobody's business
