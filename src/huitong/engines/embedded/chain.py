"""The chain as this node keeps it: its end, and one more block at a time.

``Chain`` is what the engine's thread drives and what replay drives again; it knows
no clock, no thread and no mempool. All rows of a block, state included, go to disk in one
batch, so after a crash the chain ends with a whole block.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

from huitong.core.abci import FinalizedBlock
from huitong.core.app import Application
from huitong.core.hashing import sha256
from huitong.core.invariants import invariant
from huitong.core.store.backend import NodeBackend, TableReader
from huitong.core.store.errors import StorageCorruptError
from huitong.engines.embedded.blocks import (
    Block,
    SignVote,
    block_request,
    make_block,
    sign_commit,
    state_after,
    validators_after,
)
from huitong.engines.embedded.chain_state import (
    ChainState,
    check_quorum,
    decode_chain_state,
    encode_chain_state,
    encode_validator_set,
    genesis_state,
)
from huitong.engines.errors import StateDivergedError, WrongChainError
from huitong.engines.genesis import (
    GenesisDocument,
    encode_genesis,
    genesis_request,
)
from huitong.engines.validator_key import ValidatorKey
from huitong.light.tendermint.commit import Commit
from huitong.light.tendermint.evidence import Evidence
from huitong.light.tendermint.header import header_hash
from huitong.storage import blocks as block_store
from huitong.storage import index
from huitong.storage.block_pruning import BlockPruner, find_lowest
from huitong.storage.blocks import ExtraRow, StoredBlock, StoredTx

ENGINE: Final = b"engine"
_STATE_KEY: Final = b"state"
_GENESIS_KEY: Final = b"genesis"
TABLES: Final = (ENGINE, *block_store.TABLES, *index.TABLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedBlock:
    """A block that is durable, as it is announced."""

    block: Block
    """Header, name, transactions and the votes for the block before."""
    commit: Commit
    """The votes for it."""
    finalized: FinalizedBlock
    """What it did."""
    txs: tuple[StoredTx, ...]
    """Its transactions with their results."""

    @property
    def height(self) -> int:
        """The block's height."""
        return self.block.header.height


