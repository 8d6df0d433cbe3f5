"""Finding what two zones already have of a link: clients, connection, channel.

Whatever is found was made by some relayer, perhaps by this one before it was stopped;
handshakes are continued from there instead of being begun anew.
"""

from __future__ import annotations

from typing import Final

from huitong.client import QueryError, RpcError, ZoneClient
from huitong.core.errors import HuitongError
from huitong.core.height import Height
from huitong.light.status import Status
from huitong.light.tendermint.client_state import ClientState, client_state_from_any
from huitong.light.tendermint.consensus_state import (
    ConsensusState,
    consensus_state_from_any,
)
from huitong.proto.cosmos.base.query.v1beta1 import pagination_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.channel.v1 import query_pb2 as channel_query_pb2
from huitong.proto.ibc.core.client.v1 import query_pb2 as client_query_pb2
from huitong.proto.ibc.core.connection.v1 import query_pb2 as connection_query_pb2
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.handshake import LinkEnd, Opening, OpeningState, Side, pair_ends
from huitong.relayer.settings import LinkConfig

_CLIENT_QUERY: Final = "/ibc.core.client.v1.Query/"
_CONNECTION_QUERY: Final = "/ibc.core.connection.v1.Query/"
_CHANNEL_QUERY: Final = "/ibc.core.channel.v1.Query/"
#: Clients, connections or channels looked at when searching.
PAGE_SIZE: Final = 100


async def find_link_ends(
    a: Endpoint, b: Endpoint, link: LinkConfig, *, reuse: bool
) -> dict[Side, LinkEnd]:
    """Return what exists of ``link`` on both zones.

    Args:
        a: zone a.
        b: zone b.
        link: identifiers that are known already are binding, ports and version too.
        reuse: whether a client that is not named in ``link`` may be used.
    """
    client_on_a, client_on_b = link.client_on_a, link.client_on_b
    if reuse and not client_on_a:
        client_on_a = await find_client(on=a, of=b)
    if reuse and not client_on_b:
        client_on_b = await find_client(on=b, of=a)
    if not client_on_a or not client_on_b:
        return {
            Side.A: LinkEnd(client_id=client_on_a),
            Side.B: LinkEnd(client_id=client_on_b),
        }
    connection_on_a, connection_on_b = pair_ends(
        await _connections(a.client, client_on_a, client_on_b, link.connection_on_a),
        await _connections(b.client, client_on_b, client_on_a, link.connection_on_b),
    )
    ports = link.port_on_a, link.port_on_b
    channel_on_a, channel_on_b = pair_ends(
        await _channels(
            a.client, connection_on_a.identifier, ports, link, link.channel_on_a
        ),
        await _channels(
            b.client, connection_on_b.identifier, ports[::-1], link, link.channel_on_b
        ),
    )
    return {
        Side.A: _link_end(client_on_a, connection_on_a, channel_on_a),
        Side.B: _link_end(client_on_b, connection_on_b, channel_on_b),
    }


def _link_end(client_id: str, connection: Opening, channel: Opening) -> LinkEnd:
    return LinkEnd(
        client_id=client_id,
        connection_id=connection.identifier,
        connection_state=connection.state,
        channel_id=channel.identifier,
        channel_state=channel.state,
    )


async def get_client_state(client: ZoneClient, client_id: str) -> ClientState:
    """Return what a zone's client of another zone knows.

    Raises:
        QueryError: there is no such client.
    """
    answer = await client.query(
        _CLIENT_QUERY + "ClientState",
        client_query_pb2.QueryClientStateRequest(client_id=client_id),
        client_query_pb2.QueryClientStateResponse,
    )
    return client_state_from_any(answer.client_state)


async def get_client_status(client: ZoneClient, client_id: str) -> str:
    """Return ``Active``, ``Expired``, ``Frozen`` or ``Unknown``."""
    answer = await client.query(
        _CLIENT_QUERY + "ClientStatus",
        client_query_pb2.QueryClientStatusRequest(client_id=client_id),
        client_query_pb2.QueryClientStatusResponse,
    )
    return answer.status


