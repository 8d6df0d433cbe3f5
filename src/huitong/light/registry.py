"""The kinds of light client that zones know, by the type in a client's id.

A static table: which kinds exist is part of the zone's software, which of them may be
created is a parameter of the zone (``allowed_clients``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from huitong.core.ids import InvalidIdentifierError, client_type_of
from huitong.light.errors import InvalidClientTypeError
from huitong.light.tendermint import client_message, client_state, consensus_state
from huitong.light.tendermint.client_message import ClientMessage
from huitong.light.tendermint.client_state import ClientState
from huitong.light.tendermint.consensus_state import ConsensusState
from huitong.proto.google.protobuf.any_pb2 import Any

TENDERMINT: Final = "07-tendermint"


@dataclass(frozen=True, slots=True, kw_only=True)
class LightClientKind:
    """One kind of light client: its names on the wire and how its bytes are read."""

    client_type: str
    """First part of the ids of its clients, for example ``07-tendermint``."""
    client_state_url: str
    """Type URL of its client states."""
    decode_client_state: Callable[[Any], ClientState]
    """Returns the frozen form or raises RejectedError."""
    decode_consensus_state: Callable[[Any], ConsensusState]
    """Returns the frozen form or raises RejectedError."""
    decode_client_message: Callable[[Any], ClientMessage]
    """Returns a header or misbehaviour, nothing verified, or raises RejectedError."""


LIGHT_CLIENT_KINDS: Final[Mapping[str, LightClientKind]] = MappingProxyType(
    {
        TENDERMINT: LightClientKind(
            client_type=TENDERMINT,
            client_state_url=client_state.TYPE_URL,
            decode_client_state=client_state.client_state_from_any,
            decode_consensus_state=consensus_state.consensus_state_from_any,
            decode_client_message=client_message.client_message_from_any,
        )
    }
)


def kind_of_client(client_id: str) -> LightClientKind:
    """Return the kind of the client with this id.

    Raises:
        InvalidClientTypeError: no such kind.
    """
    try:
        client_type = client_type_of(client_id)
    except InvalidIdentifierError:
        raise InvalidClientTypeError(actual=client_id) from None
    return _kind_named(client_type)


def kind_of_client_state(any_message: Any) -> LightClientKind:
    """Return the kind whose client state ``any_message`` holds.

    Raises:
        InvalidClientTypeError: no such kind.
    """
    for kind in LIGHT_CLIENT_KINDS.values():
        if kind.client_state_url == any_message.type_url:
            return kind
    raise InvalidClientTypeError(actual=any_message.type_url)


def _kind_named(client_type: str) -> LightClientKind:
    kind = LIGHT_CLIENT_KINDS.get(client_type)
    if kind is None:
        raise InvalidClientTypeError(actual=client_type)
    return kind
