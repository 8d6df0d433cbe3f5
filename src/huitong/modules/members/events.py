"""What the module ``members`` tells the world."""

from __future__ import annotations

from huitong.core.events import Event, event
from huitong.modules.members.state import status_name
from huitong.proto.huitong.members.v1.members_pb2 import Account, EmergencyCall, Member


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


def member_roles_changed(member: Member, *, changed_by: str) -> Event:
    """What a member's accounts may be given is different; no roles means all."""
    return event(
        "member_roles_changed",
        member_id=member.member_id,
        roles=",".join(member.roles),
        changed_by=changed_by,
    )


def member_frozen(member: Member, *, kind: str, reason: str, frozen_by: str) -> Event:
    """A member must not act for now."""
    return event(
        "member_frozen",
        member_id=member.member_id,
        kind=kind,
        reason=reason,
        frozen_by=frozen_by,
    )


def member_unfrozen(member: Member, *, kind: str, reason: str, lifted_by: str) -> Event:
    """One freeze of a member was lifted; others may hold it still."""
    return event(
        "member_unfrozen",
        member_id=member.member_id,
        kind=kind,
        reason=reason,
        lifted_by=lifted_by,
    )


def emergency_freeze_called(call: EmergencyCall) -> Event:
    """One organisation asked for an emergency freeze; a second one is needed."""
    return event(
        "emergency_freeze_called",
        member_id=call.member_id,
        caller=call.caller,
        called_by=call.called_by,
        reason=call.reason,
        expires=call.expires,
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


def account_enabled(account: Account, *, reason: str, changed_by: str) -> Event:
    """A key that was disabled may sign again."""
    return event(
        "account_enabled",
        address=account.address,
        member_id=account.member_id,
        reason=reason,
        changed_by=changed_by,
    )


def account_roles_changed(account: Account, *, changed_by: str) -> Event:
    """A key may do other things than before."""
    return event(
        "account_roles_changed",
        address=account.address,
        member_id=account.member_id,
        roles=",".join(account.roles),
        changed_by=changed_by,
    )


def account_replaced(
    old: Account, *, new_address: str, reason: str, changed_by: str
) -> Event:
    """A new key took over from an old one, with its member and roles."""
    return event(
        "account_replaced",
        address=old.address,
        new_address=new_address,
        member_id=old.member_id,
        reason=reason,
        changed_by=changed_by,
    )
