"""The zone's side of ABCI: one method for each of CometBFT's, data in and data out.

Locks: what carries out blocks, or puts a state in their place, is done under one
(``consensus``), what answers for the mempool under another (``mempool``). Queries, Info and
snapshots for others are given from committed versions and wait for neither.

Between FinalizeBlock and Commit nothing is durable: after a crash CometBFT finds by Info
where the application stands, and gives the blocks behind it again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Final

from huitong.core.abci import (
    AppInfo,
    BlockRequest,
    CheckResult,
    FinalizedBlock,
    QueryResult,
)
from huitong.core.app import Application
from huitong.core.invariants import invariant
from huitong.engines.cometbft.abci.errors import GenesisDiffersError
from huitong.engines.cometbft.abci.translation import canonical_genesis
from huitong.engines.cometbft.snapshots import (
    ApplyAnswer,
    ApplyResult,
    OfferAnswer,
    SnapshotExchange,
    SnapshotInfo,
)
from huitong.engines.genesis import GenesisDocument, genesis_request
from huitong.modules.upgrades.errors import UpgradeNeededError

#: How long a node that stops for an upgrade holds back its answer. CometBFT ends with it,
#: and until then passes on the votes for this block: without them slower validators would
#: wait for it for ever, with the old software, instead of stopping as well.
UPGRADE_LINGER_S: Final = 3.0
AnswerQuery = Callable[[str, bytes, int, bool], QueryResult]
"""Takes path, data, height (0 for the newest) and whether to prove; from any thread."""
OnBlock = Callable[[BlockRequest, FinalizedBlock], None]
"""Told of each block as soon as it is durable."""


class ZoneService:
    """Answers what CometBFT asks of one zone's application."""

    def __init__(
        self,
        *,
        app: Application,
        genesis: GenesisDocument,
        answer_query: AnswerQuery,
        snapshots: SnapshotExchange | None,
        retain_height: Callable[[int], int],
        on_block: OnBlock,
    ) -> None:
        """Put the parts together; nothing is carried out yet.

        Args:
            app: the zone's state machine.
            genesis: this node's genesis document.
            answer_query: answers queries; never raises for what a stranger sends.
            snapshots: gives and takes snapshots; None if this node does neither.
            retain_height: takes the newest height and returns the lowest one whose block
                CometBFT has to keep; 0 keeps all.
            on_block: told of each durable block, in order; has to be quick.
        """
        self._app = app
        self._genesis = genesis
        self._answer_query = answer_query
        self._snapshots = snapshots
        self._retain_height = retain_height
        self._on_block = on_block
        self._consensus = threading.Lock()
        self._mempool = threading.Lock()
        self._in_hand: tuple[BlockRequest, FinalizedBlock] | None = None
        self._began_s = 0.0
        self.block_duration_s = 0.0
        """Seconds from FinalizeBlock of the newest block until it was durable."""
        self._info = app.info()

    @property
    def app_version(self) -> int:
        """The application's protocol version in headers, from genesis."""
        return self._genesis.params.app_version

    # --- information and queries ------------------------------------------------------

    def info(self) -> AppInfo:
        """Tell where the application stands; CometBFT replays from there."""
        return self._info

    def query(self, path: str, data: bytes, height: int, prove: bool) -> QueryResult:
        """Answer a query from a committed version."""
        return self._answer_query(path, data, height, prove)

    # --- the mempool ------------------------------------------------------------------

    def check_tx(self, raw: bytes) -> CheckResult:
        """Tell whether a transaction may wait, for the first time or again.

        A recheck is the same question: the check state stands on the newest block since
        Commit, CometBFT asks for all that wait in their order, and what was read and
        verified before is remembered.
        """
        with self._mempool:
            return self._app.check_tx(raw)

    # --- blocks -----------------------------------------------------------------------

    def init_chain(self, told: GenesisDocument) -> bytes:
        """Begin the zone, and return the app hash for the first header.

        Args:
            told: the genesis document as CometBFT read it.

        Raises:
            GenesisDiffersError: it is not this node's.
            RejectedError: a module refuses its state.
        """
        with self._consensus, self._mempool:
            invariant(
                self._info.last_block_height == 0,
                "genesis comes before the first block",
                committed=self._info.last_block_height,
            )
            _check_same(canonical_genesis(told), canonical_genesis(self._genesis))
            return self._app.init_chain(genesis_request(self._genesis))

    def prepare_proposal(
        self, txs: Sequence[bytes], size_bytes_max: int
    ) -> list[bytes]:
        """Choose the transactions of a block from those that wait, in their order."""
        with self._consensus:
            return self._app.prepare_proposal(txs, size_bytes_max)

    def process_proposal(self, txs: Sequence[bytes]) -> bool:
        """Tell whether a proposed block keeps the rule; the same on every node."""
        with self._consensus:
            return self._app.process_proposal(txs)

    def finalize_block(self, request: BlockRequest) -> FinalizedBlock:
        """Carry out a decided block in memory; may be repeated until Commit.

        Raises:
            InvariantBrokenError: it is not the next block.
            UpgradeNeededError: another version of the software has to, after a moment.
            UnavailableError, BrokenError: this node cannot go on.
        """
        with self._consensus:
            self._began_s = time.perf_counter()
            try:
                finalized = self._app.finalize_block(request)
            except UpgradeNeededError:
                time.sleep(UPGRADE_LINGER_S)
                raise
            invariant(
                len(finalized.tx_results) == len(request.txs),
                "each transaction has a result",
            )
            self._in_hand = (request, finalized)
            return finalized

    def commit(self) -> int:
        """Make the block last and return the lowest height that CometBFT has to keep.

        CometBFT sends nothing to the mempool's connection meanwhile, so what waits is
        checked again above the new state before anything new is.

        Raises:
            InvariantBrokenError: no block is finalized.
            UnavailableError, BrokenError: the disk does not take it; nothing is written.
        """
        with self._consensus:
            in_hand = self._in_hand
            if in_hand is None:
                invariant(False, "a block is finalized before it is committed")
                return 0
            self._app.commit()
            self.block_duration_s = time.perf_counter() - self._began_s
            self._in_hand = None
            with self._mempool:
                self._app.reset_check_state()
            self._info = self._app.info()
            self._on_block(*in_hand)
            return self._retain_height(self._info.last_block_height)

    # --- snapshots --------------------------------------------------------------------

    def list_snapshots(self) -> Sequence[SnapshotInfo]:
        """Return the snapshots that this node gives to others."""
        return () if self._snapshots is None else self._snapshots.list()

    def load_snapshot_chunk(self, height: int, format: int, index: int) -> bytes:
        """Return a chunk for another node; nothing if there is none."""
        if self._snapshots is None:
            return b""
        return self._snapshots.load_chunk(height, format, index)

    def offer_snapshot(self, info: SnapshotInfo, app_hash: bytes) -> OfferAnswer:
        """Decide whether to begin from a snapshot that a peer has."""
        with self._consensus, self._mempool:
            if self._snapshots is None:
                return OfferAnswer.ABORT
            answer = self._snapshots.offer(info, app_hash)
            self._info = self._app.info()
            return answer

    def apply_snapshot_chunk(
        self, index: int, chunk: bytes, sender: str
    ) -> ApplyAnswer:
        """Take one chunk; with the last one the application stands on its height."""
        with self._consensus, self._mempool:
            if self._snapshots is None:
                return ApplyAnswer(result=ApplyResult.ABORT)
            answer = self._snapshots.apply_chunk(index, chunk, sender)
            self._info = self._app.info()
            return answer


def _check_same(told: GenesisDocument, known: GenesisDocument) -> None:
    """Raise GenesisDiffersError, with the first field that differs."""
    for field in fields(GenesisDocument):
        if getattr(told, field.name) != getattr(known, field.name):
            raise GenesisDiffersError(field=field.name)
