"""The same blocks again, from genesis, on an empty state: do they give the same hashes?"""

from __future__ import annotations

from dataclasses import dataclass, replace

from huitong.core.abci import BlockRequest, FinalizedBlock, TxResult
from huitong.core.app import Application
from huitong.core.store.backend import TableReader
from huitong.core.store.errors import StorageCorruptError
from huitong.engines.embedded.blocks import misbehaviours_of
from huitong.engines.embedded.chain_state import (
    ChainState,
    genesis_state,
    updated_validators,
)
from huitong.engines.errors import BlocksPrunedError, StateDivergedError
from huitong.engines.genesis import GenesisDocument, genesis_request
from huitong.light.tendermint.block_hashes import (
    consensus_hash,
    data_hash,
    evidence_hash,
    last_results_hash,
)
from huitong.light.tendermint.evidence import Evidence
from huitong.light.tendermint.header import BlockHeader
from huitong.storage.block_pruning import find_lowest
from huitong.storage.blocks import block_evidence, block_txs, find_block


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """What a replay found: everything agreed."""

    height: int
    """Height of the last block."""
    blocks: int
    """Number of blocks carried out."""
    txs: int
    """Number of transactions carried out."""
    app_hash: bytes
    """App hash after the last block."""


def replay(
    genesis: GenesisDocument,
    blocks: TableReader,
    last_height: int,
    app: Application,
    expected_app_hash: bytes,
) -> ReplayReport:
    """Carry out all blocks on a fresh application and compare hashes at every height.

    Args:
        genesis: the zone's genesis document.
        blocks: the rows of the original database.
        last_height: height of its newest block.
        app: an application above an empty state.
        expected_app_hash: app hash after the newest block.

    Raises:
        StateDivergedError: a header says otherwise.
        BlocksPrunedError: the blocks do not begin with the first.
        StorageCorruptError: a block is missing.
    """
    lowest = find_lowest(blocks) or genesis.initial_height
    if lowest > genesis.initial_height:
        raise BlocksPrunedError(lowest=lowest, first=genesis.initial_height)
    app_hash = app.init_chain(genesis_request(genesis))
    end = genesis_state(genesis, app_hash)
    results: tuple[TxResult, ...] = ()
    count = 0
    for height in range(genesis.initial_height, last_height + 1):
        block = find_block(blocks, height)
        if block is None:
            raise StorageCorruptError(
                path="blocks", reason=f"block {height} is missing"
            )
        txs = block_txs(blocks, height)
        evidence = block_evidence(blocks, height)
        _check(block.header, txs, evidence, end, results)
        finalized = app.finalize_block(
            BlockRequest(
                height=height,
                time_ns=block.header.time_ns,
                header_hash=block.block_id.hash,
                proposer_address=block.header.proposer_address,
                next_validators_hash=block.header.next_validators_hash,
                txs=tuple(txs),
                misbehaviours=misbehaviours_of(evidence),
            )
        )
        app.commit()
        end, results = _after(end, finalized), finalized.tx_results
        count += len(txs)
    if end.app_hash != expected_app_hash:
        raise StateDivergedError(
            height=last_height,
            what="the app hash of the replay",
            actual=end.app_hash.hex(),
            expected=expected_app_hash.hex(),
        )
    return ReplayReport(
        height=last_height,
        blocks=max(0, last_height - genesis.initial_height + 1),
        txs=count,
        app_hash=end.app_hash,
    )


def _after(end: ChainState, finalized: FinalizedBlock) -> ChainState:
    """Return what the header after this block commits to."""
    updates, following = finalized.validator_updates, end.next_validators
    return replace(
        end,
        app_hash=finalized.app_hash,
        validators=following,
        next_validators=updated_validators(following, updates)
        if updates
        else following,
        block_params=finalized.block_params or end.block_params,
    )


def _check(
    header: BlockHeader,
    txs: list[bytes],
    evidence: tuple[Evidence, ...],
    end: ChainState,
    results: tuple[TxResult, ...],
) -> None:
    results_hash = last_results_hash(
        (item.code, item.data, item.gas_wanted, item.gas_used) for item in results
    )
    limits = end.block_params
    limits_hash = consensus_hash(limits.size_bytes_max, limits.gas_max)
    following = end.next_validators
    for what, actual, expected in (
        ("the app hash of the replay", end.app_hash, header.app_hash),
        ("the limits of the replay", limits_hash, header.consensus_hash),
        ("the validators' hash", end.validators.hash, header.validators_hash),
        ("the next validators' hash", following.hash, header.next_validators_hash),
        ("the results hash of the replay", results_hash, header.last_results_hash),
        ("the data hash", data_hash(txs), header.data_hash),
        (
            "the evidence hash",
            evidence_hash([item.encoded for item in evidence]),
            header.evidence_hash,
        ),
    ):
        if actual != expected:
            raise StateDivergedError(
                height=header.height,
                what=what,
                actual=actual.hex(),
                expected=expected.hex(),
            )
