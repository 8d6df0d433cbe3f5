"""Find the link below a channel: both ends of channel, connection and light client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

from google.protobuf.message import Message

from huitong.core.codec import decode, unpack_any
from huitong.core.height import Height
from huitong.evidence.errors import CollectError
from huitong.evidence.model import ZonePointer
from huitong.evidence.sources import ZoneSource
from huitong.modules.exchange.keys import PORT_ID
from huitong.modules.links import keys
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.ibc.core.channel.v1.channel_pb2 import Channel
from huitong.proto.ibc.core.connection.v1.connection_pb2 import ConnectionEnd
from huitong.proto.ibc.lightclients.tendermint.v1.tendermint_pb2 import ClientState

MessageT = TypeVar("MessageT", bound=Message)
_STORE: Final = keys.STORE


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Both ends of a channel, and how far zone b follows zone a."""

    a: ZonePointer
    """The provider's end."""
    b: ZonePointer
    """The requester's end."""
    height_of_a_on_b: int
    """The newest header of a that b's light client has verified."""
    height_text_of_a_on_b: str
    """The same with a's revision, as it stands in keys: ``1-42``."""


async def find_link(
    a: ZoneSource, b: ZoneSource, channel_on_b: str, height_on_b: int
) -> Link:
    """Return the link below a channel of zone b, as b's state at a height has it.

    Raises:
        CollectError: no such channel, or zone a is not the one it leads to.
        QueryError: the state at this height is pruned.
    """
    channel = await _read(b, keys.channel(PORT_ID, channel_on_b), Channel, height_on_b)
    connection_id = channel.connection_hops[0]
    connection = await _read(
        b, keys.connection(connection_id), ConnectionEnd, height_on_b
    )
    packed = await _read(b, keys.client_state(connection.client_id), Any, height_on_b)
    client = unpack_any(packed, ClientState)
    chain_id_of_a = await a.chain_id()
    if client.chain_id != chain_id_of_a:
        raise CollectError(
            reason=f"{channel_on_b} leads to {client.chain_id}, not to {chain_id_of_a}"
        )
    latest = client.latest_height
    return Link(
        a=ZonePointer(
            chain_id=chain_id_of_a,
            client_id=connection.counterparty.client_id,
            connection_id=connection.counterparty.connection_id,
            channel_id=channel.counterparty.channel_id,
        ),
        b=ZonePointer(
            chain_id=await b.chain_id(),
            client_id=connection.client_id,
            connection_id=connection_id,
            channel_id=channel_on_b,
        ),
        height_of_a_on_b=latest.revision_height,
        height_text_of_a_on_b=str(
            Height(latest.revision_number, latest.revision_height)
        ),
    )


async def _read(
    zone: ZoneSource, key: bytes, cls: type[MessageT], height: int
) -> MessageT:
    (proven,) = await zone.prove(_STORE, [key], height)
    if proven.value is None:
        raise CollectError(reason=f"{await zone.chain_id()} has no {key.decode()}")
    return decode(cls, proven.value)
