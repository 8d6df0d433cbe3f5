"""Every metric of a node: name, kind, labels, meaning. The one list of them.

Names are permanent: dashboards and alert rules of operators are built on them. Units
stand in the names. Each sample also carries the label ``chain``, the zone's chain id.
The reference page is written from this table, and a test compares it with a scrape.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final


@unique
class Kind(StrEnum):
    """How a metric behaves; the texts are Prometheus's."""

    COUNTER = "counter"
    """Only grows, from 0 at the start of the process."""
    GAUGE = "gauge"
    """Goes up and down."""
    HISTOGRAM = "histogram"
    """Counts observations in buckets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric."""

    name: str
    """As scraped; a histogram adds ``_bucket``, ``_sum`` and ``_count``."""
    kind: Kind
    """How it behaves."""
    help: str
    """One sentence: meaning and unit."""
    labels: tuple[str, ...] = ()
    """Names of its labels besides ``chain``."""
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, in the metric's unit, ascending."""


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name=name, kind=Kind.COUNTER, help=meaning, labels=labels)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name=name, kind=Kind.GAUGE, help=meaning, labels=labels)


def _histogram(
    name: str, meaning: str, buckets: tuple[float, ...], *labels: str
) -> Metric:
    return Metric(
        name=name, kind=Kind.HISTOGRAM, help=meaning, labels=labels, buckets=buckets
    )


#: Seconds, from a look-up in memory to what a client gives up on.
_CALL_SECONDS: Final = (0.0005, 0.002, 0.005, 0.02, 0.05, 0.2, 0.5, 2.0, 10.0)
_BLOCK_SECONDS: Final = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_INTERVAL_SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_TXS: Final = (0.0, 1.0, 10.0, 50.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0)
_BYTES: Final = (0.0, 1e3, 1e4, 1e5, 5e5, 1e6, 4e6, 2e7)
_GAS: Final = (0.0, 1e5, 1e6, 1e7, 1e8, 1e9)

# --- counted as it happens --------------------------------------------------------------

BLOCK_HEIGHT: Final = _gauge(
    "huitong_block_height", "Height of the newest durable block."
)
BLOCK_TIMESTAMP: Final = _gauge(
    "huitong_block_timestamp_seconds",
    "Time in the header of the newest block, seconds since the epoch, UTC.",
)
BLOCK_INTERVAL: Final = _histogram(
    "huitong_block_interval_seconds",
    "Time between the headers of two blocks.",
    _INTERVAL_SECONDS,
)
BLOCK_PROCESSING: Final = _histogram(
    "huitong_block_processing_seconds",
    "Time from the start of carrying a block out until it is durable.",
    _BLOCK_SECONDS,
)
BLOCK_TXS: Final = _histogram("huitong_block_txs", "Transactions in a block.", _TXS)
BLOCK_SIZE: Final = _histogram(
    "huitong_block_txs_size_bytes", "Bytes of the transactions of a block.", _BYTES
)
BLOCK_GAS: Final = _histogram(
    "huitong_block_gas", "Gas that the transactions of a block used.", _GAS
)
TXS: Final = _counter(
    "huitong_txs_total", "Transactions in blocks, by `result`: ok or failed.", "result"
)
TX_FAILURES: Final = _counter(
    "huitong_tx_failures_total",
    "Failed transactions in blocks by error code; codes that are not in the register "
    "are told as other/0.",
    "codespace",
    "code",
)
MESSAGES: Final = _counter(
    "huitong_messages_total",
    "Messages that were carried out, by module and type.",
    "module",
    "type",
)
MISBEHAVIOURS: Final = _counter(
    "huitong_misbehaviours_total",
    "Proofs against validators that blocks carried, by kind.",
    "kind",
)
VALIDATOR_UPDATES: Final = _counter(
    "huitong_validator_updates_total", "Changes of voting power that blocks decided."
)
RPC: Final = _histogram(
    "huitong_rpc_seconds",
    "Time until a call of the RPC interface was answered, by method and outcome: ok, "
    "refused (the caller's fault or not now) or failed (a bug). Only the embedded "
    "engine's node answers RPC itself.",
    _CALL_SECONDS,
    "method",
    "outcome",
)
QUERY: Final = _histogram(
    "huitong_query_seconds",
    "Time until a query of the state was answered, by kind (store, proofs, module or "
    "other) and outcome: ok or refused.",
    _CALL_SECONDS,
    "kind",
    "outcome",
)

GRPC: Final = _histogram(
    "huitong_grpc_seconds",
    "Time until a call of the gRPC interface ended, by method and name of the status; "
    "methods that do not exist are told as other.",
    _CALL_SECONDS,
    "method",
    "status",
)

# --- read when somebody scrapes ---------------------------------------------------------

