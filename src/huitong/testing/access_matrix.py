"""Every operation called as every role, and by nobody: the answers must fit the table.

::

    for call in calls_of(app.openapi(), PERMISSIONS):
        answer = await client.request(call.method, call.path, headers=headers_of[call.role])
        assert call.fits(answer.status_code), call

Made from the description of the application, so that an operation which is added later
is called as well. Requests have no body and made-up ids: a caller who may call gets past
the guard and is refused, if at all, for another reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from huitong.gateway.access.permissions import Permission, Permissions
from huitong.gateway.access.roles import Role

#: What stands for the variable parts of a path.
MADE_UP_ID: Final = "00000000000000000000000000000000"
_METHODS: Final = frozenset(
    {"get", "put", "post", "delete", "patch", "head", "options"}
)
_UNKNOWN: Final = 401
_REFUSED: Final = 403


@dataclass(frozen=True, slots=True)
class Call:
    """One operation called by one kind of caller."""

    operation: str
    """Id of the operation."""
    method: str
    path: str
    """Path with made-up ids."""
    role: Role | None
    """Role of the caller; None for nobody."""
    expected: int | None
    """The status that the guard gives, or None if it lets the call through."""

    def fits(self, status: int) -> bool:
        """Tell whether a status is what the table says."""
        if self.expected is not None:
            return status == self.expected
        return status not in (_UNKNOWN, _REFUSED) and status < 500

    def __str__(self) -> str:
        """Return a line of the matrix."""
        wanted = "let through" if self.expected is None else str(self.expected)
        return f"{self.operation} as {self.role or 'nobody'}: {wanted}"


def calls_of(
    description: Mapping[str, Any], permissions: Permissions
) -> Iterator[Call]:
    """Walk over the whole matrix; an operation without a line is expected to refuse all.

    Args:
        description: the application's OpenAPI document.
        permissions: the table.
    """
    for path, item in description["paths"].items():
        for method, operation in item.items():
            if method not in _METHODS:
                continue
            name = str(operation.get("operationId"))
            for role in (None, *Role):
                yield Call(
                    name,
                    method.upper(),
                    re.sub(r"\{[^}]*\}", MADE_UP_ID, path),
                    role,
                    _expected(permissions.get(name), role),
                )


def _expected(permission: Permission | None, role: Role | None) -> int | None:
    if permission is None:
        return _UNKNOWN if role is None else _REFUSED
    if permission.is_public:
        return None
    if role is None:
        return _UNKNOWN
    return None if permission.allows(frozenset({role})) else _REFUSED
