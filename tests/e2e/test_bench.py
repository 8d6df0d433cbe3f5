"""The benchmarks run, with real processes; what they measure is nobody's business here."""

from __future__ import annotations

from pathlib import Path

import pytest

from huitong.bench.blob import BlobPlan, run_blob_bench
from huitong.bench.errors import BenchChildError, PeerMissingError
from huitong.bench.exchange import ExchangePlan, run_exchange_bench
from huitong.bench.read import ReadPlan, run_read_bench
from huitong.bench.recovery import RecoveryPlan, run_recovery_bench
from huitong.bench.simd import find_simd
from huitong.bench.tx import TxPlan, run_beside_simd, run_tx_bench
from tests.programs import need_cometbft

ENGINES = [
    pytest.param("embedded", marks=pytest.mark.slow),
    pytest.param("cometbft", marks=pytest.mark.slow),
]


def _needs(engine: str) -> None:
    if engine == "cometbft":
        need_cometbft()


def _silent(_: str) -> None:
    return


@pytest.mark.parametrize("engine", ENGINES)
def test_every_publication_is_counted_once_a_block_holds_it(
    engine: str, tmp_path: Path
) -> None:
    _needs(engine)
    plan = TxPlan(count=88, seconds=0, block_time_ms=50, engine=engine)
    report = run_tx_bench(tmp_path, plan, _silent)
    assert (report.engine, report.count, report.errors) == (engine, 88, 0)
    assert report.rate_per_s > 0
    assert len(report.processes) == (2 if engine == "cometbft" else 1)


@pytest.mark.parametrize("engine", ENGINES)
def test_killed_node_comes_back_with_what_it_acknowledged(
    engine: str, tmp_path: Path
) -> None:
    _needs(engine)
    plan = RecoveryPlan(engine=engine, records=400, rounds=1, block_time_ms=50)
    told = run_recovery_bench(tmp_path, plan, _silent).as_dict()
    assert (told["records"], told["count"], told["errors"]) == (400, 1, 0)
    assert told["max_ms"] == told["p99_ms"] > 0


@pytest.mark.heavy
def test_both_messages_are_measured_beside_the_rival(tmp_path: Path) -> None:
    _needs("cometbft")
    try:
        find_simd()
    except PeerMissingError:
        pytest.skip("not run: simd is not installed; make peers")
    plan = TxPlan(count=200, seconds=0, block_time_ms=100, engine="cometbft")
    told = run_beside_simd(tmp_path, plan, 2, _silent).as_dict()
    assert set(told["ratio"]) == {"record", "small"}
    assert {name: len(rates) for name, rates in told["rates_per_s"].items()} == {
        "simd": 2,
        "record": 2,
        "small": 2,
    }
    assert told["simd"]["rate_per_s"] == min(told["rates_per_s"]["simd"])
    assert all(ratio > 0 for ratio in told["ratio"].values())
    assert (told["simd"]["count"], told["simd"]["errors"]) == (200, 0)
    assert told["cometbft"]["consensus"]["timeout_commit"] == "100ms"


@pytest.mark.slow
def test_large_document_goes_through_the_vault(tmp_path: Path) -> None:
    told = run_blob_bench(tmp_path, BlobPlan(size_mib=20, rounds=1), _silent).as_dict()
    speeds = [told[name] for name in told if name.endswith("_mb_per_s")]
    assert len(speeds) == 4
    assert min(speeds) > 0
    assert 0 < told["peak_mib_above_idle"] < 150


@pytest.mark.slow
@pytest.mark.parametrize("cold", [False, True])
def test_every_read_is_verified_and_logged(tmp_path: Path, cold: bool) -> None:
    plan = ReadPlan(workers=2, records=30, batch=10, seconds=1, cold=cold)
    told = run_read_bench(tmp_path, plan, _silent).as_dict()
    assert told["errors"] == 0
    assert told["count"] > 0
    assert told["logged"] == told["count"] + 2 * 30  # before the clock started
    assert {"gateway 0", "gateway 1", "reader 1"} < set(told["processes"])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_exchange_is_settled_and_compared(tmp_path: Path) -> None:
    plan = ExchangePlan(count=12, records=3, block_time_ms=50, window=6, singles=1)
    told = run_exchange_bench(tmp_path, plan, _silent).as_dict()
    assert (told["bench"], told["count"], told["errors"]) == ("exchange", 12, 0)
    assert (told["payload_bytes"], told["singles"]) == (4_096, 1)
    assert set(told["cpu_ms_per_exchange"]) == {
        "provider node",
        "requester node",
        "relayer",
        "provider gateway",
        "requester gateway",
    }
    assert all(spent_ms > 0 for spent_ms in told["cpu_ms_per_exchange"].values())


def test_child_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchChildError, match="blob"):
        run_blob_bench(Path("/dev/null"), BlobPlan(size_mib=1, rounds=1), _silent)
