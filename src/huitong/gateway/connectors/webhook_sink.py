"""A webhook as a sink: a CloudEvent for each received document, posted and signed.

The event's id is the exchange's: a receiver that keeps ids drops what it has. Redirects
are not followed, and outside loopback only https is spoken.
"""

from __future__ import annotations

import base64
import ipaddress
import time
from collections.abc import Callable
from typing import Any, Final, final
from urllib.parse import urlsplit

import httpx
import orjson

from huitong.core.time import NS_PER_SECOND, format_rfc3339
from huitong.gateway.connectors.definition import WebhookSink
from huitong.gateway.connectors.delivered import Delivered
from huitong.gateway.connectors.errors import SinkDownError, SinkRefusedError
from huitong.gateway.webhooks.errors import WebhookSecretError
from huitong.gateway.webhooks.secrets import check_secret
from huitong.sdk.webhooks import sign_webhook

#: Type of the event.
EVENT_TYPE: Final = "cn.huitong.exchange.received.v1"
_JSON: Final = "application/json"
_CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"


@final
class WebhookCalls:
    """Posts documents to one address."""

    def __init__(
        self,
        connector: str,
        sink: WebhookSink,
        url: str,
        secret: str,
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Prepare; nothing is sent yet.

        Raises:
            SinkRefusedError: the address or the secret cannot be used.
        """
        self._connector = connector
        self._url = url
        self._now_ns = now_ns
        parts = urlsplit(url)
        safe = parts.scheme == "https" or (
            parts.scheme == "http" and _is_loopback(parts.hostname or "")
        )
        if not safe:
            raise self._refused("the address must be https, or http on loopback")
        try:
            self._secret = check_secret(secret)
        except WebhookSecretError as error:
            raise self._refused(str(error)) from error
        self._client = httpx.AsyncClient(timeout=sink.timeout_s)

    async def check(self) -> None:
        """Nothing can be asked without sending."""

    async def deliver(self, delivered: Delivered) -> None:
        """See ``Sink.deliver``."""
        body = encode_event(delivered)
        now_s = self._now_ns() // NS_PER_SECOND
        headers = sign_webhook(delivered.exchange, body, [self._secret], now_s=now_s)
        headers["content-type"] = _CONTENT_TYPE
        try:
            answer = await self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise SinkDownError(
                connector=self._connector, reason=type(error).__name__
            ) from error
        status = answer.status_code
        if status >= 500 or status in (408, 425, 429):
            raise SinkDownError(connector=self._connector, reason=f"HTTP {status}")
        if not 200 <= status < 300:
            raise self._refused(f"HTTP {status}")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _refused(self, reason: str) -> SinkRefusedError:
        return SinkRefusedError(connector=self._connector, reason=reason)


def encode_event(delivered: Delivered) -> bytes:
    """Return a received document as a CloudEvent (version 1.0) in JSON.

    The data holds the exchange's facts and either ``document`` (JSON) or
    ``document_base64``.
    """
    data: dict[str, Any] = delivered.facts()
    if delivered.content_type == _JSON:
        data["document"] = orjson.Fragment(delivered.document)
    else:
        data["document_base64"] = base64.b64encode(delivered.document).decode()
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": delivered.exchange,
            "source": f"/zones/{delivered.zone}/members/{delivered.issuer}",
            "type": EVENT_TYPE,
            "subject": delivered.record_id,
            "time": format_rfc3339(delivered.received_ns),
            "datacontenttype": _JSON,
            "data": data,
        }
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
