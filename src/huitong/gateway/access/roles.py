"""The roles of callers, and the three duties that are never in one hand.

*Administer* is who may call and with which keys; *decide* is whose data goes where;
*audit* is the log of both. Whoever holds two of them could hide what they did.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from huitong.gateway.access.errors import RolesTogetherError


class Role(StrEnum):
    """What a caller is to this gateway."""

    OFFICER = "officer"
    """A person who decides requests, records consents and looks after cases."""
    INTEGRATOR = "integrator"
    """A person or program that publishes, requests and receives for the old systems."""
    SECURITY = "security"
    """A person who administers callers, keys, roles and connections."""
    AUDITOR = "auditor"
    """A person who reads logs and evidence, and changes nothing."""
    SYSTEM = "system"
    """A program of the operator: monitoring, back-up, moving what is stuck."""


class Duty(StrEnum):
    """What an operation is for."""

    READ = "read"
    """Look at the business of the organisation."""
    OPERATE = "operate"
    """Publish, request, receive; keep the service going."""
    DECIDE = "decide"
    """Say which data may go to whom."""
    ADMINISTER = "administer"
    """Say who may call, with which keys and roles."""
    AUDIT = "audit"
    """Read what callers did."""


#: No role, and no caller with all of its roles, has operations of two of these.
SEPARATED_DUTIES: Final = frozenset({Duty.DECIDE, Duty.ADMINISTER, Duty.AUDIT})
#: The separated duty of each role that has one; a test holds it against the table.
DUTY_OF_ROLE: Final = {
    Role.OFFICER: Duty.DECIDE,
    Role.SECURITY: Duty.ADMINISTER,
    Role.AUDITOR: Duty.AUDIT,
}


def check_roles_together(roles: Collection[Role]) -> None:
    """Refuse roles that one caller must not have together.

    Raises:
        RolesTogetherError: two of them have different separated duties.
    """
    separated = sorted(role for role in set(roles) if role in DUTY_OF_ROLE)
    if len(separated) > 1:
        raise RolesTogetherError(roles=" and ".join(separated))
