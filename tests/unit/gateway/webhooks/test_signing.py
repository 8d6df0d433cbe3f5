"""Signatures of webhooks: what verifies, and that nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.gateway.webhooks.errors import WebhookSecretError
from huitong.gateway.webhooks.secrets import check_secret
from huitong.sdk.webhooks import (
    TOLERANCE_S,
    WebhookSignatureError,
    sign_webhook,
    verify_webhook,
)

SECRET, OLD = "the new secret of this test", "the old secret of this test"
NOW_S = 1_800_000_000


def test_message_verifies_under_each_of_two_secrets() -> None:
    headers = sign_webhook("m-1", b"body", [SECRET, OLD], now_s=NOW_S)
    for secret in (SECRET, OLD):
        assert verify_webhook(headers, b"body", secret, now_s=NOW_S) == "m-1"


def test_known_answer_of_the_specification_form() -> None:
    headers = sign_webhook("msg", b"{}", ["k" * 24], now_s=1)
    assert headers["webhook-signature"] == _by_hand("msg", 1, b"{}", "k" * 24)


def _by_hand(message_id: str, time_s: int, body: bytes, secret: str) -> str:
    """HMAC by its definition (RFC 2104), with nothing but SHA-256."""
    import base64
    from hashlib import sha256

    key = secret.encode().ljust(64, b"\0")
    message = f"{message_id}.{time_s}.".encode() + body
    inner = sha256(bytes(b ^ 0x36 for b in key) + message).digest()
    outer = sha256(bytes(b ^ 0x5C for b in key) + inner).digest()
    return "v1," + base64.b64encode(outer).decode()


@pytest.mark.parametrize("off_s", [-TOLERANCE_S - 1, TOLERANCE_S + 1])
def test_message_from_another_time_is_refused(off_s: int) -> None:
    headers = sign_webhook("m-1", b"body", [SECRET], now_s=NOW_S)
    with pytest.raises(WebhookSignatureError, match="off by"):
        verify_webhook(headers, b"body", SECRET, now_s=NOW_S + off_s)


@given(at=st.integers(0, 3), flip=st.integers(1, 255))
def test_changed_body_is_refused(at: int, flip: int) -> None:
    headers = sign_webhook("m-1", b"body", [SECRET], now_s=NOW_S)
    changed = bytearray(b"body")
    changed[at] ^= flip
    with pytest.raises(WebhookSignatureError):
        verify_webhook(headers, bytes(changed), SECRET, now_s=NOW_S)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "m-2"},
        {"webhook-id": ""},
        {"webhook-timestamp": str(NOW_S + 1)},
        {"webhook-timestamp": "١٢"},
        {"webhook-timestamp": ""},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,ä"},
    ],
)
def test_changed_header_is_refused(change: dict[str, str]) -> None:
    headers = sign_webhook("m-1", b"body", [SECRET], now_s=NOW_S) | change
    with pytest.raises(WebhookSignatureError):
        verify_webhook(headers, b"body", SECRET, now_s=NOW_S)


def test_short_secret_is_refused() -> None:
    with pytest.raises(WebhookSecretError):
        check_secret("x" * 23)
