"""Roles: the permission table keeps administer, decide and audit apart."""

from __future__ import annotations

from itertools import combinations

import pytest

from huitong.gateway.access.errors import RolesTogetherError
from huitong.gateway.access.permissions import PERMISSIONS, PUBLIC, allow
from huitong.gateway.access.roles import (
    DUTY_OF_ROLE,
    SEPARATED_DUTIES,
    Duty,
    Role,
    check_roles_together,
)


def _duties(*roles: Role) -> set[Duty]:
    """Return the separated duties of a caller with these roles, by the table."""
    held = frozenset(roles)
    found = {item.duty for item in PERMISSIONS.values() if item.allows(held)}
    return found & SEPARATED_DUTIES


@pytest.mark.parametrize("role", Role)
def test_no_role_has_two_of_administer_decide_and_audit(role: Role) -> None:
    assert len(_duties(role)) <= 1


@pytest.mark.parametrize("role", Role)
def test_separated_duty_of_a_role_is_the_one_that_the_table_gives(role: Role) -> None:
    named = DUTY_OF_ROLE.get(role)
    assert _duties(role) <= ({named} if named else set())


@pytest.mark.parametrize("size", range(1, len(Role) + 1))
def test_roles_that_may_be_together_have_one_separated_duty_at_most(size: int) -> None:
    for roles in combinations(Role, size):
        separated = {DUTY_OF_ROLE[role] for role in roles if role in DUTY_OF_ROLE}
        if len(separated) <= 1:
            check_roles_together(roles)
            assert len(_duties(*roles)) <= 1
        else:
            with pytest.raises(RolesTogetherError):
                check_roles_together(roles)


def test_every_separated_duty_has_exactly_one_role() -> None:
    assert sorted(DUTY_OF_ROLE.values()) == sorted(SEPARATED_DUTIES)


@pytest.mark.parametrize("name", PERMISSIONS)
def test_operation_that_is_not_public_has_a_role(name: str) -> None:
    permission = PERMISSIONS[name]
    assert permission.is_public != bool(permission.roles)


def test_public_operation_has_no_separated_duty() -> None:
    duties = {item.duty for item in PERMISSIONS.values() if item.is_public}
    assert not duties & SEPARATED_DUTIES


def test_permission_without_roles_allows_nobody() -> None:
    assert not allow(Duty.READ).allows(frozenset(Role))
    assert PUBLIC.allows(frozenset())
