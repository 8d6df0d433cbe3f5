"""Refusals of the module ``members``, codespace ``members``.

Refusals of a signature keep the numbers of the Cosmos SDK (codespace ``sdk``: 4, 9, 32),
because wallets and relayers match on them.
"""

from __future__ import annotations

from huitong.core.errors import RejectedError


class MemberNotFoundError(
    RejectedError, codespace="members", code=2, text="no member {member_id}"
):
    """The zone has admitted no member of this id."""


class MemberExistsError(
    RejectedError, codespace="members", code=3, text="member {member_id} exists already"
):
    """A member id is given once and for all."""


class AccountExistsError(
    RejectedError, codespace="members", code=4, text="account {address} exists already"
):
    """The address has an account."""


class MemberNotActiveError(
    RejectedError, codespace="members", code=5, text="member {member_id} is {status}"
):
    """A suspended or removed member neither acts nor gets accounts."""


class UnknownRoleError(
    RejectedError, codespace="members", code=6, text="no role {role}; roles are {known}"
):
    """The text names no role, or names one twice."""


class RoleNotAllowedError(
    RejectedError, codespace="members", code=7, text="role {role} refused: {reason}"
):
    """The member does not hold the role, or the role needs a member."""


class NoMemberError(
    RejectedError,
    codespace="members",
    code=8,
    text="account {address} acts for no member",
):
    """What was asked for is done in the name of a member."""


class MemberStatusError(
    RejectedError,
    codespace="members",
    code=9,
    text="member {member_id} cannot go from {status} to {wanted}",
):
    """Removal is final, and a change must change something."""


class SelfExclusionError(
    RejectedError,
    codespace="members",
    code=10,
    text="{address} would lock itself out; another account must do this",
):
    """So that there is always somebody left who can administer the zone."""


class AccountDisabledError(
    RejectedError, codespace="members", code=11, text="account {address} is disabled"
):
    """The account is disabled already."""


class NotOwnMemberError(
    RejectedError,
    codespace="members",
    code=12,
    text="account {address} acts for {actual}, not for {expected}",
):
    """Only a member's own accounts act for it."""
