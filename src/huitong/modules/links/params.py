"""What members may set about links, and what makes a setting wrong."""

from __future__ import annotations

from typing import Final

from huitong.core.limits import ALLOWED_CLIENTS_MAX, INT64_MAX, NAME_CHARACTERS_MAX
from huitong.modules.links.errors import IbcRequestError
from huitong.proto.ibc.core.client.v1 import client_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2

#: Stands for every type of client that the software knows.
ALL_CLIENTS: Final = "*"


def is_client_allowed(params: client_pb2.Params, client_type: str) -> bool:
    """Return whether clients of this type may be created."""
    allowed = params.allowed_clients
    return client_type in allowed or ALL_CLIENTS in allowed


def check_client_params(params: client_pb2.Params) -> None:
    """Check a list of allowed client types.

    Raises:
        IbcRequestError: empty, too long, blank or repeated entries, or ``*`` beside
            others.
    """
    allowed = list(params.allowed_clients)
    if not 0 < len(allowed) <= ALLOWED_CLIENTS_MAX:
        raise IbcRequestError(
            reason=f"{len(allowed)} allowed clients, expected 1 to {ALLOWED_CLIENTS_MAX}"
        )
    for index, name in enumerate(allowed):
        if not name.strip() or len(name) > NAME_CHARACTERS_MAX:
            raise IbcRequestError(reason=f"client type {index} is blank or too long")
        if name in allowed[:index]:
            raise IbcRequestError(reason=f"client type {name} is listed twice")
    if ALL_CLIENTS in allowed and len(allowed) > 1:
        raise IbcRequestError(reason="the entry * stands alone or not at all")


def check_connection_params(params: connection_pb2.Params) -> None:
    """Check the longest time that a block is expected to take.

    Raises:
        IbcRequestError: 0, or above 63 bits of nanoseconds.
    """
    time_ns = params.max_expected_time_per_block
    if not 0 < time_ns <= INT64_MAX:
        raise IbcRequestError(
            reason=f"max expected time per block of {time_ns} ns must be above 0"
        )
