"""Blocks, validators and the node: the services of the Cosmos SDK for them."""

from __future__ import annotations

from typing import Final

from huitong.core.grpc_words import invalid_argument
from huitong.core.time import parse_rfc3339, timestamp_from_ns
from huitong.node.answers.errors import ModuleUnknownError
from huitong.node.answers.forms import (
    block_id_of,
    block_of,
    sdk_block_of,
    validators_of,
)
from huitong.node.answers.routes import Node, NodeRoute
from huitong.proto.cosmos.base.node.v1beta1 import query_pb2 as node_pb2
from huitong.proto.cosmos.base.query.v1beta1 import pagination_pb2
from huitong.proto.cosmos.base.tendermint.v1beta1 import query_pb2 as pb
from huitong.proto.cosmos.upgrade.v1beta1 import query_pb2 as upgrade_pb2
from huitong.proto.cosmos.upgrade.v1beta1.upgrade_pb2 import ModuleVersion

_SERVICE: Final = "/cosmos.base.tendermint.v1beta1.Service/"
#: Validators of one page, as in CometBFT.
PAGE_SIZE_MAX: Final = 100


def answer_syncing(node: Node, request: pb.GetSyncingRequest) -> pb.GetSyncingResponse:
    """Tell whether the node replays blocks that others have."""
    sync = node.source.ask("status")["sync_info"]
    return pb.GetSyncingResponse(syncing=bool(sync["catching_up"]))


def answer_latest_block(
    node: Node, request: pb.GetLatestBlockRequest
) -> pb.GetLatestBlockResponse:
    """Return the newest block."""
    told = node.source.ask("block")
    block = block_of(told)
    return pb.GetLatestBlockResponse(
        block_id=block_id_of(told), block=block, sdk_block=sdk_block_of(block)
    )


def answer_block_by_height(
    node: Node, request: pb.GetBlockByHeightRequest
) -> pb.GetBlockByHeightResponse:
    """Return a block.

    Raises:
        InvalidRequestError: the height is not there yet.
        SourceRefusalError: it is not positive, or was pruned.
    """
    _check_height(node, request.height)
    told = node.source.ask("block", height=str(request.height))
    block = block_of(told)
    return pb.GetBlockByHeightResponse(
        block_id=block_id_of(told), block=block, sdk_block=sdk_block_of(block)
    )


def answer_latest_validator_set(
    node: Node, request: pb.GetLatestValidatorSetRequest
) -> pb.GetLatestValidatorSetResponse:
    """Return the validators of the next block."""
    page, per_page = _page_of(request.pagination)
    told = node.source.ask("validators", page=page, per_page=per_page)
    return pb.GetLatestValidatorSetResponse(
        block_height=int(told["block_height"]),
        validators=validators_of(told),
        pagination=pagination_pb2.PageResponse(total=int(told["total"])),
    )


def answer_validator_set_by_height(
    node: Node, request: pb.GetValidatorSetByHeightRequest
) -> pb.GetValidatorSetByHeightResponse:
    """Return the validators of a block.

    Raises:
        InvalidRequestError, SourceRefusalError: as in ``answer_block_by_height``.
    """
    _check_height(node, request.height)
    page, per_page = _page_of(request.pagination)
    told = node.source.ask(
        "validators", height=str(request.height), page=page, per_page=per_page
    )
    return pb.GetValidatorSetByHeightResponse(
        block_height=int(told["block_height"]),
        validators=validators_of(told),
        pagination=pagination_pb2.PageResponse(total=int(told["total"])),
    )


def answer_abci_query(node: Node, request: pb.ABCIQueryRequest) -> pb.ABCIQueryResponse:
    """Return a value of the state, with its proof when asked for.

    Raises:
        InvalidRequestError: another kind of path; methods have gRPC for that.
    """
    if not request.path:
        raise invalid_argument("empty query path")
    if request.path.strip("/").partition("/")[0] != "store":
        raise invalid_argument(f"unsupported ABCI query path: {request.path}")
    found = node.app.query(request.path, request.data, request.height, request.prove)
    ops = [pb.ProofOp(type=op.type, key=op.key, data=op.data) for op in found.proof_ops]
    return pb.ABCIQueryResponse(
        code=found.code,
        codespace=found.codespace,
        log=found.log,
        key=found.key,
        value=found.value,
        height=found.height,
        proof_ops=pb.ProofOps(ops=ops) if ops else None,
    )


