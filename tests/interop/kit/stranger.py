"""A zone set up by nothing but commands, as somebody who does not know its inside would.

Only documented commands are used here, each as a process of its own, and only what they
print is read: what works here works in anybody's rig.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from huitong.localnet.ports import free_ports
from tests.interop.kit.waiting import wait_until

HUITONG: Final = Path(sys.executable).parent / "huitong"
#: Seconds that a command, a start, and a stop may take.
COMMAND_TIMEOUT_S: Final = 60.0
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 20.0
_LOG_CHARACTERS: Final = 2_000


def huitong(*arguments: str) -> str:
    """Run ``huitong`` and return what it prints."""
    done = subprocess.run(
        [HUITONG, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"huitong {' '.join(arguments)}: {done.stderr}"
    return done.stdout


class StrangersZone:
    """One zone of one node, in the steps of the documentation."""

    def __init__(
        self,
        home: Path,
        chain_id: str,
        *,
        init_options: Sequence[str] = (),
        block_time: str = "200ms",
    ) -> None:
        """Prepare; nothing is written or started yet.

        Args:
            home: the node's folder.
            chain_id: the zone.
            init_options: further options of ``huitong node init``.
            block_time: least time between blocks.
        """
        self.home = home
        """The node's folder."""
        self.chain_id = chain_id
        """The zone."""
        rpc, grpc = free_ports(2)
        self.rpc_url = f"tcp://127.0.0.1:{rpc}"
        """Where it serves JSON-RPC."""
        self.grpc_address = f"127.0.0.1:{grpc}"
        """Where it serves gRPC."""
        self._init_options = tuple(init_options)
        self._block_time = block_time
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def http_url(self) -> str:
        """The same place as ``rpc_url``, as HTTP clients write it."""
        return self.rpc_url.replace("tcp://", "http://", 1)

    @property
    def grpc_url(self) -> str:
        """Where it serves gRPC, as URL."""
        return f"http://{self.grpc_address}"

    # --- setting up -------------------------------------------------------------------

    def init(self) -> None:
        """Make the home."""
        huitong(
            *("node", "init", "--home", str(self.home)),
            *("--chain-id", self.chain_id, *self._init_options),
        )

    def add_key(self, name: str, mnemonic: str) -> str:
        """Take the key of these words into the home; return its address."""
        words = self.home / f"{name}.words"
        words.write_text(mnemonic)
        told = huitong(
            *("keys", "add", name, "--home", str(self.home)),
            *("--mnemonic-file", str(words), "--no-passphrase", "--json"),
        )
        words.unlink()
        record: dict[str, Any] = json.loads(told)
        assert record["name"] == name
        address: str = record["address"]
        return address

    def add_account(self, address: str, *roles: str, member_id: str = "") -> None:
        """Give an address its roles from the first block on."""
        options = [f"--role={role}" for role in roles]
        if member_id:
            options.append(f"--member={member_id}")
        huitong("genesis", "add-account", "--home", str(self.home), address, *options)

    def allow_any_client(self) -> None:
        """Let transfers come over any link, which governance must allow otherwise."""
        self.genesis_set("transfer.allow_any_client=true")

    def genesis_set(self, assignment: str) -> None:
        """Set one value of the genesis file."""
        huitong("genesis", "set", assignment, "--home", str(self.home))

    # --- running ----------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Process id; 0 before the start."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start the node; return once it has made a block."""
        with (self.home / "node.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(HUITONG, "node", "start", "--home", str(self.home)),
                    *("--rpc", self.rpc_url, "--grpc", self.grpc_address),
                    *("--block-time", self._block_time),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        wait_until(self._has_a_block, START_TIMEOUT_S, self._describe)

    def stop(self) -> None:
        """Stop it, and kill it if it does not; does nothing if it does not run."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _has_a_block(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._describe()
        log = (self.home / "node.log").read_text(errors="replace")
        return f"serving {self.chain_id} at height " in log and self._height() > 1

    def _height(self) -> int:
        told = huitong("node", "status", "--node", self.rpc_url, "--json")
        height: str = json.loads(told)["sync_info"]["latest_block_height"]
        return int(height)

    def _describe(self) -> str:
        log = (self.home / "node.log").read_text(errors="replace")
        return f"node of {self.chain_id}: {log[-_LOG_CHARACTERS:]}"
