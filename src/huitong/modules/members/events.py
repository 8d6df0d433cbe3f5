"""What the module ``members`` tells the world."""

from __future__ import annotations

from huitong.core.events import Event, event
from huitong.modules.members.state import status_name
from huitong.proto.huitong.members.v1.members_pb2 import Account, Member


def member_admitted(member: Member) -> Event:
    """A legal entity became a member."""
    return event(
        "member_admitted",
        member_id=member.member_id,
        name=member.name,
        legal_id=member.legal_id,
        roles=",".join(member.roles),
        encryption_key=member.encryption_key.hex(),
    )


def member_status_changed(
    member: Member, *, previous: int, reason: str, changed_by: str
) -> Event:
    """A member was suspended, taken back or removed."""
    return event(
        "member_status_changed",
        member_id=member.member_id,
        status=status_name(member.status),
        previous_status=status_name(previous),
        reason=reason,
        changed_by=changed_by,
    )


def encryption_key_changed(member: Member, *, changed_by: str) -> Event:
    """From now on payloads for this member are sealed to another key."""
    return event(
        "encryption_key_changed",
        member_id=member.member_id,
        encryption_key=member.encryption_key.hex(),
        changed_by=changed_by,
    )


def account_added(account: Account) -> Event:
    """A key may sign."""
    return event(
        "account_added",
        address=account.address,
        account_number=account.account_number,
        member_id=account.member_id,
        roles=",".join(account.roles),
    )


def account_disabled(account: Account, *, reason: str, changed_by: str) -> Event:
    """A key may no longer sign."""
    return event(
        "account_disabled",
        address=account.address,
        member_id=account.member_id,
        reason=reason,
        changed_by=changed_by,
    )
