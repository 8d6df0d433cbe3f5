"""Nodes as real processes: set up a home, start, wait until it serves, stop or kill.

::

    zone = NodeProcess(folder / "hangzhou", chain_id="hangzhou-1",
                       members=[MemberSpec(member_id="hz-tax", roles=("publisher",))],
                       accounts=[AccountSpec(name="tax", member_id="hz-tax",
                                             roles=("publisher",))])
    zone.init()
    with zone:                       # starts, and stops whatever happens
        client = ZoneClient(zone.rpc_url)

Everything goes through the ``huitong`` command, as a person would do it. The commands
that set up the home run in this process, because starting an interpreter for each would
take longer than they do.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import click

from huitong.cli.main import main as huitong_command
from huitong.keys import Keyring

#: Seconds until a node must serve, and until it must have stopped.
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 20.0
_POLL_S: Final = 0.02
#: Lines of a node's log that an error shows.
_LOG_LINES: Final = 15


class ProcessError(Exception):
    """A node did not do what it was told; carries the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSpec:
    """A member of a new zone."""

    member_id: str
    """Short name, unique in the zone."""
    name: str = ""
    """Name for people; the id if empty."""
    legal_id: str = ""
    """Unified social credit code or the like."""
    roles: tuple[str, ...] = ()
    """What its accounts may do; empty for anything."""
    encryption_key: bytes = b""
    """X25519 public key, 32 bytes; empty if it receives no payloads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSpec:
    """An account of a new zone, whose key is made in the home's keyring."""

    name: str
    """Name of the key."""
    roles: tuple[str, ...]
    """What the key may do."""
    member_id: str = ""
    """Member that it signs for; empty for none."""
    private_key: bytes = b""
    """Its key, 32 bytes; a new one is made if empty."""


