"""``config/node.toml``: how one node runs. Nothing in it is consensus; genesis has that."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from huitong.engines.embedded.mempool import (
    MEMPOOL_SIZE_BYTES_MAX,
    MEMPOOL_TXS_MAX,
    MempoolLimits,
)
from huitong.engines.embedded.schedule import (
    BLOCK_TIME_NS_DEFAULT,
    BLOCK_TIME_NS_MAX,
    HEARTBEAT_NS_DEFAULT,
    HEARTBEAT_NS_MAX,
    Pace,
)
from huitong.node.errors import ConfigError

RPC_ADDRESS_DEFAULT: Final = "tcp://127.0.0.1:26657"
#: Recent versions that stay provable: minutes under full load, hours when idle.
VERSIONS_KEPT_DEFAULT: Final = 1_000
#: Relayers prove at heights some blocks old; with fewer versions they would find them gone.
_VERSIONS_KEPT_MIN: Final = 16
_DURATION: Final = re.compile(r"([0-9]{1,12})(ms|s|m|h)", re.ASCII)
_UNIT_NS: Final = {
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_LOG_FORMATS: Final = ("auto", "console", "json")
#: As in the Cosmos SDK.
MONIKER_CHARACTERS_MAX: Final = 70
_PACE_DEFAULT: Final = Pace()
_MEMPOOL_DEFAULT: Final = MempoolLimits()


#: What drives the application: this process alone, or CometBFT beside it.
ENGINES: Final = ("embedded", "cometbft")
#: As in CometBFT.
P2P_ADDRESS_DEFAULT: Final = "tcp://0.0.0.0:26656"
#: Between two snapshots: a new node replays at most this many blocks after one.
SNAPSHOT_EVERY_BLOCKS_DEFAULT: Final = 1_000
SNAPSHOTS_KEPT_DEFAULT: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CometBftConfig:
    """How this node runs CometBFT; without meaning for the embedded engine."""

    binary: str = ""
    """Path of ``cometbft``; empty: PATH, then Go's folder of binaries."""
    is_run: bool = True
    """Whether this process starts and stops it; False if something else does."""
    abci_address: str = ""
    """Where the application listens for it, ``unix:///PATH`` or ``tcp://HOST:PORT``;
    empty: a socket in the home's data folder."""
    p2p_address: str = P2P_ADDRESS_DEFAULT
    """Where it listens for other nodes."""
    persistent_peers: tuple[str, ...] = ()
    """Nodes that it stays connected with, ``ID@HOST:PORT``."""
    state_sync_rpc: tuple[str, ...] = ()
    """Two or more RPC addresses to begin from a snapshot; empty: replay all blocks."""
    trust_height: int = 0
    """Height of the header that a beginning from a snapshot trusts."""
    trust_hash: str = ""
    """Its hash, hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotConfig:
    """Snapshots of the state, from which other nodes begin."""

    every_blocks: int = SNAPSHOT_EVERY_BLOCKS_DEFAULT
    """One at each height that this divides; 0 for none."""
    kept: int = SNAPSHOTS_KEPT_DEFAULT
    """How many stay; older ones are removed, at least 1."""


_COMETBFT_DEFAULT: Final = CometBftConfig()
_SNAPSHOT_DEFAULT: Final = SnapshotConfig()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """How one node runs."""

    moniker: str
    """The node's name for people, 1 to 70 characters."""
    rpc_address: str = RPC_ADDRESS_DEFAULT
    """Where RPC listens, ``tcp://HOST:PORT``; port 0 picks a free one."""
    pace: Pace = _PACE_DEFAULT
    """How fast blocks follow one another."""
    versions_kept: int = VERSIONS_KEPT_DEFAULT
    """Recent versions of the state that can be read and proven; 0 keeps all."""
    is_durable: bool = True
    """Whether a commit waits for the disk; False only for data that may be lost."""
    blocks_kept: int = 0
    """Recent blocks that stay readable; 0 keeps all, as an archive does."""
    mempool: MempoolLimits = _MEMPOOL_DEFAULT
    """Bounds of the mempool."""
    engine: str = "embedded"
    """One of ``ENGINES``."""
    cometbft: CometBftConfig = _COMETBFT_DEFAULT
    """How CometBFT is run."""
    snapshots: SnapshotConfig = _SNAPSHOT_DEFAULT
    """Which snapshots are made; only CometBFT passes them on."""
    watch_address: str = ""
    """Where metrics, health and readiness are served, ``tcp://HOST:PORT``; empty: nowhere."""
    log_level: str = "info"
    """Least important level that is logged."""
    log_format: str = "auto"
    """``console``, ``json``, or ``auto``: console if a person looks on."""


