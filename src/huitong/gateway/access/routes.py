"""Routes that ask the permission table before anything else.

The order is fixed here, in one place: caller, permission, query, body. Whoever may not
call an operation learns nothing about its form.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Depends, FastAPI, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from huitong.gateway.access.callers import current_caller
from huitong.gateway.access.errors import PermissionTableError, RoleMissingError
from huitong.gateway.access.permissions import PERMISSIONS, Permission, Permissions
from huitong.gateway.http.problems import problem_responses
from huitong.gateway.http.strict_json import StrictRoute
from huitong.gateway.http.strict_query import DeclaredQuery

#: Name of the member of an operation's description that tells its roles.
ROLES_MEMBER: Final = "x-huitong-roles"
_PUBLIC_STATUSES: Final = (400, 406, 422, 429, 500, 503)
_STATUSES: Final = (400, 401, 403, 406, 422, 429, 500, 503)
_BODY_STATUSES: Final = (408, 409, 413, 415)
#: Only for the description: the header was read by ``authentication`` long before.
_BEARER: Final = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="An API key `htk_…`, or a token of the identity provider.",
)


def operation_id(route: APIRoute) -> str:
    """Return the id of an operation, by which the permission table knows it.

    Give it to the application as ``generate_unique_id_function``.
    """
    return route.operation_id or route.name


def guarded_route(permissions: Permissions) -> type[APIRoute]:
    """Return a class of routes that holds to a table, for ``APIRouter(route_class=...)``."""

    class _GuardedRoute(StrictRoute):
        """A route that the permission table guards."""

        def __init__(
            self, path: str, endpoint: Callable[..., Any], **given: Any
        ) -> None:
            name = given.get("operation_id") or given.get("name") or endpoint.__name__
            permission = permissions.get(name)
            if permission is None:
                raise PermissionTableError(missing=name, unused="")
            self.permission: Permission = permission
            _describe(permission, path, given)
            super().__init__(path, endpoint, **given)
            self.query = DeclaredQuery(self.dependant)

        def get_route_handler(
            self,
        ) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """Return what answers a request."""
            answer = super().get_route_handler()

            async def answer_permitted(request: Request) -> Response:
                check_permission(request, operation_id(self), self.permission)
                self.query.check(request.query_params)
                return await answer(request)

            return answer_permitted

    return _GuardedRoute


def check_permission(request: Request, operation: str, permission: Permission) -> None:
    """Refuse a caller that may not call an operation.

    Raises:
        CredentialsMissingError: the request names no caller.
        RoleMissingError: none of its roles may.
    """
    if permission.is_public:
        return
    if not permission.allows(current_caller(request).roles):
        needed = ", ".join(sorted(permission.roles))
        raise RoleMissingError(operation=operation, needed=needed)


def check_table(app: FastAPI, permissions: Permissions) -> None:
    """Hold an application against the table.

    Raises:
        PermissionTableError: an operation is not guarded by its line, or a line has no
            operation.
    """
    described = {
        str(operation.get("operationId")): operation.get(ROLES_MEMBER)
        for path in app.openapi()["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
    }
    missing = [
        name
        for name, roles in described.items()
        if name not in permissions or roles != _role_names(permissions[name])
    ]
    unused = sorted(set(permissions) - set(described))
    if missing or unused:
        raise PermissionTableError(
            missing=", ".join(sorted(missing)) or "none",
            unused=", ".join(unused) or "none",
        )


def _describe(permission: Permission, path: str, given: dict[str, Any]) -> None:
    """Put roles and refusals into the description of an operation."""
    statuses = _PUBLIC_STATUSES if permission.is_public else _STATUSES
    if set(given.get("methods") or ()) & {"POST", "PUT", "PATCH"}:
        statuses = (*statuses, *_BODY_STATUSES)
    if "{" in path:
        statuses = (*statuses, 404)
    given["responses"] = {
        **problem_responses(*statuses),
        **(given.get("responses") or {}),
    }
    given["openapi_extra"] = {
        ROLES_MEMBER: _role_names(permission),
        **(given.get("openapi_extra") or {}),
    }
    if not permission.is_public:
        given["dependencies"] = [*(given.get("dependencies") or ()), Depends(_BEARER)]


def _role_names(permission: Permission) -> list[str]:
    return ["public"] if permission.is_public else sorted(permission.roles)


GuardedRoute: Final = guarded_route(PERMISSIONS)
"""Routes of the gateway."""
