"""The rival's chain: found, configured, driven; without it the lane says *not run*."""

from __future__ import annotations

from pathlib import Path

import pytest

from huitong.bench.errors import PeerFailedError, PeerMissingError
from huitong.bench.load import SENDERS, run_load
from huitong.bench.simd import (
    SimdChain,
    cosmos_address,
    edit_toml,
    find_simd,
    sender_key,
)
from huitong.bench.tx import compared_settings

CONFIG = """\
# a comment with size = 1
moniker = "old"

[mempool]
size = 5000

[consensus]
size = "other"
timeout_commit = "5s"
"""


def test_absent_program_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("GOBIN", "GOPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(PeerMissingError) as refused:
        find_simd()
    assert str(refused.value) == "not run: simd is not installed"
    assert "make peers" in (refused.value.next_step or "")


def test_program_in_the_bin_folder_of_go_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "simd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho no home here >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("GOBIN", str(program.parent))
    assert find_simd() == program
    with pytest.raises(PeerFailedError, match="no home here"):
        SimdChain(tmp_path / "home", settings={}).init()


def test_settings_are_replaced_in_their_section_only(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    edit_toml(
        path,
        {"": {"moniker": "bench"}, "mempool": {"size": 9}, "consensus": {"size": True}},
    )
    lines = path.read_text().splitlines()
    assert lines[:2] == ["# a comment with size = 1", 'moniker = "bench"']
    assert lines[3:5] == ["[mempool]", "size = 9"]
    assert lines[6:] == ["[consensus]", "size = true", 'timeout_commit = "5s"']


def test_unknown_setting_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    with pytest.raises(PeerFailedError, match="pace"):
        edit_toml(path, {"consensus": {"pace": 1}})


def test_both_sides_are_told_the_same_block_time_and_no_addresses() -> None:
    told = compared_settings(300)
    assert told["consensus"]["timeout_commit"] == "300ms"
    assert told["mempool"]["size"] > 0
    assert "laddr" not in told["rpc"]


def test_each_sender_has_an_address_of_its_own() -> None:
    addresses = {cosmos_address(sender_key(sender)) for sender in range(SENDERS)}
    assert len(addresses) == SENDERS
    assert all(address.startswith("cosmos1") for address in addresses)


@pytest.mark.slow
async def test_transfers_are_counted_when_blocks_hold_them(tmp_path: Path) -> None:
    try:
        chain = SimdChain(tmp_path / "simd", settings=compared_settings(100))
    except PeerMissingError:
        pytest.skip("not run: simd is not installed; make peers")
    chain.init()
    with chain:
        outcome = await run_load(chain, count=80, seconds=0, window=40)
        assert chain.processes["simd"] > 0
    assert (outcome.sent, len(outcome.latencies_s), outcome.refused) == (80, 80, [])
    assert outcome.processes["simd"].cpu_s > 0
    assert outcome.blocks >= 1