def parse_duration(text: str) -> int | None:
    """Return nanoseconds of a text such as ``200ms`` or ``5s``; None for another form."""
    found = _DURATION.fullmatch(text)
    return None if found is None else int(found[1]) * _UNIT_NS[found[2]]


def format_duration(duration_ns: int) -> str:
    """Return the text that ``parse_duration`` reads, in whole milliseconds."""
    return f"{duration_ns // _UNIT_NS['ms']}ms"


def encode_config(config: NodeConfig) -> str:
    """Return the file with its explanations."""
    return f"""\
# How this node runs. What all nodes of the zone agree on is in genesis.json.

# Name for people.
moniker = {_quoted(config.moniker)}

[rpc]
# JSON-RPC and WebSocket. Whoever reaches this address can read all state and send
# transactions; port 0 picks a free one, which data/rpc_address then holds.
listen = {_quoted(config.rpc_address)}

[blocks]
# Least time between blocks with transactions.
block_time = "{format_duration(config.pace.block_time_ns)}"
# Most time between blocks; at most 30s, which links rely on.
heartbeat = "{format_duration(config.pace.heartbeat_ns)}"

[state]
# Recent versions that can be read and proven; 0 keeps all.
versions_kept = {config.versions_kept}
# Recent blocks that can be read; 0 keeps all (archive). Evidence and relayers need those
# of the last weeks.
blocks_kept = {config.blocks_kept}
# Whether a commit waits for the disk. false only for data that may be lost.
durable = {str(config.is_durable).lower()}

[mempool]
txs_max = {config.mempool.txs_max}
size_bytes_max = {config.mempool.size_bytes_max}

[engine]
# embedded: this process alone, one validator. cometbft: one of several validators.
kind = "{config.engine}"

[cometbft]
# Path of the program; empty: PATH, then Go's folder of binaries.
binary = {_quoted(config.cometbft.binary)}
# Whether this node starts and stops it.
run = {str(config.cometbft.is_run).lower()}
# Where the application listens for it; empty: a socket in the data folder.
abci = {_quoted(config.cometbft.abci_address)}
p2p = {_quoted(config.cometbft.p2p_address)}
persistent_peers = {_quoted_list(config.cometbft.persistent_peers)}
# To begin from a snapshot: RPC addresses of two nodes, and a header that you trust.
state_sync_rpc = {_quoted_list(config.cometbft.state_sync_rpc)}
trust_height = {config.cometbft.trust_height}
trust_hash = {_quoted(config.cometbft.trust_hash)}

[snapshots]
# One at each height that this divides; 0 for none.
every_blocks = {config.snapshots.every_blocks}
kept = {config.snapshots.kept}

[watch]
# Prometheus metrics, health and readiness, for example tcp://127.0.0.1:26660; empty: none.
listen = {_quoted(config.watch_address)}

[log]
# debug, info, warning or error
level = "{config.log_level}"
# console, json, or auto: console if a person looks on
format = "{config.log_format}"
"""


