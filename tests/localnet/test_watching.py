"""A zone of two validators on CometBFT, watched and examined, also after one is killed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from huitong.localnet.consortium import LocalZone
from huitong.localnet.ports import free_ports
from huitong.node.doctor.examine import examine, has_problem
from huitong.node.doctor.findings import Finding, Severity
from huitong.node.home import Home

pytestmark = pytest.mark.heavy
WAIT_S = 60


def _until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


def _find(found: list[Finding], check: str) -> Finding:
    return next(item for item in found if item.id == check)


def test_zone_is_watched_and_examined_through_the_loss_of_a_validator(
    tmp_path: Path,
) -> None:
    ports = iter(free_ports(2))
    zone = LocalZone(
        tmp_path / "zone",
        "hangzhou-1",
        validators=2,
        snapshot_every_blocks=2,
        adjust=lambda config: replace(
            config, watch_address=f"tcp://127.0.0.1:{next(ports)}"
        ),
    )
    zone.init()
    first, second = (Home(node.home) for node in zone.nodes)
    with zone:
        zone.wait_height(5)
        found = examine(first, None)
        assert not has_problem(found), found
        for check in ("peers", "app-hash", "clock-peers", "port-watch", "cometbft"):
            assert _find(found, check).severity is Severity.OK
        assert "voting power 10" in _find(found, "key-role").seen

        line = next(
            line
            for line in first.config_file.read_text()
            .partition("[watch]")[2]
            .split("\n")
            if line.startswith("listen")
        )
        url = line.partition('"')[2].rstrip('"').replace("tcp://", "http://")

        def get(path: str) -> httpx.Response:
            return httpx.get(f"{url}{path}", timeout=10, trust_env=False)

        _until(lambda: get("/readyz").status_code == 200)
        text = get("/metrics").text
        for sample in (
            'huitong_peers{chain="hangzhou-1"} 1.0',
            'huitong_ready{chain="hangzhou-1"} 1.0',
            'huitong_validators{chain="hangzhou-1",status="active"} 2.0',
            'huitong_validator_power{chain="hangzhou-1"} 10.0',
            'huitong_snapshot_every_blocks{chain="hangzhou-1"} 2.0',
        ):
            assert sample in text

        zone.nodes[1].kill()
        _until(lambda: 'huitong_peers{chain="hangzhou-1"} 0.0' in get("/metrics").text)
        assert _find(examine(first, None), "peers").severity is Severity.PROBLEM
        _until(lambda: get("/readyz").status_code == 503)
        unmet = [
            check["name"]
            for check in get("/readyz").json()["checks"]
            if not check["ok"]
        ]
        assert unmet == ["block_age"]
        assert get("/healthz").status_code == 200

        found = examine(second, None)
        assert _find(found, "node").severity is Severity.WARNING
        assert _find(found, "database").severity is Severity.OK
        assert _find(found, "sign-state").severity is Severity.OK

        zone.nodes[1].start()
        _until(lambda: get("/readyz").status_code == 200)
