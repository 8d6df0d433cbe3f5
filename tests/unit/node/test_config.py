"""The node's configuration file: everything known, everything checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from huitong.engines.embedded.mempool import MempoolLimits
from huitong.engines.embedded.schedule import Pace
from huitong.node.config import (
    CometBftConfig,
    NodeConfig,
    SnapshotConfig,
    encode_config,
    format_duration,
    load_config,
    parse_duration,
    with_options,
)
from huitong.node.errors import ConfigError


def _load(folder: Path, text: str) -> NodeConfig:
    path = folder / "node.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_written_file_is_read_back(tmp_path: Path) -> None:
    config = NodeConfig(
        moniker='税务 "A" \\ 1',
        rpc_address="tcp://0.0.0.0:1",
        pace=Pace(block_time_ns=50_000_000, heartbeat_ns=9_000_000_000),
        versions_kept=64,
        is_durable=False,
        mempool=MempoolLimits(txs_max=5, size_bytes_max=6),
        log_level="error",
        log_format="json",
    )
    assert _load(tmp_path, encode_config(config)) == config


def test_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert _load(tmp_path, "") == NodeConfig(moniker="node")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("=", "file"),
        ("surprise = 1", "surprise"),
        ("moniker = 5", "moniker"),
        ('moniker = ""', "moniker"),
        ("moniker = '" + "x" * 71 + "'", "moniker"),
        ("rpc = 5", "rpc"),
        ("[rpc]\nport = 5", "rpc.port"),
        ("[rpc]\nlisten = 5", "rpc.listen"),
        ('[blocks]\nblock_time = "fast"', "blocks.block_time"),
        ("[blocks]\nblock_time = 200", "blocks.block_time"),
        ('[blocks]\nblock_time = "31s"', "blocks.block_time"),
        ('[blocks]\nblock_time = "0s"', "blocks.block_time"),
        ('[blocks]\nblock_time = "9ms"', "blocks.block_time"),
        ('[blocks]\nheartbeat = "0s"', "blocks.heartbeat"),
        ('[blocks]\nheartbeat = "1h"', "blocks.heartbeat"),
        ("[state]\nversions_kept = 5", "state.versions_kept"),
        ("[state]\nversions_kept = -1", "state.versions_kept"),
        ("[state]\ndurable = 1", "state.durable"),
        ("[mempool]\ntxs_max = 0", "mempool.txs_max"),
        ("[mempool]\nsize_bytes_max = 1.5", "mempool.size_bytes_max"),
        ('[log]\nlevel = "loud"', "log.level"),
        ('[log]\nformat = "xml"', "log.format"),
    ],
)
def test_wrong_entry_is_refused_with_its_field(
    tmp_path: Path, text: str, field: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        _load(tmp_path, text)
    assert refused.value.fields["field"] == field


def test_absent_and_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load_config(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError):
        load_config(tmp_path / "bytes.toml")


def test_options_replace_what_the_file_says(tmp_path: Path) -> None:
    config = NodeConfig(moniker="x")
    changed = with_options(
        config, tmp_path, rpc_address="tcp://127.0.0.1:0", block_time="1s"
    )
    assert changed.rpc_address == "tcp://127.0.0.1:0"
    assert changed.pace.block_time_ns == 10**9
    assert with_options(config, tmp_path) == config
    assert with_options(config, tmp_path, block_time="10ms").pace.block_time_ns == 10**7
    for refused in ("-1s", "0s", "9ms"):
        with pytest.raises(ConfigError, match="10ms to 30000ms"):
            with_options(config, tmp_path, block_time=refused)


@pytest.mark.parametrize(
    ("text", "duration_ns"),
    [
        ("0ms", 0),
        ("200ms", 200_000_000),
        ("5s", 5 * 10**9),
        ("2m", 120 * 10**9),
        ("1h", 3_600 * 10**9),
        ("1.5s", None),
        ("-1s", None),
        ("5", None),
        ("s", None),
        ("5 s", None),
        ("٥s", None),
    ],
)
def test_duration_is(text: str, duration_ns: int | None) -> None:
    assert parse_duration(text) == duration_ns


def test_duration_is_printed_in_milliseconds() -> None:
    assert format_duration(1_500_000_000) == "1500ms"


_ID = "ab" * 20


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (f'[cometbft]\npersistent_peers = ["{_ID}@a:1"]', "cometbft.persistent_peers"),
        ('[cometbft]\nstate_sync_rpc = ["tcp://a:1"]', "cometbft.state_sync_rpc"),
        (
            '[engine]\nkind = "cometbft"\n[cometbft]\npersistent_peers = ["a:1"]',
            "cometbft.persistent_peers",
        ),
        (
            '[engine]\nkind = "cometbft"\n'
            '[cometbft]\nstate_sync_rpc = ["a:1"]\ntrust_height = 1\n'
            f'trust_hash = "{_ID}"',
            "cometbft.state_sync_rpc",
        ),
        (
            '[engine]\nkind = "cometbft"\n[cometbft]\nstate_sync_rpc = ["a:1", "b:1"]',
            "cometbft.trust_hash",
        ),
        (
            '[engine]\nkind = "cometbft"\n'
            '[cometbft]\nstate_sync_rpc = ["a:1", "b:1"]\ntrust_height = 5\n'
            'trust_hash = "abc"',
            "cometbft.trust_hash",
        ),
        ('[cometbft]\nexternal = "tcp://a:1"', "cometbft.external"),
        ('[cometbft]\nmetrics = "tcp://a:1"', "cometbft.metrics"),
        ('[cometbft]\nabci = "here"', "cometbft.abci"),
        ('[cometbft]\nrun = false\nabci = "tcp://127.0.0.1:0"', "cometbft.abci"),
        ('[engine]\nkind = "raft"', "engine.kind"),
        ("[cometbft]\npersistent_peers = [5]", "cometbft.persistent_peers"),
        ('[cometbft]\npersistent_peers = "a"', "cometbft.persistent_peers"),
        ("[cometbft]\nport = 5", "cometbft.port"),
        ("[snapshots]\nkept = 0", "snapshots.kept"),
    ],
)
def test_settings_of_cometbft_that_cannot_be_meant_are_refused(
    tmp_path: Path, text: str, field: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        _load(tmp_path, text)
    assert refused.value.fields["field"] == field


def test_settings_of_cometbft_are_read_back(tmp_path: Path) -> None:
    config = NodeConfig(
        moniker="a",
        engine="cometbft",
        blocks_kept=5_000,
        cometbft=CometBftConfig(
            binary="/opt/cometbft",
            is_run=False,
            abci_address="tcp://127.0.0.1:26658",
            p2p_address="tcp://0.0.0.0:1",
            external_address="example.org:1",
            persistent_peers=(f"{_ID}@10.0.0.1:2", f"{_ID}@[::1]:2"),
            state_sync_rpc=("tcp://a:1", "http://b:2"),
            trust_height=7,
            trust_hash="cd" * 32,
            metrics_address="127.0.0.1:3",
        ),
        snapshots=SnapshotConfig(every_blocks=7, kept=3),
        watch_address="tcp://127.0.0.1:9",
    )
    assert _load(tmp_path, encode_config(config)) == config
