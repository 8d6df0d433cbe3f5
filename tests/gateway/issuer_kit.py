"""An issuer of tokens whose keys and answers a test decides on, in this process."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from starlette.types import Receive, Scope, Send

from huitong.gateway.access.settings import (
    AccessSettings,
    ProviderSettings,
    RoleRule,
)

ISSUER: Final = "https://login.bank.example"
AUDIENCE: Final = "gateway"
NOW_S: Final = 1_800_000_000
#: Signers are slow to make, so all tests of a process share them.
RSA_KEY: Final = rsa.generate_private_key(65537, 2048)
OTHER_RSA_KEY: Final = rsa.generate_private_key(65537, 2048)
SMALL_RSA_KEY: Final = rsa.generate_private_key(65537, 1024)
EC_KEY: Final = ec.generate_private_key(ec.SECP256R1())
ED_KEY: Final = ed25519.Ed25519PrivateKey.generate()


class Clocks:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.seconds = float(NOW_S)

    def ns(self) -> int:
        return int(self.seconds * 1_000_000_000)

    def s(self) -> float:
        return self.seconds


class Issuer:
    """Answers for its description and its keys, and counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"rsa": RSA_KEY, "ec": EC_KEY, "ed": ED_KEY}
        self.description: dict[str, Any] = {
            "issuer": ISSUER,
            "jwks_uri": f"{ISSUER}/keys",
        }
        self.key_answer: bytes | None = None
        self.is_down = False
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        if self.is_down:
            raise httpx.ConnectError("refused")
        is_keys = scope["path"] == "/keys"
        body = json.dumps(self.key_set() if is_keys else self.description).encode()
        if is_keys and self.key_answer is not None:
            body = self.key_answer
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    def key_set(self) -> dict[str, Any]:
        return {"keys": [public_jwk(key, name) for name, key in self.keys.items()]}

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self))


def public_jwk(key: Any, name: str) -> dict[str, Any]:
    """Return the public half of a key as a provider publishes it."""
    kind: Any = jwt.algorithms.RSAAlgorithm
    if isinstance(key, ec.EllipticCurvePrivateKey):
        kind = jwt.algorithms.ECAlgorithm
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        kind = jwt.algorithms.OKPAlgorithm
    made: dict[str, Any] = kind.to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": name, "use": "sig"}


def claims(**changed: Any) -> dict[str, Any]:
    """Return the claims of a good token; None leaves one out."""
    made = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "zhang-san",
        "iat": NOW_S - 10,
        "exp": NOW_S + 600,
        "groups": ["gateway-officers"],
    }
    made.update(changed)
    return {name: value for name, value in made.items() if value is not None}


def sign(
    told: Mapping[str, Any],
    *,
    key: Any = RSA_KEY,
    algorithm: str = "RS256",
    **header: Any,
) -> str:
    """Return a token of any claims, by any key, with any header."""
    return jwt.PyJWS().encode(
        json.dumps(told).encode(),
        key,
        algorithm,
        headers={"typ": "JWT", "kid": "rsa", **header},
    )


def part(value: Any) -> str:
    """Return a part of a token: bytes as they are, anything else as JSON."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def confuse(
    told: Mapping[str, Any], public: Any, key_id: str, algorithm: str = "HS256"
) -> str:
    """Return a token whose secret is the public key that everybody knows."""
    secret = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = part({"alg": algorithm, "typ": "JWT", "kid": key_id})
    signed = f"{header}.{part(told)}"
    tag = hmac.digest(secret, signed.encode(), algorithm.replace("HS", "sha"))
    return f"{signed}.{part(tag)}"


def access_settings(issuer: str = ISSUER, audience: str = AUDIENCE) -> AccessSettings:
    """Return settings with one provider that gives roles by groups and addresses."""
    groups = {
        "gateway-officers": "officer",
        "gateway-auditors": "auditor",
        "gateway-integrators": "integrator",
        "authors": "officer",
    }
    rules = [RoleRule(value=name, role=role) for name, role in groups.items()]  # type: ignore[arg-type]
    for role in ("officer", "integrator", "security", "auditor", "system"):
        address = f"{role}@bank.example"
        rules.append(RoleRule(claim="email", value=address, role=role))  # type: ignore[arg-type]
    provider = ProviderSettings(
        name="bank", issuer=issuer, audience=audience, roles=tuple(rules)
    )
    return AccessSettings(providers=(provider,))
