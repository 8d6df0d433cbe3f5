"""What a gateway tells whoever watches it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from huitong.gateway.access.roles import Role
from huitong.gateway.service.register import GATEWAY_METRICS
from huitong.localnet.ports import free_ports
from huitong.localnet.process import NodeProcess
from tests.api.gateway_kit import running_gateway

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
    assert ours == {metric.name for metric in GATEWAY_METRICS}
    (stuck,) = [
        sample
        for sample in families["huitong_gateway_steps"].samples
        if sample.labels["state"] == "stuck"
    ]
    assert stuck.labels["kind"] == "grants.withdraw"
    assert stuck.value == 1
    (info,) = families["huitong_gateway_info"].samples
    assert info.labels["member"] == "hz-tax-bureau"
    assert {
        (sample.labels["part"], sample.value)
        for sample in families["huitong_gateway_up"].samples
    } == {("database", 1), ("zone", 1)}
