"""The same blocks again, from genesis, on an empty state: do they give the same hashes?"""

from __future__ import annotations

from dataclasses import dataclass

from huitong.core.abci import BlockRequest, TxResult
from huitong.core.app import Application
from huitong.core.store.backend import TableReader
from huitong.core.store.errors import StorageCorruptError
from huitong.engines.errors import StateDivergedError
from huitong.engines.genesis import GenesisDocument, genesis_request
from huitong.light.tendermint.block_hashes import data_hash, last_results_hash
from huitong.light.tendermint.header import BlockHeader
from huitong.storage.blocks import block_txs, find_block


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
        StorageCorruptError: a block is missing.
    """
    app_hash = app.init_chain(genesis_request(genesis))
    results: tuple[TxResult, ...] = ()
    count = 0
    for height in range(genesis.initial_height, last_height + 1):
        block = find_block(blocks, height)
        if block is None:
            raise StorageCorruptError(
                path="blocks", reason=f"block {height} is missing"
            )
        txs = block_txs(blocks, height)
        _check(block.header, txs, app_hash, results)
        finalized = app.finalize_block(
            BlockRequest(
                height=height,
                time_ns=block.header.time_ns,
                header_hash=block.block_id.hash,
                proposer_address=block.header.proposer_address,
                next_validators_hash=block.header.next_validators_hash,
                txs=tuple(txs),
            )
        )
        app.commit()
        app_hash, results = finalized.app_hash, finalized.tx_results
        count += len(txs)
    if app_hash != expected_app_hash:
        raise StateDivergedError(
            height=last_height,
            what="the app hash of the replay",
            actual=app_hash.hex(),
            expected=expected_app_hash.hex(),
        )
    return ReplayReport(
        height=last_height,
        blocks=max(0, last_height - genesis.initial_height + 1),
        txs=count,
        app_hash=app_hash,
    )


def _check(
    header: BlockHeader,
    txs: list[bytes],
    app_hash: bytes,
    results: tuple[TxResult, ...],
) -> None:
    results_hash = last_results_hash(
        (item.code, item.data, item.gas_wanted, item.gas_used) for item in results
    )
    for what, actual, expected in (
        ("the app hash of the replay", app_hash, header.app_hash),
        ("the results hash of the replay", results_hash, header.last_results_hash),
        ("the data hash", data_hash(txs), header.data_hash),
    ):
        if actual != expected:
            raise StateDivergedError(
                height=header.height,
                what=what,
                actual=actual.hex(),
                expected=expected.hex(),
            )
