"""Which roles may call which operation: one table for the whole gateway.

An operation without a line is closed to everybody, and the gateway does not start with
one. The helper ``huitong.testing.access_matrix`` calls every operation as every role and
holds the answers against this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from huitong.gateway.access.roles import Duty, Role

OFFICER: Final = Role.OFFICER
INTEGRATOR: Final = Role.INTEGRATOR
SECURITY: Final = Role.SECURITY
AUDITOR: Final = Role.AUDITOR
SYSTEM: Final = Role.SYSTEM


@dataclass(frozen=True, slots=True)
class Permission:
    """Who may call an operation."""

    duty: Duty
    """What the operation is for."""
    roles: frozenset[Role]
    """Roles that may call it; each of them suffices."""
    is_public: bool = False
    """Whether it needs no caller at all."""

    def allows(self, roles: frozenset[Role]) -> bool:
        """Tell whether a caller with these roles may."""
        return self.is_public or not self.roles.isdisjoint(roles)


Permissions: TypeAlias = Mapping[str, Permission]
"""Permissions by operation id."""


def allow(duty: Duty, *roles: Role) -> Permission:
    """Return the permission of some roles."""
    return Permission(duty, frozenset(roles))


PUBLIC: Final = Permission(Duty.READ, frozenset(), is_public=True)
"""For health, the error page and the checking of evidence."""

PERMISSIONS: Final[Permissions] = {
    # who may call
    "list_api_keys": allow(Duty.ADMINISTER, SECURITY),
    "create_api_key": allow(Duty.ADMINISTER, SECURITY),
    "rotate_api_key": allow(Duty.ADMINISTER, SECURITY),
    "revoke_api_key": allow(Duty.ADMINISTER, SECURITY),
    "show_caller": allow(Duty.READ, OFFICER, INTEGRATOR, SECURITY, AUDITOR, SYSTEM),
    # what they did
    "list_audit_entries": allow(Duty.AUDIT, AUDITOR),
    "show_audit_head": allow(Duty.AUDIT, AUDITOR),
    "verify_audit_log": allow(Duty.AUDIT, AUDITOR),
}
"""All operations of the gateway; each resource's part stands together."""