def answer_status(
    node: Node, request: node_pb2.StatusRequest
) -> node_pb2.StatusResponse:
    """Return how far the node has come: to the newest block that it shows and has done.

    CometBFT shows a block before the application has carried it out; this process
    carries it out before it shows it.
    """
    state = node.app.state
    header = node.source.ask("header")["header"]
    if int(header["height"]) > state.version:
        header = node.source.ask("header", height=str(state.version))["header"]
    return node_pb2.StatusResponse(
        earliest_store_height=state.oldest_version,
        height=int(header["height"]),
        timestamp=timestamp_from_ns(parse_rfc3339(header["time"])),
        app_hash=bytes.fromhex(header["app_hash"]),
        validator_hash=bytes.fromhex(header["next_validators_hash"]),
    )


def answer_module_versions(
    node: Node, request: upgrade_pb2.QueryModuleVersionsRequest
) -> upgrade_pb2.QueryModuleVersionsResponse:
    """Return the versions of the modules' layouts, of one module if it is named.

    Raises:
        ModuleUnknownError: the zone has no module of this name.
    """
    name = request.module_name
    versions = {module.name: module.version for module in node.app.modules}
    if name and name not in versions:
        raise ModuleUnknownError(name=name)
    return upgrade_pb2.QueryModuleVersionsResponse(
        module_versions=[
            ModuleVersion(name=known, version=versions[known])
            for known in sorted(versions)
            if not name or known == name
        ]
    )


def _check_height(node: Node, height: int) -> None:
    newest = node.source.ask("status")["sync_info"]["latest_block_height"]
    if height > int(newest):
        raise invalid_argument("requested block height is bigger then the chain length")


def _page_of(request: pagination_pb2.PageRequest) -> tuple[str, str]:
    """Return page and entries per page, as RPC counts them.

    Raises:
        InvalidRequestError: a key, or an offset inside of a page.
    """
    if request.key:
        raise invalid_argument("validators are paged by offset, not by key")
    size = min(request.limit or PAGE_SIZE_MAX, PAGE_SIZE_MAX)
    if request.offset % size:
        raise invalid_argument(f"offset {request.offset} is no multiple of {size}")
    return str(request.offset // size + 1), str(size)


ROUTES: Final = (
    NodeRoute(
        path=f"{_SERVICE}GetSyncing",
        request=pb.GetSyncingRequest,
        answer=answer_syncing,
    ),
    NodeRoute(
        path=f"{_SERVICE}GetLatestBlock",
        request=pb.GetLatestBlockRequest,
        answer=answer_latest_block,
    ),
    NodeRoute(
        path=f"{_SERVICE}GetBlockByHeight",
        request=pb.GetBlockByHeightRequest,
        answer=answer_block_by_height,
    ),
    NodeRoute(
        path=f"{_SERVICE}GetLatestValidatorSet",
        request=pb.GetLatestValidatorSetRequest,
        answer=answer_latest_validator_set,
    ),
    NodeRoute(
        path=f"{_SERVICE}GetValidatorSetByHeight",
        request=pb.GetValidatorSetByHeightRequest,
        answer=answer_validator_set_by_height,
    ),
    NodeRoute(
        path=f"{_SERVICE}ABCIQuery",
        request=pb.ABCIQueryRequest,
        answer=answer_abci_query,
    ),
    NodeRoute(
        path="/cosmos.upgrade.v1beta1.Query/ModuleVersions",
        request=upgrade_pb2.QueryModuleVersionsRequest,
        answer=answer_module_versions,
    ),
    NodeRoute(
        path="/cosmos.base.node.v1beta1.Service/Status",
        request=node_pb2.StatusRequest,
        answer=answer_status,
    ),
)
