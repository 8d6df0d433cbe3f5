"""What a key may do: the roles of accounts and members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from huitong.core.limits import ROLES_MAX
from huitong.modules.members.errors import RoleNotAllowedError, UnknownRoleError
from huitong.proto.huitong.members.v1 import members_pb2

#: Votes for its member, administers the member's staff, freezes the member.
DELEGATE: Final = "delegate"
#: Decides on requests that wait, records deliveries and consents.
OFFICER: Final = "officer"
#: Looks after links; has no say in what members decide by vote.
OPERATOR: Final = "operator"
#: Publishes records and grants access to them.
PUBLISHER: Final = "publisher"
#: Supervises, freezes members and lifts its freezes; reads no payloads.
REGULATOR: Final = "regulator"
#: Carries packets and headers between zones.
RELAYER: Final = "relayer"
#: Asks for records of others.
REQUESTER: Final = "requester"

ROLES: Final = (
    DELEGATE,
    OFFICER,
    OPERATOR,
    PUBLISHER,
    REGULATOR,
    RELAYER,
    REQUESTER,
)
#: Roles that are held in the name of a member.
MEMBER_ROLES: Final = (DELEGATE, OFFICER, PUBLISHER, REQUESTER)
#: Roles that a member's delegate gives and takes without a vote.
STAFF_ROLES: Final = (OFFICER, PUBLISHER, REQUESTER)


def sorted_roles(roles: Sequence[str]) -> list[str]:
    """Return ``roles`` in ascending order.

    Raises:
        UnknownRoleError: one of them is no role or stands twice.
    """
    for index, role in enumerate(roles):
        if index >= ROLES_MAX or role not in ROLES or role in roles[:index]:
            raise UnknownRoleError(role=role, known=", ".join(ROLES))
    return sorted(roles)


def has_vote(member: members_pb2.Member) -> bool:
    """Return whether a member was admitted with a vote: its accounts may be delegates."""
    return not member.roles or DELEGATE in member.roles


def check_roles_of_account(
    roles: Sequence[str], member: members_pb2.Member | None
) -> None:
    """Check that an account of ``member`` may hold ``roles``.

    A member that was admitted with roles has accounts with these roles only.

    Raises:
        RoleNotAllowedError: it may not.
    """
    for role in roles:
        if member is None:
            if role in MEMBER_ROLES:
                raise RoleNotAllowedError(role=role, reason="it needs a member")
        elif member.roles and role not in member.roles:
            reason = f"{member.member_id} was not admitted with it"
            raise RoleNotAllowedError(role=role, reason=reason)
