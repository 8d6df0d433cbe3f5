"""The public keys of an identity provider, read from it and remembered for a while.

Keys are read again when they are no longer fresh, or when a token names a key that is
not known, the latter at most once a minute, so that made-up names cost the provider
nothing. While the provider does not answer, known keys are used until the grace period
since the last *successful* reading is over; then nothing is taken any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, final
from urllib.parse import urlsplit

import httpx
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from huitong.core.canonical_json import JsonError, decode_json
from huitong.gateway.access.errors import (
    IdentityProviderDownError,
    ProviderFormError,
    TokenError,
)
from huitong.gateway.access.settings import AccessSettings

log = structlog.get_logger("gateway")

#: Seconds between two readings because of an unknown key.
UNKNOWN_KEY_S: Final = 60
#: Seconds between two tries to read from a provider that does not answer.
RETRY_S: Final = 10
#: Bytes of a provider's description or of its keys; real ones have 2 to 20 KB.
ANSWER_BYTES_MAX: Final = 262_144
#: Keys of one provider; while it changes them it has two or three.
KEYS_MAX: Final = 64
#: Bits of an RSA key below which its signatures are not taken.
RSA_BITS_MIN: Final = 2_048
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_DISCOVERY: Final = "/.well-known/openid-configuration"


@final
class KeySet:
    """The keys of one provider."""

    def __init__(
        self,
        issuer: str,
        settings: AccessSettings,
        client: httpx.AsyncClient,
        *,
        clock_s: Callable[[], float],
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            issuer: URL of the provider.
            settings: how long keys are fresh, and used beyond that.
            client: asks the provider; redirects are not followed.
            clock_s: tells seconds of a clock that never goes back.
        """
        self._issuer = issuer
        self._settings = settings
        self._client = client
        self._clock_s = clock_s
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._read_s: float | None = None
        self._tried_s: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, key_id: str) -> jwt.PyJWK:
        """Return a key by its name, reading the provider's keys where that is due.

        Raises:
            IdentityProviderDownError: no keys, or none read within the grace period.
            TokenError: the provider has no such key.
        """
        if self._is_due(key_id) and not (self._lock.locked() and self._is_usable()):
            async with self._lock:
                if self._is_due(key_id):
                    await self._read()
        if not self._is_usable():
            raise IdentityProviderDownError(grace_s=self._settings.keys_grace_s)
        found = self._keys.get(key_id)
        if found is None:
            raise TokenError(reason="signed with a key that the provider does not have")
        return found

    def _is_due(self, key_id: str) -> bool:
        now_s = self._clock_s()
        since_try_s = _since(self._tried_s, now_s)
        if _since(self._read_s, now_s) >= self._settings.keys_fresh_s:
            return since_try_s >= RETRY_S
        return key_id not in self._keys and since_try_s >= UNKNOWN_KEY_S

    def _is_usable(self) -> bool:
        return _since(self._read_s, self._clock_s()) <= self._settings.keys_grace_s

    async def _read(self) -> None:
        self._tried_s = self._clock_s()
        try:
            async with asyncio.timeout(self._settings.provider_timeout_s):
                described = await self._get(self._issuer.rstrip("/") + _DISCOVERY)
                if described.get("issuer") != self._issuer:
                    raise self._form_error("it calls itself by another URL")
                self._keys = self._keys_of(await self._get(described.get("jwks_uri")))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            log.warning(
                "provider_lost", issuer=self._issuer, reason=type(error).__name__
            )
        except (ProviderFormError, JsonError) as error:
            log.warning("provider_unreadable", issuer=self._issuer, reason=str(error))
        else:
            self._read_s = self._tried_s

    async def _get(self, url: object) -> dict[str, Any]:
        if not isinstance(url, str) or not is_safe_url(url):
            raise self._form_error("its keys are not at an https URL")
        body = bytearray()
        async with self._client.stream("GET", url, follow_redirects=False) as answer:
            if answer.status_code != 200:
                raise self._form_error(f"it answers {answer.status_code}")
            async for part in answer.aiter_bytes(16_384):
                body += part
                if len(body) > ANSWER_BYTES_MAX:
                    raise self._form_error(f"it answers more than {ANSWER_BYTES_MAX} B")
        value = decode_json(bytes(body))
        if not isinstance(value, dict):
            raise self._form_error("its answer is no JSON object")
        return value

    def _keys_of(self, answer: Mapping[str, Any]) -> Mapping[str, jwt.PyJWK]:
        """Return the usable signature keys; those of other kinds are passed over."""
        given = answer.get("keys")
        if not isinstance(given, list) or len(given) > KEYS_MAX:
            raise self._form_error(f"not a list of up to {KEYS_MAX} keys")
        found: dict[str, jwt.PyJWK] = {}
        for item in given:
            key = _signature_key(item)
            if key is not None:
                found[str(item["kid"])] = key
        return found

    def _form_error(self, reason: str) -> ProviderFormError:
        return ProviderFormError(issuer=self._issuer, reason=reason)


def is_safe_url(url: str) -> bool:
    """Tell whether what comes from a URL can be believed: https, or this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and parts.hostname in _LOOPBACK


def _signature_key(item: Any) -> jwt.PyJWK | None:
    if not isinstance(item, dict) or not isinstance(item.get("kid"), str):
        return None
    if item.get("use", "sig") != "sig" or item.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    try:
        key = jwt.PyJWK(item)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < RSA_BITS_MIN:
        return None
    return key


def _since(then_s: float | None, now_s: float) -> float:
    return float("inf") if then_s is None else now_s - then_s
