"""A chain of ibc-go's ``simd`` with one validator: to be measured beside ours, or linked.

Its CometBFT runs inside it, with the settings that ours has; Go's runtime keeps its
defaults, which serve it best. Fees are zero, snapshots and the servers that nobody asks
are off: it does nothing but what is measured.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import bech32
import orjson

from huitong.bench.errors import PeerFailedError, PeerMissingError
from huitong.bench.load import SENDERS
from huitong.client import ZoneClient
from huitong.client.sender import get_account
from huitong.core.address import address_of_public_key, decode_address
from huitong.core.codec import pack_any
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.core.tx import build_transaction
from huitong.engines.cometbft.binary import go_folders
from huitong.localnet.ports import free_ports
from huitong.proto.cosmos.bank.v1beta1 import tx_pb2

CHAIN_ID: Final = "simd-1"
DENOM: Final = "stake"
#: Coins of each sender; far more than a run sends.
BALANCE: Final = 10**12
#: Gas of one transfer; it uses about 75,000.
GAS_LIMIT: Final = 150_000
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 15.0
_POLL_S: Final = 0.05
_LOG_LINES: Final = 5


def find_simd() -> Path:
    """Return where ``simd`` is.

    Raises:
        PeerMissingError: neither on the path nor in Go's bin folder.
    """
    found = shutil.which("simd") or shutil.which(
        "simd", path=os.pathsep.join(str(folder) for folder in go_folders())
    )
    if found is None:
        raise PeerMissingError(name="simd")
    return Path(found)


def cosmos_address(private_key: bytes) -> str:
    """Return the address of a key on chains with the prefix ``cosmos``."""
    ours = address_of_public_key(public_key_of_private_key(private_key))
    words = bech32.convertbits(decode_address(ours), 8, 5) or []
    return str(bech32.bech32_encode("cosmos", words))


class SimdChain:
    """One validator of ``simd`` and accounts with coins."""

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, Mapping[str, Any]],
        chain_id: str = CHAIN_ID,
        funded: Sequence[str] = (),
        serves_grpc: bool = False,
    ):
        """Prepare; nothing is written or started yet.

        Args:
            folder: its home; ``init`` makes it.
            settings: entries of CometBFT's ``config.toml`` by section.
            chain_id: its name.
            funded: addresses that hold coins from the first block on, beside the
                senders of a benchmark.
            serves_grpc: whether it answers gRPC, as relayers need it.

        Raises:
            PeerMissingError: ``simd`` is not installed.
        """
        self.home = folder
        """Its home."""
        self.chain_id = chain_id
        """Its name."""
        self.rpc_url = ""
        """Where it serves, once it is made."""
        self.grpc_url = ""
        """Where it serves gRPC, once it is made; empty if it does not."""
        self._settings = settings
        self._funded = tuple(funded)
        self._serves_grpc = serves_grpc
        self._program = find_simd()
        self._process: subprocess.Popen[bytes] | None = None

    def init(self) -> None:
        """Make home, genesis and validator.

        Raises:
            PeerFailedError: a command of ``simd`` failed.
        """
        keyring = ("--keyring-backend=test",)
        self._run("init", "bench", f"--chain-id={self.chain_id}")
        self._run("keys", "add", "validator", *keyring)
        self._run(
            *("genesis", "add-genesis-account", "validator", f"{BALANCE}{DENOM}"),
            *keyring,
        )
        self._run(
            *("genesis", "gentx", "validator", f"{BALANCE // 2}{DENOM}"),
            *(f"--chain-id={self.chain_id}", *keyring),
        )
        self._run("genesis", "collect-gentxs")
        self._fund()
        self._configure()

    def start(self) -> None:
        """Start it and wait until it has made a block.

        Raises:
            PeerFailedError: it ended, or does not serve in time.
        """
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command("start", "--log_level=error"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            if self._process.poll() is not None:
                raise self._failure(f"it ended with {self._process.returncode}")
            if _has_a_block(self.rpc_url):
                return
            time.sleep(_POLL_S)
        raise self._failure(f"it does not serve after {START_TIMEOUT_S} s")

    def stop(self) -> None:
        """Stop it, and kill it if it does not; does nothing if it does not run."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def validator_key_file(self) -> Path:
        """What its one validator signs with, in CometBFT's form."""
        return self.home / "config" / "priv_validator_key.json"

    @property
    def processes(self) -> dict[str, int]:
        """Its one process."""
        return {"simd": self._process.pid if self._process else 0}

    async def sign(
        self, client: ZoneClient, sender: int, count: int
    ) -> Sequence[bytes]:
        """Return transfers of one coin each to the next sender."""
        address = cosmos_address(sender_key(sender))
        account = await get_account(client, address)
        message = tx_pb2.MsgSend(
            from_address=address,
            to_address=cosmos_address(sender_key((sender + 1) % SENDERS)),
        )
        message.amount.add(denom=DENOM, amount="1")
        return [
            build_transaction(
                [pack_any(message)],
                private_key=sender_key(sender),
                chain_id=self.chain_id,
                account_number=account.account_number,
                sequence=account.sequence + index,
                gas_limit=GAS_LIMIT,
            )
            for index in range(count)
        ]

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

    @property
    def _log_path(self) -> Path:
        return self.home / "simd.log"

    def _command(self, *arguments: str) -> list[str]:
        return [str(self._program), *arguments, f"--home={self.home}"]

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            self._command(*arguments), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise PeerFailedError(name="simd", reason=done.stderr.strip()[-300:])

    def _fund(self) -> None:
        path = self.home / "config" / "genesis.json"
        genesis = orjson.loads(path.read_bytes())
        auth, bank = genesis["app_state"]["auth"], genesis["app_state"]["bank"]
        coins = [{"denom": DENOM, "amount": str(BALANCE)}]
        senders = (cosmos_address(sender_key(sender)) for sender in range(SENDERS))
        for address in (*self._funded, *senders):
            auth["accounts"].append(
                {
                    "@type": "/cosmos.auth.v1beta1.BaseAccount",
                    "address": address,
                    "pub_key": None,
                    "account_number": "0",
                    "sequence": "0",
                }
            )
            bank["balances"].append({"address": address, "coins": coins})
        bank["supply"] = []  # it is summed up from the balances
        path.write_bytes(orjson.dumps(genesis))

    def _configure(self) -> None:
        rpc, p2p, grpc = free_ports(3)
        self.rpc_url = f"http://127.0.0.1:{rpc}"
        self.grpc_url = f"http://127.0.0.1:{grpc}" if self._serves_grpc else ""
        settings = {section: dict(told) for section, told in self._settings.items()}
        settings.setdefault("rpc", {}).update(
            laddr=f"tcp://127.0.0.1:{rpc}", pprof_laddr=""
        )
        settings.setdefault("p2p", {})["laddr"] = f"tcp://127.0.0.1:{p2p}"
        edit_toml(self.home / "config" / "config.toml", settings)
        edit_toml(
            self.home / "config" / "app.toml",
            {
                "": {"minimum-gas-prices": f"0{DENOM}"},
                "grpc": {
                    "enable": self._serves_grpc,
                    "address": f"127.0.0.1:{grpc}",
                },
                "grpc-web": {"enable": False},
            },
        )

    def _failure(self, what: str) -> PeerFailedError:
        lines = self._log_path.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return PeerFailedError(name="simd", reason=f"{what}: {' / '.join(lines)}")