class _Captured(io.TextIOWrapper):
    """A stream that takes text and bytes, as a terminal does, and keeps them."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def text(self) -> str:
        """Return everything written so far."""
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


def run_huitong(*arguments: str) -> str:
    """Run a ``huitong`` command in this process and return its standard output.

    Raises:
        ProcessError: it failed; carries what it wrote.
    """
    output, errors = _Captured(), _Captured()
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            huitong_command.main(
                args=list(arguments), prog_name="huitong", standalone_mode=False
            )
    except SystemExit as stopped:
        if stopped.code not in (None, 0):
            said = (errors.text() or output.text()).strip()
            raise ProcessError(f"huitong {arguments[0]}: {said}") from None
    except click.ClickException as refused:
        raise ProcessError(
            f"huitong {' '.join(arguments)}: {refused.format_message()}"
        ) from None
    return output.text()


def huitong_arguments(*arguments: str) -> list[str]:
    """Return the command line that runs ``huitong`` with this interpreter."""
    return [sys.executable, "-m", "huitong", *arguments]


class NodeProcess:
    """One node of one zone."""

    def __init__(
        self,
        home: Path,
        *,
        chain_id: str,
        members: Sequence[MemberSpec] = (),
        accounts: Sequence[AccountSpec] = (),
        block_time: str = "200ms",
        node_options: Sequence[str] = (),
    ) -> None:
        """Prepare; nothing is written or started yet.

        Args:
            home: the node's folder; ``init`` makes it.
            chain_id: the zone.
            members: the zone's members at genesis.
            accounts: the zone's accounts at genesis.
            block_time: least time between blocks, as ``huitong node start`` takes it.
            node_options: further options of ``huitong node start``.
        """
        self.home = home
        """The node's folder."""
        self.chain_id = chain_id
        """The zone."""
        self.members = tuple(members)
        """Members at genesis."""
        self.accounts = tuple(accounts)
        """Accounts at genesis."""
        self.block_time = block_time
        """Least time between blocks with transactions."""
        self.node_options = tuple(node_options)
        """Further options of ``huitong node start``."""
        self.rpc_url = ""
        """Where it serves, once it does; a restarted node serves at the same place."""
        self._process: subprocess.Popen[bytes] | None = None

    # --- setting up -------------------------------------------------------------------

    def init(self) -> None:
        """Make the home: validator key, genesis with members and accounts, signing keys.

        Raises:
            ProcessError: the home exists, or a member or account is refused.
        """
        home = str(self.home)
        run_huitong("node", "init", "--home", home, "--chain-id", self.chain_id)
        for member in self.members:
            run_huitong("genesis", "add-member", "--home", home, *_options_of(member))
        keyring = self.keyring
        for account in self.accounts:
            if account.private_key:
                record = keyring.add(account.name, account.private_key, None)
            else:
                record, _ = keyring.create(account.name)
            options = [f"--role={role}" for role in account.roles]
            if account.member_id:
                options.append(f"--member={account.member_id}")
            run_huitong(
                "genesis", "add-account", "--home", home, record.address, *options
            )

    @property
    def keyring(self) -> Keyring:
        """Keys of the accounts, without passphrases."""
        return Keyring(self.home / "keyring")

    def address(self, name: str) -> str:
        """Return the address of the account called ``name``."""
        return self.keyring.get(name).address

    def private_key(self, name: str) -> bytes:
        """Return the 32 bytes of the key called ``name``."""
        return self.keyring.unlock(name)

    # --- running ----------------------------------------------------------------------

    @property
    def log_path(self) -> Path:
        """The node's log, all starts one after the other."""
        return self.home / "node.log"

    @property
    def pid(self) -> int:
        """Process id; 0 if it does not run."""
        return self._process.pid if self.is_running and self._process else 0

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_s: float = START_TIMEOUT_S) -> str:
        """Start the node and return its URL once it serves.

        Raises:
            ProcessError: it ended, or does not serve in time; carries the log's end.
        """
        told = self.home / "data" / "rpc_address"
        told.unlink(missing_ok=True)
        command = huitong_arguments(
            "node",
            "start",
            f"--home={self.home}",
            f"--rpc={self.rpc_url or 'tcp://127.0.0.1:0'}",
            f"--block-time={self.block_time}",
            *self.node_options,
        )
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            if self._process.poll() is not None:
                raise ProcessError(
                    self._describe(f"ended with {self._process.returncode}")
                )
            url = told.read_text().strip() if told.exists() else ""
            if url and _is_serving(url):
                self.rpc_url = url
                return url
            time.sleep(_POLL_S)
        self.kill()
        raise ProcessError(self._describe(f"does not serve after {timeout_s} s"))

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Ask the node to stop and return its exit code; 0 if it did not run.

        Raises:
            ProcessError: it had to be killed.
        """
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ProcessError(self._describe(f"ran on for {timeout_s} s")) from None

    def kill(self) -> None:
        """Kill the node as a power cut would, without any chance to tidy up."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
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
        if kind is None:
            self.stop()
        else:
            self.kill()

    def log_tail(self, lines: int = _LOG_LINES) -> str:
        """Return the last lines of the log."""
        if not self.log_path.exists():
            return ""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _describe(self, what: str) -> str:
        return f"node of {self.chain_id} {what}; its log ends with:\n{self.log_tail()}"


def _options_of(member: MemberSpec) -> list[str]:
    options = [member.member_id, "--name", member.name or member.member_id]
    if member.legal_id:
        options += ["--legal-id", member.legal_id]
    options += [f"--role={role}" for role in member.roles]
    if member.encryption_key:
        options += ["--encryption-key", member.encryption_key.hex()]
    return options


def _is_serving(url: str) -> bool:
    """Whether a node answers and has made its first block."""
    address = url.replace("tcp://", "http://", 1)
    try:
        with urllib.request.urlopen(f"{address}/status", timeout=2) as answer:
            body: bytes = answer.read()
    except (OSError, urllib.error.URLError):
        return False
    return b'"latest_block_height":"0"' not in body.replace(b" ", b"")