class Chain:
    """The end of one zone's chain, on one database."""

    def __init__(
        self,
        *,
        genesis: GenesisDocument,
        app: Application,
        backend: NodeBackend,
        key: ValidatorKey,
        blocks_kept: int = 0,
    ) -> None:
        """Open the chain and check that database, state and genesis belong together.

        Args:
            genesis: the zone's genesis document.
            app: the application above ``backend``.
            backend: the database.
            key: signs blocks.
            blocks_kept: how many newest blocks stay; 0 for all.

        Raises:
            WrongChainError: the database belongs to another genesis.
            StateDivergedError: the state is not what the chain commits to.
            StorageCorruptError: a row is missing or damaged.
            QuorumLostError: the key cannot commit blocks alone.
            RejectedError: the application refuses the genesis state.
        """
        backend.declare_tables(TABLES)
        self._genesis = genesis
        self._genesis_hash = sha256(encode_genesis(genesis))
        self._app = app
        self._backend = backend
        self._key = key
        self._rows_of_genesis: list[ExtraRow] = []
        self.state = self._load()
        self._pruner = BlockPruner(blocks_kept, self._find_lowest())
        height = self.state.height
        check_quorum(self.state.validators, key.public_key, height + 1)
        check_quorum(self.state.next_validators, key.public_key, height + 2)

    state: ChainState
    """The end of the chain."""

    @property
    def genesis(self) -> GenesisDocument:
        """The zone's genesis document."""
        return self._genesis

    @property
    def lowest_height(self) -> int:
        """Height of the oldest block that is kept; of the first before there is any."""
        return self._pruner.lowest

    @property
    def public_key(self) -> bytes:
        """The validator's ed25519 key, 32 bytes."""
        return self._key.public_key

    def snapshot(self) -> TableReader:
        """Open the present rows for reading; close it soon. From any thread."""
        return self._backend.snapshot()

    def propose(
        self, txs: Sequence[bytes], evidence: tuple[Evidence, ...] = ()
    ) -> Block:
        """Return the next block with these transactions; changes nothing."""
        return make_block(
            self.state,
            txs,
            self._genesis.params.app_version,
            self._key.address,
            evidence,
        )

    def finalize(self, block: Block) -> FinalizedBlock:
        """Carry out a block in memory; repeatable until ``commit``."""
        finalized = self._app.finalize_block(block_request(block))
        invariant(
            len(finalized.tx_results) == len(block.txs), "each transaction has a result"
        )
        return finalized

    def commit(
        self, block: Block, finalized: FinalizedBlock, now_ns: int, sign: SignVote
    ) -> CommittedBlock:
        """Vote for a finalized block and make it durable, in one batch.

        Raises:
            QuorumLostError: after it this key could not commit blocks; nothing is
                signed or written.
            StorageFullError, StorageCorruptError: nothing is written.
        """
        before = self.state
        following = validators_after(before, finalized)
        height = block.header.height
        check_quorum(following, self._key.public_key, height + 2)  # before it signs
        commit = sign_commit(block, before.validators, self._key.address, now_ns, sign)
        after = state_after(before, block, commit, finalized, following)
        txs = tuple(
            StoredTx(
                height=height, index=place, hash=sha256(raw), raw=raw, result=result
            )
            for place, (raw, result) in enumerate(
                zip(block.txs, finalized.tx_results, strict=True)
            )
        )
        rows = self._rows(block, commit, finalized, txs)
        rows += self._validator_rows(before, after)
        if finalized.block_params is not None:
            rows.append(block_store.params_row(height + 1, finalized.block_params))
        rows.append((ENGINE, _STATE_KEY, encode_chain_state(after)))
        self._app.commit([*self._rows_of_genesis, *rows])
        self._rows_of_genesis = []
        self._pruner.written()
        self.state = after
        return CommittedBlock(block=block, commit=commit, finalized=finalized, txs=txs)

    def _rows(
        self,
        block: Block,
        commit: Commit,
        finalized: FinalizedBlock,
        txs: tuple[StoredTx, ...],
    ) -> list[ExtraRow]:
        stored = StoredBlock(
            block_id=block.block_id,
            header=block.header,
            size_bytes=block.size_bytes,
            tx_count=len(txs),
        )
        with closing(self._backend.snapshot()) as reader:
            rows = self._pruner.plan(reader, stored.header.height, len(txs))
            rows += block_store.block_rows(stored, commit, finalized)
            rows += block_store.evidence_rows(stored.header.height, block.evidence)
            rows += block_store.tx_rows(txs, reader)
        rows += index.block_index_rows(block.header.height, finalized.events)
        rows += index.tx_index_rows(txs)
        return rows

    def _validator_rows(self, before: ChainState, after: ChainState) -> list[ExtraRow]:
        """Name the set of height + 2; a set that stays refers to where it stands."""
        height = after.height + 2
        if after.next_validators is not before.next_validators:
            encoded = encode_validator_set(after.next_validators)
            self._set_stands_at = height
            return [block_store.validators_row(height, encoded, height)]
        return [block_store.validators_row(height, None, self._set_stands_at)]

    # --- opening ----------------------------------------------------------------------

    def _load(self) -> ChainState:
        reader = self._backend.snapshot()
        try:
            row = reader.get(ENGINE, _STATE_KEY)
            if row is None:
                return self._begin()
            known = reader.get(ENGINE, _GENESIS_KEY)
            if known != self._genesis_hash:
                raise WrongChainError(
                    stored=(known or b"").hex()[:16],
                    genesis=self._genesis_hash.hex()[:16],
                )
            state = decode_chain_state(row, self._backend.path)
            commit = block_store.find_commit(reader, state.height)
            state = replace(state, commit=commit)
            self._check_end(reader, state)
            self._set_stands_at = self._find_standing_set(reader, state.height + 2)
            return state
        finally:
            reader.close()

    def _begin(self) -> ChainState:
        info = self._app.info()
        if info.last_block_height:
            raise StateDivergedError(
                height=info.last_block_height,
                what="the engine's record",
                actual="absent",
                expected="present",
            )
        app_hash = self._app.init_chain(genesis_request(self._genesis))
        state = genesis_state(self._genesis, app_hash)
        first = state.initial_height
        encoded = encode_validator_set(state.validators)
        self._rows_of_genesis = [
            (ENGINE, _GENESIS_KEY, self._genesis_hash),
            block_store.validators_row(first, encoded, first),
            block_store.validators_row(first + 1, None, first),
            block_store.params_row(first, state.block_params),
        ]
        self._set_stands_at = first
        return state

    def _check_end(self, reader: TableReader, state: ChainState) -> None:
        """Check the newest block and the state after it against one another."""
        height = state.height
        block = block_store.find_block(reader, height)
        if block is None or state.commit is None:
            raise StorageCorruptError(
                path=self._backend.path, reason=f"block {height} is missing"
            )
        info = self._app.info()
        facts: tuple[tuple[str, object, object], ...] = (
            ("the state's height", info.last_block_height, height),
            ("the app hash", info.last_block_app_hash.hex(), state.app_hash.hex()),
            ("the chain id", block.header.chain_id, self._genesis.chain_id),
            (
                "the header hash",
                header_hash(block.header).hex(),
                state.block_id.hash.hex(),
            ),
            ("the voted block", state.commit.block_id, state.block_id),
            (
                "the validators' hash",
                block.header.next_validators_hash.hex(),
                state.validators.hash.hex(),
            ),
        )
        for what, actual, expected in facts:
            if actual != expected:
                raise StateDivergedError(
                    height=height, what=what, actual=actual, expected=expected
                )

    def _find_lowest(self) -> int:
        with closing(self._backend.snapshot()) as reader:
            lowest = find_lowest(reader)
        return self.state.initial_height if lowest is None else lowest

    def _find_standing_set(self, reader: TableReader, height: int) -> int:
        row = reader.get(block_store.VALIDATORS, block_store.height_key(height))
        if row is None:
            raise StorageCorruptError(
                path=self._backend.path, reason=f"validators of {height} are missing"
            )
        return int.from_bytes(row, "big") if len(row) == 8 else height
