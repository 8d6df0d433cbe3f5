"""Tokens of identity providers: OpenID Connect, JSON Web Tokens (RFC 7519, RFC 8725).

What is checked: the signature by a key of the provider and a method that the settings
allow and the key is made for, ``iss``, ``aud``, ``exp``, ``nbf``, ``iat``, and that the
subject fits into a log. Claims become roles by the rules of the settings; nothing in a
token is a role by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, final

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from huitong.core.time import NS_PER_SECOND, TimeNs
from huitong.gateway.access.callers import Caller, CallerKind
from huitong.gateway.access.errors import TokenError
from huitong.gateway.access.key_sets import KeySet
from huitong.gateway.access.roles import Role, check_roles_together
from huitong.gateway.access.settings import AccessSettings, ProviderSettings

#: Characters of a token; those with many groups have about 4,000.
TOKEN_CHARACTERS_MAX: Final = 16_384
#: Characters of a subject: with the provider's name before it, it is a caller's id.
SUBJECT_CHARACTERS_MAX: Final = 104
#: Characters of a name that is only shown.
NAME_CHARACTERS_MAX: Final = 128
_TYPES: Final = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
_NEEDED: Final = ("exp", "iat", "iss", "aud", "sub")


@final
class Tokens:
    """Reads tokens of the providers that the settings name."""

    def __init__(
        self,
        settings: AccessSettings,
        client: httpx.AsyncClient,
        *,
        clock: Callable[[], TimeNs],
        clock_s: Callable[[], float],
    ) -> None:
        """Prepare; no provider is asked yet.

        Args:
            settings: providers and times.
            client: asks the providers.
            clock: tells nanoseconds since the epoch, for the times in tokens.
            clock_s: tells seconds of a clock that never goes back, for the age of keys.
        """
        self._leeway_s = settings.leeway_s
        self._clock = clock
        self._providers = {
            item.issuer: (item, KeySet(item.issuer, settings, client, clock_s=clock_s))
            for item in settings.providers
        }

    async def authenticate(self, token: str) -> Caller:
        """Return the caller that a token names.

        Raises:
            TokenError: it is not valid for this gateway, now.
            IdentityProviderDownError: it cannot be checked.
            RolesTogetherError: it has roles that nobody may have together.
        """
        header, unproven = _read_unproven(token)
        found = self._providers.get(str(unproven.get("iss")))
        if found is None:
            raise TokenError(reason="its issuer is not known here")
        provider, keys = found
        algorithm = _check_header(header, provider)
        key = await keys.find(str(header["kid"]))
        _check_key(key, algorithm)
        claims = _verify(token, key, algorithm, provider)
        self._check_times(claims)
        return _caller(claims, provider)

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now_s = self._clock() / NS_PER_SECOND
        expires, issued = _time(claims, "exp"), _time(claims, "iat")
        not_before = _time(claims, "nbf") if "nbf" in claims else issued
        if now_s >= expires + self._leeway_s:
            raise TokenError(reason="it has expired")
        if max(not_before, issued) > now_s + self._leeway_s:
            raise TokenError(reason="it is not valid yet")


def _read_unproven(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims, of which nothing is proven yet."""
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise TokenError(reason=f"longer than {TOKEN_CHARACTERS_MAX} characters")
    try:
        read = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise TokenError(reason="not a JSON Web Token") from error
    return read["header"], read["payload"]


def _check_header(header: Mapping[str, Any], provider: ProviderSettings) -> str:
    """Return the method of the signature, if it is one that is taken."""
    algorithm = header.get("alg")
    if algorithm not in provider.algorithms:
        raise TokenError(reason="its method of signature is not taken")
    if str(header.get("typ", "")).lower() not in _TYPES:
        raise TokenError(reason="it is of another type")
    if "crit" in header:
        raise TokenError(reason="it has critical headers that are not known")
    if not isinstance(header.get("kid"), str):
        raise TokenError(reason="it does not name its key")
    return str(algorithm)


def _check_key(key: jwt.PyJWK, algorithm: str) -> None:
    """Refuse a method that is not the key's, whatever the header says."""
    public = key.key
    if isinstance(public, rsa.RSAPublicKey):
        is_right = algorithm[:2] in ("RS", "PS")
    elif isinstance(public, ec.EllipticCurvePublicKey):
        curves = {"ES256": "secp256r1", "ES384": "secp384r1"}
        is_right = curves.get(algorithm) == public.curve.name
    else:
        is_right = isinstance(public, ed25519.Ed25519PublicKey) and algorithm == "EdDSA"
    if not is_right:
        raise TokenError(reason="its method of signature is not that of its key")


def _verify(
    token: str, key: jwt.PyJWK, algorithm: str, provider: ProviderSettings
) -> dict[str, Any]:
    """Return the claims, proven to be the provider's and meant for this gateway."""
    checks = {"require": list(_NEEDED), "verify_exp": False, "verify_iat": False}
    checks["verify_nbf"] = False  # times are checked by our own clock
    try:
        return jwt.decode(
            token,
            key.key,
            algorithms=[algorithm],
            audience=provider.audience,
            issuer=provider.issuer,
            options=checks,  # type: ignore[arg-type]
        )
    except jwt.InvalidSignatureError as error:
        raise TokenError(reason="its signature is wrong") from error
    except jwt.InvalidAudienceError as error:
        raise TokenError(reason="it is for another audience") from error
    except jwt.MissingRequiredClaimError as error:
        raise TokenError(reason=f"it has no {error.claim}") from error
    except (jwt.PyJWTError, ValueError) as error:
        raise TokenError(reason="its claims are not of the right form") from error


def _time(claims: Mapping[str, Any], name: str) -> float:
    """Return a claim that is a time, in seconds since the epoch."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenError(reason=f"its {name} is no time")
    if not 0 <= value < 2**40:  # also not NaN
        raise TokenError(reason=f"its {name} is no time")
    return value


def _caller(claims: Mapping[str, Any], provider: ProviderSettings) -> Caller:
    subject = claims["sub"]
    if (
        not isinstance(subject, str)
        or not 0 < len(subject) <= SUBJECT_CHARACTERS_MAX
        or not subject.isprintable()
    ):
        raise TokenError(
            reason=f"its subject is not 1 to {SUBJECT_CHARACTERS_MAX} printable characters"
        )
    roles = roles_of(claims, provider)
    check_roles_together(roles)
    name = claims.get("name") or claims.get("email") or subject
    shown = "".join(filter(str.isprintable, str(name)))[:NAME_CHARACTERS_MAX]
    return Caller(f"oidc:{provider.name}:{subject}", shown, roles, CallerKind.TOKEN)


def roles_of(claims: Mapping[str, Any], provider: ProviderSettings) -> frozenset[Role]:
    """Return the roles that the provider's rules give to some claims."""
    return frozenset(
        rule.role for rule in provider.roles if rule.value in _texts(claims, rule.claim)
    )


def _texts(claims: Mapping[str, Any], name: str) -> list[str]:
    """Return the texts of a claim; an address that nobody has verified is none."""
    value = claims.get(name)
    if name == "email" and claims.get("email_verified") is not True:
        return []
    if isinstance(value, str):
        return [value]
    parts = value if isinstance(value, list) else []
    return [part for part in parts if isinstance(part, str)]
