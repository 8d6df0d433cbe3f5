"""ABCI messages as CometBFT writes requests and reads answers; for the scripted consensus."""

from __future__ import annotations

from collections.abc import Iterable

from huitong.core.abci import (
    BlockParams,
    BlockRequest,
    FinalizedBlock,
    TxResult,
    ValidatorUpdate,
)
from huitong.core.canonical_json import encode_json
from huitong.core.events import Event
from huitong.core.time import duration_from_ns, timestamp_from_ns
from huitong.engines.genesis import GenesisDocument
from huitong.proto.tendermint.abci import types_pb2 as pb


def init_chain_request(genesis: GenesisDocument) -> pb.RequestInitChain:
    """Return what InitChain says of a genesis document."""
    params = genesis.params
    request = pb.RequestInitChain(
        time=timestamp_from_ns(genesis.time_ns),
        chain_id=genesis.chain_id,
        app_state_bytes=encode_json(dict(genesis.app_state)),
        initial_height=genesis.initial_height,
    )
    told = request.consensus_params
    told.block.max_bytes = params.block_size_bytes_max
    told.block.max_gas = params.block_gas_max
    told.evidence.max_age_num_blocks = params.evidence_age_blocks_max
    told.evidence.max_age_duration.CopyFrom(
        duration_from_ns(params.evidence_age_ns_max)
    )
    told.evidence.max_bytes = params.evidence_size_bytes_max
    told.validator.pub_key_types.append("ed25519")
    told.version.app = params.app_version
    told.abci.SetInParent()
    for validator in genesis.validators:
        added = request.validators.add(power=validator.power)
        added.pub_key.ed25519 = validator.public_key
    return request


def finalize_request(block: BlockRequest) -> pb.RequestFinalizeBlock:
    """Return what FinalizeBlock says of a decided block."""
    request = pb.RequestFinalizeBlock(
        txs=block.txs,
        hash=block.header_hash,
        height=block.height,
        time=timestamp_from_ns(block.time_ns),
        next_validators_hash=block.next_validators_hash,
        proposer_address=block.proposer_address,
    )
    request.decided_last_commit.SetInParent()
    for item in block.misbehaviours:
        added = request.misbehavior.add(
            type=item.kind.name,
            height=item.height,
            time=timestamp_from_ns(item.time_ns),
            total_voting_power=item.total_power,
        )
        added.validator.address = item.validator_address
        added.validator.power = item.power
    return request


def finalized_from_response(answer: pb.ResponseFinalizeBlock) -> FinalizedBlock:
    """Return what the application says that a block did."""
    limits = answer.consensus_param_updates.block
    return FinalizedBlock(
        tx_results=tuple(
            TxResult(
                code=result.code,
                codespace=result.codespace,
                data=result.data,
                log=result.log,
                gas_wanted=result.gas_wanted,
                gas_used=result.gas_used,
                events=_events(result.events),
            )
            for result in answer.tx_results
        ),
        events=_events(answer.events),
        validator_updates=tuple(
            ValidatorUpdate(public_key=item.pub_key.ed25519, power=item.power)
            for item in answer.validator_updates
        ),
        app_hash=answer.app_hash,
        block_params=BlockParams(
            size_bytes_max=limits.max_bytes, gas_max=limits.max_gas
        )
        if answer.HasField("consensus_param_updates")
        else None,
    )


def _events(events: Iterable[pb.Event]) -> tuple[Event, ...]:
    return tuple(
        Event(item.type, tuple((pair.key, pair.value) for pair in item.attributes))
        for item in events
    )