async def get_consensus_state(
    client: ZoneClient, client_id: str, height: Height
) -> ConsensusState | None:
    """Return what a client knows of one height of the other zone; None if nothing."""
    try:
        answer = await client.query(
            _CLIENT_QUERY + "ConsensusState",
            client_query_pb2.QueryConsensusStateRequest(
                client_id=client_id,
                revision_number=height.revision_number,
                revision_height=height.revision_height,
            ),
            client_query_pb2.QueryConsensusStateResponse,
        )
        return consensus_state_from_any(answer.consensus_state)
    except QueryError:
        return None


async def find_client(*, on: Endpoint, of: Endpoint) -> str:
    """Return the id of an active client of zone ``of`` on zone ``on``, or "".

    A client counts only if what it knows is what the zone says of itself: a zone that was
    set up anew under its old name has old clients that are of no use.
    """
    answer = await on.client.query(
        _CLIENT_QUERY + "ClientStates",
        client_query_pb2.QueryClientStatesRequest(
            pagination=pagination_pb2.PageRequest(limit=PAGE_SIZE)
        ),
        client_query_pb2.QueryClientStatesResponse,
    )
    for found in answer.client_states:
        try:
            state = client_state_from_any(found.client_state)
        except HuitongError:
            continue  # of a kind that is not known here
        if state.chain_id != of.chain_id:
            continue
        status = await get_client_status(on.client, found.client_id)
        if status == Status.ACTIVE and await _is_true(on, of, found.client_id, state):
            return found.client_id
    return ""


async def _is_true(
    on: Endpoint, of: Endpoint, client_id: str, state: ClientState
) -> bool:
    height = state.latest_height
    known = await get_consensus_state(on.client, client_id, height)
    if known is None:
        return False
    try:
        header = await of.client.header(height.revision_height)
    except RpcError:
        return False
    return known.root.hex().upper() == str(header["app_hash"])


async def _connections(
    client: ZoneClient, client_id: str, counterparty_client_id: str, only: str
) -> list[Opening]:
    try:
        answer = await client.query(
            _CONNECTION_QUERY + "ClientConnections",
            connection_query_pb2.QueryClientConnectionsRequest(client_id=client_id),
            connection_query_pb2.QueryClientConnectionsResponse,
        )
    except QueryError:
        return []  # no connection yet: zones answer that with "not found"
    identifiers = [only] if only else answer.connection_paths
    found = []
    for identifier in identifiers:
        reply = await client.query(
            _CONNECTION_QUERY + "Connection",
            connection_query_pb2.QueryConnectionRequest(connection_id=identifier),
            connection_query_pb2.QueryConnectionResponse,
        )
        connection = reply.connection
        if connection.counterparty.client_id == counterparty_client_id:
            found.append(
                Opening(
                    identifier=identifier,
                    state=OpeningState(connection.state),
                    counterparty_id=connection.counterparty.connection_id,
                )
            )
    return sorted(found, key=_age)


async def _channels(
    client: ZoneClient,
    connection_id: str,
    ports: tuple[str, ...],
    link: LinkConfig,
    only: str,
) -> list[Opening]:
    if not connection_id:
        return []
    answer = await client.query(
        _CHANNEL_QUERY + "ConnectionChannels",
        channel_query_pb2.QueryConnectionChannelsRequest(
            connection=connection_id,
            pagination=pagination_pb2.PageRequest(limit=PAGE_SIZE),
        ),
        channel_query_pb2.QueryConnectionChannelsResponse,
    )
    ordering = ordering_of(link)
    return sorted(
        (
            Opening(
                identifier=channel.channel_id,
                state=OpeningState(min(channel.state, OpeningState.CLOSED)),
                counterparty_id=channel.counterparty.channel_id,
            )
            for channel in answer.channels
            if (channel.port_id, channel.counterparty.port_id) == ports
            and channel.ordering == ordering
            and channel.version == link.version
            and only in ("", channel.channel_id)
        ),
        key=_age,
    )


def ordering_of(link: LinkConfig) -> channel_pb2.Order:
    """Return the ordering of a link's channel as it stands on the wire."""
    if link.ordered:
        return channel_pb2.ORDER_ORDERED
    return channel_pb2.ORDER_UNORDERED


def _age(opening: Opening) -> tuple[int, str]:
    """Order ids as they were given out: ``channel-9`` before ``channel-10``."""
    return len(opening.identifier), opening.identifier
