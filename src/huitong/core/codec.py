"""Bytes and messages: the one place where protobuf is encoded and decoded.

A message has exactly one accepted encoding: fields in order of number, integers in
their shortest form, defaults left out, nothing unknown, nothing after the end. What is
decoded here and encoded again gives the same bytes, so a hash or a signature over bytes
is a hash or a signature over the message.

The value inside an ``Any`` is bytes to the message around it; it is decoded, as strictly,
by ``unpack_any``. Presence of empty submessages is a matter of ``core.gogoproto``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import islice
from typing import Final, TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError as _ProtobufDecodeError
from google.protobuf.message import Message

from huitong.core.errors import RejectedError
from huitong.core.limits import (
    MESSAGE_DEPTH_MAX,
    MESSAGE_SIZE_BYTES_MAX,
    MESSAGES_IN_CYCLES_MAX,
    UINT64_MAX,
)
from huitong.proto.google.protobuf.any_pb2 import Any

MessageT = TypeVar("MessageT", bound=Message)

#: Bytes of a rejected input that its error shows.
HEAD_SIZE_BYTES: Final = 16


class DecodeError(
    RejectedError,
    codespace="codec",
    code=2,
    text="cannot decode {message}: {reason}; {size} bytes that begin with 0x{head}",
):
    """Bytes that are not the one encoding of a message of the expected type."""


class UnexpectedTypeError(
    RejectedError,
    codespace="codec",
    code=3,
    text="unexpected type URL {type_url}, expected {expected}",
):
    """An ``Any`` that holds another type than the place allows."""


def encode(message: Message) -> bytes:
    """Return the canonical bytes of ``message``.

    The caller answers for what cannot be seen here: no unknown fields kept from lax
    parsing, and required submessages set (``core.gogoproto.with_required``).
    """
    return message.SerializeToString(deterministic=True)


def decode(
    cls: type[MessageT],
    data: bytes,
    *,
    size_bytes_max: int = MESSAGE_SIZE_BYTES_MAX,
) -> MessageT:
    """Return the message of type ``cls`` that ``data`` is the canonical encoding of.

    Raises:
        DecodeError: not well-formed, not canonical, unknown fields, too long, too deep,
            too many messages of types that contain themselves.

    Cost: linear; about 2 µs for a message of 2 kB.
    """
    if len(data) > size_bytes_max:
        raise _decode_error(cls, data, f"longer than {size_bytes_max} bytes")
    message = cls()
    try:
        message.ParseFromString(data)
    except _ProtobufDecodeError:
        # The library's text may change with its version and is kept out.
        raise _decode_error(cls, data, "malformed") from None
    if len(data) > 2 * MESSAGE_DEPTH_MAX:  # each level takes two bytes at least
        _check_depth(message, data)
    # Unknown fields would survive encoding and hide themselves from the comparison.
    message.DiscardUnknownFields()
    if message.SerializeToString(deterministic=True) != data:
        raise _decode_error(cls, data, "unknown fields or not in canonical form")
    return message


def type_url_of(cls: type[Message]) -> str:
    """Return the type URL of a message type, for example ``/ibc.core.client.v1.Height``."""
    return "/" + cls.DESCRIPTOR.full_name


def pack_any(message: Message) -> Any:
    """Return ``message`` inside an ``Any`` with the Cosmos form of type URL."""
    return Any(type_url=type_url_of(type(message)), value=encode(message))


def unpack_any(any_message: Any, *classes: type[MessageT]) -> MessageT:
    """Return what ``any_message`` holds, which must be of one of ``classes``.

    Raises:
        UnexpectedTypeError: the type URL names none of ``classes``.
        DecodeError: the value is not the canonical encoding of its type.
    """
    for cls in classes:
        if any_message.type_url == type_url_of(cls):
            return decode(cls, any_message.value)
    expected = " or ".join(type_url_of(cls) for cls in classes)
    raise UnexpectedTypeError(type_url=any_message.type_url, expected=expected)


def encode_uvarint(number: int) -> bytes:
    """Return protobuf's variable-length form of ``number``, 0 to 2**64 - 1."""
    if not 0 <= number <= UINT64_MAX:
        raise ValueError(f"{number} is not an unsigned 64-bit integer")
    if number < 0x80:
        return bytes((number,))
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def delimited(data: bytes) -> bytes:
    """Return ``data`` behind its length as an uvarint."""
    return encode_uvarint(len(data)) + data


def _check_depth(message: Message, data: bytes) -> None:
    """Reject messages that are nested deeper than unknown fields can be discarded.

    Only types that contain themselves can be; others are passed by. A short text can
    stand for a million empty messages, so there is a bound on how many are looked at.
    """
    level = [message]
    left = MESSAGES_IN_CYCLES_MAX
    for _ in range(MESSAGE_DEPTH_MAX):
        within = (
            inner
            for outer in level
            for field in _recursive_fields(outer.DESCRIPTOR)
            for inner in _present(outer, field)
        )
        level = list(islice(within, left + 1))
        left -= len(level)
        if left < 0:
            reason = f"more than {MESSAGES_IN_CYCLES_MAX} messages of recursive types"
            raise _decode_error(type(message), data, reason)
        if not level:
            return
    reason = f"more than {MESSAGE_DEPTH_MAX} messages in one another"
    raise _decode_error(type(message), data, reason)


def _present(message: Message, field: FieldDescriptor) -> Iterable[Message]:
    if field.is_repeated:
        items: Iterable[Message] = getattr(message, field.name)
        return items
    return [getattr(message, field.name)] if message.HasField(field.name) else []


@cache
def _recursive_fields(descriptor: Descriptor) -> tuple[FieldDescriptor, ...]:
    """Return the fields on whose way a type occurs that contains itself."""
    return tuple(field for field in descriptor.fields if _leads_into_cycle(field))


def _leads_into_cycle(field: FieldDescriptor) -> bool:
    reached = _types_within(field)
    return any(
        name in _types_within(inner)
        for name, descriptor in reached.items()
        for inner in descriptor.fields
    )


def _types_within(field: FieldDescriptor) -> dict[str, Descriptor]:
    """Return the message types that a value of ``field`` may contain, itself included."""
    reached: dict[str, Descriptor] = {}
    waiting = [field]
    while waiting:
        descriptor = waiting.pop().message_type
        if descriptor is not None and descriptor.full_name not in reached:
            reached[descriptor.full_name] = descriptor
            waiting.extend(descriptor.fields)
    return reached


def _decode_error(cls: type[Message], data: bytes, reason: str) -> DecodeError:
    return DecodeError(
        message=cls.DESCRIPTOR.full_name,
        reason=reason,
        size=len(data),
        head=bytes(data[:HEAD_SIZE_BYTES]),
    )
