"""The relayer Hermes, unchanged, as a child process with a folder of its own.

::

    hermes = Hermes(folder, [HermesChain(chain_id="hangzhou-1", rpc_url=…, grpc_url=…), …])
    hermes.init(mnemonic)
    hermes.run("health-check")
    with hermes:                         # relays, and stops whatever happens
        …
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from huitong.bench.errors import PeerFailedError, PeerMissingError
from huitong.bench.hermes_config import HermesChain, encode_config

#: Name of the key that signs on every chain.
KEY_NAME: Final = "relayer"
#: Seconds that one command may take; making a connection takes the longest.
COMMAND_TIMEOUT_S: Final = 180.0
STOP_TIMEOUT_S: Final = 15.0
#: Characters of a failure that an error shows.
_REASON_CHARS: Final = 800


def find_hermes() -> Path:
    """Return where ``hermes`` is.

    Raises:
        PeerMissingError: neither on the path nor in Cargo's bin folder.
    """
    cargo = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo") / "bin"
    found = shutil.which("hermes") or shutil.which("hermes", path=str(cargo))
    if found is None:
        raise PeerMissingError(name="hermes")
    return Path(found)


class Hermes:
    """One Hermes that relays between some chains."""

    def __init__(
        self,
        folder: Path,
        chains: Sequence[HermesChain],
        *,
        clear_interval: int = 100,
    ) -> None:
        """Prepare; nothing is written or started yet.

        Args:
            folder: for its configuration, keys and log.
            chains: what it relays between.
            clear_interval: blocks after which it looks for packets that it missed.

        Raises:
            PeerMissingError: ``hermes`` is not installed.
        """
        self.folder = folder
        """Its configuration, keys and log."""
        self.chains = tuple(chains)
        """What it relays between."""
        self._clear_interval = clear_interval
        self._program = find_hermes()
        self._process: subprocess.Popen[bytes] | None = None
        self._said_before = 0

    @property
    def config_file(self) -> Path:
        """What it is told of the chains."""
        return self.folder / "config.toml"

    @property
    def log_path(self) -> Path:
        """What it said while it relayed, all starts one after the other."""
        return self.folder / "hermes.log"

    def init(self, mnemonic: str) -> None:
        """Write the configuration and take the key of ``mnemonic`` for every chain.

        Raises:
            PeerFailedError: it refuses the configuration or the key.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(
            encode_config(
                self.chains,
                key_name=KEY_NAME,
                keys_folder=self.folder / "keys",
                clear_interval=self._clear_interval,
            )
        )
        words = self.folder / "mnemonic.txt"
        words.write_text(mnemonic)
        for chain in self.chains:
            self.run(
                *("keys", "add", f"--chain={chain.chain_id}"),
                *(f"--key-name={KEY_NAME}", f"--mnemonic-file={words}"),
            )

    def run(self, *arguments: str, timeout_s: float = COMMAND_TIMEOUT_S) -> Any:
        """Run one command and return its result as JSON data.

        Raises:
            PeerFailedError: it failed, or is not done in time.
        """
        command = self._command(*arguments)
        said = self.folder / "commands.log"
        with said.open("ab") as log:
            try:
                done = subprocess.run(
                    command,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    timeout=timeout_s,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise _failure(arguments, f"not done after {timeout_s} s") from None
            log.write(done.stdout)
        outcome = _last_outcome(done.stdout)
        if done.returncode or outcome is None or outcome["status"] != "success":
            told = orjson.dumps(outcome["result"]) if outcome else done.stdout
            raise _failure(arguments, told.decode(errors="replace"))
        return outcome["result"]

    def create_channel(
        self, chain_a: str, chain_b: str, *, port: str, version: str
    ) -> tuple[str, str]:
        """Make clients, a connection and a channel; return its id on a and on b.

        Raises:
            PeerFailedError: it did not succeed.
        """
        told = self.run(
            *("create", "channel", f"--a-chain={chain_a}", f"--b-chain={chain_b}"),
            *(f"--a-port={port}", f"--b-port={port}", f"--channel-version={version}"),
            *("--order=unordered", "--new-client-connection", "--yes"),
        )
        return told["a_side"]["channel_id"], told["b_side"]["channel_id"]

    # --- relaying ---------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Process id while it relays; 0 else."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else 0

    def start(self) -> None:
        """Let it relay until it is stopped."""
        with self.log_path.open("ab") as log:
            self._said_before = log.tell()
            self._process = subprocess.Popen(
                self._command("start"),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        """Return what it said since it was started."""
        return self.log_path.read_bytes()[self._said_before :].decode(errors="replace")

    def stop(self) -> None:
        """Stop it, and kill it if it does not; does nothing if it does not relay."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

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
        self.stop()

    # --- inner ------------------------------------------------------------------------

    def _command(self, *arguments: str) -> list[str]:
        config = f"--config={self.config_file}"
        return [str(self._program), config, "--json", *arguments]

    @property
    def _environment(self) -> dict[str, str]:
        """Its home is its folder: it must not find what a person has."""
        return {**os.environ, "HOME": str(self.folder)}


def _last_outcome(output: bytes) -> dict[str, Any] | None:
    """Return the line that carries the result; log lines stand before it."""
    for line in reversed(output.splitlines()):
        try:
            told = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(told, dict) and "status" in told and "result" in told:
            return told
    return None


def _failure(arguments: Sequence[str], reason: str) -> PeerFailedError:
    what = " ".join(arguments[:2])
    return PeerFailedError(name=f"hermes {what}", reason=reason[-_REASON_CHARS:])