def sender_key(sender: int) -> bytes:
    """Return the private key of a sender; known to all, worth nothing."""
    return hashlib.sha256(f"sender {sender} of a benchmark".encode()).digest()


def edit_toml(path: Path, settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Replace entries of a TOML file that are there already, by section.

    Raises:
        PeerFailedError: an entry is not there.
    """
    wanted = {
        (part, key): value for part in settings for key, value in settings[part].items()
    }
    section, lines = "", []
    for line in path.read_text().splitlines():
        if heading := re.fullmatch(r"\[([\w.-]+)\]\s*", line):
            section = heading[1]
        entry = re.match(r"([\w-]+)\s*=", line)
        if entry and (section, entry[1]) in wanted:
            value = wanted.pop((section, entry[1]))
            line = f"{entry[1]} = {orjson.dumps(value).decode()}"
        lines.append(line)
    if wanted:
        raise PeerFailedError(name=path.name, reason=f"no entries {sorted(wanted)}")
    path.write_text("\n".join(lines) + "\n")


def _has_a_block(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/status", timeout=2) as answer:
            told = orjson.loads(answer.read())
    except (OSError, urllib.error.URLError, orjson.JSONDecodeError):
        return False
    height: str = told["result"]["sync_info"]["latest_block_height"]
    return height != "0"
