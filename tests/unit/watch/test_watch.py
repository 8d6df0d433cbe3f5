"""Metrics, health and readiness of a running node."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from huitong.core.abci import (
    BlockRequest,
    FinalizedBlock,
    Misbehaviour,
    MisbehaviourKind,
    QueryResult,
    TxResult,
    ValidatorUpdate,
)
from huitong.core.errors import InvalidRequestError
from huitong.node.errors import ListenAddressError, PortInUseError
from huitong.node.rpc.calls import Method
from huitong.node.watch import server
from huitong.node.watch.health import BLOCK_AGE_NS_MIN, block_age_max_ns
from huitong.node.watch.register import METRICS, PROCESS_METRICS, Kind
from huitong.node.watch.server import REQUESTS_MAX
from huitong.node.watch.watch import NodeWatch
from tests.unit.watch.watch_kit import CONFIG, Watching, watching

#: Seconds for what must happen; it takes a fraction of one.
PATIENCE_S = 60.0
#: What is told only where there is something to tell.
ABSENT = {
    "huitong_snapshots",
    "huitong_snapshot_height",
    "huitong_upgrade_height",
    "huitong_proposal_next_deadline_seconds",
}
CHAIN = 'chain="hangzhou-1"'


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watching]:
    with watching(tmp_path) as made:
        yield made


def _result(code: int, codespace: str = "") -> TxResult:
    return TxResult(
        code=code,
        codespace=codespace,
        data=b"",
        log="",
        gas_wanted=1,
        gas_used=100,
        events=(),
    )


def _block(*results: TxResult, height: int = 9, **more: Any) -> FinalizedBlock:
    return FinalizedBlock(
        tx_results=results,
        events=(),
        validator_updates=more.get("validator_updates", ()),
        app_hash=b"",
    )


def _request(height: int = 9, *txs: bytes, **more: Any) -> BlockRequest:
    return BlockRequest(
        height=height,
        time_ns=height * 10**9,
        header_hash=b"",
        proposer_address=b"",
        next_validators_hash=b"",
        txs=txs,
        misbehaviours=more.get("misbehaviours", ()),
    )


def test_blocks_and_messages_are_counted(watched: Watching) -> None:
    watched.publish("a", "b")
    committed = watched.publish("c")
    samples = watched.samples()
    assert samples[f"huitong_block_height{{{CHAIN}}}"] == committed.height
    assert samples[f'huitong_txs_total{{{CHAIN},result="ok"}}'] == 3
    assert samples[f"huitong_block_txs_sum{{{CHAIN}}}"] == 3
    assert samples[f"huitong_block_interval_seconds_count{{{CHAIN}}}"] == 1
    assert samples[f"huitong_block_processing_seconds_sum{{{CHAIN}}}"] == 0.024
    name = "/huitong.records.v1.MsgPublishRecord"
    assert (
        samples[f'huitong_messages_total{{{CHAIN},module="records",type="{name}"}}']
        == 3
    )


def test_failures_are_counted_by_registered_codes_only(watched: Watching) -> None:
    results = [_result(5, "sdk"), _result(5, "sdk"), _result(77, "stranger")]
    watched.watch.block_committed(_request(9, b"1", b"2", b"3"), _block(*results), 0.1)
    samples = watched.samples()
    name = "huitong_tx_failures_total"
    assert samples[f'{name}{{{CHAIN},code="5",codespace="sdk"}}'] == 2
    assert samples[f'{name}{{{CHAIN},code="0",codespace="other"}}'] == 1
    assert samples[f'huitong_txs_total{{{CHAIN},result="failed"}}'] == 3


def test_what_alerts_watch_for_begins_at_zero(watched: Watching) -> None:
    watched.watch.observed({"status": Method(answer=dict)})
    samples = watched.samples()
    failed = f'{CHAIN},method="status",outcome="failed"'
    assert samples[f"huitong_rpc_seconds_count{{{failed}}}"] == 0
    for kind in ("duplicate_vote", "light_client_attack"):
        assert samples[f'huitong_misbehaviours_total{{{CHAIN},kind="{kind}"}}'] == 0


def test_misbehaviour_and_changes_of_power_are_counted(watched: Watching) -> None:
    seen = Misbehaviour(
        kind=MisbehaviourKind.DUPLICATE_VOTE,
        validator_address=b"",
        power=1,
        height=1,
        time_ns=1,
        total_power=4,
    )
    update = ValidatorUpdate(public_key=b"", power=0)
    watched.watch.block_committed(
        _request(misbehaviours=(seen,)), _block(validator_updates=(update, update)), 0.1
    )
    samples = watched.samples()
    assert samples[f'huitong_misbehaviours_total{{{CHAIN},kind="duplicate_vote"}}'] == 1
    assert samples[f"huitong_validator_updates_total{{{CHAIN}}}"] == 2


def test_state_database_and_rpc_are_told_at_a_scrape(watched: Watching) -> None:
    watched.publish("a")
    samples = watched.samples()
    assert (
        samples[f"huitong_store_version{{{CHAIN}}}"] == watched.zone.chain.state.height
    )
    assert samples[f"huitong_store_nodes_cached{{{CHAIN}}}"] > 0
    assert samples[f"huitong_database_used_bytes{{{CHAIN}}}"] > 0
    assert samples[f"huitong_disk_free_bytes{{{CHAIN}}}"] > 0
    assert samples[f"huitong_mempool_txs{{{CHAIN}}}"] == 7
    assert samples[f"huitong_mempool_size_bytes{{{CHAIN}}}"] == 700
    assert samples[f"huitong_peers{{{CHAIN}}}"] == 2
    assert samples[f"huitong_validator_power{{{CHAIN}}}"] == 10
    assert samples[f"huitong_block_earliest_height{{{CHAIN}}}"] == 3
    assert samples[f"huitong_subscriptions{{{CHAIN}}}"] == 3
    assert samples[f"huitong_ready{{{CHAIN}}}"] == 1
    info = [name for name in samples if name.startswith("huitong_info")]
    assert len(info) == 1
    assert 'moniker="tax"' in info[0]


def test_scrape_without_rpc_still_tells_the_rest(watched: Watching) -> None:
    watched.rpc.body = b"nothing of JSON"
    samples = watched.samples()
    assert samples[f"huitong_rpc_up{{{CHAIN}}}"] == 0
    assert samples[f"huitong_ready{{{CHAIN}}}"] == 0
    assert f"huitong_mempool_txs{{{CHAIN}}}" not in samples
    assert f"huitong_store_version{{{CHAIN}}}" in samples


def test_scrape_has_the_registered_metrics_and_no_other(watched: Watching) -> None:
    watched.publish("a")
    watched.watch.block_committed(_request(30, b"1"), _block(_result(5, "sdk")), 0.1)
    text = watched.get("/metrics").text
    told = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    wanted = {item.name: str(item.kind) for item in (*METRICS, *PROCESS_METRICS)}
    assert {name: kind for name, kind in told.items() if wanted.get(name) != kind} == {}
    assert {name for name in wanted if name not in told} == ABSENT


def test_names_of_metrics_carry_their_units() -> None:
    for item in METRICS:
        assert item.name.startswith("huitong_")
        assert (item.kind is Kind.COUNTER) == item.name.endswith("_total"), item.name
        assert (item.kind is Kind.HISTOGRAM) == bool(item.buckets), item.name
        assert list(item.buckets) == sorted(item.buckets)


def test_calls_are_timed_by_method_and_outcome(watched: Watching) -> None:
    def refuse() -> None:
        raise InvalidRequestError(reason="no")

    async def fail() -> None:
        raise ZeroDivisionError

    methods = watched.watch.observed(
        {
            "status": Method(answer=dict),
            "block": Method(answer=refuse),
            "tx": Method(answer=fail, is_async=True),
        }
    )
    assert methods["status"].answer() == {}
    with pytest.raises(InvalidRequestError):
        methods["block"].answer()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(methods["tx"].answer())
    samples = watched.samples()
    for method, outcome in (("status", "ok"), ("block", "refused"), ("tx", "failed")):
        labels = f'{CHAIN},method="{method}",outcome="{outcome}"'
        assert samples[f"huitong_rpc_seconds_count{{{labels}}}"] == 1


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/store/ibc/key", "store"),
        ("/ibc.core.client.v1.Query/ClientStates", "module"),
        ("/huitong.node.v1.Proofs", "module"),
        ("/whatever/a/stranger/says", "other"),
    ],
)
def test_queries_are_timed_by_few_kinds(
    watched: Watching, path: str, kind: str
) -> None:
    def answer(path: str, data: bytes, height: int, prove: bool) -> QueryResult:
        return QueryResult(
            code=height,
            codespace="",
            log="",
            key=b"",
            value=data,
            height=1,
            proof_ops=(),
        )

    timed = watched.watch.observed_query(answer)
    assert timed(path, b"x", 0, False).value == b"x"
    timed(path, b"x", 3, False)
    samples = watched.samples()
    for outcome in ("ok", "refused"):
        labels = f'{CHAIN},kind="{kind}",outcome="{outcome}"'
        assert samples[f"huitong_query_seconds_count{{{labels}}}"] == 1


def test_unwatched_node_pays_nothing_for_calls(tmp_path: Path) -> None:
    config = type(CONFIG)(moniker="tax")
    with watching(tmp_path, config) as made:
        methods = {"status": Method(answer=dict)}
        assert made.watch.observed(methods) is methods
        assert made.watch.address == ""
        made.publish("a")


def test_node_that_serves_and_keeps_up_is_ready(watched: Watching) -> None:
    watched.publish("a")
    for path in ("/healthz", "/readyz"):
        answer = watched.get(path)
        assert answer.status_code == 200
        assert answer.json()["ok"] is True
        assert answer.json()["chain_id"] == "hangzhou-1"


def test_failed_engine_is_neither_healthy_nor_ready(watched: Watching) -> None:
    watched.publish("a")
    watched.engine.failed = OSError("disk")
    for path in ("/healthz", "/readyz"):
        answer = watched.get(path)
        assert answer.status_code == 503
        checks = {check["name"]: check for check in answer.json()["checks"]}
        assert checks["engine"] == {
            "name": "engine",
            "ok": False,
            "seen": "failed: OSError",
        }


def _unmet(watched: Watching) -> list[str]:
    answer = watched.get("/readyz")
    assert answer.status_code == 503
    return [check["name"] for check in answer.json()["checks"] if not check["ok"]]


def test_node_before_its_first_block_is_not_ready(watched: Watching) -> None:
    assert _unmet(watched) == ["block_age"]
    assert watched.get("/healthz").status_code == 200


def test_node_that_catches_up_is_not_ready(watched: Watching) -> None:
    watched.publish("a")
    status = watched.rpc.results["status"]
    sync = {**status["sync_info"], "catching_up": True}
    watched.rpc.results["status"] = {**status, "sync_info": sync}
    assert _unmet(watched) == ["caught_up"]


def test_node_whose_rpc_is_silent_is_not_ready(watched: Watching) -> None:
    watched.publish("a")
    watched.rpc.results = {}
    assert _unmet(watched) == ["rpc", "caught_up"]


def test_node_without_recent_blocks_is_not_ready(
    watched: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.publish("a")
    later_ns = time.monotonic_ns() + block_age_max_ns(CONFIG) + 1
    monkeypatch.setattr("huitong.node.watch.watch.time.monotonic_ns", lambda: later_ns)
    assert _unmet(watched) == ["block_age"]


def test_age_of_a_block_follows_the_pace() -> None:
    assert block_age_max_ns(CONFIG) >= BLOCK_AGE_NS_MIN
    assert block_age_max_ns(CONFIG) == max(
        BLOCK_AGE_NS_MIN, 3 * CONFIG.pace.heartbeat_ns
    )


def test_other_paths_are_not_found(watched: Watching) -> None:
    assert watched.get("/").status_code == 404


def test_silent_peers_do_not_keep_others_out_for_ever(watched: Watching) -> None:
    host, port = watched.watch.address.removeprefix("tcp://").split(":")
    silent = [
        socket.create_connection((host, int(port))) for _ in range(REQUESTS_MAX + 2)
    ]
    for peer in silent:
        peer.close()
    watched.publish("a")
    assert watched.get("/healthz").status_code == 200


def test_newcomer_is_answered_while_all_places_are_held(watched: Watching) -> None:
    host, port = watched.watch.address.removeprefix("tcp://").split(":")
    watched.publish("a")
    with ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection((host, int(port))))
            for _ in range(REQUESTS_MAX)
        ]
        for _ in range(3 * REQUESTS_MAX):
            assert watched.get("/healthz").status_code == 200
        silent[0].settimeout(PATIENCE_S)
        assert _is_closed(silent[0])


def test_peer_that_sends_ever_so_slowly_is_let_go(
    watched: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REQUEST_TIMEOUT_S", 0.3)
    host, port = watched.watch.address.removeprefix("tcp://").split(":")
    with socket.create_connection((host, int(port)), timeout=0.05) as peer:
        peer.sendall(b"GET /healthz HTTP/1.1\r\nx-slow: ")
        began_s = time.monotonic()
        while not _is_closed(peer):
            peer.sendall(b"x")
            assert time.monotonic() - began_s < PATIENCE_S


def _is_closed(peer: socket.socket) -> bool:
    try:
        return peer.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_address_that_is_taken_is_refused(watched: Watching) -> None:
    config = type(CONFIG)(moniker="b", watch_address=watched.watch.address)
    second = NodeWatch(
        config=config, app=watched.zone.app, backend=watched.zone.backend
    )
    with pytest.raises(PortInUseError):
        second.start(watched.engine)


def test_address_of_another_form_is_refused(watched: Watching) -> None:
    config = type(CONFIG)(moniker="b", watch_address="127.0.0.1")
    second = NodeWatch(
        config=config, app=watched.zone.app, backend=watched.zone.backend
    )
    with pytest.raises(ListenAddressError):
        second.start(watched.engine)
