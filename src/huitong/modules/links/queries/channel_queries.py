"""Queries about channels: the first half of ``ibc.core.channel.v1.Query``.

Channel upgrades, a thing of ibc-go v8 that v10 took out again, do not exist here: their
queries answer "not found".
"""

from __future__ import annotations

from google.protobuf.message import Message

from huitong.core.context import Context
from huitong.core.grpc_words import not_found
from huitong.core.height import Height
from huitong.core.ids import check_connection_id
from huitong.core.module import QueryRoute
from huitong.core.sdk_paging import page_of_prefix
from huitong.core.time import NS_PER_SECOND
from huitong.modules.links import keys, state
from huitong.modules.links.errors import ConnectionNotFoundError
from huitong.modules.links.queries.answers import (
    channel_name,
    checked,
    checked_channel,
    height_of,
)
from huitong.modules.links.queries.client_queries import (
    find_client_state_any,
    find_consensus_state_any,
)
from huitong.proto.ibc.core.channel.v1 import channel_pb2, query_pb2
from huitong.proto.ibc.core.client.v1 import client_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2

_PATH = "/ibc.core.channel.v1.Query/"
#: What ibc-go answers for the parameter of channel upgrades; it has no effect here.
_UPGRADE_TIMEOUT_NS = 600 * NS_PER_SECOND

# --- channels -----------------------------------------------------------------------------


def get_queried_channel(
    ctx: Context, port_id: str, channel_id: str
) -> channel_pb2.Channel:
    """Return a channel that a query names.

    Raises:
        InvalidRequestError: the ids are malformed.
        NotFoundError: there is no such channel.
    """
    checked_channel(port_id, channel_id)
    found = state.find_channel(ctx.store(keys.STORE), port_id, channel_id)
    if found is None:
        raise not_found(f"{channel_name(port_id, channel_id)}: channel")
    return found


def answer_channel(ctx: Context, request: query_pb2.QueryChannelRequest) -> Message:
    return query_pb2.QueryChannelResponse(
        channel=get_queried_channel(ctx, request.port_id, request.channel_id),
        proof_height=height_of(ctx),
    )


def answer_channels(ctx: Context, request: query_pb2.QueryChannelsRequest) -> Message:
    found, pagination = page_of_prefix(
        ctx.store(keys.STORE), keys.CHANNEL_ENDS, request.pagination, _identified
    )
    return query_pb2.QueryChannelsResponse(
        channels=found, pagination=pagination, height=height_of(ctx)
    )


def answer_connection_channels(
    ctx: Context, request: query_pb2.QueryConnectionChannelsRequest
) -> Message:
    connection_id = checked(check_connection_id, request.connection)

    def read(key: bytes, value: bytes) -> channel_pb2.IdentifiedChannel | None:
        found = _identified(key, value)
        return found if found.connection_hops[0] == connection_id else None

    found, pagination = page_of_prefix(
        ctx.store(keys.STORE), keys.CHANNEL_ENDS, request.pagination, read
    )
    return query_pb2.QueryConnectionChannelsResponse(
        channels=found, pagination=pagination, height=height_of(ctx)
    )


def _identified(key: bytes, value: bytes) -> channel_pb2.IdentifiedChannel:
    port_id, _, channel_id = key.decode().partition("/channels/")
    channel = channel_pb2.Channel.FromString(value)
    return channel_pb2.IdentifiedChannel(
        state=channel.state,
        ordering=channel.ordering,
        counterparty=channel.counterparty,
        connection_hops=channel.connection_hops,
        version=channel.version,
        port_id=port_id,
        channel_id=channel_id,
        upgrade_sequence=channel.upgrade_sequence,
    )


# --- what lies below a channel ------------------------------------------------------------


