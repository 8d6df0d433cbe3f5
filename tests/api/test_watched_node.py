"""A node as a process, watched from outside: probes, a scrape, the log."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import httpx
import orjson
import pytest

from huitong.localnet.process import NodeProcess

pytestmark = pytest.mark.slow


def _free_port() -> int:
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def test_running_node_is_ready_and_can_be_scraped(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "node", chain_id="hangzhou-1")
    node.init()
    config = node.home / "config" / "node.toml"
    port = _free_port()
    text = config.read_text()
    watch = '[watch]\n# Prometheus metrics, health and readiness, for example tcp://127.0.0.1:26660; empty: none.\nlisten = ""'
    assert watch in text
    text = text.replace(watch, f'[watch]\nlisten = "tcp://127.0.0.1:{port}"')
    config.write_text(text.replace('format = "auto"', 'format = "json"'))
    with node:
        url = f"http://127.0.0.1:{port}"
        ready = httpx.get(f"{url}/readyz", trust_env=False)
        assert ready.status_code == 200, ready.text
        assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
        rpc = node.rpc_url.replace("tcp://", "http://")
        httpx.get(f"{rpc}/status", trust_env=False)
        text = httpx.get(f"{url}/metrics", trust_env=False).text
        assert 'huitong_ready{chain="hangzhou-1"} 1.0' in text
        assert (
            'huitong_rpc_seconds_count{chain="hangzhou-1",method="status",outcome="ok"}'
            in text
        )
        assert 'huitong_healthy{chain="hangzhou-1"} 1.0' in text
    lines = node.log_path.read_text().splitlines()
    events = [orjson.loads(line)["event"] for line in lines if line.startswith("{")]
    assert events[0] == "watch_started"
    assert events[-1] == "node_stopped"
    assert node.stop() == 0
