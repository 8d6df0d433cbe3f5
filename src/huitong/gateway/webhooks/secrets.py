"""Secrets of webhooks: made here, sealed in the database under a key that is not in it."""

from __future__ import annotations

import base64
import os
import secrets
from typing import Final, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from huitong.gateway.webhooks.errors import WebhookKeyError, WebhookSecretError
from huitong.sdk.webhooks import SECRET_PREFIX

#: Random bytes of a secret.
SECRET_SIZE_BYTES: Final = 32
#: Fewest characters of a secret that somebody else has made.
SECRET_CHARACTERS_MIN: Final = 24
_NONCE_SIZE_BYTES: Final = 12


def make_secret() -> str:
    """Return a new secret, ``whsec_`` and base64."""
    random = secrets.token_bytes(SECRET_SIZE_BYTES)
    return SECRET_PREFIX + base64.b64encode(random).decode()


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


@final
class SecretBox:
    """Seals secrets, each to its webhook (AES-256-GCM)."""

    def __init__(self, key: bytes) -> None:
        """Prepare with 32 secret bytes, the same in all processes of the gateway."""
        self._cipher = AESGCM(key)

    def seal(self, webhook_id: str, secret: str) -> bytes:
        """Return a secret as it may lie in the database."""
        nonce = os.urandom(_NONCE_SIZE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), webhook_id.encode())

    def open(self, webhook_id: str, sealed: bytes) -> str:
        """Return the secret.

        Raises:
            WebhookKeyError: it was sealed under another key, or changed.
        """
        nonce, rest = sealed[:_NONCE_SIZE_BYTES], sealed[_NONCE_SIZE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, rest, webhook_id.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise WebhookKeyError(webhook_id=webhook_id) from error
