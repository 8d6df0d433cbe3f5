"""Reads ``config/node.toml``: everything known, everything checked."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Final

from huitong.engines.embedded.mempool import (
    MEMPOOL_SIZE_BYTES_MAX,
    MEMPOOL_TXS_MAX,
    MempoolLimits,
)
from huitong.engines.embedded.schedule import (
    BLOCK_TIME_NS_DEFAULT,
    BLOCK_TIME_NS_MAX,
    BLOCK_TIME_NS_MIN,
    HEARTBEAT_NS_DEFAULT,
    HEARTBEAT_NS_MAX,
    Pace,
)
from huitong.node.config.contradictions import check_settings
from huitong.node.config.entries import Entries
from huitong.node.config.settings import (
    ENGINES,
    GRPC_ADDRESS_DEFAULT,
    LOG_FORMATS,
    LOG_LEVELS,
    P2P_ADDRESS_DEFAULT,
    RPC_ADDRESS_DEFAULT,
    SNAPSHOT_EVERY_BLOCKS_DEFAULT,
    SNAPSHOTS_KEPT_DEFAULT,
    VERSIONS_KEPT_DEFAULT,
    CometBftConfig,
    NodeConfig,
    SnapshotConfig,
)
from huitong.node.errors import ConfigError

#: Relayers prove at heights some blocks old; with fewer versions they would find them gone.
_VERSIONS_KEPT_MIN: Final = 16
#: As in the Cosmos SDK.
MONIKER_CHARACTERS_MAX: Final = 70


def load_config(path: Path) -> NodeConfig:
    """Read the file.

    Raises:
        ConfigError: absent, malformed, unknown entries, impossible values, or values
            that contradict one another.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(path=path, field="file", reason=error.strerror) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(path=path, field="file", reason=str(error)) from error
    table = Entries(path, "", document)
    table.allow(
        "moniker",
        "rpc",
        "grpc",
        "blocks",
        "state",
        "mempool",
        "engine",
        "cometbft",
        "snapshots",
        "watch",
        "log",
    )
    moniker = table.text("moniker", "node")
    if not 0 < len(moniker) <= MONIKER_CHARACTERS_MAX:
        raise ConfigError(path=path, field="moniker", reason="needs 1 to 70 characters")
    rpc, blocks = (
        table.part("rpc", "listen"),
        table.part("blocks", "block_time", "heartbeat"),
    )
    state, log = (
        table.part("state", "versions_kept", "blocks_kept", "durable"),
        table.part("log", "level", "format"),
    )
    config = NodeConfig(
        moniker=moniker,
        rpc_address=rpc.text("listen", RPC_ADDRESS_DEFAULT),
        grpc_address=_host_and_port(
            table.part("grpc", "listen").text("listen", GRPC_ADDRESS_DEFAULT)
        ),
        pace=Pace(
            block_time_ns=blocks.duration(
                "block_time",
                BLOCK_TIME_NS_DEFAULT,
                BLOCK_TIME_NS_MAX,
                BLOCK_TIME_NS_MIN,
            ),
            heartbeat_ns=blocks.duration(
                "heartbeat", HEARTBEAT_NS_DEFAULT, HEARTBEAT_NS_MAX, minimum_ns=1
            ),
        ),
        versions_kept=_versions_kept(state),
        is_durable=state.boolean("durable", True),
        blocks_kept=state.integer("blocks_kept", 0, 10**9),
        mempool=_mempool(table.part("mempool", "txs_max", "size_bytes_max")),
        engine=table.part("engine", "kind").choice("kind", "embedded", ENGINES),
        cometbft=_cometbft(table),
        snapshots=_snapshots(table.part("snapshots", "every_blocks", "kept")),
        watch_address=table.part("watch", "listen").text("listen", ""),
        log_level=log.choice("level", "info", LOG_LEVELS),
        log_format=log.choice("format", "auto", LOG_FORMATS),
    )
    check_settings(config, path)
    return config


def with_options(
    config: NodeConfig,
    path: Path,
    *,
    rpc_address: str | None = None,
    grpc_address: str | None = None,
    block_time: str | None = None,
) -> NodeConfig:
    """Return the configuration with what the command line says instead.

    Raises:
        ConfigError: an option's value cannot be.
    """
    if rpc_address is not None:
        config = replace(config, rpc_address=rpc_address)
    if grpc_address is not None:
        config = replace(config, grpc_address=_host_and_port(grpc_address))
    if block_time is not None:
        block_time_ns = Entries(path, "blocks.", {"block_time": block_time}).duration(
            "block_time", BLOCK_TIME_NS_DEFAULT, BLOCK_TIME_NS_MAX, BLOCK_TIME_NS_MIN
        )
        config = replace(config, pace=replace(config.pace, block_time_ns=block_time_ns))
    return config


def _host_and_port(address: str) -> str:
    """Return an address of gRPC as its clients write it; ``tcp://`` may stand before it."""
    return address.removeprefix("tcp://")


def _versions_kept(state: Entries) -> int:
    count = state.integer("versions_kept", VERSIONS_KEPT_DEFAULT, 10**9)
    if 0 < count < _VERSIONS_KEPT_MIN:
        raise ConfigError(
            path=state.path,
            field="state.versions_kept",
            reason=f"needs 0 or at least {_VERSIONS_KEPT_MIN}",
        )
    return count


def _mempool(table: Entries) -> MempoolLimits:
    return MempoolLimits(
        txs_max=table.integer("txs_max", MEMPOOL_TXS_MAX, 10**6, minimum=1),
        size_bytes_max=table.integer(
            "size_bytes_max", MEMPOOL_SIZE_BYTES_MAX, 2**34, minimum=1
        ),
    )


def _cometbft(table: Entries) -> CometBftConfig:
    part = table.part(
        "cometbft",
        "binary",
        "run",
        "abci",
        "p2p",
        "external",
        "persistent_peers",
        "state_sync_rpc",
        "trust_height",
        "trust_hash",
        "signer",
        "metrics",
    )
    return CometBftConfig(
        binary=part.text("binary", ""),
        is_run=part.boolean("run", True),
        abci_address=part.text("abci", ""),
        p2p_address=part.text("p2p", P2P_ADDRESS_DEFAULT),
        external_address=part.text("external", ""),
        persistent_peers=part.texts("persistent_peers"),
        state_sync_rpc=part.texts("state_sync_rpc"),
        trust_height=part.integer("trust_height", 0, 2**63 - 1),
        trust_hash=part.text("trust_hash", ""),
        signer_address=part.text("signer", ""),
        metrics_address=part.text("metrics", ""),
    )


def _snapshots(table: Entries) -> SnapshotConfig:
    return SnapshotConfig(
        every_blocks=table.integer(
            "every_blocks", SNAPSHOT_EVERY_BLOCKS_DEFAULT, 10**9
        ),
        kept=table.integer("kept", SNAPSHOTS_KEPT_DEFAULT, 1_000, minimum=1),
    )
