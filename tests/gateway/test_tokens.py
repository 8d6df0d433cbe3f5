"""Tokens: what is taken, and every way in which one is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from huitong.gateway.access.callers import Caller, CallerKind
from huitong.gateway.access.errors import (
    IdentityProviderDownError,
    RolesTogetherError,
    TokenError,
)
from huitong.gateway.access.oidc import TOKEN_CHARACTERS_MAX, Tokens
from huitong.gateway.access.roles import Role
from tests.gateway.issuer_kit import (
    EC_KEY,
    ED_KEY,
    ISSUER,
    NOW_S,
    OTHER_RSA_KEY,
    RSA_KEY,
    SMALL_RSA_KEY,
    Clocks,
    Issuer,
    access_settings,
    claims,
    confuse,
    part,
    sign,
)

SETTINGS = access_settings()


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def tokens(issuer: Issuer, clocks: Clocks) -> AsyncIterator[Tokens]:
    async with issuer.client() as client:
        yield Tokens(SETTINGS, client, clock=clocks.ns, clock_s=clocks.s)


@pytest.mark.parametrize(
    ("key", "name", "algorithm"),
    [
        (RSA_KEY, "rsa", "RS256"),
        (RSA_KEY, "rsa", "PS256"),
        (EC_KEY, "ec", "ES256"),
        (ED_KEY, "ed", "EdDSA"),
    ],
)
async def test_token_of_each_kind_of_key_is_taken(
    key: Any, name: str, algorithm: str, tokens: Tokens
) -> None:
    token = sign(claims(), key=key, algorithm=algorithm, kid=name)
    assert await tokens.authenticate(token) == Caller(
        "oidc:bank:zhang-san",
        "zhang-san",
        frozenset({Role.OFFICER}),
        CallerKind.TOKEN,
    )


@pytest.mark.parametrize(
    ("told", "roles"),
    [
        ({"groups": []}, set()),
        ({"groups": "gateway-officers"}, {Role.OFFICER}),
        ({"groups": ["Gateway-Officers", 7, None]}, set()),
        ({"groups": {"gateway-officers": 1}}, set()),
        (
            {"groups": ["gateway-officers", "gateway-integrators"]},
            {Role.OFFICER, Role.INTEGRATOR},
        ),
        ({"groups": [], "roles": ["officer"]}, set()),
        (
            {"groups": [], "email": "system@bank.example", "email_verified": True},
            {Role.SYSTEM},
        ),
        ({"groups": [], "email": "system@bank.example"}, set()),
        (
            {"groups": [], "email": "system@bank.example", "email_verified": "true"},
            set(),
        ),
    ],
)
async def test_claims_become_roles_by_the_rules_alone(
    told: dict[str, Any], roles: set[Role], tokens: Tokens
) -> None:
    caller = await tokens.authenticate(sign(claims(**told)))
    assert caller.roles == roles


async def test_two_separated_roles_in_one_token_are_refused(tokens: Tokens) -> None:
    both = claims(groups=["gateway-officers", "gateway-auditors"])
    with pytest.raises(RolesTogetherError, match="auditor and officer"):
        await tokens.authenticate(sign(both))


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"exp": NOW_S - 30}, "it has expired"),
        ({"exp": 0}, "it has expired"),
        ({"exp": None}, "it has no exp"),
        ({"exp": str(NOW_S + 600)}, "its exp is no time"),
        ({"exp": True}, "its exp is no time"),
        ({"exp": 1e300}, "its exp is no time"),
        ({"exp": float("nan")}, "not a JSON Web Token|its exp is no time"),
        ({"iat": NOW_S + 31}, "it is not valid yet"),
        ({"iat": None}, "it has no iat"),
        ({"nbf": NOW_S + 31}, "it is not valid yet"),
        ({"nbf": [1]}, "its nbf is no time"),
        ({"aud": "another-service"}, "it is for another audience"),
        ({"aud": ["another-service", "third"]}, "it is for another audience"),
        ({"aud": None}, "it has no aud"),
        ({"iss": "https://login.bank.example/"}, "its issuer is not known here"),
        ({"iss": "https://evil.example"}, "its issuer is not known here"),
        ({"iss": None}, "its issuer is not known here"),
        ({"iss": [ISSUER]}, "its issuer is not known here"),
        ({"sub": None}, "it has no sub"),
        ({"sub": ""}, "its subject"),
        ({"sub": "x" * 105}, "its subject"),
        ({"sub": "line\nend"}, "its subject"),
    ],
)
async def test_token_with_wrong_claims_is_refused(
    told: dict[str, Any], reason: str, tokens: Tokens
) -> None:
    with pytest.raises(TokenError, match=reason):
        await tokens.authenticate(sign(claims(**told)))


@pytest.mark.parametrize(
    "told",
    [
        {"exp": NOW_S - 29},
        {"iat": NOW_S + 30},
        {"nbf": NOW_S + 30},
        {"aud": ["third", "gateway"]},
    ],
)
async def test_token_within_the_leeway_or_for_several_is_taken(
    told: dict[str, Any], tokens: Tokens
) -> None:
    assert (await tokens.authenticate(sign(claims(**told)))).kind is CallerKind.TOKEN


def _unsigned() -> str:
    return f"{part({'alg': 'none', 'kid': 'rsa'})}.{part(claims())}."


def _changed() -> str:
    header, _, signature = sign(claims()).split(".")
    return f"{header}.{part(claims(sub='li-si'))}.{signature}"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (_unsigned(), "its method of signature is not taken"),
        (_unsigned() + "AAAA", "its method of signature is not taken"),
        (
            confuse(claims(), RSA_KEY.public_key(), "rsa"),
            "its method of signature is not taken",
        ),
        (_changed(), "its signature is wrong"),
        (sign(claims(), key=OTHER_RSA_KEY), "its signature is wrong"),
        (sign(claims(), algorithm="RS512"), "its method of signature is not taken"),
        (sign(claims(), kid="ec"), "its method of signature is not that of its key"),
        (
            sign(claims(), key=EC_KEY, algorithm="ES256", kid="rsa"),
            "its method of signature is not that of its key",
        ),
        (sign(claims(), kid="stranger"), "a key that the provider does not have"),
        (
            jwt.encode(claims(), RSA_KEY, algorithm="RS256"),
            "it does not name its key",
        ),
        (sign(claims(), typ="logout+jwt"), "it is of another type"),
        (sign(claims(), crit=["exp"], exp=1), "critical headers|JSON Web Token"),
        ("", "not a JSON Web Token"),
        ("a.b.c", "not a JSON Web Token"),
        ("....", "not a JSON Web Token"),
        (f"{part([])}.{part(claims())}.AAAA", "not a JSON Web Token"),
        (f"{part({'alg': 'RS256'})}.{part([1])}.AAAA", "not a JSON Web Token"),
        (f"{part(b'[' * 9000)}.{part(claims())}.AAAA", "not a JSON Web Token"),
        ("x" * (TOKEN_CHARACTERS_MAX + 1), "longer than"),
        ("钥匙.钥匙.钥匙", "not a JSON Web Token"),
    ],
)
async def test_forged_or_malformed_token_is_refused(
    token: str, reason: str, tokens: Tokens
) -> None:
    with pytest.raises(TokenError, match=reason):
        await tokens.authenticate(token)


async def test_refusal_does_not_show_the_token(tokens: Tokens) -> None:
    token = sign(claims(exp=NOW_S - 60))
    with pytest.raises(TokenError) as refused:
        await tokens.authenticate(token)
    assert token.split(".")[2] not in refused.value.diagnostics()


# --- the provider's keys ----------------------------------------------------------------


async def test_keys_are_read_once_while_they_are_fresh(
    tokens: Tokens, issuer: Issuer, clocks: Clocks
) -> None:
    for _ in range(5):
        await tokens.authenticate(sign(claims()))
        clocks.seconds += 59
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_new_key_is_found_without_waiting_for_freshness(
    tokens: Tokens, issuer: Issuer, clocks: Clocks
) -> None:
    await tokens.authenticate(sign(claims()))
    issuer.keys["new"] = OTHER_RSA_KEY
    clocks.seconds += 60
    await tokens.authenticate(sign(claims(), key=OTHER_RSA_KEY, kid="new"))
    assert issuer.asked.count("/keys") == 2


async def test_made_up_key_names_ask_the_provider_once_a_minute(
    tokens: Tokens, issuer: Issuer, clocks: Clocks
) -> None:
    await tokens.authenticate(sign(claims()))
    for number in range(50):
        with pytest.raises(TokenError):
            await tokens.authenticate(sign(claims(), kid=f"made-up-{number}"))
        clocks.seconds += 2
    assert issuer.asked.count("/keys") == 2


async def test_withdrawn_key_is_refused_when_keys_are_read_again(
    tokens: Tokens, issuer: Issuer, clocks: Clocks
) -> None:
    await tokens.authenticate(sign(claims()))
    del issuer.keys["rsa"]
    clocks.seconds += SETTINGS.keys_fresh_s
    with pytest.raises(TokenError, match="does not have"):
        await tokens.authenticate(sign(claims()))


async def test_provider_that_is_down_is_done_without_until_the_grace_ends(
    tokens: Tokens, issuer: Issuer, clocks: Clocks
) -> None:
    lasting = sign(claims(exp=NOW_S + 90_000))
    await tokens.authenticate(lasting)
    issuer.is_down = True
    for _ in range(60):  # each failed try in between must not begin the grace anew
        clocks.seconds += SETTINGS.keys_grace_s / 60
        await tokens.authenticate(lasting)
    clocks.seconds += 1
    with pytest.raises(IdentityProviderDownError):
        await tokens.authenticate(lasting)
    issuer.is_down = False
    clocks.seconds += 10
    await tokens.authenticate(lasting)


async def test_provider_that_never_answered_lets_nobody_in(
    tokens: Tokens, issuer: Issuer, clocks: Clocks
) -> None:
    issuer.is_down = True
    for _ in range(3):
        with pytest.raises(IdentityProviderDownError):
            await tokens.authenticate(sign(claims()))
        clocks.seconds += 3
    assert len(issuer.asked) == 1  # not asked at every call
    issuer.is_down = False
    clocks.seconds += 10
    await tokens.authenticate(sign(claims()))


def _described(**changed: Any) -> dict[str, Any]:
    return {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys", **changed}


@pytest.mark.parametrize(
    ("description", "keys"),
    [
        (_described(issuer="https://evil.example"), None),
        (_described(jwks_uri="http://login.bank.example/keys"), None),
        (_described(jwks_uri="file:///etc/passwd"), None),
        (_described(jwks_uri=7), None),
        (_described(jwks_uri="https://["), None),
        (_described(), b"<html>"),
        (_described(), b"[]"),
        (_described(), b'{"keys": {}}'),
        (_described(), b'{"keys": [' + b"{}," * 64 + b"{}]}"),
        (_described(), b'{"keys": [], "filler": "' + b"x" * 300_000 + b'"}'),
        (_described(), b'{"keys": [], "keys": []}'),
    ],
)
async def test_provider_of_unknown_form_lets_nobody_in(
    description: dict[str, Any], keys: bytes | None, tokens: Tokens, issuer: Issuer
) -> None:
    issuer.description, issuer.key_answer = description, keys
    with pytest.raises(IdentityProviderDownError):
        await tokens.authenticate(sign(claims()))


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_keys_that_are_unfit_are_passed_over(
    tokens: Tokens, issuer: Issuer
) -> None:
    issuer.keys["small"] = SMALL_RSA_KEY
    good = issuer.key_set()["keys"]
    secret = {"kty": "oct", "kid": "secret", "k": part(b"x" * 32)}
    for_encryption = {**good[0], "kid": "enc", "use": "enc"}
    odd = [7, {}, {"kid": 1}, {"kty": "RSA", "kid": "half"}, secret, for_encryption]
    issuer.key_answer = json.dumps({"keys": [*odd, *good]}).encode()
    await tokens.authenticate(sign(claims()))
    small = sign(claims(), key=SMALL_RSA_KEY, kid="small")
    for token in (small, sign(claims(), kid="enc"), sign(claims(), kid="half")):
        with pytest.raises(TokenError, match="does not have"):
            await tokens.authenticate(token)
