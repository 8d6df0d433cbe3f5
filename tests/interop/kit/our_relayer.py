"""Our relayer, driven by its commands, between our zone and simd."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.interop.kit.pair import OUR_CHAIN_ID, PORT, SIMD_CHAIN_ID, Link, Pair
from tests.interop.kit.stranger import HUITONG, huitong

VERSION: Final = "ics20-1"
_STOP_TIMEOUT_S: Final = 20.0


class OurRelayer:
    """One ``huitong relay`` with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        """Its configuration, keys and log."""
        self._process: subprocess.Popen[bytes] | None = None

    def init(self, pair: Pair) -> None:
        """Write its configuration and give it the key that both chains know."""
        words = self.home.with_suffix(".words")
        words.write_text(pair.relayer_mnemonic)
        huitong(
            *("keys", "add", "relayer", "--home", str(self.home)),
            *("--mnemonic-file", str(words), "--no-passphrase", "--json"),
        )
        huitong(
            *("relay", "init", "--home", str(self.home)),
            f"--zone={OUR_CHAIN_ID}={pair.zone.rpc_url}",
            f"--zone={SIMD_CHAIN_ID}={pair.simd.rpc_url}",
        )

    def link(self) -> Link:
        """Make clients, connection and a transfer channel."""
        told = huitong(
            *("relay", "link", OUR_CHAIN_ID, SIMD_CHAIN_ID, "--home", str(self.home)),
            *("--port-a", PORT, "--port-b", PORT, "--version", VERSION, "--json"),
        )
        made: dict[str, Any] = json.loads(told)
        return Link(
            client_on_ours=made["client_on_a"],
            client_on_simd=made["client_on_b"],
            channel_on_ours=made["channel_on_a"],
            channel_on_simd=made["channel_on_b"],
        )

    def start(self) -> None:
        """Let it relay until it is stopped."""
        with (self.home / "relay.log").open("ab") as log:
            self._process = subprocess.Popen(
                [HUITONG, "relay", "start", "--home", str(self.home)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Stop it in order."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_STOP_TIMEOUT_S)

    def kill(self) -> None:
        """Kill it as a power cut would."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop() if kind is None else self.kill()
