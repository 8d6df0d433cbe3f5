"""A real CometBFT whose validator's key it never sees."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from huitong.engines.cometbft.signer.sign_state import load_signed_step
from huitong.localnet.consortium import LocalZone
from huitong.localnet.process import huitong_arguments
from huitong.node.home import Home
from tests.cluster.chain import block_hashes, wait_past, wait_until

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("cometbft")]
WAIT_S = 60.0
PASSPHRASE = "of the validator"


@pytest.fixture(autouse=True)
def _passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "passphrase"
    path.write_text(f"{PASSPHRASE}\n")
    path.chmod(0o600)
    monkeypatch.setenv("HUITONG_PASSPHRASE_FILE", str(path))


def huitong(*arguments: str) -> None:
    done = subprocess.run(
        huitong_arguments(*arguments), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def zone(tmp_path: Path) -> Iterator[LocalZone]:
    made = LocalZone(tmp_path / "zone", "hangzhou-1", validators=1)
    made.init()
    try:
        yield made
    finally:
        made.kill()


def secrets_in(folder: Path, secret: bytes) -> list[Path]:
    """Return the files below a folder that hold a secret in some form."""
    forms = (secret, secret.hex().encode(), base64.b64encode(secret)[:40])
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and any(form in path.read_bytes() for form in forms)
    ]


def test_sealed_validator_makes_blocks_and_goes_on_after_a_crash(
    zone: LocalZone,
) -> None:
    (node,) = zone.nodes
    home = Home(node.home)
    seed = home.load_key().seed
    huitong("node", "key", "encrypt", f"--home={node.home}")
    zone.start()
    wait_past([node], 5, WAIT_S)
    environment = Path(f"/proc/{cometbft_pid(home)}/environ").read_bytes()
    arguments = Path(f"/proc/{cometbft_pid(home)}/cmdline").read_bytes()
    assert PASSPHRASE.encode() not in environment + arguments
    node.kill()
    signed = load_signed_step(home.cometbft.sign_state_file).place
    assert signed.height > 5
    zone.start()
    wait_past([node], signed.height + 5, WAIT_S)
    zone.stop()
    assert load_signed_step(home.cometbft.sign_state_file).place > signed
    assert secrets_in(node.home, seed) == []


def test_signer_of_another_process_signs_and_may_go_away(
    zone: LocalZone, tmp_path: Path
) -> None:
    (node,) = zone.nodes
    home, other = Home(node.home), tmp_path / "signer"
    address = f"unix://{tmp_path / 'signer.sock'}"
    huitong("node", "key", "encrypt", f"--home={node.home}")
    huitong("node", "key", "move", f"--home={node.home}", f"--to={other}")
    text = home.config_file.read_text()
    text = re.sub(r'^signer = ".*"', f'signer = "{address}"', text, flags=re.M)
    home.config_file.write_text(text)
    with signing(other, address):
        zone.start()
        wait_past([node], 5, WAIT_S)
    stopped = node.find_height() or 0
    record = Home(other).cometbft.sign_state_file
    assert load_signed_step(record).place.height >= stopped
    with signing(other, address):
        wait_past([node], stopped + 5, WAIT_S)
        hashes = asyncio.run(block_hashes(node, 1, stopped + 4))
    assert len({block_hash for block_hash, _ in hashes}) == stopped + 4
    assert not home.cometbft.sign_state_file.exists()
    zone.stop()


def test_node_whose_key_is_elsewhere_needs_its_signer_named(zone: LocalZone) -> None:
    (node,) = zone.nodes
    huitong("node", "key", "encrypt", f"--home={node.home}")
    huitong("node", "key", "move", f"--home={node.home}", f"--to={node.home}-signer")
    done = subprocess.run(
        huitong_arguments("node", "start", f"--home={node.home}"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "[cometbft] signer in node.toml names who signs" in done.stderr


def cometbft_pid(home: Home) -> int:
    return int(home.cometbft.pid_file.read_text())


@contextmanager
def signing(home: Path, address: str) -> Iterator[None]:
    """Run a signer, and stop it as an operator does."""
    command = huitong_arguments(
        *("signer", "start", f"--home={home}", f"--connect={address}"),
        *("--chain-id", "hangzhou-1"),
    )
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert b"signing for hangzhou-1" in process.stdout.readline()
        yield
        os.kill(process.pid, signal.SIGTERM)
        wait_until(lambda: process.poll() is not None, WAIT_S, "the signer ends")
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()