def load_config(path: Path) -> NodeConfig:
    """Read the file.

    Raises:
        ConfigError: absent, malformed, unknown entries or impossible values.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(path=path, field="file", reason=error.strerror) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(path=path, field="file", reason=str(error)) from error
    table = _Table(path, "", document)
    table.allow(
        "moniker",
        "rpc",
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
    return NodeConfig(
        moniker=moniker,
        rpc_address=rpc.text("listen", RPC_ADDRESS_DEFAULT),
        pace=Pace(
            block_time_ns=blocks.duration(
                "block_time", BLOCK_TIME_NS_DEFAULT, BLOCK_TIME_NS_MAX
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
        log_level=log.choice("level", "info", _LOG_LEVELS),
        log_format=log.choice("format", "auto", _LOG_FORMATS),
    )


def with_options(
    config: NodeConfig,
    path: Path,
    *,
    rpc_address: str | None = None,
    block_time: str | None = None,
) -> NodeConfig:
    """Return the configuration with what the command line says instead.

    Raises:
        ConfigError: an option's value cannot be.
    """
    if rpc_address is not None:
        config = replace(config, rpc_address=rpc_address)
    if block_time is not None:
        block_time_ns = _Table(path, "blocks.", {"block_time": block_time}).duration(
            "block_time", BLOCK_TIME_NS_DEFAULT, BLOCK_TIME_NS_MAX
        )
        config = replace(config, pace=replace(config.pace, block_time_ns=block_time_ns))
    return config


def _versions_kept(state: _Table) -> int:
    count = state.integer("versions_kept", VERSIONS_KEPT_DEFAULT, 10**9)
    if 0 < count < _VERSIONS_KEPT_MIN:
        raise ConfigError(
            path=state.path,
            field="state.versions_kept",
            reason=f"needs 0 or at least {_VERSIONS_KEPT_MIN}",
        )
    return count


def _mempool(table: _Table) -> MempoolLimits:
    return MempoolLimits(
        txs_max=table.integer("txs_max", MEMPOOL_TXS_MAX, 10**6, minimum=1),
        size_bytes_max=table.integer(
            "size_bytes_max", MEMPOOL_SIZE_BYTES_MAX, 2**34, minimum=1
        ),
    )


def _cometbft(table: _Table) -> CometBftConfig:
    part = table.part(
        "cometbft",
        "binary",
        "run",
        "abci",
        "p2p",
        "persistent_peers",
        "state_sync_rpc",
        "trust_height",
        "trust_hash",
    )
    return CometBftConfig(
        binary=part.text("binary", ""),
        is_run=part.boolean("run", True),
        abci_address=part.text("abci", ""),
        p2p_address=part.text("p2p", P2P_ADDRESS_DEFAULT),
        persistent_peers=part.texts("persistent_peers"),
        state_sync_rpc=part.texts("state_sync_rpc"),
        trust_height=part.integer("trust_height", 0, 2**63 - 1),
        trust_hash=part.text("trust_hash", ""),
    )


def _snapshots(table: _Table) -> SnapshotConfig:
    return SnapshotConfig(
        every_blocks=table.integer(
            "every_blocks", SNAPSHOT_EVERY_BLOCKS_DEFAULT, 10**9
        ),
        kept=table.integer("kept", SNAPSHOTS_KEPT_DEFAULT, 1_000, minimum=1),
    )


def _quoted_list(texts: tuple[str, ...]) -> str:
    return f"[{', '.join(_quoted(text) for text in texts)}]"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Table:
    """One table of the file, with its place for errors."""

    __slots__ = ("_values", "_where", "path")

    def __init__(self, path: Path, where: str, values: dict[str, Any]) -> None:
        self.path = path
        self._where = where
        self._values = values

    def _wrong(self, name: str, reason: str) -> ConfigError:
        return ConfigError(path=self.path, field=f"{self._where}{name}", reason=reason)

    def allow(self, *names: str) -> None:
        """Refuse other entries."""
        for name in self._values:
            if name not in names:
                raise self._wrong(name, "is not known")

    def part(self, name: str, *names: str) -> _Table:
        """Return a table inside, which may be absent."""
        values = self._values.get(name, {})
        if not isinstance(values, dict):
            raise self._wrong(name, "needs to be a table")
        table = _Table(self.path, f"{name}.", values)
        table.allow(*names)
        return table

    def text(self, name: str, default: str) -> str:
        value = self._values.get(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, "needs to be a text")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._values.get(name, [])
        if not isinstance(value, list) or any(type(item) is not str for item in value):
            raise self._wrong(name, "needs to be a list of texts")
        return tuple(value)

    def boolean(self, name: str, default: bool) -> bool:
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, "needs to be true or false")
        return value

    def integer(self, name: str, default: int, maximum: int, minimum: int = 0) -> int:
        value = self._values.get(name, default)
        if type(value) is not int or not minimum <= value <= maximum:
            raise self._wrong(name, f"needs an integer from {minimum} to {maximum}")
        return value

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise self._wrong(name, f"needs one of {', '.join(choices)}")
        return value

    def duration(
        self, name: str, default_ns: int, maximum_ns: int, minimum_ns: int = 0
    ) -> int:
        value = self._values.get(name)
        if value is None:
            return default_ns
        duration_ns = parse_duration(value) if isinstance(value, str) else None
        if duration_ns is None or not minimum_ns <= duration_ns <= maximum_ns:
            longest = format_duration(maximum_ns)
            raise self._wrong(
                name, f"{value!r} is not a time such as 200ms or 5s, at most {longest}"
            )
        return duration_ns
