"""What commands that talk to a zone share: options, keys, sending, showing."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import click
import orjson
import uvloop
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from huitong.cli.keys import keyring_of
from huitong.cli.numbers import Number
from huitong.cli.passphrase import opened, passphrase_option
from huitong.client import Sender, TxOutcome, ZoneClient
from huitong.gateway.reader_keys import ReaderKeys
from huitong.keys import Keyring

ResultT = TypeVar("ResultT")
CommandT = TypeVar("CommandT", bound=Callable[..., Any])

NODE_DEFAULT: Final = "tcp://127.0.0.1:26657"
#: How long a request or receipt may be on its way if nothing else is said.
_TIMEOUT_S: Final = 86_400
#: Where a word of a name such as ``RecordStatus`` ends and the next begins.
_WORD_END: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

node_option = click.option(
    "--node",
    metavar="URL",
    envvar="HUITONG_NODE",
    default=NODE_DEFAULT,
    show_default=True,
    help="RPC of a node of the zone.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object."
)
height_option = click.option(
    "--height", type=Number(min=0), default=0, help="State to read; 0: newest."
)
limit_option = click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, help="Entries at most."
)
channel_option = click.option(
    "--channel", "channel_id", required=True, help="The channel on this zone."
)
sequence_option = click.option(
    "--sequence",
    type=Number(min=1),
    required=True,
    help="Number of the request on its channel.",
)
timeout_option = click.option(
    "--timeout",
    "timeout_s",
    type=Number(min=1),
    default=_TIMEOUT_S,
    show_default=True,
    help="Seconds until the other zone may no longer take it.",
)
home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Path.home() / ".huitong",
    envvar="HUITONG_HOME",
    help="Folder whose keyring/ holds the key.  [default: ~/.huitong]",
)


def signing_options(command: CommandT) -> CommandT:
    """Add the options of a command that sends a transaction."""
    for option in (
        json_option,
        click.option("--gas", type=Number(min=0), default=0, help="0: ask the zone."),
        passphrase_option("Its first line opens the key; without it you are asked."),
        home_option,
        click.option("--from", "key_name", required=True, help="Key that signs."),
        node_option,
    ):
        command = option(command)
    return command


def unlock_key(home: Path, name: str, passphrase_file: IO[str] | None) -> bytes:
    """Return a private key; asks for the passphrase at a terminal if it needs one.

    Raises:
        RejectedError: no such key, or the passphrase does not open it.
    """
    return unlock(keyring_of(home), name, passphrase_file)


def unlock(
    keys: Keyring | ReaderKeys, name: str, passphrase_file: IO[str] | None
) -> bytes:
    """Return a private key of either kind; asks at a terminal if it must.

    Raises:
        RejectedError: no such key, or the passphrase does not open it.
    """
    return opened(
        lambda passphrase: keys.unlock(name, passphrase), name, passphrase_file
    )


def with_zone(node: str, work: Callable[[ZoneClient], Awaitable[ResultT]]) -> ResultT:
    """Run ``work`` with a client of the zone at ``node``."""

    async def run() -> ResultT:
        async with ZoneClient(node) as client:
            return await work(client)

    return uvloop.run(run())


def send(
    make: Callable[[str], Message],
    *,
    node: str,
    key_name: str,
    home: Path,
    passphrase_file: IO[str] | None,
    gas: int,
    as_json: bool,
    response: type[Message] | None = None,
) -> None:
    """Sign, send, wait for the block, and show the outcome.

    Args:
        make: returns the message, given the signer's address.
        node: RPC of the zone.
        key_name: which key signs.
        home: folder of the keyring.
        passphrase_file: whose first line opens the key.
        gas: gas limit; 0 asks the zone.
        as_json: whether to print JSON.
        response: class of the message's response, if it says something.
    """
    private_key = unlock_key(home, key_name, passphrase_file)

    async def run(client: ZoneClient) -> TxOutcome:
        sender = Sender(client, private_key)
        return await sender.send(make(sender.address), gas_limit=gas)

    outcome = with_zone(node, run)
    shown = outcome_object(outcome)
    if response is not None:
        shown["response"] = message_object(outcome.response(response))
    show(shown, as_json=as_json)


def outcome_object(outcome: TxOutcome) -> dict[str, Any]:
    """Return what every command says of the transaction that it sent."""
    return {
        "ok": True,
        "tx": outcome.hash,
        "height": outcome.height,
        "gas_used": outcome.gas_used,
    }


def message_object(message: Message) -> dict[str, Any]:
    """Return a message for people: every field by name, bytes as hex, enums in short."""
    return {
        field.name: _field_object(field, getattr(message, field.name), message)
        for field in message.DESCRIPTOR.fields
    }


def _field_object(field: Any, value: Any, parent: Message) -> Any:
    if field.is_repeated:
        return [_value_object(field, item) for item in value]
    if field.type == FieldDescriptor.TYPE_MESSAGE and not parent.HasField(field.name):
        return None
    return _value_object(field, value)


def _value_object(field: Any, value: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return message_object(value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return value.hex()
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _enum_text(field, value)
    return value


def _enum_text(field: Any, number: int) -> str:
    """Return ``active`` for ``RECORD_STATUS_ACTIVE`` of ``RecordStatus``."""
    known = field.enum_type.values_by_number.get(number)
    if known is None:
        return str(number)
    words: str = _WORD_END.sub("_", field.enum_type.name)
    text: str = known.name.removeprefix(f"{words.upper()}_")
    return text.lower().replace("_", "-")


def show(value: dict[str, Any], *, as_json: bool) -> None:
    """Print one object: as JSON, or a line for each entry."""
    if as_json:
        click.echo(orjson.dumps(value))
        return
    _print_entries(value, "")


def show_many(name: str, values: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print several objects: as ``{name: […]}``, or in paragraphs."""
    if as_json:
        click.echo(orjson.dumps({name: values}))
        return
    if not values:
        click.echo(f"no {name}")
    for index, value in enumerate(values):
        if index:
            click.echo()
        _print_entries(value, "")


def _print_entries(value: dict[str, Any], indent: str) -> None:
    width = max((len(name) for name in value), default=0) + 1
    for name, entry in value.items():
        if isinstance(entry, dict):
            click.echo(f"{indent}{name}:")
            _print_entries(entry, indent + "  ")
        elif isinstance(entry, list) and entry and isinstance(entry[0], dict):
            click.echo(f"{indent}{name}:")
            for item in entry:
                _print_entries(item, indent + "  ")
        else:
            click.echo(f"{indent}{name + ':':<{width}} {_entry_text(entry)}")


def _entry_text(entry: Any) -> str:
    if entry is None or entry == "":
        return "-"
    if isinstance(entry, bool):
        return "yes" if entry else "no"
    if isinstance(entry, list):
        return ", ".join(str(item) for item in entry) or "-"
    return str(entry)


def hex_bytes(
    size_bytes: int,
) -> Callable[[click.Context, click.Parameter, str], bytes]:
    """Return a click callback that reads ``size_bytes`` bytes in hexadecimal."""

    def read(
        ctx: click.Context, parameter: click.Parameter, value: str | None
    ) -> bytes:
        if not value:
            return b""
        try:
            data = bytes.fromhex(value)
        except ValueError:
            raise click.BadParameter(f"{value!r} is not hexadecimal") from None
        if len(data) != size_bytes:
            raise click.BadParameter(f"{len(data)} bytes, expected {size_bytes}")
        return data

    return read
