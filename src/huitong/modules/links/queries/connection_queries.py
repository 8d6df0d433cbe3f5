"""Queries about connections: ``ibc.core.connection.v1.Query``."""

from __future__ import annotations

from google.protobuf.message import Message

from huitong.core.context import Context
from huitong.core.grpc_words import not_found
from huitong.core.height import Height
from huitong.core.ids import check_client_id, check_connection_id
from huitong.core.module import QueryRoute
from huitong.core.sdk_paging import page_of_prefix
from huitong.modules.links import keys, state
from huitong.modules.links.errors import ConnectionNotFoundError
from huitong.modules.links.queries.answers import checked, height_of
from huitong.modules.links.queries.client_queries import (
    find_client_state_any,
    find_consensus_state_any,
)
from huitong.proto.ibc.core.client.v1 import client_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2, query_pb2

_PATH = "/ibc.core.connection.v1.Query/"


def answer_connection(
    ctx: Context, request: query_pb2.QueryConnectionRequest
) -> Message:
    connection_id = checked(check_connection_id, request.connection_id)
    return query_pb2.QueryConnectionResponse(
        connection=_get(ctx, connection_id, connection_id),
        proof_height=height_of(ctx),
    )


def answer_connections(
    ctx: Context, request: query_pb2.QueryConnectionsRequest
) -> Message:
    def read(key: bytes, value: bytes) -> connection_pb2.IdentifiedConnection:
        end = connection_pb2.ConnectionEnd.FromString(value)
        return connection_pb2.IdentifiedConnection(
            id=key.decode(),
            client_id=end.client_id,
            versions=end.versions,
            state=end.state,
            counterparty=end.counterparty,
            delay_period=end.delay_period,
        )

    found, pagination = page_of_prefix(
        ctx.store(keys.STORE), keys.CONNECTIONS, request.pagination, read
    )
    return query_pb2.QueryConnectionsResponse(
        connections=found, pagination=pagination, height=height_of(ctx)
    )


def answer_client_connections(
    ctx: Context, request: query_pb2.QueryClientConnectionsRequest
) -> Message:
    client_id = checked(check_client_id, request.client_id)
    found = state.find_client_connections(ctx.store(keys.STORE), client_id)
    if found is None:
        raise not_found(f"{client_id}: light client connection paths")
    return query_pb2.QueryClientConnectionsResponse(
        connection_paths=found.paths, proof_height=height_of(ctx)
    )


def answer_connection_client_state(
    ctx: Context, request: query_pb2.QueryConnectionClientStateRequest
) -> Message:
    connection_id = checked(check_connection_id, request.connection_id)
    end = _get(ctx, connection_id, f"connection-id: {connection_id}")
    found = find_client_state_any(ctx.store(keys.STORE), end.client_id)
    if found is None:
        raise not_found(f"client-id: {end.client_id}: light client")
    return query_pb2.QueryConnectionClientStateResponse(
        identified_client_state=client_pb2.IdentifiedClientState(
            client_id=end.client_id, client_state=found
        ),
        proof_height=height_of(ctx),
    )


def answer_connection_consensus_state(
    ctx: Context, request: query_pb2.QueryConnectionConsensusStateRequest
) -> Message:
    connection_id = checked(check_connection_id, request.connection_id)
    end = _get(ctx, connection_id, f"connection-id: {connection_id}")
    height = Height(request.revision_number, request.revision_height)
    found = find_consensus_state_any(ctx.store(keys.STORE), end.client_id, height)
    if found is None:
        raise not_found(f"client-id: {end.client_id}: consensus state")
    return query_pb2.QueryConnectionConsensusStateResponse(
        consensus_state=found, client_id=end.client_id, proof_height=height_of(ctx)
    )


def answer_connection_params(
    ctx: Context, request: query_pb2.QueryConnectionParamsRequest
) -> Message:
    params = state.get_connection_params(ctx.store(keys.STORE))
    return query_pb2.QueryConnectionParamsResponse(params=params)


def _get(ctx: Context, connection_id: str, named: str) -> connection_pb2.ConnectionEnd:
    try:
        return state.get_connection(ctx.store(keys.STORE), connection_id)
    except ConnectionNotFoundError:
        raise not_found(f"{named}: connection") from None


QUERIES = (
    QueryRoute(
        path=_PATH + "Connection",
        request=query_pb2.QueryConnectionRequest,
        answer=answer_connection,
    ),
    QueryRoute(
        path=_PATH + "Connections",
        request=query_pb2.QueryConnectionsRequest,
        answer=answer_connections,
    ),
    QueryRoute(
        path=_PATH + "ClientConnections",
        request=query_pb2.QueryClientConnectionsRequest,
        answer=answer_client_connections,
    ),
    QueryRoute(
        path=_PATH + "ConnectionClientState",
        request=query_pb2.QueryConnectionClientStateRequest,
        answer=answer_connection_client_state,
    ),
    QueryRoute(
        path=_PATH + "ConnectionConsensusState",
        request=query_pb2.QueryConnectionConsensusStateRequest,
        answer=answer_connection_consensus_state,
    ),
    QueryRoute(
        path=_PATH + "ConnectionParams",
        request=query_pb2.QueryConnectionParamsRequest,
        answer=answer_connection_params,
    ),
)
