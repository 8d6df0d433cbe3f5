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
    text="{address} would decide on its own organisation; another account must do this",
):
    """A regulator is no judge of its own organisation."""


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


class UnchangedError(
    RejectedError, codespace="members", code=13, text="{what}: nothing would change"
):
    """A change must change something."""


class VoteLostError(
    RejectedError,
    codespace="members",
    code=14,
    text="without {what} nobody could vote any more",
):
    """A zone in which nobody can vote could never change again."""


class TooManyMembersError(
    RejectedError,
    codespace="members",
    code=15,
    text="the zone has {maximum} members, which is the limit",
):
    """Members are never forgotten, so removed ones count."""


class TooManyAccountsError(
    RejectedError,
    codespace="members",
    code=16,
    text="{member_id} has {maximum} accounts, which is the limit",
):
    """Accounts are never forgotten, so disabled ones count."""


class AccountEnabledError(
    RejectedError, codespace="members", code=17, text="account {address} is enabled"
):
    """The account may sign already."""


class FrozenAlreadyError(
    RejectedError,
    codespace="members",
    code=18,
    text="member {member_id} has a freeze of the kind {kind} already",
):
    """There is one freeze of each kind."""


class NotFrozenError(
    RejectedError,
    codespace="members",
    code=19,
    text="member {member_id} has no freeze of the kind {kind}",
):
    """There is nothing to lift; no freeze lifts one of another kind."""


class OwnEmergencyError(
    RejectedError,
    codespace="members",
    code=20,
    text="{member_id} cannot call for its own emergency freeze",
    next_step="Freeze your own organisation with `huitong member freeze --kind own`.",
):
    """Two other organisations ask for it."""


class EmergencyCallExistsError(
    RejectedError,
    codespace="members",
    code=21,
    text="{caller} has called for the freeze of {member_id}; another organisation must",
):
    """One organisation is never counted twice."""


class TooManyCallsError(
    RejectedError,
    codespace="members",
    code=22,
    text="{caller} waits with {maximum} calls for a freeze, which is the limit",
):
    """An organisation whose calls nobody joins has to wait until they expire."""


class TooManyFrozenError(
    RejectedError,
    codespace="members",
    code=23,
    text="{frozen} of {total} members with a vote are frozen in an emergency; "
    "with one more, fewer than two thirds, or than three, could vote",
):
    """Emergency freezes must not keep the others from deciding."""


class LegalIdTakenError(
    RejectedError,
    codespace="members",
    code=24,
    text="{legal_id} is the legal id of the member {member_id}",
    next_step="One organisation is one member; one that was removed may come back.",
):
    """One organisation under two ids would have two votes."""
