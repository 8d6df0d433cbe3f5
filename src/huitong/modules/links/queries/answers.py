"""What all answers of the links module have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.grpc_words import invalid_argument
from huitong.core.ids import check_channel_id, check_port_id
from huitong.proto.ibc.core.client.v1 import client_pb2

T = TypeVar("T")


def checked(check: Callable[[str], T], text: str) -> T:
    """Return an identifier of a request, checked by ``check``.

    Raises:
        InvalidRequestError: it is not one.
    """
    try:
        return check(text)
    except RejectedError as wrong:
        raise invalid_argument(str(wrong)) from None


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
