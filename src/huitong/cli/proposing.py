"""What commands that propose something share: options, messages as JSON, sending."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click
import orjson
from google.protobuf import json_format
from google.protobuf.message import Message

from huitong.cli.zones import (
    outcome_object,
    show,
    signing_options,
    unlock_key,
    with_zone,
)
from huitong.client import Sender, ZoneClient
from huitong.client.voting import get_proposal, proposal_of
from huitong.core.codec import pack_any
from huitong.core.errors import RejectedError
from huitong.core.execution import message_routes
from huitong.core.limits import PROPOSAL_SIZE_BYTES_MAX
from huitong.core.time import format_rfc3339
from huitong.modules.zone import MODULES
from huitong.proto.google.protobuf.any_pb2 import Any as PackedAny
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb
from huitong.proto.pool import Default

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

#: Four times what a proposal holds: JSON writes bytes longer than they are.
FILE_SIZE_BYTES_MAX: Final = 4 * PROPOSAL_SIZE_BYTES_MAX
_TYPE: Final = "@type"
_SIZE_BYTES: Final = 32


class ProposalFileError(
    RejectedError,
    codespace="cli",
    code=6,
    text="{where}: {reason}",
    next_step="`huitong governance propose admit-member … --print` shows the form of a "
    "message.",
):
    """The file of messages does not say what should be voted on."""


def proposing_options(command: CommandT) -> CommandT:
    """Add the options of a command that proposes something."""
    for option in (
        click.option(
            "--print",
            "print_only",
            is_flag=True,
            help="Print the message as JSON, for `propose file`; send nothing.",
        ),
        click.option(
            "--reason", default="", help="Why; everybody in the zone reads it."
        ),
        click.option("--title", default="", help="One line; by default what it does."),
    ):
        command = option(command)
    return signing_options(command)


def propose(
    messages: Sequence[Message],
    what: str,
    *,
    title: str,
    reason: str,
    print_only: bool,
    **signing: Any,
) -> None:
    """Propose messages, or print them.

    Args:
        messages: governed ones; their signer is filled in.
        what: title if none is given.
        title: one line for people.
        reason: why; needed unless the messages are only printed.
        print_only: whether to send nothing.
        **signing: what ``signing_options`` gave.
    """
    if print_only:
        click.echo(orjson.dumps([message_to_json(item) for item in messages]))
        return
    if not reason:
        raise click.UsageError("Missing option '--reason'.")
    submit_proposal(messages, title=title or what, reason=reason, **signing)


def submit_proposal(
    messages: Sequence[Message],
    *,
    title: str,
    reason: str,
    node: str,
    key_name: str,
    home: Any,
    passphrase_file: Any,
    gas: int,
    as_json: bool,
) -> None:
    """Sign and send a proposal, and show its number and deadline."""
    private_key = unlock_key(home, key_name, passphrase_file)

    async def run(client: ZoneClient) -> dict[str, Any]:
        sender = Sender(client, private_key)
        message = proposal_of(sender.address, messages, title=title, reason=reason)
        outcome = await sender.send(message, gas_limit=gas)
        number = outcome.response(pb.MsgSubmitProposalResponse).proposal_id
        proposal = await get_proposal(client, number)
        return {
            **outcome_object(outcome),
            "proposal_id": number,
            "deadline": format_rfc3339(proposal.deadline),
        }

    show(with_zone(node, run), as_json=as_json)


def message_to_json(message: Message) -> dict[str, Any]:
    """Return a message in protobuf's JSON mapping, with its type beside its fields."""
    packed = pack_any(message)
    return packed_to_json(packed)


def packed_to_json(packed: PackedAny) -> dict[str, Any]:
    """Return a packed message in protobuf's JSON mapping."""
    return json_format.MessageToDict(
        packed, preserving_proto_field_name=True, descriptor_pool=Default()
    )


def messages_of_file(data: bytes, where: str) -> list[Message]:
    """Return the messages that a JSON list of objects stands for.

    Args:
        data: the file.
        where: its name, for errors.

    Raises:
        ProposalFileError: too long, no list, or an entry is no governed message of this software.
    """
    if len(data) > FILE_SIZE_BYTES_MAX:
        reason = f"more than {FILE_SIZE_BYTES_MAX} bytes"
        raise ProposalFileError(where=where, reason=reason)
    try:
        entries = orjson.loads(data)
    except orjson.JSONDecodeError as wrong:
        raise ProposalFileError(where=where, reason=str(wrong)) from None
    if not isinstance(entries, list) or not entries:
        raise ProposalFileError(where=where, reason="expected a list of messages")
    return [
        _message_of(entry, f"{where}: message {index}")
        for index, entry in enumerate(entries)
    ]


def _message_of(entry: object, where: str) -> Message:
    if not isinstance(entry, dict) or not isinstance(entry.get(_TYPE), str):
        raise ProposalFileError(
            where=where, reason=f'expected an object with "{_TYPE}"'
        )
    route = message_routes(MODULES).get(entry[_TYPE])
    if route is None or not route.governed:
        raise ProposalFileError(
            where=where, reason=f"{entry[_TYPE]} is no message that is voted on"
        )
    message = route.request()
    fields = {name: value for name, value in entry.items() if name != _TYPE}
    try:
        json_format.ParseDict(fields, message, descriptor_pool=Default())
    except json_format.ParseError as wrong:
        raise ProposalFileError(where=where, reason=str(wrong)) from None
    return message


def key_bytes(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> bytes:
    """Read a key of 32 bytes in hexadecimal or base64, as a click callback."""
    if not value:
        return b""
    try:
        data = bytes.fromhex(value)
    except ValueError:
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            data = b""
    if len(data) != _SIZE_BYTES:
        raise click.BadParameter(
            f"{value!r} is not {_SIZE_BYTES} bytes in hexadecimal or base64"
        )
    return data
