"""Queries about light clients: ``ibc.core.client.v1.Query``."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.message import Message

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.grpc_words import invalid_argument, not_found, not_found_as
from huitong.core.height import Height
from huitong.core.ids import check_client_id
from huitong.core.limits import PROOF_SIZE_BYTES_MAX
from huitong.core.module import QueryRoute
from huitong.core.sdk_paging import page, page_of_prefix
from huitong.core.store.kv import ReadStore, prefix_end
from huitong.light import light_client
from huitong.light.errors import ClientNotActiveError, ClientNotFoundError
from huitong.modules.links import keys, state
from huitong.modules.links.proofs import check_client_active
from huitong.modules.links.queries.answers import (
    checked,
    height_of,
)
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.ibc.core.client.v1 import client_pb2, query_pb2

_PATH = "/ibc.core.client.v1.Query/"

# --- client states ------------------------------------------------------------------------


def find_client_state_any(store: ReadStore, client_id: str) -> Any | None:
    """Return a client state as it is stored, or None."""
    stored = store.get(keys.client_state(client_id))
    return None if stored is None else Any.FromString(stored)


def find_consensus_state_any(
    store: ReadStore, client_id: str, height: Height
) -> Any | None:
    """Return a consensus state as it is stored, or None."""
    stored = store.get(keys.consensus_state(client_id, str(height)))
    return None if stored is None else Any.FromString(stored)


def answer_client_state(
    ctx: Context, request: query_pb2.QueryClientStateRequest
) -> Message:
    client_id = checked(check_client_id, request.client_id)
    found = find_client_state_any(ctx.store(keys.STORE), client_id)
    if found is None:
        raise not_found(f"{client_id}: light client")
    return query_pb2.QueryClientStateResponse(
        client_state=found, proof_height=height_of(ctx)
    )


def answer_client_states(
    ctx: Context, request: query_pb2.QueryClientStatesRequest
) -> Message:
    store = ctx.store(keys.STORE)

    def walk(after: bytes, reverse: bool) -> Iterator[tuple[bytes, bytes]]:
        return _walk_clients(store, after, reverse)

    def read(key: bytes, value: bytes) -> client_pb2.IdentifiedClientState:
        return client_pb2.IdentifiedClientState(
            client_id=key.decode(), client_state=Any.FromString(value)
        )

    found, pagination = page(walk, request.pagination, read)
    return query_pb2.QueryClientStatesResponse(
        client_states=found, pagination=pagination
    )


def _walk_clients(
    store: ReadStore, after: bytes, reverse: bool
) -> Iterator[tuple[bytes, bytes]]:
    """Give client ids and states, leaping over each client's consensus states."""
    start, end = keys.CLIENTS + after, prefix_end(keys.CLIENTS)
    if reverse and after:
        start, end = keys.CLIENTS, keys.CLIENTS + after + b"/\xff"
    while True:
        pair = next(store.iterate(start, end, reverse=reverse), None)
        if pair is None:
            return
        client_id = pair[0].split(b"/", 2)[1]
        prefix = keys.CLIENTS + client_id + b"/"
        value = store.get(prefix + b"clientState")
        if value is not None:
            yield client_id, value
        if reverse:
            end = prefix
        else:
            start = prefix_end(prefix) or b""


def answer_client_status(
    ctx: Context, request: query_pb2.QueryClientStatusRequest
) -> Message:
    client_id = checked(check_client_id, request.client_id)
    store = ctx.store(keys.STORE)
    if not store.has(keys.client_state(client_id)):
        raise not_found(f"{client_id}: light client")
    status = light_client.client_status(store, client_id, now_ns=ctx.block.time_ns)
    return query_pb2.QueryClientStatusResponse(status=status)


def answer_client_params(
    ctx: Context, request: query_pb2.QueryClientParamsRequest
) -> Message:
    params = state.get_client_params(ctx.store(keys.STORE))
    return query_pb2.QueryClientParamsResponse(params=params)


# --- consensus states ---------------------------------------------------------------------


def answer_consensus_state(
    ctx: Context, request: query_pb2.QueryConsensusStateRequest
) -> Message:
    client_id = checked(check_client_id, request.client_id)
    store = ctx.store(keys.STORE)
    height = Height(request.revision_number, request.revision_height)
    if request.latest_height and store.has(keys.client_state(client_id)):
        height = light_client.latest_height(store, client_id)
    elif not request.latest_height and not request.revision_height:
        raise invalid_argument("consensus state height cannot be 0")
    found = find_consensus_state_any(store, client_id, height)
    if found is None:
        raise not_found(f"client-id: {client_id}, height: {height}: consensus state")
    return query_pb2.QueryConsensusStateResponse(
        consensus_state=found, proof_height=height_of(ctx)
    )


