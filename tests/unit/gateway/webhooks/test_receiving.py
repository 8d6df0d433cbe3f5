"""What receivers do with the SDK: take what was signed, refuse everything else."""

from __future__ import annotations

import time

import orjson
import pytest

from huitong.gateway.webhooks.errors import WebhookKeyError
from huitong.gateway.webhooks.secrets import SecretBox, make_secret
from huitong.sdk.errors import AnswerFormError
from huitong.sdk.webhooks import (
    TOLERANCE_S,
    WebhookSignatureError,
    read_webhook,
    sign_webhook,
    verify_webhook,
)

NOW_S = 1_800_000_000
SECRET, OLD = make_secret(), make_secret()
BODY = orjson.dumps(
    {
        "specversion": "1.0",
        "id": "7",
        "source": "/zones/z/members/m",
        "type": "cn.huitong.exchange.settled.v1",
        "subject": "e",
        "time": "2026-03-18T09:30:00Z",
        "datacontenttype": "application/json",
        "data": {"stage": "settled"},
    }
)


def _headers(body: bytes = BODY, *secrets: str) -> dict[str, str]:
    return sign_webhook("w_7", body, list(secrets) or [SECRET], now_s=NOW_S)


def test_published_example_of_the_specification_verifies() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    assert verify_webhook(headers, body, secret, now_s=1614265330) in headers.values()


def test_signed_event_is_read_whatever_the_case_of_headers() -> None:
    headers = {name.title(): value for name, value in _headers().items()}
    event = read_webhook(headers, BODY, SECRET, now_s=NOW_S)
    assert (event.id, event.data) == ("7", {"stage": "settled"})


def test_receiver_with_either_secret_reads_what_both_signed() -> None:
    headers = _headers(BODY, SECRET, OLD)
    for secrets in ([SECRET], [OLD], [make_secret(), OLD]):
        assert read_webhook(headers, BODY, *secrets, now_s=NOW_S).id == "7"


@pytest.mark.parametrize("place", range(0, len(BODY), 7))
def test_body_with_a_flipped_byte_is_rejected(place: int) -> None:
    body = bytearray(BODY)
    body[place] ^= 1
    with pytest.raises(WebhookSignatureError):
        read_webhook(_headers(), bytes(body), SECRET, now_s=NOW_S)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "w_8"},
        {"webhook-timestamp": str(NOW_S + 1)},
        {"webhook-timestamp": "soon"},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": ""},
        {"webhook-id": ""},
    ],
)
def test_changed_header_is_rejected(change: dict[str, str]) -> None:
    with pytest.raises(WebhookSignatureError):
        read_webhook(_headers() | change, BODY, SECRET, now_s=NOW_S)


def test_event_that_somebody_sends_again_later_is_rejected() -> None:
    with pytest.raises(WebhookSignatureError, match="off by 301 s"):
        read_webhook(_headers(), BODY, SECRET, now_s=NOW_S + TOLERANCE_S + 1)


def test_no_secret_reads_nothing() -> None:
    with pytest.raises(WebhookSignatureError, match="no secret"):
        read_webhook(_headers(), BODY, now_s=NOW_S)


def test_clock_of_the_machine_counts_if_no_other_is_given() -> None:
    headers = sign_webhook("w_7", BODY, [SECRET], now_s=int(time.time()))
    assert read_webhook(headers, BODY, SECRET).id == "7"
    with pytest.raises(WebhookSignatureError, match="off by"):
        read_webhook(_headers(), BODY, SECRET)


def test_signed_body_that_is_no_event_is_refused() -> None:
    with pytest.raises(AnswerFormError):
        read_webhook(_headers(b"{}"), b"{}", SECRET, now_s=NOW_S)


def test_secret_in_the_database_opens_for_its_webhook_and_key_alone() -> None:
    box = SecretBox(bytes(32))
    sealed = box.seal("w", SECRET)
    assert SECRET.encode() not in sealed
    assert box.open("w", sealed) == SECRET
    for other, webhook in ((SecretBox(b"\1" * 32), "w"), (box, "v")):
        with pytest.raises(WebhookKeyError):
            other.open(webhook, sealed)
