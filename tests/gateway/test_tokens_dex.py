"""Tokens of a real identity provider: Dex as a process, asked over HTTP."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import httpx
import jwt
import pytest

from huitong.gateway.access.errors import IdentityProviderDownError, TokenError
from huitong.gateway.access.oidc import Tokens
from huitong.gateway.access.roles import Role
from huitong.testing.dex import CLIENT, OTHER_CLIENT, USERS, DexServer
from tests.gateway.issuer_kit import OTHER_RSA_KEY, Clocks, access_settings, confuse

DAY_S = 86_400


@pytest.fixture
def clocks() -> Clocks:
    made = Clocks()
    made.seconds = time.time()
    return made


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as made:
        yield made


@pytest.fixture
def tokens(dex: DexServer, client: httpx.AsyncClient, clocks: Clocks) -> Tokens:
    return _tokens(dex.issuer, client, clocks)


def _tokens(
    issuer: str, client: httpx.AsyncClient, clocks: Clocks, audience: str = CLIENT
) -> Tokens:
    settings = access_settings(issuer, audience)
    return Tokens(settings, client, clock=clocks.ns, clock_s=clocks.s)


@pytest.mark.parametrize("user", USERS)
async def test_each_user_gets_the_role_of_its_address(
    user: str, dex: DexServer, tokens: Tokens
) -> None:
    caller = await tokens.authenticate(await dex.password_token(user))
    name = user.partition("@")[0]
    assert caller.roles == ({Role(name)} if name in set(Role) else set())
    assert caller.name == name
    assert caller.id.startswith("oidc:bank:")


async def test_groups_of_a_code_grant_become_roles(
    dex: DexServer, tokens: Tokens
) -> None:
    caller = await tokens.authenticate(await dex.code_token())
    assert caller.roles == {Role.OFFICER}


async def test_same_user_is_the_same_caller_by_every_token(
    dex: DexServer, tokens: Tokens
) -> None:
    ids = {
        (await tokens.authenticate(await dex.password_token(USERS[0]))).id
        for _ in range(2)
    }
    assert len(ids) == 1


async def test_token_is_refused_when_its_time_is_over(
    dex: DexServer, tokens: Tokens, clocks: Clocks
) -> None:
    token = await dex.password_token(USERS[0])
    clocks.seconds += DAY_S + 31
    with pytest.raises(TokenError, match="it has expired"):
        await tokens.authenticate(token)


async def test_token_for_another_service_is_refused(
    dex: DexServer, tokens: Tokens
) -> None:
    token = await dex.password_token(USERS[0], OTHER_CLIENT)
    with pytest.raises(TokenError, match="it is for another audience"):
        await tokens.authenticate(token)


async def test_token_of_another_provider_is_refused(
    dex: DexServer, client: httpx.AsyncClient, clocks: Clocks
) -> None:
    tokens = _tokens("http://127.0.0.1:1/dex", client, clocks)
    with pytest.raises(TokenError, match="its issuer is not known here"):
        await tokens.authenticate(await dex.password_token(USERS[0]))


async def test_provider_that_calls_itself_otherwise_is_not_believed(
    dex: DexServer, client: httpx.AsyncClient, clocks: Clocks
) -> None:
    """The settings name the same server by another URL than it has in its tokens."""
    issuer = dex.issuer.replace("127.0.0.1", "localhost")
    tokens = _tokens(issuer, client, clocks)
    token = await dex.password_token(USERS[0])
    told = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode({**told, "iss": issuer}, OTHER_RSA_KEY, "RS256", {"kid": "x"})
    with pytest.raises(IdentityProviderDownError):
        await tokens.authenticate(forged)


async def test_token_signed_by_another_key_is_refused(
    dex: DexServer, tokens: Tokens
) -> None:
    token = await dex.password_token(USERS[0])
    header = jwt.get_unverified_header(token)
    told = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(told, OTHER_RSA_KEY, "RS256", {"kid": header["kid"]})
    with pytest.raises(TokenError, match="its signature is wrong"):
        await tokens.authenticate(forged)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_public_key_of_the_provider_is_no_secret_to_sign_with(
    algorithm: str, dex: DexServer, tokens: Tokens, client: httpx.AsyncClient
) -> None:
    token = await dex.password_token(USERS[0])
    header = jwt.get_unverified_header(token)
    told = jwt.decode(token, options={"verify_signature": False})
    (public,) = (await client.get(f"{dex.issuer}/keys")).json()["keys"]
    forged = confuse(told, jwt.PyJWK(public).key, header["kid"], algorithm)
    with pytest.raises(TokenError, match="its method of signature is not taken"):
        await tokens.authenticate(forged)


async def test_unsigned_token_is_refused(dex: DexServer, tokens: Tokens) -> None:
    token = await dex.password_token(USERS[0])
    header = jwt.get_unverified_header(token)
    told = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(told, "", "none", {"kid": header["kid"]})
    with pytest.raises(TokenError, match="its method of signature is not taken"):
        await tokens.authenticate(forged)


async def test_provider_that_is_away_is_done_without_for_the_grace_period(
    client: httpx.AsyncClient, clocks: Clocks
) -> None:
    with DexServer() as own:
        tokens = _tokens(own.issuer, client, clocks)
        token = await own.password_token(USERS[0])
        await tokens.authenticate(token)
        own.stop()
        clocks.seconds += 3_600
        await tokens.authenticate(token)
        clocks.seconds += 1
        with pytest.raises(IdentityProviderDownError):
            await tokens.authenticate(token)
        own.start()  # with new keys
        clocks.seconds += 10
        with pytest.raises(TokenError, match="does not have"):
            await tokens.authenticate(token)
        await tokens.authenticate(await own.password_token(USERS[0]))


async def test_keys_that_were_changed_are_found_by_the_first_new_token(
    client: httpx.AsyncClient, clocks: Clocks
) -> None:
    with DexServer() as own:
        tokens = _tokens(own.issuer, client, clocks)
        await tokens.authenticate(await own.password_token(USERS[0]))
        own.stop()
        own.start()
        clocks.seconds += 60
        await tokens.authenticate(await own.password_token(USERS[1]))
