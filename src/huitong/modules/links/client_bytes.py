"""Client states and client messages as they come in messages: an ``Any`` each."""

from __future__ import annotations

from functools import lru_cache

from huitong.core.codec import DecodeError
from huitong.light import light_client
from huitong.light.light_client import ClientMessage, ClientState, ConsensusState
from huitong.modules.links.errors import UnpackAnyError
from huitong.proto.google.protobuf.any_pb2 import Any


def unpack_client_state(packed: Any) -> tuple[str, ClientState]:
    """Return the type of client and its state, values not yet checked.

    Raises:
        UnpackAnyError: nothing is packed, or not the encoding of a client state.
        RejectedError: another reason of the light client's, client/10 among them.
    """
    _check_given(packed, "client state")
    try:
        return light_client.decode_client_state(packed)
    except DecodeError as wrong:
        raise UnpackAnyError(reason=str(wrong)) from None


def unpack_consensus_state(client_type: str, packed: Any) -> ConsensusState:
    """Return a consensus state for a type of client, values not yet checked.

    Raises:
        UnpackAnyError: nothing is packed, or not the encoding of a consensus state.
        RejectedError: another reason of the light client's, client/8 or 10 among them.
    """
    _check_given(packed, "consensus state")
    try:
        return light_client.decode_consensus_state(client_type, packed)
    except DecodeError as wrong:
        raise UnpackAnyError(reason=str(wrong)) from None


def unpack_client_message(client_id: str, packed: Any) -> ClientMessage:
    """Return a header or misbehaviour; nothing in it is verified.

    Raises:
        UnpackAnyError: nothing is packed, or not the encoding of a client message.
        RejectedError: another reason of the light client's, client/10 or 12 among them.
    """
    _check_given(packed, "client message")
    return _client_message(client_id, packed.type_url, packed.value)


# CheckTx, check and apply read the same bytes one after the other: few are enough. The
# memo is of a pure function and never decides anything.
@lru_cache(maxsize=16)
def _client_message(client_id: str, type_url: str, value: bytes) -> ClientMessage:
    packed = Any(type_url=type_url, value=value)
    try:
        return light_client.decode_client_message(client_id, packed)
    except DecodeError as wrong:
        raise UnpackAnyError(reason=str(wrong)) from None


def _check_given(packed: Any, what: str) -> None:
    if not packed.type_url:
        raise UnpackAnyError(reason=f"no {what} is given")
