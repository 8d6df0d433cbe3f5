"""The figures of a report, and the requests of the load generator."""

from __future__ import annotations

import base64

import orjson
import pytest

from huitong.bench.loader import Progress, make_batches
from huitong.bench.report import make_report, percentile_ms
from huitong.bench.usage import Used, cpu_s_by_name, used_since

KEYS = [
    "bench",
    "engine",
    "validators",
    "rate_per_s",
    "count",
    "seconds",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "errors",
    "block_time_ms",
    "cpu_s",
    "rss_mib_max",
    "processes",
    "payload_bytes",
    "commit",
    "versions",
]


@pytest.mark.parametrize(
    ("percent", "expected_ms"), [(50, 50.0), (95, 95.0), (99, 99.0), (100, 100.0)]
)
def test_percentile_by_nearest_rank(percent, expected_ms):
    latencies_s = [number / 1000 for number in range(100, 0, -1)]
    assert percentile_ms(latencies_s, percent) == expected_ms


def test_percentile_of_nothing_is_zero():
    assert percentile_ms([], 50) == 0.0


def test_report_has_the_agreed_keys_in_order():
    report = make_report(
        bench="tx",
        latencies_s=[0.1, 0.2],
        seconds=0.5,
        errors=1,
        block_time_ms=200,
        processes={
            "node0": Used(cpu_s=0.2, rss_mib_max=12.3),
            "cometbft0": Used(cpu_s=0.1, rss_mib_max=40.1),
        },
        payload_bytes=400,
    ).as_dict()
    assert list(report) == KEYS
    assert (report["rate_per_s"], report["count"], report["errors"]) == (4.0, 2, 1)
    assert (report["cpu_s"], report["rss_mib_max"]) == (0.3, 40.1)
    assert report["processes"]["node0"] == {"cpu_s": 0.2, "rss_mib_max": 12.3}
    assert set(report["versions"]) >= {"huitong", "python", "protobuf", "lmdb"}


def test_report_of_an_empty_run_has_no_rate():
    report = make_report(
        bench="tx",
        latencies_s=[],
        seconds=0.0,
        errors=0,
        block_time_ms=200,
        processes={},
        payload_bytes=0,
    )
    assert (report.rate_per_s, report.p99_ms) == (0.0, 0.0)


def test_usage_of_processes_that_are_gone_is_zero():
    pids = {"gone": 2**22 + 1}
    before = cpu_s_by_name(pids)
    assert before == {"gone": 0.0}
    assert used_since(pids, before) == {"gone": Used(cpu_s=0.0, rss_mib_max=0.0)}


def test_batches_hold_ten_transactions_in_their_order():
    raws = [bytes([number]) for number in range(25)]
    batches = make_batches(raws)
    assert [len(batch.txs) for batch in batches] == [10, 10, 5]
    calls = [call for batch in batches for call in orjson.loads(batch.body)]
    sent = [base64.b64decode(call["params"]["tx"]) for call in calls]
    assert sent == raws


def test_single_transaction_is_no_batch():
    (batch,) = make_batches([b"x"], 1)
    assert orjson.loads(batch.body)["method"] == "broadcast_tx_sync"


def test_progress_closes_the_gate_at_the_window():
    progress = Progress(window=2)
    progress.add(0)
    assert progress.room.is_set()
    progress.add(2)
    assert not progress.room.is_set()
    progress.add(-1)
    assert progress.room.is_set()
