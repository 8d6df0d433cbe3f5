"""What all answers of the links module have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from huitong.core.context import Context
from huitong.core.grpc_words import invalid_argument
from huitong.core.ids import InvalidIdentifierError, check_channel_id, check_port_id
from huitong.proto.ibc.core.client.v1 import client_pb2

T = TypeVar("T")

#: Least and most characters of identifiers, as ibc-go names them in its refusals.
_LENGTHS: Final = {
    "client id": (9, 64),
    "connection id": (10, 64),
    "channel id": (8, 64),
    "port id": (2, 128),
}
#: Characters of a text that is no identifier which are shown back: so many that the rest
#: of the sentence has room in an error.
_SHOWN_CHARACTERS_MAX: Final = 20


def checked(check: Callable[[str], T], text: str) -> T:
    """Return an identifier of a request, checked by ``check``.

    Raises:
        InvalidRequestError: it is not one.
    """
    try:
        return check(text)
    except InvalidIdentifierError as wrong:
        fault = _fault_of(text, *_LENGTHS[wrong.fields["kind"]])
        raise invalid_argument(f"{fault}: invalid identifier") from None


def _fault_of(text: str, least: int, most: int) -> str:
    """Return what is wrong with a text that is no identifier.

    Spec: ibc-go 24-host, ``defaultIdentifierValidator``: its order and its words.
    """
    if not text.strip():
        return "identifier cannot be blank"
    cut = text[:_SHOWN_CHARACTERS_MAX]
    shown, length = cut if cut == text else f"{cut}…", len(text.encode())
    if "/" in text:
        return f"identifier {shown} cannot contain separator '/'"
    if not least <= length <= most:
        return (
            f"identifier {shown} has invalid length: {length}, must be between "
            f"{least}-{most} characters"
        )
    return (
        f"identifier {shown} must contain only alphanumeric or the following "
        "characters: '.', '_', '+', '-', '#', '[', ']', '<', '>'"
    )


def checked_channel(port_id: str, channel_id: str) -> None:
    """Check the two identifiers of a channel in a request.

    Raises:
        InvalidRequestError: one of them is none.
    """
    checked(check_port_id, port_id)
    checked(check_channel_id, channel_id)


def channel_name(port_id: str, channel_id: str) -> str:
    """Return a channel as ibc-go names it in its errors."""
    return f"port-id: {port_id}, channel-id {channel_id}"


def height_of(ctx: Context) -> client_pb2.Height:
    """Return the height whose state is read, for ``height`` and ``proof_height``."""
    return ctx.block.height.to_proto()
