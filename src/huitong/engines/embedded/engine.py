"""The embedded engine: one thread that makes blocks when they are due.

Order of one block::

    reap → propose → finalize (in memory) → vote → commit (one durable batch)
         → sign guard → mempool update → announce

Nothing of a block is announced, and no query told of its height, before it is durable and
the guard knows that its height is signed. Queries and CheckTx run in other threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from huitong.core.app import Application
from huitong.core.hashing import sha256
from huitong.core.store.backend import TableReader
from huitong.engines.embedded.blocks import BLOCK_FRAME_SIZE_BYTES_MAX
from huitong.engines.embedded.chain import Chain, CommittedBlock
from huitong.engines.embedded.chain_state import ChainState
from huitong.engines.embedded.evidence_pool import EvidencePool
from huitong.engines.embedded.mempool import Mempool, MempoolLimits
from huitong.engines.embedded.schedule import Due, Moment, Pace, next_block
from huitong.engines.embedded.sign_guard import SignGuard
from huitong.engines.errors import QuorumLostError
from huitong.engines.genesis import GenesisDocument
from huitong.engines.validator_key import ValidatorKey
from huitong.light.tendermint.evidence import Evidence, encode_evidence_list
from huitong.light.tendermint.evidence_checks import EvidenceTerms

_log: Final = structlog.get_logger("engine")
Announce = Callable[[CommittedBlock], None]
#: Empty blocks at the start of the process. The first header carries the time at which the
#: last block before it was signed, perhaps long ago; the second has the time of day.
BLOCKS_AT_START: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Where the engine reads the time; tests put their own."""

    wall_ns: Callable[[], int] = time.time_ns
    """Time of day, nanoseconds since the epoch, UTC; goes into votes."""
    monotonic_ns: Callable[[], int] = time.monotonic_ns
    """For waiting."""


