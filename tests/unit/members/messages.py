"""Messages about members and accounts, as a vote carries them out."""

from __future__ import annotations

from typing import Any

from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.proto.huitong.members.v1 import members_pb2 as pb
from huitong.testing.actors import address_of

OPERATOR, CLERK, NEW = (
    address_of("operator"),
    address_of("tax-clerk"),
    address_of("new"),
)
HEAD = address_of("tax-head")
KEY = bytes(range(32))
ACTIVE, SUSPENDED, REMOVED = 1, 2, 3
ADMIT: dict[str, Any] = {
    "signer": GOVERNANCE_ADDRESS,
    "member_id": "customs",
    "name": "杭州海关",
    "legal_id": "11330000000000000X",
    "roles": ["requester"],
    "encryption_key": KEY,
}


def by_vote(cls: Any, **fields: Any) -> Any:
    """Return a message as a vote signs it."""
    return cls(signer=GOVERNANCE_ADDRESS, **fields)


def status(member_id: str, wanted: int, reason: str = "audit") -> Any:
    """Return the message that changes a member's status."""
    return by_vote(
        pb.MsgSetMemberStatus, member_id=member_id, status=wanted, reason=reason
    )


def add(**fields: Any) -> Any:
    """Return the message that adds an account."""
    return by_vote(pb.MsgAddAccount, **{"address": NEW, **fields})


def disable(address: str, reason: str = "lost key") -> Any:
    """Return the message that disables an account."""
    return by_vote(pb.MsgDisableAccount, address=address, reason=reason)


def member_roles(member_id: str, *roles: str) -> Any:
    """Return the message that changes a member's roles."""
    return by_vote(pb.MsgSetMemberRoles, member_id=member_id, roles=roles)


def account_roles(address: str, *roles: str) -> Any:
    """Return the message that changes an account's roles."""
    return by_vote(pb.MsgSetAccountRoles, address=address, roles=roles)


def replace(old: str, new: str = NEW, reason: str = "rotation") -> Any:
    """Return the message that replaces an account."""
    return by_vote(
        pb.MsgReplaceAccount, old_address=old, new_address=new, reason=reason
    )


def enable(address: str, reason: str = "found again") -> Any:
    """Return the message that enables an account."""
    return by_vote(pb.MsgEnableAccount, address=address, reason=reason)
