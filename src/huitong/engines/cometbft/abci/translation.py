"""The ABCI messages of CometBFT v0.38 as the application's own data, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from huitong.core.abci import (
    AppInfo,
    BlockRequest,
    CheckResult,
    FinalizedBlock,
    Misbehaviour,
    MisbehaviourKind,
    QueryResult,
    TxResult,
    ValidatorUpdate,
)
from huitong.core.canonical_json import decode_json
from huitong.core.events import Event
from huitong.core.time import ns_from_duration, ns_from_timestamp
from huitong.engines.cometbft.abci.errors import AbciRequestError
from huitong.engines.cometbft.snapshots import ApplyAnswer, SnapshotInfo
from huitong.engines.genesis import (
    ConsensusParams,
    GenesisDocument,
    GenesisValidator,
)
from huitong.proto.tendermint.abci import types_pb2 as pb
from huitong.proto.tendermint.types import params_pb2

# --- what CometBFT says ---------------------------------------------------------------


def genesis_from_request(request: pb.RequestInitChain) -> GenesisDocument:
    """Return the genesis document that InitChain tells of; names are not in it.

    Raises:
        RejectedError: it holds what no genesis document of ours can.
    """
    app_state = decode_json(request.app_state_bytes)
    if not isinstance(app_state, Mapping):
        raise AbciRequestError(method="InitChain", reason="no object as app_state")
    return GenesisDocument(
        time_ns=ns_from_timestamp(request.time),
        chain_id=request.chain_id,
        initial_height=request.initial_height,
        params=_params_from(request.consensus_params),
        validators=tuple(
            GenesisValidator(public_key=_public_key(update), power=update.power)
            for update in request.validators
        ),
        app_state=app_state,
    )


def _params_from(params: params_pb2.ConsensusParams) -> ConsensusParams:
    if list(params.validator.pub_key_types) != ["ed25519"]:
        raise AbciRequestError(
            method="InitChain", reason="validators' keys other than ed25519"
        )
    if params.abci.vote_extensions_enable_height:
        raise AbciRequestError(method="InitChain", reason="vote extensions are enabled")
    return ConsensusParams(
        block_size_bytes_max=params.block.max_bytes,
        block_gas_max=params.block.max_gas,
        evidence_age_blocks_max=params.evidence.max_age_num_blocks,
        evidence_age_ns_max=ns_from_duration(params.evidence.max_age_duration),
        evidence_size_bytes_max=params.evidence.max_bytes,
        app_version=params.version.app,
    )


def _public_key(update: pb.ValidatorUpdate) -> bytes:
    key = update.pub_key
    if key.WhichOneof("sum") != "ed25519":
        raise AbciRequestError(
            method="InitChain", reason="a validator's key is not ed25519"
        )
    return bytes(key.ed25519)


def canonical_genesis(genesis: GenesisDocument) -> GenesisDocument:
    """Return a document without what InitChain does not tell: names, and their order."""
    ordered = sorted(genesis.validators, key=lambda validator: validator.public_key)
    return replace(
        genesis, validators=tuple(replace(item, name="") for item in ordered)
    )


def block_request(request: pb.RequestFinalizeBlock) -> BlockRequest:
    """Return a decided block.

    Raises:
        RejectedError: evidence of a kind that is not known, or a time that cannot be.
    """
    return BlockRequest(
        height=request.height,
        time_ns=ns_from_timestamp(request.time),
        header_hash=request.hash,
        proposer_address=request.proposer_address,
        next_validators_hash=request.next_validators_hash,
        txs=tuple(request.txs),
        misbehaviours=tuple(_misbehaviour(item) for item in request.misbehavior),
    )


def _misbehaviour(item: pb.Misbehavior) -> Misbehaviour:
    try:
        kind = MisbehaviourKind(item.type)
    except ValueError:
        raise AbciRequestError(
            method="FinalizeBlock", reason=f"evidence of the unknown type {item.type}"
        ) from None
    return Misbehaviour(
        kind=kind,
        validator_address=item.validator.address,
        power=item.validator.power,
        height=item.height,
        time_ns=ns_from_timestamp(item.time),
        total_power=item.total_voting_power,
    )


def snapshot_info(snapshot: pb.Snapshot) -> SnapshotInfo:
    """Return a snapshot as a peer describes it."""
    return SnapshotInfo(
        height=snapshot.height,
        format=snapshot.format,
        chunks=snapshot.chunks,
        hash=snapshot.hash,
        metadata=snapshot.metadata,
    )


# --- what we answer -------------------------------------------------------------------


def info_response(info: AppInfo, app_version: int) -> pb.ResponseInfo:
    """Return where the application stands."""
    return pb.ResponseInfo(
        data=info.name,
        version=info.version,
        app_version=app_version,
        last_block_height=info.last_block_height,
        last_block_app_hash=info.last_block_app_hash,
    )


def check_response(result: CheckResult) -> pb.ResponseCheckTx:
    """Return whether a transaction may wait."""
    return pb.ResponseCheckTx(
        code=result.code,
        log=result.log,
        gas_wanted=result.gas_wanted,
        codespace=result.codespace,
    )


def finalized_response(finalized: FinalizedBlock) -> pb.ResponseFinalizeBlock:
    """Return what a block did. Cost: about 10 µs for each transaction."""
    response = pb.ResponseFinalizeBlock(app_hash=finalized.app_hash)
    _add_events(response.events, finalized.events)
    for result in finalized.tx_results:
        _add_result(response.tx_results, result)
    for update in finalized.validator_updates:
        _add_update(response.validator_updates, update)
    limits = finalized.block_params
    if limits is not None:  # what is left out stays as it is
        block = response.consensus_param_updates.block
        block.max_bytes, block.max_gas = limits.size_bytes_max, limits.gas_max
    return response


def _add_result(results: Any, result: TxResult) -> None:
    added = results.add(
        code=result.code,
        data=result.data,
        log=result.log,
        gas_wanted=result.gas_wanted,
        gas_used=result.gas_used,
        codespace=result.codespace,
    )
    _add_events(added.events, result.events)


def _add_events(events: Any, told: Iterable[Event]) -> None:
    for item in told:
        add = events.add(type=item.kind).attributes.add
        for key, value in item.attributes:
            add(key=key, value=value, index=True)


def _add_update(updates: Any, update: ValidatorUpdate) -> None:
    updates.add(power=update.power).pub_key.ed25519 = update.public_key


def query_response(result: QueryResult) -> pb.ResponseQuery:
    """Return the answer to a query."""
    response = pb.ResponseQuery(
        code=result.code,
        log=result.log,
        key=result.key,
        value=result.value,
        height=result.height,
        codespace=result.codespace,
    )
    for op in result.proof_ops:
        response.proof_ops.ops.add(type=op.type, key=op.key, data=op.data)
    return response


def snapshots_response(infos: Iterable[SnapshotInfo]) -> pb.ResponseListSnapshots:
    """Return the snapshots that this node has."""
    response = pb.ResponseListSnapshots()
    for info in infos:
        response.snapshots.add(
            height=info.height,
            format=info.format,
            chunks=info.chunks,
            hash=info.hash,
            metadata=info.metadata,
        )
    return response


def apply_response(answer: ApplyAnswer) -> pb.ResponseApplySnapshotChunk:
    """Return what becomes of a chunk."""
    return pb.ResponseApplySnapshotChunk(
        result=answer.result.name,
        refetch_chunks=answer.refetch,
        reject_senders=answer.reject_senders,
    )
