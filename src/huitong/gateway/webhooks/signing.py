"""Signatures of webhooks, in the form of the Standard Webhooks specification, version 1.

The signature is HMAC-SHA-256 over ``id.time.body``, base64, behind ``v1,``. Several may
stand in the header, separated by spaces, while a secret is being changed. The id is the
same for every attempt at one message, so that the receiver can drop what it has seen.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

from huitong.gateway.webhooks.errors import WebhookSecretError, WebhookSignatureError

ID_HEADER: Final = "webhook-id"
TIME_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
#: Seconds that the times of sender and receiver may differ.
TOLERANCE_S: Final = 300
#: Fewest characters of a secret.
SECRET_CHARACTERS_MIN: Final = 24
#: Signatures that are looked at in one header.
SIGNATURES_MAX: Final = 8
_VERSION: Final = "v1"


def check_secret(secret: str) -> str:
    """Return a secret that can protect something.

    Raises:
        WebhookSecretError: it is too short.
    """
    if len(secret) < SECRET_CHARACTERS_MIN:
        raise WebhookSecretError(
            reason=f"{len(secret)} characters, at least {SECRET_CHARACTERS_MIN}"
        )
    return secret


def sign_webhook(
    message_id: str, body: bytes, secrets: Sequence[str], *, now_s: int
) -> dict[str, str]:
    """Return the three headers of a message.

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
        headers: with lower-case names.
        body: exactly what arrived.
        secret: shared with the sender.
        now_s: the receiver's clock, seconds since the epoch, UTC.

    Raises:
        WebhookSignatureError: a header is missing, the time is off, or no signature fits.
    """
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
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return f"{_VERSION},{base64.b64encode(digest).decode()}"
