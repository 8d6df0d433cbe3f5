"""``huitong member``: what a member does for itself, and freezes, without a vote."""

from __future__ import annotations

from typing import Any

import click

from huitong.cli.errors import cli_errors
from huitong.cli.proposing import key_bytes
from huitong.cli.zones import send, signing_options
from huitong.modules.members.roles import STAFF_ROLES
from huitong.proto.huitong.members.v1 import members_pb2

_KINDS = {
    "own": members_pb2.FREEZE_KIND_OWN,
    "regulator": members_pb2.FREEZE_KIND_REGULATOR,
}
_kind_option = click.option(
    "--kind",
    type=click.Choice(list(_KINDS)),
    required=True,
    help="own: as a delegate of the member; regulator: as a regulator.",
)
_reason_option = click.option("--reason", required=True, help="The zone reads it.")


@click.group()
def member() -> None:
    """Look after your own organisation; freeze members.

    Who is a member, and with which rights, is decided by vote: `huitong governance`.
    """


@member.command("add-account")
@click.argument("address")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(STAFF_ROLES),
    help="Say it for each.",
)
@signing_options
@cli_errors
def add_account(address: str, roles: tuple[str, ...], **signing: Any) -> None:
    """Let ADDRESS sign for your organisation's staff (delegate)."""
    send(
        lambda signer: members_pb2.MsgAddMemberAccount(
            signer=signer, address=address, roles=sorted(roles)
        ),
        response=members_pb2.MsgAddMemberAccountResponse,
        **signing,
    )


@member.command("disable-account")
@click.argument("address")
@_reason_option
@signing_options
@cli_errors
def disable_account(address: str, reason: str, **signing: Any) -> None:
    """Let ADDRESS of your organisation's staff sign no more (delegate)."""
    send(
        lambda signer: members_pb2.MsgDisableMemberAccount(
            signer=signer, address=address, reason=reason
        ),
        **signing,
    )


@member.command("set-key")
@click.argument("member_id")
@click.argument("encryption_key", callback=key_bytes)
@signing_options
@cli_errors
def set_key(member_id: str, encryption_key: bytes, **signing: Any) -> None:
    """Replace your organisation's encryption key (delegate)."""
    send(
        lambda signer: members_pb2.MsgSetEncryptionKey(
            signer=signer, member_id=member_id, encryption_key=encryption_key
        ),
        **signing,
    )


@member.command()
@click.argument("member_id")
@_kind_option
@_reason_option
@signing_options
@cli_errors
def freeze(member_id: str, kind: str, reason: str, **signing: Any) -> None:
    """Stop a member at once: your own, or any as a regulator."""
    send(
        lambda signer: members_pb2.MsgFreezeMember(
            signer=signer, member_id=member_id, kind=_KINDS[kind], reason=reason
        ),
        **signing,
    )


@member.command()
@click.argument("member_id")
@_kind_option
@_reason_option
@signing_options
@cli_errors
def unfreeze(member_id: str, kind: str, reason: str, **signing: Any) -> None:
    """Lift a freeze of the same kind; other freezes stay."""
    send(
        lambda signer: members_pb2.MsgUnfreezeMember(
            signer=signer, member_id=member_id, kind=_KINDS[kind], reason=reason
        ),
        **signing,
    )


@member.command("emergency-freeze")
@click.argument("member_id")
@_reason_option
@signing_options
@cli_errors
def emergency_freeze(member_id: str, reason: str, **signing: Any) -> None:
    """Ask to stop another member; it stops when a second organisation asks within a day.

    The account is a delegate, an operator or a regulator, and acts for an organisation.
    Only a vote lifts this freeze: `huitong governance propose lift-freeze`.
    """
    send(
        lambda signer: members_pb2.MsgEmergencyFreeze(
            signer=signer, member_id=member_id, reason=reason
        ),
        response=members_pb2.MsgEmergencyFreezeResponse,
        **signing,
    )
