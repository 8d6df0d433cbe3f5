"""``huitong governance propose``: decisions about members and their accounts."""

from __future__ import annotations

from typing import Any, Final

import click

from huitong.cli.errors import cli_errors
from huitong.cli.proposing import key_bytes, propose, proposing_options
from huitong.modules.members.roles import DELEGATE, ROLES
from huitong.proto.huitong.members.v1 import members_pb2

_STATUSES = {
    "active": members_pb2.MEMBER_STATUS_ACTIVE,
    "suspended": members_pb2.MEMBER_STATUS_SUSPENDED,
    "removed": members_pb2.MEMBER_STATUS_REMOVED,
}
_role_option = click.option(
    "--role", "roles", multiple=True, type=click.Choice(ROLES), help="Say it for each."
)


@click.command("admit-member")
@click.argument("member_id")
@click.option("--name", required=True, help="Name for people.")
@click.option("--legal-id", default="", help="Unified social credit code or the like.")
@_role_option
@click.option(
    "--encryption-key",
    callback=key_bytes,
    metavar="KEY",
    help="X25519 key that payloads for the member are sealed to.",
)
@click.option(
    "--delegate",
    default="",
    metavar="ADDRESS",
    help="Account that votes for it, added with it; without one it has no vote.",
)
@proposing_options
@cli_errors
def admit_member(
    member_id: str,
    name: str,
    legal_id: str,
    roles: tuple[str, ...],
    encryption_key: bytes,
    delegate: str,
    **options: Any,
) -> None:
    """Admit an organisation; with --delegate it has a vote, without it has none.

    Its accounts may hold the roles that are named; with --delegate and no --role, all.
    """
    messages: list[Any] = [
        members_pb2.MsgAdmitMember(
            member_id=member_id,
            name=name,
            legal_id=legal_id,
            roles=_roles_admitted(roles, has_delegate=bool(delegate)),
            encryption_key=encryption_key,
        )
    ]
    if delegate:
        messages.append(
            members_pb2.MsgAddAccount(
                address=delegate, member_id=member_id, roles=[DELEGATE]
            )
        )
    propose(messages, f"Admit {member_id}", **options)


def _roles_admitted(roles: tuple[str, ...], *, has_delegate: bool) -> list[str]:
    """Return the roles of a new member: no vote is given unless somebody casts it.

    A member with a vote and without a delegate would only raise every quorum.

    Raises:
        click.UsageError: it does not say whether the member has a vote.
    """
    if has_delegate:
        return sorted({*roles, DELEGATE}) if roles else []  # none: all
    if not roles:
        raise click.UsageError(
            "say --delegate ADDRESS for a member that votes, or a --role for each that "
            "the accounts of one without a vote may hold"
        )
    if DELEGATE in roles:
        raise click.UsageError(f"--role {DELEGATE} goes with --delegate ADDRESS")
    return sorted(roles)


@click.command("member-status")
@click.argument("member_id")
@click.argument("new_status", type=click.Choice(list(_STATUSES)))
@proposing_options
@cli_errors
def member_status(member_id: str, new_status: str, **options: Any) -> None:
    """Suspend, reinstate or remove a member. Removal is final."""
    message = members_pb2.MsgSetMemberStatus(
        member_id=member_id, status=_STATUSES[new_status], reason=options["reason"]
    )
    propose([message], f"Make {member_id} {new_status}", **options)


@click.command("member-roles")
@click.argument("member_id")
@_role_option
@click.option("--all-roles", is_flag=True, help="Every role, delegate as well.")
@proposing_options
@cli_errors
def member_roles(
    member_id: str, roles: tuple[str, ...], all_roles: bool, **options: Any
) -> None:
    """Set which roles a member's accounts may hold. With delegate it has a vote."""
    if bool(roles) == all_roles:
        raise click.UsageError("say either --role, once or more often, or --all-roles")
    message = members_pb2.MsgSetMemberRoles(member_id=member_id, roles=sorted(roles))
    propose([message], f"Change the roles of {member_id}", **options)


@click.command("lift-freeze")
@click.argument("member_id")
@proposing_options
@cli_errors
def lift_freeze(member_id: str, **options: Any) -> None:
    """Lift the emergency freeze of a member."""
    message = members_pb2.MsgLiftEmergencyFreeze(
        member_id=member_id, reason=options["reason"]
    )
    propose([message], f"Lift the emergency freeze of {member_id}", **options)


# --- accounts -----------------------------------------------------------------------------


@click.command("add-account")
@click.argument("address")
@click.option("--member", "member_id", default="", help="Member that it signs for.")
@_role_option
@proposing_options
@cli_errors
def add_account(
    address: str, member_id: str, roles: tuple[str, ...], **options: Any
) -> None:
    """Let ADDRESS sign. A member's delegate adds its staff without a vote."""
    message = members_pb2.MsgAddAccount(
        address=address, member_id=member_id, roles=sorted(roles)
    )
    propose([message], f"Add an account of {member_id or 'no member'}", **options)


@click.command("account-roles")
@click.argument("address")
@_role_option
@proposing_options
@cli_errors
def account_roles(address: str, roles: tuple[str, ...], **options: Any) -> None:
    """Set which roles ADDRESS holds."""
    message = members_pb2.MsgSetAccountRoles(address=address, roles=sorted(roles))
    propose([message], "Change the roles of an account", **options)


@click.command("disable-account")
@click.argument("address")
@proposing_options
@cli_errors
def disable_account(address: str, **options: Any) -> None:
    """Let ADDRESS sign no more."""
    message = members_pb2.MsgDisableAccount(address=address, reason=options["reason"])
    propose([message], "Disable an account", **options)


@click.command("enable-account")
@click.argument("address")
@proposing_options
@cli_errors
def enable_account(address: str, **options: Any) -> None:
    """Let ADDRESS sign again."""
    message = members_pb2.MsgEnableAccount(address=address, reason=options["reason"])
    propose([message], "Enable an account", **options)


@click.command("replace-account")
@click.argument("old_address")
@click.argument("new_address")
@proposing_options
@cli_errors
def replace_account(old_address: str, new_address: str, **options: Any) -> None:
    """Give the member and the roles of OLD_ADDRESS to NEW_ADDRESS, in one step."""
    message = members_pb2.MsgReplaceAccount(
        old_address=old_address, new_address=new_address, reason=options["reason"]
    )
    propose([message], "Replace the key of an account", **options)


#: Commands of the group ``propose``.
ABOUT_MEMBERS: Final[tuple[click.Command, ...]] = (
    admit_member,
    member_status,
    member_roles,
    lift_freeze,
    add_account,
    account_roles,
    disable_account,
    enable_account,
    replace_account,
)
