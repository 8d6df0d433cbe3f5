"""Names of things on a chain.

Identifiers follow ICS-24: letters, digits and ``. _ + - # [ ] < >``, no slash, with a
length range for each kind as ibc-go v8 has it.
"""

from __future__ import annotations

import re
from typing import Final, NewType

from huitong.core.errors import RejectedError
from huitong.core.limits import CHAIN_ID_SIZE_BYTES_MAX, UINT64_MAX

ChainId = NewType("ChainId", str)
ClientId = NewType("ClientId", str)
ClientType = NewType("ClientType", str)
ConnectionId = NewType("ConnectionId", str)
ChannelId = NewType("ChannelId", str)
PortId = NewType("PortId", str)

_CHARACTERS: Final = r"[a-zA-Z0-9._+\-#\[\]<>]"
_CLIENT_ID: Final = re.compile(_CHARACTERS + "{9,64}")
_CONNECTION_ID: Final = re.compile(_CHARACTERS + "{10,64}")
_CHANNEL_ID: Final = re.compile(_CHARACTERS + "{8,64}")
_PORT_ID: Final = re.compile(_CHARACTERS + "{2,128}")
_CHAIN_ID: Final = re.compile(rf"[a-zA-Z0-9._\-]{{1,{CHAIN_ID_SIZE_BYTES_MAX}}}")
_REVISION: Final = re.compile(r".*[^\n-]-([1-9][0-9]*)", re.ASCII)
_SEQUENCE: Final = re.compile(r"(.+)-(0|[1-9][0-9]{0,19})", re.ASCII)


class InvalidIdentifierError(
    RejectedError, codespace="host", code=2, text="{kind} {value}: invalid identifier"
):
    """A text that is not an identifier of its kind."""


def check_client_id(text: str) -> ClientId:
    """Return ``text`` as the id of a light client.

    Raises:
        InvalidIdentifierError: other characters, or not 9 to 64 of them.
    """
    if _CLIENT_ID.fullmatch(text) is None:
        raise InvalidIdentifierError(kind="client id", value=text)
    return ClientId(text)


def check_connection_id(text: str) -> ConnectionId:
    """Return ``text`` as the id of a connection.

    Raises:
        InvalidIdentifierError: other characters, or not 10 to 64 of them.
    """
    if _CONNECTION_ID.fullmatch(text) is None:
        raise InvalidIdentifierError(kind="connection id", value=text)
    return ConnectionId(text)


def check_channel_id(text: str) -> ChannelId:
    """Return ``text`` as the id of a channel.

    Raises:
        InvalidIdentifierError: other characters, or not 8 to 64 of them.
    """
    if _CHANNEL_ID.fullmatch(text) is None:
        raise InvalidIdentifierError(kind="channel id", value=text)
    return ChannelId(text)


def check_port_id(text: str) -> PortId:
    """Return ``text`` as the id of a port.

    Raises:
        InvalidIdentifierError: other characters, or not 2 to 128 of them.
    """
    if _PORT_ID.fullmatch(text) is None:
        raise InvalidIdentifierError(kind="port id", value=text)
    return PortId(text)


def check_chain_id(text: str) -> ChainId:
    """Return ``text`` as a chain id, which CometBFT bounds at 50 bytes.

    Raises:
        InvalidIdentifierError: empty, too long, or characters that are not portable.
    """
    if _CHAIN_ID.fullmatch(text) is None:
        raise InvalidIdentifierError(kind="chain id", value=text)
    revision_of_chain_id(text)
    return ChainId(text)


def revision_of_chain_id(chain_id: str) -> int:
    """Return the number behind the last dash of a chain id, 0 where it has none.

    Spec: ibc-go 02-client, ``ParseChainID``: the dash stands alone and the number has
    no leading zero.

    Raises:
        InvalidIdentifierError: the number is above 64 bits.
    """
    match = _REVISION.fullmatch(chain_id)
    if match is None:
        return 0
    digits = match[1]
    if len(digits) > 20 or int(digits) > UINT64_MAX:
        raise InvalidIdentifierError(kind="revision of chain id", value=chain_id)
    return int(digits)


def client_id_of(client_type: str, sequence: int) -> ClientId:
    """Return the id of the client that was created as number ``sequence``."""
    return check_client_id(f"{client_type}-{sequence}")


def connection_id_of(sequence: int) -> ConnectionId:
    """Return the id of the connection that was opened as number ``sequence``."""
    return ConnectionId(f"connection-{sequence}")


def channel_id_of(sequence: int) -> ChannelId:
    """Return the id of the channel that was opened as number ``sequence``."""
    return ChannelId(f"channel-{sequence}")


def client_type_of(client_id: str) -> ClientType:
    """Return the type in a generated client id: ``07-tendermint`` of ``07-tendermint-3``.

    Raises:
        InvalidIdentifierError: no number behind the last dash.
    """
    match = _SEQUENCE.fullmatch(client_id)
    if match is None or int(match[2]) > UINT64_MAX:
        raise InvalidIdentifierError(kind="client id", value=client_id)
    return ClientType(match[1])
