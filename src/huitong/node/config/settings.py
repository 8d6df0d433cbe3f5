"""What ``config/node.toml`` says, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from huitong.engines.embedded.mempool import MempoolLimits
from huitong.engines.embedded.schedule import Pace

RPC_ADDRESS_DEFAULT: Final = "tcp://127.0.0.1:26657"
#: A free port, which data/grpc_address then holds: several nodes of one machine start
#: without a word about ports.
GRPC_ADDRESS_DEFAULT: Final = "127.0.0.1:0"
#: Recent versions that stay provable: minutes under full load, hours when idle.
VERSIONS_KEPT_DEFAULT: Final = 1_000
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
LOG_FORMATS: Final = ("auto", "console", "json")
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
    external_address: str = ""
    """What it tells other nodes to dial, ``HOST:PORT``; empty: found out by itself."""
    persistent_peers: tuple[str, ...] = ()
    """Nodes that it stays connected with, ``ID@HOST:PORT``."""
    state_sync_rpc: tuple[str, ...] = ()
    """Two or more RPC addresses to begin from a snapshot; empty: replay all blocks."""
    trust_height: int = 0
    """Height of the header that a beginning from a snapshot trusts."""
    trust_hash: str = ""
    """Its hash, hexadecimal."""
    signer_address: str = ""
    """Where it waits for a signer in another process, ``unix:///PATH`` or
    ``tcp://HOST:PORT``; empty: this node signs with the key of its home."""
    metrics_address: str = ""
    """Where CometBFT's own metrics are served, ``HOST:PORT``; empty: nowhere."""


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
    grpc_address: str = GRPC_ADDRESS_DEFAULT
    """Where gRPC listens, ``HOST:PORT``; port 0 picks a free one; empty: nowhere."""
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