def answer_channel_client_state(
    ctx: Context, request: query_pb2.QueryChannelClientStateRequest
) -> Message:
    port_id, channel_id = request.port_id, request.channel_id
    checked_channel(port_id, channel_id)
    if state.find_channel(ctx.store(keys.STORE), port_id, channel_id) is None:
        # Here alone ibc-go writes a colon behind the second name.
        raise not_found(f"port-id: {port_id}, channel-id: {channel_id}: channel")
    client_id = _connection_below(ctx, port_id, channel_id).client_id
    found = find_client_state_any(ctx.store(keys.STORE), client_id)
    if found is None:
        raise not_found(f"client-id: {client_id}: light client")
    return query_pb2.QueryChannelClientStateResponse(
        identified_client_state=client_pb2.IdentifiedClientState(
            client_id=client_id, client_state=found
        ),
        proof_height=height_of(ctx),
    )


def answer_channel_consensus_state(
    ctx: Context, request: query_pb2.QueryChannelConsensusStateRequest
) -> Message:
    connection = _connection_below(ctx, request.port_id, request.channel_id)
    client_id = connection.client_id
    height = Height(request.revision_number, request.revision_height)
    found = find_consensus_state_any(ctx.store(keys.STORE), client_id, height)
    if found is None:
        raise not_found(f"client-id: {client_id}: consensus state")
    return query_pb2.QueryChannelConsensusStateResponse(
        consensus_state=found, client_id=client_id, proof_height=height_of(ctx)
    )


def _connection_below(
    ctx: Context, port_id: str, channel_id: str
) -> connection_pb2.ConnectionEnd:
    hop = get_queried_channel(ctx, port_id, channel_id).connection_hops[0]
    try:
        return state.get_connection(ctx.store(keys.STORE), hop)
    except ConnectionNotFoundError:
        raise not_found(f"connection-id: {hop}: connection") from None


# --- what does not exist here -------------------------------------------------------------


def answer_upgrade(ctx: Context, request: query_pb2.QueryUpgradeRequest) -> Message:
    get_queried_channel(ctx, request.port_id, request.channel_id)
    raise not_found(f"{channel_name(request.port_id, request.channel_id)}: upgrade")


def answer_upgrade_error(
    ctx: Context, request: query_pb2.QueryUpgradeErrorRequest
) -> Message:
    get_queried_channel(ctx, request.port_id, request.channel_id)
    # Here alone ibc-go writes the port without a colon.
    name = f"port-id {request.port_id}, channel-id {request.channel_id}"
    raise not_found(f"{name}: upgrade error receipt")


def answer_channel_params(
    ctx: Context, request: query_pb2.QueryChannelParamsRequest
) -> Message:
    return query_pb2.QueryChannelParamsResponse(
        params=channel_pb2.Params(
            upgrade_timeout=channel_pb2.Timeout(
                height=client_pb2.Height(), timestamp=_UPGRADE_TIMEOUT_NS
            )
        )
    )


QUERIES = (
    QueryRoute(
        path=_PATH + "Channel",
        request=query_pb2.QueryChannelRequest,
        answer=answer_channel,
    ),
    QueryRoute(
        path=_PATH + "Channels",
        request=query_pb2.QueryChannelsRequest,
        answer=answer_channels,
    ),
    QueryRoute(
        path=_PATH + "ConnectionChannels",
        request=query_pb2.QueryConnectionChannelsRequest,
        answer=answer_connection_channels,
    ),
    QueryRoute(
        path=_PATH + "ChannelClientState",
        request=query_pb2.QueryChannelClientStateRequest,
        answer=answer_channel_client_state,
    ),
    QueryRoute(
        path=_PATH + "ChannelConsensusState",
        request=query_pb2.QueryChannelConsensusStateRequest,
        answer=answer_channel_consensus_state,
    ),
    QueryRoute(
        path=_PATH + "Upgrade",
        request=query_pb2.QueryUpgradeRequest,
        answer=answer_upgrade,
    ),
    QueryRoute(
        path=_PATH + "UpgradeError",
        request=query_pb2.QueryUpgradeErrorRequest,
        answer=answer_upgrade_error,
    ),
    QueryRoute(
        path=_PATH + "ChannelParams",
        request=query_pb2.QueryChannelParamsRequest,
        answer=answer_channel_params,
    ),
)
