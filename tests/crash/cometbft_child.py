"""A CometBFT of one validator beside an application of ours, both to be killed at will."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from huitong.engines.cometbft.home import CometBftHome
from huitong.engines.cometbft.process import CometBftProcess
from huitong.engines.cometbft.settings import CometBftSettings
from huitong.engines.genesis import GenesisDocument, encode_genesis
from huitong.engines.validator_key import ValidatorKey, save_validator_key
from huitong.localnet.ports import free_ports
from tests.programs import need_cometbft


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = 30) -> Any:
    """Return the first true answer of ``condition``."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if answer := condition():
            return answer
        time.sleep(0.02)
    pytest.fail(f"not within {timeout_s} s: {what}")


@dataclass
class CometBftChild:
    """One home; ``running`` starts the program and stops it."""

    folder: Path
    rpc_port: int

    def call(self, method: str, **params: Any) -> Any:
        """Ask by JSON-RPC; raises httpx.HTTPError while it does not answer."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        url = f"http://127.0.0.1:{self.rpc_port}/"
        answer = httpx.post(url, json=body, timeout=30).json()
        if "error" in answer:
            raise httpx.HTTPError(f"{method}: {answer['error']}")
        return answer["result"]

    def height(self) -> int:
        """Return the newest height; 0 while it does not answer."""
        try:
            told = self.call("status")["sync_info"]["latest_block_height"]
        except httpx.HTTPError:
            return 0
        return int(told)

    @contextmanager
    def running(self) -> Iterator[CometBftProcess]:
        """Run the program."""
        process = CometBftProcess(need_cometbft(), CometBftHome(self.folder))
        process.start()
        try:
            yield process
        finally:
            process.stop()


def make_cometbft(
    folder: Path, genesis: GenesisDocument, key: ValidatorKey
) -> CometBftChild:
    """Make a home whose application listens at ``folder/abci.sock``."""
    ports = free_ports(2)
    (folder / "config").mkdir()
    (folder / "config" / "genesis.json").write_bytes(encode_genesis(genesis))
    save_validator_key(key, folder / "config" / "validator_key.json")
    settings = CometBftSettings(
        moniker="one",
        abci_address=f"unix://{folder}/abci.sock",
        rpc_address=f"tcp://127.0.0.1:{ports[0]}",
        p2p_address=f"tcp://127.0.0.1:{ports[1]}",
        block_time_ns=100_000_000,
        mempool_txs_max=5_000,
        mempool_size_bytes_max=100_000_000,
    )
    CometBftHome(folder).prepare(settings)
    return CometBftChild(folder, ports[0])
