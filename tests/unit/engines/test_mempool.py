"""What the mempool takes, keeps in order and gives back."""

from __future__ import annotations

import threading

import pytest

from huitong.core.abci import CheckResult
from huitong.core.errors import HuitongError
from huitong.core.hashing import sha256
from huitong.engines.embedded.mempool import Mempool, MempoolLimits
from huitong.engines.errors import (
    EngineStoppedError,
    MempoolIsFullError,
    TxInCacheError,
    TxOverSizeError,
)


class FakeApplication:
    """Accepts everything but what it is told to refuse."""

    def __init__(self) -> None:
        self.refused: set[bytes] = set()
        self.calls: list[bytes] = []
        self.forgotten: list[bytes] = []
        self.resets = 0

    def check_tx(self, raw: bytes) -> CheckResult:
        self.calls.append(raw)
        code = 32 if raw in self.refused else 0
        return CheckResult(
            code=code, codespace="sdk" if code else "", log="", gas_wanted=1, sender=""
        )

    def forget_tx(self, tx_hash: bytes) -> None:
        self.forgotten.append(tx_hash)

    def reset_check_state(self) -> None:
        self.resets += 1


class Woken:
    """Counts how often work was announced."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def _mempool(
    limits: MempoolLimits | None = None,
) -> tuple[Mempool, FakeApplication, Woken]:
    app, woken = FakeApplication(), Woken()
    mempool = Mempool(app, limits or MempoolLimits(), on_work=woken, clock_ns=lambda: 7)
    return mempool, app, woken


def test_transactions_keep_their_order_and_wake_the_engine_once() -> None:
    mempool, _, woken = _mempool()
    for raw in (b"c", b"a", b"b"):
        tx_hash, result = mempool.add(raw)
        assert (tx_hash, result.code) == (sha256(raw), 0)
    assert mempool.reap() == [b"c", b"a", b"b"]
    assert (woken.count, mempool.waiting_since_ns()) == (1, 7)
    assert mempool.counts() == (3, 3)
    assert mempool.first(2) == [b"c", b"a"]


def test_refused_transaction_does_not_wait_and_may_come_again() -> None:
    mempool, app, woken = _mempool()
    app.refused.add(b"x")
    assert mempool.add(b"x")[1].code == 32
    assert (mempool.reap(), woken.count) == ([], 0)
    app.refused.clear()
    assert mempool.add(b"x")[1].code == 0


@pytest.mark.parametrize(
    ("limits", "before", "raw", "error"),
    [
        (MempoolLimits(), [b"x"], b"x", TxInCacheError),
        (MempoolLimits(txs_max=1), [b"x"], b"y", MempoolIsFullError),
        (MempoolLimits(size_bytes_max=3), [b"xx"], b"yy", MempoolIsFullError),
        (MempoolLimits(tx_size_bytes_max=2), [], b"xxx", TxOverSizeError),
    ],
)
def test_mempool_refuses(
    limits: MempoolLimits, before: list[bytes], raw: bytes, error: type[HuitongError]
) -> None:
    mempool, _, _ = _mempool(limits)
    for item in before:
        mempool.add(item)
    with pytest.raises(error):
        mempool.add(raw)
    assert mempool.reap() == before


def test_limits_admit_what_just_fits() -> None:
    limits = MempoolLimits(txs_max=2, size_bytes_max=4, tx_size_bytes_max=2)
    mempool, _, _ = _mempool(limits)
    mempool.add(b"xx")
    mempool.add(b"yy")
    assert mempool.counts() == (2, 4)


def test_committed_transactions_leave_and_the_rest_is_checked_again() -> None:
    mempool, app, _ = _mempool()
    for raw in (b"a", b"b", b"c"):
        mempool.add(raw)
    app.refused.add(b"c")
    app.calls.clear()
    mempool.update([(sha256(b"a"), 0)])
    assert mempool.reap() == [b"b"]
    assert (app.resets, app.calls) == (1, [b"b", b"c"])
    assert mempool.counts() == (1, 1)


def test_committed_transaction_is_remembered_but_a_failed_one_may_come_again() -> None:
    mempool, _, _ = _mempool()
    mempool.add(b"good")
    mempool.add(b"bad")
    mempool.update([(sha256(b"good"), 0), (sha256(b"bad"), 5)])
    with pytest.raises(TxInCacheError):
        mempool.add(b"good")
    assert mempool.add(b"bad")[1].code == 0


def test_transaction_of_a_block_that_never_waited_here_is_remembered() -> None:
    mempool, _, _ = _mempool()
    mempool.update([(sha256(b"a"), 0)])
    with pytest.raises(TxInCacheError):
        mempool.add(b"a")


def test_checking_alone_leaves_no_trace() -> None:
    mempool, app, _ = _mempool()
    assert mempool.check(b"x").code == 0
    assert app.forgotten == [sha256(b"x")]
    assert (mempool.reap(), app.resets) == ([], 1)
    app.refused.add(b"y")
    assert mempool.check(b"y").code == 32
    assert app.resets == 1


def test_dropped_transactions_wait_no_more() -> None:
    mempool, _, _ = _mempool()
    mempool.add(b"a")
    mempool.drop([sha256(b"a"), sha256(b"unknown")])
    assert (mempool.counts(), mempool.waiting_since_ns()) == ((0, 0), None)


def test_closed_mempool_takes_nothing() -> None:
    mempool, _, _ = _mempool()
    mempool.close()
    with pytest.raises(EngineStoppedError):
        mempool.add(b"a")


def test_try_add_does_not_wait_for_another_call() -> None:
    mempool, app, _ = _mempool()
    inside, leave = threading.Event(), threading.Event()

    def slow_check(raw: bytes) -> CheckResult:
        inside.set()
        leave.wait(10)
        return CheckResult(code=0, codespace="", log="", gas_wanted=1, sender="")

    app.check_tx = slow_check  # type: ignore[method-assign]
    other = threading.Thread(target=mempool.add, args=(b"a",))
    other.start()
    assert inside.wait(10)
    assert mempool.try_add(b"b") is None
    leave.set()
    other.join()
    assert mempool.try_add(b"b") is not None
