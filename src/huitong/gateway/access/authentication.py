"""Who sends a request: an API key or a token, in ``Authorization: Bearer``.

The caller is found before anything else is looked at, so that nobody unknown can make
the gateway read a body. Wrong credentials are refused also where none would be needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from huitong.core.errors import HuitongError, UnavailableError
from huitong.gateway.access.api_keys import KEY_PREFIX, ApiKeys
from huitong.gateway.access.callers import Caller
from huitong.gateway.access.errors import CredentialsFormError
from huitong.gateway.access.oidc import Tokens
from huitong.gateway.http.problems import send_problem
from huitong.gateway.http.rate_limit import DailyQuota, RateLimit

#: Characters of the header: a token and the word before it.
HEADER_CHARACTERS_MAX: Final = 16_448


@final
class Authenticator:
    """Finds the caller by what the header ``Authorization`` says."""

    def __init__(self, api_keys: ApiKeys, tokens: Tokens) -> None:
        """Prepare."""
        self._api_keys = api_keys
        self._tokens = tokens

    async def authenticate(self, headers: Headers) -> Caller | None:
        """Return the caller, or None if the request names none.

        Raises:
            CredentialsFormError: the header is not one bearer token.
            ApiKeyError, TokenError, RolesTogetherError: the credentials are not valid.
            IdentityProviderDownError, DatabaseDownError: they cannot be checked.
        """
        given = headers.getlist("authorization")
        if not given:
            return None
        if len(given) > 1:
            raise CredentialsFormError(reason="given more than once")
        scheme, _, token = given[0].partition(" ")
        token = token.strip(" ")
        if scheme.lower() != "bearer":
            raise CredentialsFormError(reason="not a bearer token")
        if not token or " " in token or len(given[0]) > HEADER_CHARACTERS_MAX:
            raise CredentialsFormError(reason="no token, or too long a one")
        if token.startswith(KEY_PREFIX):
            return await self._api_keys.authenticate(token)
        return await self._tokens.authenticate(token)


@final
class Gate:
    """Lets callers in: who they are, and whether they ask too fast or too often."""

    def __init__(
        self,
        authenticator: Authenticator,
        *,
        known: RateLimit,
        anonymous: RateLimit,
        quota: DailyQuota,
    ) -> None:
        """Prepare.

        Args:
            authenticator: finds the caller.
            known: rate of a caller.
            anonymous: rate of an address whose requests name no caller, or a wrong one.
            quota: requests of a caller in a day.
        """
        self._authenticator = authenticator
        self._known = known
        self._anonymous = anonymous
        self._quota = quota

    async def admit(self, headers: Headers, address: str) -> Caller | None:
        """Return the caller, or None if the request names none.

        Raises:
            RateLimitError, QuotaError: too fast, or too often.
            HuitongError: see ``Authenticator.authenticate``.
        """
        try:
            caller = await self._authenticator.authenticate(headers)
        except HuitongError:
            self._anonymous.take(address)
            raise
        if caller is None:
            self._anonymous.take(address)
            return None
        self._known.take(caller.id)
        await self._quota.take(caller.id)
        return caller

    async def still_admits(self, headers: Headers, caller: Caller) -> bool:
        """Return whether a caller whose request is long may go on; takes nothing of its rate.

        A key that was revoked, a token that has ended, or other roles than before end it.
        """
        try:
            return await self._authenticator.authenticate(headers) == caller
        except UnavailableError:
            return True  # whether it may is found out at the next time
        except HuitongError:
            return False


class AuthenticationMiddleware:
    """Names the caller in ``request.state.caller``."""

    def __init__(
        self, app: ASGIApp, gate: Callable[[], Gate], *, errors_url: str
    ) -> None:
        self._app = app
        self._gate = gate
        self._errors_url = errors_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        if scope["type"] == "http":
            state = scope.setdefault("state", {})
            state["caller"] = None  # never from anybody else
            headers = Headers(scope=scope)
            try:
                state["caller"] = await self._gate().admit(headers, address_of(scope))
            except HuitongError as error:
                await send_problem(error, self._errors_url, scope, receive, send)
                return
        await self._app(scope, receive, send)


def address_of(scope: Scope) -> str:
    """Return the network address of the sender; empty over a Unix socket."""
    client: Any = scope.get("client")
    return str(client[0]) if client else ""
