"""For receivers of webhooks: who sent it, that nobody changed it, and what it says::

    event = read_webhook(request.headers, await request.body(), secret)
    if event.id in seen:  # a second attempt at the same event
        return

The form is that of the Standard Webhooks specification, version 1. The signature is HMAC-SHA-256 over ``id.time.body``, base64, behind ``v1,``. Several may
stand in the header, separated by spaces, while a secret is being changed. The id is the
same for every attempt at one message, so that the receiver can drop what it has seen.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import Final

from huitong.core.errors import RejectedError
from huitong.sdk.calls import read_event
from huitong.sdk.models import Event

ID_HEADER: Final = "webhook-id"
TIME_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
#: Seconds that the times of sender and receiver may differ.
TOLERANCE_S: Final = 300
#: What stands before a secret whose rest is the key in base64.
SECRET_PREFIX: Final = "whsec_"
#: Signatures that are looked at in one header.
SIGNATURES_MAX: Final = 8
_VERSION: Final = "v1"


class WebhookSignatureError(
    RejectedError,
    codespace="webhook",
    code=3,
    text="signature of the webhook: {reason}",
    next_step="Check that both sides have the same secret, and the clock.",
):
    """The message is not from who shares the secret, was changed, or is too old."""


def read_webhook(
    headers: Mapping[str, str],
    body: bytes,
    *secrets: str,
    now_s: int | None = None,
) -> Event:
    """Return the event of a webhook of a gateway, if it was signed with a secret.

    Args:
        headers: of the request; the case of their names does not matter.
        body: exactly what arrived.
        secrets: shared with the gateway; the old one too while it is being changed.
        now_s: the receiver's clock, seconds since the epoch; None reads it.

    Raises:
        WebhookSignatureError: it is not from the gateway, was changed, or is too old.
        AnswerFormError: it is signed, and no event.
    """
    now_s = int(time.time()) if now_s is None else now_s
    failure = WebhookSignatureError(reason="there is no secret")
    for secret in secrets:
        try:
            verify_webhook(headers, body, secret, now_s=now_s)
        except WebhookSignatureError as error:
            failure = error
        else:
            return read_event(body, Event)
    raise failure


def sign_webhook(
    message_id: str, body: bytes, secrets: Sequence[str], *, now_s: int
) -> dict[str, str]:
    """Return the three headers of a message, as a gateway sends them.

    Args:
        message_id: the same for every attempt; without a full stop.
        body: exactly what is sent.
        secrets: the newest first; the old one too while it is being changed.
        now_s: seconds since the epoch, UTC.
    """
    signatures = [_signature(message_id, now_s, body, secret) for secret in secrets]
    return {
        ID_HEADER: message_id,
        TIME_HEADER: str(now_s),
        SIGNATURE_HEADER: " ".join(signatures),
    }


def verify_webhook(
    headers: Mapping[str, str], body: bytes, secret: str, *, now_s: int
) -> str:
    """Return the id of a message that was signed with ``secret``.

    Args:
        headers: of the request; the case of their names does not matter.
        body: exactly what arrived.
        secret: shared with the sender.
        now_s: the receiver's clock, seconds since the epoch, UTC.

    Raises:
        WebhookSignatureError: a header is missing, the time is off, or no signature fits.
    """
    headers = {name.lower(): value for name, value in headers.items()}
    message_id, time_text = headers.get(ID_HEADER, ""), headers.get(TIME_HEADER, "")
    if not message_id or not (time_text.isascii() and time_text.isdigit()):
        raise WebhookSignatureError(reason="id or time is missing")
    sent_s = int(time_text[:20])
    if abs(now_s - sent_s) > TOLERANCE_S:
        raise WebhookSignatureError(reason=f"its time is off by {now_s - sent_s} s")
    expected = _signature(message_id, sent_s, body, secret).encode()
    given = headers.get(SIGNATURE_HEADER, "").split(" ")[:SIGNATURES_MAX]
    if not any(hmac.compare_digest(expected, one.encode()) for one in given):
        raise WebhookSignatureError(reason="it does not fit")
    return message_id


def _signature(message_id: str, time_s: int, body: bytes, secret: str) -> str:
    signed = f"{message_id}.{time_s}.".encode() + body
    digest = hmac.new(_key_of(secret), signed, hashlib.sha256).digest()
    return f"{_VERSION},{base64.b64encode(digest).decode()}"


def _key_of(secret: str) -> bytes:
    """Return the key that a secret stands for; one of another form is the key itself."""
    if secret.startswith(SECRET_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except ValueError:
            pass
    return secret.encode()