INFO: Final = _gauge(
    "huitong_info",
    "Always 1; the labels tell what runs.",
    "version",
    "engine",
    "moniker",
    "python",
)
START_TIME: Final = _gauge(
    "huitong_start_timestamp_seconds",
    "When the node began to be watched, seconds since the epoch, UTC.",
)
HEALTHY: Final = _gauge("huitong_healthy", "1 if the engine has not failed, else 0.")
READY: Final = _gauge("huitong_ready", "1 if the node serves and keeps up, else 0.")
BLOCK_AGE: Final = _gauge(
    "huitong_block_age_seconds",
    "Time since this node made the newest block durable; absent before the first.",
)
RPC_UP: Final = _gauge("huitong_rpc_up", "1 if the node's RPC answered this scrape.")
CATCHING_UP: Final = _gauge(
    "huitong_catching_up", "1 while the node replays blocks that others have."
)
PEERS: Final = _gauge("huitong_peers", "Other nodes it is connected with.")
OWN_POWER: Final = _gauge(
    "huitong_validator_power",
    "Voting power of this node's own key; 0 if it is no validator.",
)
EARLIEST_HEIGHT: Final = _gauge(
    "huitong_block_earliest_height", "Oldest block that can still be read."
)
MEMPOOL_TXS: Final = _gauge("huitong_mempool_txs", "Transactions that wait.")
MEMPOOL_SIZE: Final = _gauge(
    "huitong_mempool_size_bytes", "Bytes of the transactions that wait."
)
MEMPOOL_TXS_MAX: Final = _gauge(
    "huitong_mempool_txs_max", "Transactions that may wait."
)
MEMPOOL_SIZE_MAX: Final = _gauge(
    "huitong_mempool_size_bytes_max", "Bytes that may wait."
)
SUBSCRIPTIONS: Final = _gauge(
    "huitong_subscriptions", "Open subscriptions over WebSocket; embedded engine only."
)
STORE_VERSION: Final = _gauge(
    "huitong_store_version", "Newest version of the state, a height."
)
STORE_OLDEST_VERSION: Final = _gauge(
    "huitong_store_oldest_version", "Oldest version of the state that can be proven."
)
STORE_PRUNING_BACKLOG: Final = _gauge(
    "huitong_store_pruning_backlog_versions",
    "Versions whose records are due for removal and not yet removed.",
)
STORE_NODES_CACHED: Final = _gauge(
    "huitong_store_nodes_cached", "Nodes of the state's trees in memory."
)
DATABASE_USED: Final = _gauge(
    "huitong_database_used_bytes", "Bytes that the database has taken so far."
)
DATABASE_MAP: Final = _gauge(
    "huitong_database_map_bytes", "Address space of the database; it grows by itself."
)
DATABASE_READERS: Final = _gauge(
    "huitong_database_readers", "Open readers of the database."
)
DISK_FREE: Final = _gauge(
    "huitong_disk_free_bytes", "Bytes that are free for the data folder."
)
DISK_SIZE: Final = _gauge(
    "huitong_disk_size_bytes", "Size of the file system that holds the data folder."
)
SNAPSHOTS: Final = _gauge(
    "huitong_snapshots", "Snapshots of the state that this node offers."
)
SNAPSHOT_HEIGHT: Final = _gauge(
    "huitong_snapshot_height", "Height of the newest snapshot; absent without one."
)
SNAPSHOT_EVERY: Final = _gauge(
    "huitong_snapshot_every_blocks", "Blocks between two snapshots; 0 makes none."
)
CLIENT_EXPIRY: Final = _gauge(
    "huitong_client_expiry_seconds",
    "Time until a light client of this zone expires; negative once it has. Renewed by "
    "each new header.",
    "client",
    "counterparty",
)
CLIENT_TRUSTING_PERIOD: Final = _gauge(
    "huitong_client_trusting_period_seconds",
    "Trusting period of a light client of this zone.",
    "client",
    "counterparty",
)
CLIENT_ACTIVE: Final = _gauge(
    "huitong_client_active",
    "1 if a light client of this zone is active, 0 if it is frozen or expired.",
    "client",
    "counterparty",
)
VALIDATORS: Final = _gauge(
    "huitong_validators", "Validators of the zone by status.", "status"
)
PROPOSALS_OPEN: Final = _gauge(
    "huitong_proposals_open", "Governance proposals that can be voted on."
)
PROPOSAL_DEADLINE: Final = _gauge(
    "huitong_proposal_next_deadline_seconds",
    "Time until the next open proposal is decided; absent without one.",
)
UPGRADE_HEIGHT: Final = _gauge(
    "huitong_upgrade_height", "Height of the planned upgrade; absent without a plan."
)

#: All of ours, in the order of the reference page.
METRICS: Final[tuple[Metric, ...]] = tuple(
    item for item in list(globals().values()) if isinstance(item, Metric)
)

#: Of the process, as prometheus-client counts them.
PROCESS_METRICS: Final[tuple[Metric, ...]] = (
    _gauge("huitong_process_virtual_memory_bytes", "Virtual memory of the process."),
    _gauge("huitong_process_resident_memory_bytes", "Resident memory of the process."),
    _gauge(
        "huitong_process_start_time_seconds",
        "When the process started, seconds since the epoch, UTC.",
    ),
    _counter("huitong_process_cpu_seconds_total", "Processor time of the process."),
    _gauge("huitong_process_open_fds", "Open files of the process."),
    _gauge("huitong_process_max_fds", "Files that the process may open."),
)
