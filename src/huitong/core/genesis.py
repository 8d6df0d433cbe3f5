"""Genesis state as JSON: the messages in the state, in protobuf's JSON mapping.

Field names stay as in the ``.proto`` files, 64-bit integers are texts, bytes are base64,
enums are their names, a message in an ``Any`` stands beside its type; fields with default
values may be left out and are left out by the export. What is not known is refused, so
that a typing error in a genesis file does not pass as a default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from huitong.core.errors import RejectedError
from huitong.proto.pool import Default

MessageT = TypeVar("MessageT", bound=Message)


class GenesisError(
    RejectedError,
    codespace="genesis",
    code=2,
    text="genesis: {where}: {reason}",
    next_step="Correct the entry in app_state of the genesis file.",
):
    """The genesis state of a module cannot be used."""


def message_to_json(message: Message) -> dict[str, Any]:
    """Return the JSON form of ``message``; the same message gives the same form."""
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, descriptor_pool=Default()
    )


def message_from_json(cls: type[MessageT], data: object, where: str) -> MessageT:
    """Return the message that a JSON object stands for.

    Args:
        cls: the generated class.
        data: the parsed JSON.
        where: the place in the genesis file, for the error.

    Raises:
        GenesisError: not an object, unknown fields, or values of another kind.
    """
    if not isinstance(data, dict):
        raise GenesisError(where=where, reason="expected an object")
    message = cls()
    try:
        json_format.ParseDict(data, message, descriptor_pool=Default())
    except json_format.ParseError as wrong:
        raise GenesisError(where=where, reason=str(wrong)) from wrong
    _check_kept(data, message_to_json(message), where)
    return message


def _check_kept(given: object, kept: object, where: str) -> None:
    """Check that nothing of ``given`` was skipped or bent while it was read.

    The library skips characters that are no base64 and knows second names of fields.
    """
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            _check_kept(value, kept.get(name), f"{where}.{name}")
    elif isinstance(given, list) and isinstance(kept, list):
        for index, (value, made) in enumerate(zip(given, kept, strict=True)):
            _check_kept(value, made, f"{where}[{index}]")
    elif kept is None:
        if given not in ("", "0", 0, False, None, [], {}):
            raise GenesisError(where=where, reason=f"cannot be read: {given!r}")
    elif given != kept and not (type(given) is int and str(given) == kept):
        raise GenesisError(where=where, reason=f"expected the form {kept!r}")


def messages_from_json(cls: type[MessageT], data: object, where: str) -> list[MessageT]:
    """Return the messages that a JSON list of objects stands for.

    Raises:
        GenesisError: not a list, or an entry is wrong.
    """
    if not isinstance(data, list):
        raise GenesisError(where=where, reason="expected a list")
    return [
        message_from_json(cls, item, f"{where}[{index}]")
        for index, item in enumerate(data)
    ]


def check_known_keys(
    state: Mapping[str, Any], known: Iterable[str], where: str
) -> None:
    """Check that a genesis object has no other keys than ``known``.

    Raises:
        GenesisError: it has.
    """
    unknown = sorted(set(state) - set(known))
    if unknown:
        raise GenesisError(where=where, reason=f"unknown entries {', '.join(unknown)}")


def integer_from_json(data: object, where: str) -> int:
    """Return a non-negative 64-bit integer given as a JSON number or as a text.

    Raises:
        GenesisError: anything else.
    """
    if isinstance(data, str) and data.isascii() and data.isdigit() and len(data) <= 20:
        data = int(data)
    if type(data) is not int or not 0 <= data < 2**64:
        raise GenesisError(where=where, reason="expected an integer from 0 to 2^64 - 1")
    return data
