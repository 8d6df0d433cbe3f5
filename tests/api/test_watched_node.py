"""A node as a process, watched from outside: probes, a scrape, the log."""

from __future__ import annotations

import base64
from pathlib import Path

import httpx
import orjson
import pytest

from huitong.core.codec import pack_any
from huitong.core.tx import build_transaction
from huitong.engines.validator_key import replace_validator_key
from huitong.localnet.ports import free_ports
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.node.home import Home
from huitong.proto.huitong.records.v1 import records_pb2

pytestmark = pytest.mark.slow


def test_running_node_is_ready_and_can_be_scraped(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "node", chain_id="hangzhou-1")
    node.init()
    config = node.home / "config" / "node.toml"
    (port,) = free_ports(1)
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


def test_log_tells_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passphrase = "correct horse battery staple"
    monkeypatch.setenv("HUITONG_PASSPHRASE", passphrase)
    node = NodeProcess(
        tmp_path / "node",
        chain_id="hangzhou-1",
        members=[MemberSpec(member_id="hz-tax")],
        accounts=[AccountSpec(name="tax", member_id="hz-tax", roles=("publisher",))],
        node_options=("--log-level", "debug"),
    )
    node.init()
    home = Home(node.home)
    key = home.load_key()
    replace_validator_key(key, home.key_file, passphrase)
    private_key = node.private_key("tax")
    message = records_pb2.MsgPublishRecord(
        signer=node.address("tax"),
        record_id="INV-1",
        record_type="invoice",
        payload_digest=bytes(32),
        fields=["amount"],
        level=2,
        share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
    )
    raw = build_transaction(
        [pack_any(message)],
        private_key=private_key,
        chain_id="hangzhou-1",
        account_number=0,
        sequence=0,
        gas_limit=200_000,
    )
    with node:
        url = node.rpc_url.replace("tcp://", "http://")
        params = {"tx": base64.b64encode(raw).decode()}
        for call in ({"method": "broadcast_tx_commit"}, {"method": "no_such_method"}):
            body = {"jsonrpc": "2.0", "id": 1, "params": params, **call}
            httpx.post(url, json=body, timeout=20, trust_env=False)
    log = node.log_path.read_text()
    assert "block_committed" in log
    for secret in (key.seed, private_key, raw):
        for shown in (secret.hex(), base64.b64encode(secret).decode(), repr(secret)):
            assert shown.lower() not in log.lower()
    assert passphrase not in log
