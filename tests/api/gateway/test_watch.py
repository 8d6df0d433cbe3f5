"""What a gateway tells whoever watches it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from huitong.gateway.access.roles import Role
from huitong.gateway.service.register import GATEWAY_METRICS
from huitong.localnet.gateway import GatewayProcess
from huitong.localnet.ports import free_ports
from huitong.localnet.process import NodeProcess
from tests.api.gateway_kit import init, running_gateway

pytestmark = pytest.mark.slow


def test_every_registered_metric_is_served_and_no_other(
    tmp_path: Path, node: NodeProcess
) -> None:
    (port,) = free_ports(1)
    home = tmp_path / "gateway"
    options = [f"--watch=tcp://127.0.0.1:{port}"]
    with running_gateway(home, node, "gateway4", *options) as callers:
        url = f"http://127.0.0.1:{port}"
        callers[Role.OFFICER].post(
            "/v1/grants/999999/withdrawal?wait=20", json={"reason": "x"}
        )
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert httpx.get(f"{url}/readyz", timeout=10).json()["ok"] is True
        text = httpx.get(f"{url}/metrics", timeout=20).text
    families = {each.name: each for each in text_string_to_metric_families(text)}
    ours = {name for name in families if not name.startswith("huitong_gateway_process")}
    # A counter's family has its name without the ending.
    known = {metric.name.removesuffix("_total") for metric in GATEWAY_METRICS}
    assert ours - known <= {f"{name}_created" for name in known}
    assert known <= ours
    # Others may be stuck as well: a gateway of another test signs for the same account.
    stuck = {
        sample.labels["kind"]: sample.value
        for sample in families["huitong_gateway_steps"].samples
        if sample.labels["state"] == "stuck"
    }
    assert stuck["grants.withdraw"] == 1
    (info,) = families["huitong_gateway_info"].samples
    assert info.labels["member"] == "hz-tax-bureau"
    assert {
        (sample.labels["part"], sample.value)
        for sample in families["huitong_gateway_up"].samples
    } == {("database", 1), ("zone", 1)}


def test_requests_are_counted_over_all_workers(
    tmp_path: Path, node: NodeProcess
) -> None:
    (port,) = free_ports(1)
    home = tmp_path / "gateway"
    options = ["--key=gateway4", f"--key-from={node.home}"]
    watch = f"--watch=tcp://127.0.0.1:{port}"
    assert init(home, node.rpc_url, *options, watch).exit_code == 0
    file = home / "gateway.toml"
    file.write_text(file.read_text().replace("# workers = 1", "workers = 2"))
    with GatewayProcess(home) as gateway:
        for _ in range(20):  # each on a connection of its own
            assert httpx.get(f"{gateway.url}/v1/caller").status_code == 401
        assert httpx.get(f"{gateway.url}/v1/nothing/{port}").status_code == 404
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    families = {each.name: each for each in text_string_to_metric_families(text)}
    counted = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for sample in families["huitong_gateway_requests"].samples
        if sample.name.endswith("_total") and sample.labels["method"] == "GET"
    }
    assert counted["/v1/caller", "401"] == 20
    # A path that leads nowhere makes no name of its own.
    assert counted["none", "404"] >= 1
    assert not any(str(port) in route for route, _ in counted)
    durations = families["huitong_gateway_request_duration_seconds"].samples
    (count,) = [
        sample.value
        for sample in durations
        if sample.name.endswith("_count") and sample.labels["route"] == "/v1/caller"
    ]
    assert count == 20
