"""Transactions that wait for a block.

Rules: first come, first served, so an account's transactions keep their order; the same
bytes are taken once while they are remembered; count, bytes and the size of each are
bounded; after each block what still waits is checked again (RECHECK) against the new
state, before anything new is, because a sequence may have been used up.

Any thread may call. One lock orders CheckTx calls, as the application demands; whoever
must not wait for it (the RPC loop) tries ``try_add`` first.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from huitong.core.abci import CheckResult
from huitong.core.hashing import sha256
from huitong.core.limits import TX_SIZE_BYTES_MAX
from huitong.engines.errors import (
    EngineStoppedError,
    MempoolIsFullError,
    TxInCacheError,
    TxOverSizeError,
)

#: Waiting transactions: two seconds of work. All of them are checked again after each
#: block, so more of them would slow down the blocks that are to take them away.
MEMPOOL_TXS_MAX: Final = 5_000
#: Bytes of all waiting transactions.
MEMPOOL_SIZE_BYTES_MAX: Final = 134_217_728
#: Hashes that are remembered after their transaction has left.
MEMPOOL_CACHE_MAX: Final = 50_000


class CheckingApplication(Protocol):
    """The part of the application that the mempool uses."""

    def check_tx(self, raw: bytes) -> CheckResult: ...

    def forget_tx(self, tx_hash: bytes) -> None: ...

    def reset_check_state(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MempoolLimits:
    """Bounds of the mempool."""

    txs_max: int = MEMPOOL_TXS_MAX
    """Number of waiting transactions."""
    size_bytes_max: int = MEMPOOL_SIZE_BYTES_MAX
    """Sum of their sizes."""
    tx_size_bytes_max: int = TX_SIZE_BYTES_MAX
    """Size of one."""


class Mempool:
    """The waiting transactions of one node."""

    def __init__(
        self,
        app: CheckingApplication,
        limits: MempoolLimits,
        *,
        on_work: Callable[[], None],
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Begin empty.

        Args:
            app: checks transactions.
            limits: the bounds.
            on_work: called, from any thread, when a transaction was taken.
            clock_ns: monotonic, nanoseconds.
        """
        self._app = app
        self._limits = limits
        self._on_work = on_work
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._waiting: OrderedDict[bytes, bytes] = OrderedDict()
        self._size_bytes = 0
        self._since_ns: int | None = None
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._is_closed = False

    def add(self, raw: bytes) -> tuple[bytes, CheckResult]:
        """Check a transaction and let it wait if it passes.

        Returns:
            Its hash, and what CheckTx said; it waits only if the code is 0.

        Raises:
            TxInCacheError: the same bytes were taken before.
            MempoolIsFullError: no room now.
            TxOverSizeError: too large for a block.
            EngineStoppedError: no more blocks will be made.
        """
        with self._lock:
            return self._add(raw)

    def try_add(self, raw: bytes) -> tuple[bytes, CheckResult] | None:
        """Do as ``add`` does; return None at once if another call holds the lock."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._add(raw)
        finally:
            self._lock.release()

    def _add(self, raw: bytes) -> tuple[bytes, CheckResult]:
        if self._is_closed:
            raise EngineStoppedError
        limits = self._limits
        if len(raw) > limits.tx_size_bytes_max:
            raise TxOverSizeError(maximum=limits.tx_size_bytes_max, size=len(raw))
        tx_hash = sha256(raw)
        if tx_hash in self._seen or tx_hash in self._waiting:
            raise TxInCacheError
        count, size = len(self._waiting), self._size_bytes + len(raw)
        if count >= limits.txs_max or size > limits.size_bytes_max:
            raise MempoolIsFullError(
                count=count,
                count_max=limits.txs_max,
                size=self._size_bytes,
                size_max=limits.size_bytes_max,
            )
        result = self._app.check_tx(raw)
        if result.code == 0:
            self._waiting[tx_hash] = raw
            self._size_bytes = size
            self._remember(tx_hash)
            if self._since_ns is None:
                self._since_ns = self._clock_ns()
                self._on_work()
        return tx_hash, result

    def check(self, raw: bytes) -> CheckResult:
        """Return what CheckTx says now; the transaction is dropped, without a trace."""
        with self._lock:
            result = self._app.check_tx(raw)
            if result.code == 0:  # it has used up a sequence in the check state
                self._app.forget_tx(sha256(raw))
                self._app.reset_check_state()
                self._recheck()
            return result

    def waiting_since_ns(self) -> int | None:
        """Return when the oldest waiting transaction came; None if none waits."""
        return self._since_ns

    def reap(self) -> list[bytes]:
        """Return the waiting transactions, oldest first; they go on waiting."""
        with self._lock:
            return list(self._waiting.values())

    def update(self, committed: Iterable[tuple[bytes, int]]) -> None:
        """After a block: drop what it holds, and check the rest again.

        Args:
            committed: hash and result code of the block's transactions; one that failed
                may be sent again, since its reason may have gone.
        """
        with self._lock:
            for tx_hash, code in committed:
                raw = self._waiting.pop(tx_hash, None)
                if raw is not None:
                    self._size_bytes -= len(raw)
                if code == 0:
                    self._remember(tx_hash)
                else:
                    self._seen.pop(tx_hash, None)
            self._app.reset_check_state()
            self._recheck()
            self._since_ns = self._clock_ns() if self._waiting else None

    def _recheck(self) -> None:
        refused = [
            tx_hash
            for tx_hash, raw in self._waiting.items()
            if self._app.check_tx(raw).code
        ]
        for tx_hash in refused:
            self._size_bytes -= len(self._waiting.pop(tx_hash))
            self._seen.pop(tx_hash, None)  # it may become right again

    def drop(self, tx_hashes: Iterable[bytes]) -> None:
        """Forget transactions that can never be carried out."""
        with self._lock:
            for tx_hash in tx_hashes:
                raw = self._waiting.pop(tx_hash, None)
                if raw is not None:
                    self._size_bytes -= len(raw)
            if not self._waiting:
                self._since_ns = None

    def close(self) -> None:
        """Take nothing any more."""
        with self._lock:
            self._is_closed = True

    def counts(self) -> tuple[int, int]:
        """Return the number of waiting transactions and the sum of their sizes."""
        return len(self._waiting), self._size_bytes

    def first(self, count: int) -> Sequence[bytes]:
        """Return the oldest waiting transactions."""
        with self._lock:
            return [
                raw
                for _, raw in zip(range(count), self._waiting.values(), strict=False)
            ]

    def _remember(self, tx_hash: bytes) -> None:
        self._seen[tx_hash] = None
        if len(self._seen) > MEMPOOL_CACHE_MAX:
            self._seen.popitem(last=False)
