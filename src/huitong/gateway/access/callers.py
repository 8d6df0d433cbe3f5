"""The caller as handlers see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Request

from huitong.gateway.access.errors import CredentialsMissingError, RoleMissingError
from huitong.gateway.access.roles import Role


class CallerKind(StrEnum):
    """How a caller proved who it is."""

    API_KEY = "api_key"
    TOKEN = "token"
    PEER = "peer"
    """A member's gateway, by its certificate."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, proven."""

    id: str
    """``key:<id of the API key>`` or ``oidc:<provider>:<subject>``; at most 128 characters."""
    name: str
    """For people; says nothing about rights."""
    roles: frozenset[Role]
    kind: CallerKind


def optional_caller(request: Request) -> Caller | None:
    """Return the caller of a public operation, if it named itself."""
    found = getattr(request.state, "caller", None)
    return found if isinstance(found, Caller) else None


def current_caller(request: Request) -> Caller:
    """Return the caller.

    Raises:
        CredentialsMissingError: the request names none.
    """
    caller = optional_caller(request)
    if caller is None:
        raise CredentialsMissingError
    return caller


CurrentCaller = Annotated[Caller, Depends(current_caller)]
"""Parameter of a handler that wants to know its caller."""


def require(*roles: Role) -> Callable[[Request], Caller]:
    """Return a dependency that lets through callers with one of the roles.

    For distinctions that the permission table cannot make, inside of an operation that it
    already allows.
    """

    def check(request: Request) -> Caller:
        caller = current_caller(request)
        if caller.roles.isdisjoint(roles):
            operation = getattr(request.scope.get("route"), "name", "")
            raise RoleMissingError(operation=operation, needed=", ".join(sorted(roles)))
        return caller

    return check