class EmbeddedEngine:
    """Makes the blocks of a zone with one validator."""

    def __init__(
        self,
        *,
        chain: Chain,
        app: Application,
        key: ValidatorKey,
        guard: SignGuard,
        pace: Pace,
        limits: MempoolLimits,
        clocks: Clocks,
        rpc_address: str = "",
    ) -> None:
        """Put the engine together; no block is made yet.

        Args:
            chain: where blocks go.
            app: what carries them out.
            key: signs them.
            guard: remembers what was signed.
            pace: how fast blocks follow one another.
            limits: bounds of the mempool.
            clocks: time of day and time for waiting.
            rpc_address: where the node answers RPC for it; empty if nowhere.

        Raises:
            DoubleSignError: the guard knows of a newer block than the chain.
        """
        self._chain = chain
        self._app = app
        self._key = key
        self._guard = guard
        self._pace = pace
        self._clocks = clocks
        self._rpc_address = rpc_address
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._listeners: list[Announce] = []
        self._on_end: list[Callable[[], None]] = []
        self._proof_is_due = False
        self._last_block_ns = self._last_work_ns = clocks.monotonic_ns()
        self.block_duration_ns = 0
        """From the start of the newest block until it was durable, nanoseconds."""
        self._beats_due = BLOCKS_AT_START
        self.mempool = Mempool(
            app, limits, on_work=self._wake.set, clock_ns=clocks.monotonic_ns
        )
        self.evidence = EvidencePool(
            chain.snapshot, self._evidence_terms, on_work=self._wake.set
        )
        guard.catch_up(
            chain.state.height if chain.state.commit else 0, chain.state.block_id.hash
        )
        self._published = chain.state

    # --- what others see --------------------------------------------------------------

    @property
    def state(self) -> ChainState:
        """The end of the chain that may be told of."""
        return self._published

    @property
    def genesis(self) -> GenesisDocument:
        """The zone's genesis document."""
        return self._chain.genesis

    @property
    def height(self) -> int:
        """Height of the newest durable block; 0 before the first."""
        return self._published.height if self._published.commit else 0

    @property
    def lowest_height(self) -> int:
        """Height of the oldest block that is kept."""
        return self._chain.lowest_height

    @property
    def rpc_address(self) -> str:
        """Where RPC of this node answers, ``tcp://HOST:PORT``; empty if nowhere."""
        return self._rpc_address

    @property
    def public_key(self) -> bytes:
        """The validator's ed25519 key, 32 bytes."""
        return self._key.public_key

    def snapshot(self) -> TableReader:
        """Open the present rows for reading; close it soon. From any thread."""
        return self._chain.snapshot()

    def on_block(self, listener: Announce) -> None:
        """Call ``listener`` after each block, from the engine's thread; before start."""
        self._listeners.append(listener)

    def on_end(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when the thread ends, however it does; before start."""
        self._on_end.append(listener)

    # --- lifetime ---------------------------------------------------------------------

    def start(self) -> None:
        """Begin to make blocks; the first one comes at once."""
        self._thread = threading.Thread(target=self._run, name="blocks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the block in hand and end; calling it again does nothing."""
        self.mempool.close()
        self._stop.set()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def failure(self) -> BaseException | None:
        """Return why the engine ended by itself; None while it runs or was stopped."""
        return self._failure

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.step()
        except BaseException as failure:  # noqa: BLE001 - the thread's supervisor
            self._failure = failure
            _log.error("engine_stopped", reason=str(failure), height=self.state.height)
        finally:
            self.mempool.close()
            for listener in self._on_end:
                listener()

    def _evidence_terms(self) -> EvidenceTerms:
        params, state = self.genesis.params, self._published
        return EvidenceTerms(
            chain_id=self.genesis.chain_id,
            height=state.height,
            time_ns=state.time_ns,
            age_blocks_max=params.evidence_age_blocks_max,
            age_ns_max=params.evidence_age_ns_max,
        )

    # --- blocks -----------------------------------------------------------------------

    def step(self) -> CommittedBlock | None:
        """Wait until a block may be due, and make it if it is.

        Tests call this without a thread. Returns the block, or None if it only waited.
        """
        self._wake.clear()
        due, wait_ns = self._next()
        if wait_ns > 0:
            self._wake.wait(wait_ns / 1e9)
            return None
        return self.make_block(due)

    def _next(self) -> tuple[Due, int]:
        if self._beats_due or (self.evidence and not self._proof_is_due):
            return Due.HEARTBEAT, 0
        moment = Moment(
            now_ns=self._clocks.monotonic_ns(),
            last_block_ns=self._last_block_ns,
            last_work_ns=self._last_work_ns,
            waiting_since_ns=self.mempool.waiting_since_ns(),
            proof_is_due=self._proof_is_due,
        )
        return next_block(self._pace, moment)

    def make_block(self, due: Due) -> CommittedBlock:
        """Make one block, durable and announced when this returns.

        Raises:
            HuitongError: it cannot be made durable; nothing of it is.
            InvariantBrokenError: going on would be wrong.
        """
        began_ns = self._clocks.monotonic_ns()
        committed = self._commit(due)
        self.block_duration_ns = self._clocks.monotonic_ns() - began_ns
        self._guard.record(committed.height, committed.block.block_id.hash)
        self.mempool.update((tx.hash, tx.result.code) for tx in committed.txs)
        self._published = self._chain.state
        self._after(due, committed)
        for listener in self._listeners:
            listener(committed)
        return committed

    def _commit(self, due: Due) -> CommittedBlock:
        """Propose, carry out, sign and write; without evidence if that is in the way."""
        # A proof block is followed by none, and evidence writes: it waits for the next.
        evidence = () if due is Due.PROOF else self._evidence_due()
        txs = self._choose(evidence) if due is Due.WORK else []
        block = self._chain.propose(txs, evidence)
        self._guard.check(block.header.height)
        finalized = self._chain.finalize(block)
        now_ns = self._clocks.wall_ns()
        try:
            committed = self._chain.commit(block, finalized, now_ns, self._key.sign)
        except QuorumLostError:
            if not evidence:
                raise
            # One process cannot go on without its own validator: the zone records
            # nothing, and says so aloud, rather than stand still.
            self.evidence.set_aside(evidence)
            return self._commit(due)
        self.evidence.committed(evidence)
        return committed

    def _evidence_due(self) -> tuple[Evidence, ...]:
        return self.evidence.take(self.genesis.params.evidence_size_bytes_max)

    def _choose(self, evidence: tuple[Evidence, ...]) -> Sequence[bytes]:
        """Take transactions from the mempool, within size and gas of a block."""
        waiting = self.mempool.reap()
        room = self._chain.state.block_params.size_bytes_max
        room -= BLOCK_FRAME_SIZE_BYTES_MAX + len(encode_evidence_list(evidence))
        chosen = self._app.prepare_proposal(waiting, max(0, room))
        if waiting and not chosen:  # the first can never be carried out
            self.mempool.drop([sha256(waiting[0])])
        return chosen

    def _after(self, due: Due, committed: CommittedBlock) -> None:
        self._beats_due = max(0, self._beats_due - 1)
        self._last_block_ns = self._clocks.monotonic_ns()
        if due is Due.WORK:
            self._last_work_ns = self._last_block_ns
        did_something = bool(committed.txs or committed.finalized.events)
        # A proof block never asks for another one, whatever the hooks tell in it.
        self._proof_is_due = did_something and due is not Due.PROOF
