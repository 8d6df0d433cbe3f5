"""A zone of four organisations with a vote, for the tests of members."""

from __future__ import annotations

from typing import Any

from huitong.modules.members import MODULE
from huitong.proto.huitong.members.v1 import members_pb2 as pb
from huitong.testing.actors import address_of, members_genesis
from huitong.testing.contexts import MemoryZone

#: Roles that "tax" was admitted with.
TAX_ROLES = ["delegate", "officer", "operator", "publisher", "regulator"]
ACCOUNTS = {
    "operator": ("", "operator"),
    "regulator": ("", "regulator"),
    "tax-head": ("tax", "delegate"),
    "tax-clerk": ("tax", "officer publisher"),
    "tax-both": ("tax", "delegate regulator"),
    "bank-head": ("bank", "delegate"),
    "bank-operator": ("bank", "operator"),
    "court-head": ("court", "delegate"),
    "court-regulator": ("court", "regulator"),
    "port-head": ("port", "delegate"),
}


def new_zone() -> MemoryZone:
    """Return a zone of tax, bank, court and port, and an operator and a regulator."""
    genesis = members_genesis(ACCOUNTS)
    for member in genesis["members"]:
        if member["member_id"] == "tax":
            member["roles"] = TAX_ROLES
        if member["member_id"] == "port":
            member["legal_id"] = "91-PORT"
    return MemoryZone([MODULE], genesis={"members": genesis})


def member_of(zone: MemoryZone, member_id: str) -> pb.Member:
    """Return a member as the zone answers."""
    request = pb.QueryMemberRequest(member_id=member_id)
    answer: pb.QueryMemberResponse = zone.query(
        "/huitong.members.v1.Query/Member", request
    )
    return answer.member


def account_of(zone: MemoryZone, name: str) -> pb.Account:
    """Return the account of this short name as the zone answers."""
    request = pb.QueryAccountRequest(address=address_of(name))
    answer: pb.QueryAccountResponse = zone.query(
        "/huitong.members.v1.Query/Account", request
    )
    return answer.account


def freeze(signer: str, member_id: str, kind: Any, reason: str = "audit") -> Any:
    """Return the message by which an account freezes a member."""
    return pb.MsgFreezeMember(
        signer=address_of(signer), member_id=member_id, kind=kind, reason=reason
    )


def unfreeze(signer: str, member_id: str, kind: Any, reason: str = "done") -> Any:
    """Return the message by which an account lifts a freeze."""
    return pb.MsgUnfreezeMember(
        signer=address_of(signer), member_id=member_id, kind=kind, reason=reason
    )


def emergency(signer: str, member_id: str, reason: str = "keys leaked") -> Any:
    """Return the message by which an account asks for an emergency freeze."""
    return pb.MsgEmergencyFreeze(
        signer=address_of(signer), member_id=member_id, reason=reason
    )
