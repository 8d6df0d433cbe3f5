"""The application: a deterministic state machine that an engine drives.

Bytes come in, state, events and an app hash come out. The order of calls is ABCI 2.0's::

    info → (init_chain) → { check_tx* prepare_proposal process_proposal
                            finalize_block commit reset_check_state }*

* ``finalize_block`` writes nothing that lasts; it may be repeated until ``commit``.
* ``commit`` makes the block last, in one atomic batch together with the engine's rows.
* Genesis state lasts with the first block, so a crash before it starts from genesis.

Calls of ``finalize_block`` and ``commit`` come from one thread. ``query`` and ``simulate``
may come from any: they read committed versions only. Calls of ``check_tx`` and
``reset_check_state`` must not overlap one another; the engine's mempool sees to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from huitong import __version__
from huitong.core.abci import (
    AppInfo,
    BlockRequest,
    CallResult,
    CheckResult,
    FinalizedBlock,
    GenesisRequest,
    Misbehaviour,
    QueryResult,
    TxResult,
)
from huitong.core.block_run import run_block
from huitong.core.checking import Checking
from huitong.core.consensus import ConsensusRules
from huitong.core.context import BlockContext, Context, StateSource
from huitong.core.errors import InvalidRequestError
from huitong.core.execution import Authenticator, message_routes
from huitong.core.gas import GasMeter
from huitong.core.height import Height
from huitong.core.ids import revision_of_chain_id
from huitong.core.invariants import invariant
from huitong.core.module import MessageRoute, Module
from huitong.core.ports import PortApplication
from huitong.core.proposals import Proposal
from huitong.core.querying import Querying
from huitong.core.store.forest import PendingCommit
from huitong.core.store.iavl.node import EMPTY_ROOT_HASH
from huitong.core.store.multistore import MultiStore
from huitong.core.store.snapshot_layout import SideRows
from huitong.core.tx_memo import TxMemo

NAME = "huitong"


class Application:
    """One zone's state machine."""

    block_gas_max: int
    """Sum of gas that the transactions of the next block may want; 0 before genesis."""

    def __init__(
        self,
        *,
        chain_id: str,
        modules: Sequence[Module],
        authenticator: Authenticator,
        consensus: ConsensusRules,
        ports: Mapping[str, PortApplication],
        state: MultiStore,
    ) -> None:
        """Put the parts together; reads the committed version, writes nothing.

        Args:
            chain_id: the zone's chain id.
            modules: the static list, in the order of genesis and of the block hooks.
            authenticator: checks signers.
            consensus: keeps validators and block limits.
            ports: IBC applications by port id.
            state: the committed state.
        """
        self.chain_id = chain_id
        self.modules = tuple(modules)
        self.ports = dict(ports)
        self.state = state
        self._revision = revision_of_chain_id(chain_id)
        self._authenticator = authenticator
        self._consensus = consensus
        self._routes = message_routes(self.modules)
        self._memo = TxMemo(chain_id, self._routes)
        self._genesis: Context | None = None
        self._finalized: tuple[PendingCommit, BlockContext, Context] | None = None
        self._last_block = self._block(state.version, 0)
        self.block_gas_max = self._committed_gas_max()
        self._checking = Checking(
            state=state,
            block=self._last_block,
            authenticator=authenticator,
            ports=self.ports,
            memo=self._memo,
            block_gas_max=self.block_gas_max,
        )
        self._querying = Querying(self)

    # --- information and genesis ------------------------------------------------------

    def info(self) -> AppInfo:
        """Tell where the application stands."""
        version = self.state.version
        return AppInfo(
            name=NAME,
            version=__version__,
            last_block_height=version,
            last_block_app_hash=self.state.root_hash if version else b"",
        )

    def init_chain(self, request: GenesisRequest) -> bytes:
        """Read the genesis state; it lasts with the first block.

        Returns:
            The app hash that stands in the first block's header: that of no state.

        Raises:
            InvalidRequestError: another chain id, or state for an unknown module.
            RejectedError: a module refuses its state.
        """
        if request.chain_id != self.chain_id:
            raise InvalidRequestError(
                reason=f"genesis of {request.chain_id!r} for the zone {self.chain_id!r}"
            )
        unknown = sorted(set(request.app_state) - {item.name for item in self.modules})
        if unknown:
            raise InvalidRequestError(reason=f"genesis names unknown modules {unknown}")
        for name, state in request.app_state.items():
            if not isinstance(state, dict):
                raise InvalidRequestError(
                    reason=f"genesis gives {name} a {type(state).__name__}, not an object"
                )
        block = self._block(request.initial_height, request.time_ns)
        ctx = self._context(block, self.state, GasMeter(None))
        for module in self.modules:
            module.init_genesis(ctx, dict(request.app_state.get(module.name, {})))
        self._consensus.begin(ctx, request)
        self._genesis = ctx
        self._set_gas_max(self._consensus.block_gas_max(ctx))
        self._checking.begin(ctx)
        return EMPTY_ROOT_HASH

    def export_genesis(self, height: int = 0) -> dict[str, Any]:
        """Return the state as genesis would give it, at ``height`` or at the newest.

        Before the first block, the newest is what ``init_chain`` has read.

        Raises:
            RejectedError: no such version is kept.
        """
        if self._genesis is not None and not height:
            ctx = self._genesis
            return {item.name: item.export_genesis(ctx) for item in self.modules}
        with self.query_context(height, GasMeter(None)) as ctx:
            return {item.name: item.export_genesis(ctx) for item in self.modules}

    # --- the mempool ------------------------------------------------------------------

    def check_tx(self, raw: bytes) -> CheckResult:
        """Tell whether a transaction may wait for a block; see ``core.checking``."""
        return self._checking.check(raw)

    def forget_tx(self, tx_hash: bytes) -> None:
        """Let go of what was remembered of a transaction that does not wait after all."""
        self._memo.forget(tx_hash)

    def reset_check_state(self) -> None:
        """Let CheckTx see the newest committed state; what waits is to be checked anew."""
        if self._genesis is not None:
            self._checking.begin(self._genesis)
        else:
            self._checking.reset(self._last_block)

    # --- blocks -----------------------------------------------------------------------

    def prepare_proposal(
        self, txs: Iterable[bytes], size_bytes_max: int
    ) -> list[bytes]:
        """Choose transactions for the next block, in order, within size and gas.

        Args:
            txs: what waits, oldest first.
            size_bytes_max: bytes that they may take in the encoded block.
        """
        return self._proposal().choose(txs, size_bytes_max)

    def process_proposal(self, txs: Iterable[bytes]) -> bool:
        """Tell whether the next block may hold these transactions, in this order.

        The answer follows from the bytes and the committed state: see
        ``core.proposals``.
        """
        return self._proposal().accepts(txs)

    def _proposal(self) -> Proposal:
        ctx = self._context(self._last_block, self.state, GasMeter(None))
        if self._genesis is not None:
            ctx.merge_writes(self._genesis)
        return Proposal(ctx, self._memo, self.block_gas_max)

    def finalize_block(self, request: BlockRequest) -> FinalizedBlock:
        """Carry out a block in memory; repeatable until ``commit``.

        Raises:
            InvariantBrokenError: the block is not the next one.
            UnavailableError, BrokenError: this node cannot read its state.
        """
        self._check_follows(request.height)
        if self._finalized is not None:
            self.state.discard(self._finalized[0])
            self._finalized = None
        block = self._block(
            request.height,
            request.time_ns,
            request.header_hash,
            request.misbehaviours,
        )
        ctx = self._context(block, self.state, GasMeter(None))
        if self._genesis is not None:
            ctx.merge_writes(self._genesis)
        results = run_block(
            ctx,
            request.txs,
            self.block_gas_max,
            modules=self.modules,
            authenticator=self._authenticator,
            memo=self._memo,
        )
        changes = self._consensus.take_changes(ctx)
        pending = self.state.commit_changes(request.height, ctx.changes())
        self._finalized = (pending, block, ctx)
        return FinalizedBlock(
            tx_results=results,
            events=tuple(ctx.events),
            validator_updates=changes.validator_updates,
            app_hash=pending.root_hash,
            block_params=changes.block_params,
        )

    def _check_follows(self, height: int) -> None:
        version = self.state.version
        if version == 0 and self._genesis is not None:
            expected = self._genesis.block.height.revision_height
        else:
            invariant(version > 0, "genesis comes before the first block")
            expected = version + 1
        invariant(
            height == expected,
            "blocks follow one another",
            height=height,
            expected=expected,
            committed=version,
        )

    def commit(
        self, extra_rows: Iterable[tuple[bytes, bytes, bytes | None]] = ()
    ) -> None:
        """Make the finalized block last, with the engine's rows, in one atomic batch.

        Raises:
            InvariantBrokenError: no block is finalized.
            UnavailableError, BrokenError: the disk does not take it; nothing is written.
        """
        if self._finalized is None:
            invariant(False, "a block is finalized before it is committed")
            return
        pending, block, ctx = self._finalized
        self.state.persist(pending, [*ctx.side_rows(), *extra_rows])
        self._last_block = block
        self._finalized = None
        self._genesis = None
        self._set_gas_max(self._consensus.block_gas_max(ctx))

    # --- queries ----------------------------------------------------------------------

    def query(self, path: str, data: bytes, height: int, prove: bool) -> QueryResult:
        """Answer a query from a committed version; see ``core.querying``."""
        return self._querying.answer(path, data, height, prove)

    def call(self, path: str, data: bytes, height: int) -> CallResult:
        """Answer a method by its gRPC path; see ``core.querying``.

        Raises:
            RejectedError: the request is refused.
        """
        return self._querying.call(path, data, height)

    @property
    def query_paths(self) -> tuple[str, ...]:
        """The gRPC paths that ``call`` answers."""
        return self._querying.paths

    def simulate(self, raw: bytes) -> TxResult:
        """Carry out a transaction on a copy of the newest state; nothing stays.

        The signature is not checked, because wallets simulate before they sign.
        """
        return self._querying.simulate(raw)

    def reopen(self) -> None:
        """Stand on what the database holds now, after a snapshot was restored.

        Raises:
            BrokenError: the database cannot be read.
        """
        self._finalized = self._genesis = None
        self._checking.close()
        self.state.reload()
        self._last_block = self._block(self.state.version, 0)
        self._set_gas_max(self._committed_gas_max())
        self._checking.reset(self._last_block)

    def close(self) -> None:
        """Let go of the committed version that CheckTx reads."""
        self._checking.close()

    @contextmanager
    def query_context(self, height: int, gas: GasMeter) -> Iterator[Context]:
        """Open a context on a committed version; 0 means the newest.

        Raises:
            RejectedError: the version is not kept, or not there yet.
        """
        with self.state.at(height or self.state.version) as view:
            block = replace(
                self._last_block,
                height=Height(self._revision, view.version),
            )
            yield self._context(block, view, gas)

    # --- parts ------------------------------------------------------------------------

    def _committed_gas_max(self) -> int:
        if self.state.version == 0:
            return 0
        with self.query_context(0, GasMeter(None)) as ctx:
            return self._consensus.block_gas_max(ctx)

    def _set_gas_max(self, gas_max: int) -> None:
        self.block_gas_max = self._checking.block_gas_max = gas_max

    def _block(
        self,
        height: int,
        time_ns: int,
        header_hash: bytes = b"",
        misbehaviours: tuple[Misbehaviour, ...] = (),
    ) -> BlockContext:
        return BlockContext(
            chain_id=self.chain_id,
            height=Height(self._revision, height),
            time_ns=time_ns,
            header_hash=header_hash,
            misbehaviours=misbehaviours,
        )

    def _context(
        self, block: BlockContext, source: StateSource, gas: GasMeter
    ) -> Context:
        return Context(
            block=block,
            source=source,
            gas=gas,
            ports=self.ports,
            routes=self._routes,
        )

    @property
    def side_rows(self) -> tuple[SideRows, ...]:
        """What the modules put into snapshots beside the state, in their order."""
        found = (module.side_rows for module in self.modules)
        return tuple(rows for rows in found if rows is not None)

    @property
    def authenticator(self) -> Authenticator:
        """Checks signers."""
        return self._authenticator

    @property
    def routes(self) -> Mapping[str, MessageRoute]:
        """Message routes by type URL."""
        return self._routes