def answer_consensus_states(
    ctx: Context, request: query_pb2.QueryConsensusStatesRequest
) -> Message:
    client_id = checked(check_client_id, request.client_id)
    store = ctx.store(keys.STORE)

    def read(key: bytes, _: bytes) -> client_pb2.ConsensusStateWithHeight | None:
        height = _height_of_iteration_key(key)
        found = find_consensus_state_any(store, client_id, height)
        if found is None:
            return None
        return client_pb2.ConsensusStateWithHeight(
            height=height.to_proto(), consensus_state=found
        )

    prefix = keys.consensus_iteration_prefix(client_id)
    found, pagination = page_of_prefix(store, prefix, request.pagination, read)
    return query_pb2.QueryConsensusStatesResponse(
        consensus_states=found, pagination=pagination
    )


def answer_consensus_state_heights(
    ctx: Context, request: query_pb2.QueryConsensusStateHeightsRequest
) -> Message:
    client_id = checked(check_client_id, request.client_id)

    def read(key: bytes, _: bytes) -> client_pb2.Height:
        return _height_of_iteration_key(key).to_proto()

    found, pagination = page_of_prefix(
        ctx.store(keys.STORE),
        keys.consensus_iteration_prefix(client_id),
        request.pagination,
        read,
    )
    return query_pb2.QueryConsensusStateHeightsResponse(
        consensus_state_heights=found, pagination=pagination
    )


def _height_of_iteration_key(key: bytes) -> Height:
    return Height(int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big"))


# --- upgrades and proofs ------------------------------------------------------------------


def answer_upgraded_client_state(
    ctx: Context, request: query_pb2.QueryUpgradedClientStateRequest
) -> Message:
    raise not_found("upgrade plan")


def answer_upgraded_consensus_state(
    ctx: Context, request: query_pb2.QueryUpgradedConsensusStateRequest
) -> Message:
    height = ctx.block.height.revision_height
    raise not_found_as(f"upgraded consensus state not found, height {height}")


def answer_verify_membership(
    ctx: Context, request: query_pb2.QueryVerifyMembershipRequest
) -> Message:
    """Tell whether a proof verifies against what a client here knows."""
    client_id = checked(check_client_id, request.client_id)
    height = Height.from_proto(request.proof_height)
    path = tuple(part.encode() for part in request.merkle_path.key_path)
    if not 0 < len(request.proof) <= PROOF_SIZE_BYTES_MAX:
        raise invalid_argument("empty proof, or too long a one")
    if height.is_zero() or not path or not request.value:
        raise invalid_argument("proof height, merkle path and value must be given")
    try:
        check_client_active(ctx, client_id)
    except ClientNotFoundError:
        raise not_found(f"{client_id}: light client") from None
    except ClientNotActiveError as wrong:
        raise invalid_argument(str(wrong)) from None
    try:
        light_client.verify_membership(
            ctx.store(keys.STORE),
            client_id,
            proof_height=height,
            delay_time_ns=request.time_delay,
            delay_blocks=request.block_delay,
            proof=request.proof,
            path=path,
            value=request.value,
            now_ns=ctx.block.time_ns,
            self_height=ctx.block.height,
        )
    except RejectedError:
        return query_pb2.QueryVerifyMembershipResponse(success=False)
    return query_pb2.QueryVerifyMembershipResponse(success=True)


QUERIES = (
    QueryRoute(
        path=_PATH + "ClientState",
        request=query_pb2.QueryClientStateRequest,
        answer=answer_client_state,
    ),
    QueryRoute(
        path=_PATH + "ClientStates",
        request=query_pb2.QueryClientStatesRequest,
        answer=answer_client_states,
    ),
    QueryRoute(
        path=_PATH + "ClientStatus",
        request=query_pb2.QueryClientStatusRequest,
        answer=answer_client_status,
    ),
    QueryRoute(
        path=_PATH + "ClientParams",
        request=query_pb2.QueryClientParamsRequest,
        answer=answer_client_params,
    ),
    QueryRoute(
        path=_PATH + "ConsensusState",
        request=query_pb2.QueryConsensusStateRequest,
        answer=answer_consensus_state,
    ),
    QueryRoute(
        path=_PATH + "ConsensusStates",
        request=query_pb2.QueryConsensusStatesRequest,
        answer=answer_consensus_states,
    ),
    QueryRoute(
        path=_PATH + "ConsensusStateHeights",
        request=query_pb2.QueryConsensusStateHeightsRequest,
        answer=answer_consensus_state_heights,
    ),
    QueryRoute(
        path=_PATH + "UpgradedClientState",
        request=query_pb2.QueryUpgradedClientStateRequest,
        answer=answer_upgraded_client_state,
    ),
    QueryRoute(
        path=_PATH + "UpgradedConsensusState",
        request=query_pb2.QueryUpgradedConsensusStateRequest,
        answer=answer_upgraded_consensus_state,
    ),
    QueryRoute(
        path=_PATH + "VerifyMembership",
        request=query_pb2.QueryVerifyMembershipRequest,
        answer=answer_verify_membership,
    ),
)
