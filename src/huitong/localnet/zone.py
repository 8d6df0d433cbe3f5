"""A new zone on this machine: its home, the keys of its accounts, its genesis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from huitong.keys import Keyring
from huitong.node.config import NodeConfig
from huitong.node.genesis_edit import (
    Change,
    add_account,
    add_member,
    change_genesis,
)
from huitong.node.home import Home, make_home

#: Folder of the keyring in a node's home.
KEYRING_FOLDER: Final = "keyring"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSpec:
    """A member of a new zone."""

    member_id: str
    """Short name, unique in the zone."""
    name: str = ""
    """Name for people; the id if empty."""
    legal_id: str = ""
    """Unified social credit code or the like."""
    roles: tuple[str, ...] = ()
    """What its accounts may do; empty for anything."""
    encryption_key: bytes = b""
    """X25519 public key, 32 bytes; empty if it receives no payloads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSpec:
    """An account of a new zone, whose key is made in the home's keyring."""

    name: str
    """Name of the key."""
    roles: tuple[str, ...]
    """What the key may do."""
    member_id: str = ""
    """Member that it signs for; empty for none."""
    private_key: bytes = b""
    """Its key, 32 bytes; a new one is made if empty."""


def make_zone(
    home: Home,
    chain_id: str,
    members: Sequence[MemberSpec],
    accounts: Sequence[AccountSpec],
) -> None:
    """Make the home: validator key, genesis with members and accounts, signing keys.

    The keys lie in the home's keyring, without passphrases: this is for trials.

    Raises:
        RejectedError: the home exists, or a member or account is refused.
    """
    make_home(home, NodeConfig(moniker=chain_id), chain_id)
    keyring = Keyring(home.path / KEYRING_FOLDER)
    for change in genesis_changes(members, accounts, keyring):
        change_genesis(home, change)


def genesis_changes(
    members: Sequence[MemberSpec], accounts: Sequence[AccountSpec], keyring: Keyring
) -> Iterator[Change]:
    """Yield what makes members and accounts part of a genesis; keys go to ``keyring``.

    Raises:
        KeyExistsError: the keyring has a key of an account's name already.
    """
    for member in members:
        yield add_member(
            member.member_id,
            name=member.name or member.member_id,
            legal_id=member.legal_id,
            roles=member.roles,
            encryption_key=member.encryption_key.hex(),
        )
    for account in accounts:
        if account.private_key:
            record = keyring.add(account.name, account.private_key, None)
        else:
            record, _ = keyring.create(account.name)
        yield add_account(
            record.address, roles=account.roles, member_id=account.member_id
        )
