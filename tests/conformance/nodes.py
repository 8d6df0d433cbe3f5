"""One node of one zone on either engine: the same genesis, the same keys."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf.message import Message

from huitong.engines.embedded.schedule import Pace
from huitong.engines.validator_key import save_validator_key
from huitong.localnet.node import LocalNode
from huitong.localnet.ports import free_ports
from huitong.node.config import CometBftConfig, NodeConfig
from huitong.node.home import Home, make_home
from huitong.testing.embedded import EmbeddedZone
from tests.programs import need_cometbft

CHAIN_ID = "conform-1"
ACCOUNTS = {
    "tax": ("hz-tax", "delegate officer publisher requester"),
    "road": ("hz-road", "delegate officer publisher requester"),
    "operator": ("hz-tax", "operator"),
    "regulator": ("", "regulator"),
    "relayer": ("", "relayer"),
    "nobody": ("hz-road", ""),
}
ENGINES = (
    pytest.param("embedded", marks=pytest.mark.slow),
    pytest.param("cometbft", marks=pytest.mark.heavy),
)
#: Heights are written as text, too, and bytes cost gas: all of these have two digits.
INITIAL_HEIGHT = 11
_BLOCK_TIME_NS = 100_000_000
#: Tests wait for blocks: an idle node makes them often.
_HEARTBEAT_NS = 300_000_000
#: One node serves a whole run, and old heights are asked for at its end, too.
_VERSIONS_KEPT = 1_000_000


class RpcRefusalError(Exception):
    """The node answered with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error))
        self.error = error
        """The JSON-RPC error object."""


@dataclass
class Node:
    """A running node, and who may sign for its zone."""

    engine: str
    zone: EmbeddedZone
    url: str
    home: Path
    http: httpx.Client = field(init=False)
    sequences: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=30)

    def answer(self, method: str, **params: Any) -> Any:
        """Return the whole JSON-RPC answer."""
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        return self.http.post("/", json=body).json()

    def call(self, method: str, **params: Any) -> Any:
        """Return the result; raises RpcRefusalError with the error."""
        answer = self.answer(method, **params)
        if "error" in answer:
            raise RpcRefusalError(answer["error"])
        return answer["result"]

    def height(self) -> int:
        """Return the newest height."""
        return int(self.call("status")["sync_info"]["latest_block_height"])

    def wait_height(self, height: int) -> None:
        """Return when the node has reached a height."""
        while self.height() < height:
            time.sleep(0.01)

    def sign(self, name: str, *messages: Message, gas_limit: int = 200_000) -> bytes:
        """Sign with the account's next sequence."""
        return self.zone.sign(
            name,
            *messages,
            sequence=self.sequences.get(name, 0),
            gas_limit=gas_limit,
        )

    def broadcast(self, name: str, *messages: Message, gas_limit: int = 200_000) -> Any:
        """Send messages and return what ``broadcast_tx_sync`` tells."""
        raw = self.sign(name, *messages, gas_limit=gas_limit)
        told = self.call("broadcast_tx_sync", tx=base64.b64encode(raw).decode())
        if told["code"] == 0:
            self.sequences[name] = self.sequences.get(name, 0) + 1
        return told

    def wait_tx(self, tx_hash: str) -> Any:
        """Return a transaction, by its hash in hexadecimal, once it is in a block."""
        asked = base64.b64encode(bytes.fromhex(tx_hash)).decode()
        deadline_s = time.monotonic() + 20
        while True:
            try:
                return self.call("tx", hash=asked)
            except RpcRefusalError:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.01)


@contextmanager
def running_node(folder: Path, engine: str) -> Iterator[Node]:
    """Make the home of a node, run it, and stop it."""
    if engine == "cometbft":
        need_cometbft()
    zone = EmbeddedZone(CHAIN_ID, accounts=ACCOUNTS, folder=folder)
    rpc, p2p = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    config = NodeConfig(
        moniker="conform",
        rpc_address=rpc,
        pace=Pace(block_time_ns=_BLOCK_TIME_NS, heartbeat_ns=_HEARTBEAT_NS),
        engine=engine,
        versions_kept=_VERSIONS_KEPT,
        cometbft=CometBftConfig(p2p_address=p2p),
    )
    home = Home(folder / engine)
    make_home(home, config, CHAIN_ID)
    home.key_file.unlink()
    save_validator_key(zone.key, home.key_file)
    home.save_genesis(replace(zone.genesis, initial_height=INITIAL_HEIGHT))
    local = LocalNode(home.path, rpc_url=rpc, p2p_address=p2p, is_validator=True)
    try:
        local.start()
        local.wait_height(INITIAL_HEIGHT + 1)
        node = Node(engine, zone, rpc.replace("tcp", "http"), home.path)
        try:
            yield node
        finally:
            node.http.close()
        local.stop()
    finally:
        local.kill()
