"""Accounts and members with short names, for zones in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from huitong.core.address import encode_address
from huitong.core.hashing import sha256


def address_of(name: str) -> str:
    """Return the address of a made-up account, the same for the same name."""
    return encode_address(sha256(name.encode())[:20])


def members_genesis(accounts: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """Return the genesis state of ``members`` with these accounts.

    Args:
        accounts: for each account's short name the member it acts for, or an empty text,
            and its roles, separated by blanks.
    """
    member_ids = sorted({member_id for member_id, _ in accounts.values() if member_id})
    return {
        "members": [
            {"member_id": member_id, "name": member_id.title()}
            for member_id in member_ids
        ],
        "accounts": [
            {
                "address": address_of(name),
                "member_id": member_id,
                "roles": roles.split(),
            }
            for name, (member_id, roles) in accounts.items()
        ],
    }
