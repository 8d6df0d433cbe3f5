"""The values that are read when somebody scrapes, not when they change."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from huitong import __version__
from huitong.core.app import Application
from huitong.core.errors import HuitongError
from huitong.core.store.backend import TableReader
from huitong.core.store.tables import ORPHANS
from huitong.engines.cometbft.snapshots import SnapshotExchange
from huitong.node.config import NodeConfig
from huitong.node.watch import register
from huitong.node.watch.own_rpc import OwnRpc
from huitong.node.watch.register import Metric
from huitong.node.watch.zone_facts import (
    Ask,
    ClientFacts,
    ProposalFacts,
    UpgradeFacts,
    ValidatorFacts,
    find_upgrade,
    read_clients,
    read_open_proposals,
    read_validators,
)
from huitong.storage.environment import DatabaseUsage

#: How long what was read from the state is told again: somebody who scrapes without
#: pause costs the node no more than somebody who does so every ten seconds.
FACTS_AGE_S_MAX: Final = 10.0
_NS_PER_S: Final = 1e9
_VERSION_SIZE: Final = 8


class MeasuredBackend(Protocol):
    """The part of the database that is watched."""

    path: str
    """Its folder."""

    def snapshot(self) -> TableReader: ...

    def usage(self) -> DatabaseUsage: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a running node stands at this moment."""

    is_healthy: bool
    """Whether the engine has not failed."""
    is_ready: bool
    """Whether it serves and keeps up."""
    block_age_ns: int | None
    """Since its newest block became durable; None before the first of this process."""
    own_rpc: OwnRpc | None
    """What its RPC says; None if it does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the slow values are read from."""

    app: Application
    """The state."""
    backend: MeasuredBackend
    """Its database."""
    config: NodeConfig
    """How the node runs."""
    started_at_s: float
    """Seconds since the epoch."""
    stand: Callable[[], Standing]
    """Looks at the engine and at RPC."""
    count_subscriptions: Callable[[], int] | None = None
    """Returns the open subscriptions; None if this process has none."""
    snapshots: SnapshotExchange | None = None
    """The snapshots that this node offers; None if it makes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What was read from the state."""

    clients: tuple[ClientFacts, ...] = ()
    validators: tuple[ValidatorFacts, ...] = ()
    proposals: tuple[ProposalFacts, ...] = ()
    upgrade: UpgradeFacts | None = None


class SlowValues(Collector):
    """Reads them, for Prometheus's registry."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._lock = threading.Lock()
        self._facts = _Facts()
        self._read_at_s = -FACTS_AGE_S_MAX

    def collect(self) -> Iterable[Family]:
        """Return the present values; those that cannot be read are absent."""
        watched = self._watched
        yield from _process(watched)
        yield from _standing(watched.stand())
        yield from _mempool_bounds(watched.config)
        if watched.count_subscriptions is not None:
            yield _gauge(register.SUBSCRIPTIONS, watched.count_subscriptions())
        yield from _store(watched)
        yield from _database(watched.backend)
        yield from _snapshots(watched)
        facts = self._read_facts()
        yield from _clients(facts.clients, time.time_ns())
        yield from _governed(facts, time.time_ns())

    def _read_facts(self) -> _Facts:
        with self._lock:
            if time.monotonic() - self._read_at_s >= FACTS_AGE_S_MAX:
                self._facts = _read(ask_application(self._watched.app))
                self._read_at_s = time.monotonic()
            return self._facts


def ask_application(app: Application) -> Ask:
    """Return what asks the application of this process."""

    def ask(path: str, request: bytes) -> bytes | None:
        if app.state.version == 0:
            return None
        answer = app.query(path, request, 0, False)
        return answer.value if answer.code == 0 else None

    return ask


def _read(ask: Ask) -> _Facts:
    try:
        return _Facts(
            clients=read_clients(ask),
            validators=read_validators(ask),
            proposals=read_open_proposals(ask),
            upgrade=find_upgrade(ask),
        )
    except HuitongError:
        return _Facts()  # the state cannot be read now: told as absent


def _gauge(metric: Metric, value: float) -> Family:
    return GaugeMetricFamily(metric.name, metric.help, value=value)


def _labelled(
    metric: Metric, samples: Iterable[tuple[tuple[str, ...], float]]
) -> Family:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _process(watched: Watched) -> Iterator[Family]:
    config = watched.config
    what = (__version__, config.engine, config.moniker, platform.python_version())
    yield _labelled(register.INFO, [(what, 1)])
    yield _gauge(register.START_TIME, watched.started_at_s)


def _standing(standing: Standing) -> Iterator[Family]:
    yield _gauge(register.HEALTHY, standing.is_healthy)
    yield _gauge(register.READY, standing.is_ready)
    if standing.block_age_ns is not None:
        yield _gauge(register.BLOCK_AGE, standing.block_age_ns / _NS_PER_S)
    told = standing.own_rpc
    yield _gauge(register.RPC_UP, told is not None)
    if told is not None:
        yield _gauge(register.CATCHING_UP, told.is_catching_up)
        yield _gauge(register.PEERS, told.peers)
        yield _gauge(register.OWN_POWER, told.power)
        yield _gauge(register.EARLIEST_HEIGHT, told.earliest_height)
        yield _gauge(register.MEMPOOL_TXS, told.mempool_txs)
        yield _gauge(register.MEMPOOL_SIZE, told.mempool_size_bytes)


def _mempool_bounds(config: NodeConfig) -> Iterator[Family]:
    yield _gauge(register.MEMPOOL_TXS_MAX, config.mempool.txs_max)
    yield _gauge(register.MEMPOOL_SIZE_MAX, config.mempool.size_bytes_max)


def _store(watched: Watched) -> Iterator[Family]:
    state = watched.app.state
    yield _gauge(register.STORE_VERSION, state.version)
    yield _gauge(register.STORE_OLDEST_VERSION, state.oldest_version)
    backlog = pruning_backlog(watched.backend, state.oldest_version)
    yield _gauge(register.STORE_PRUNING_BACKLOG, backlog)
    yield _gauge(register.STORE_NODES_CACHED, state.nodes_cached)


def _database(backend: MeasuredBackend) -> Iterator[Family]:
    usage = backend.usage()
    yield _gauge(register.DATABASE_USED, usage.used_bytes)
    yield _gauge(register.DATABASE_MAP, usage.map_bytes)
    yield _gauge(register.DATABASE_READERS, usage.readers)
    disk = os.statvfs(backend.path)
    yield _gauge(register.DISK_FREE, disk.f_bavail * disk.f_frsize)
    yield _gauge(register.DISK_SIZE, disk.f_blocks * disk.f_frsize)


def pruning_backlog(backend: MeasuredBackend, oldest_version: int) -> int:
    """Return how many versions wait for the removal of what only they needed."""
    reader = backend.snapshot()
    try:
        first = next(reader.iterate(ORPHANS, b"", None), None)
    finally:
        reader.close()
    if first is None:
        return 0
    return max(0, oldest_version + 1 - int.from_bytes(first[0][:_VERSION_SIZE], "big"))


def _snapshots(watched: Watched) -> Iterator[Family]:
    yield _gauge(register.SNAPSHOT_EVERY, watched.config.snapshots.every_blocks)
    if watched.snapshots is None:
        return
    heights = [item.height for item in watched.snapshots.list()]
    yield _gauge(register.SNAPSHOTS, len(heights))
    if heights:
        yield _gauge(register.SNAPSHOT_HEIGHT, max(heights))


def _clients(clients: Iterable[ClientFacts], now_ns: int) -> Iterator[Family]:
    named = [((item.client_id, item.counterparty), item) for item in clients]
    yield _labelled(
        register.CLIENT_EXPIRY,
        [(who, (item.expires_at_ns - now_ns) / _NS_PER_S) for who, item in named],
    )
    yield _labelled(
        register.CLIENT_TRUSTING_PERIOD,
        [(who, item.trusting_period_ns / _NS_PER_S) for who, item in named],
    )
    yield _labelled(
        register.CLIENT_ACTIVE,
        [
            (who, not item.is_frozen and item.expires_at_ns > now_ns)
            for who, item in named
        ],
    )


def _governed(facts: _Facts, now_ns: int) -> Iterator[Family]:
    counts = {"active": 0, "suspended": 0}
    for item in facts.validators:
        counts["suspended" if item.is_suspended else "active"] += 1
    yield _labelled(
        register.VALIDATORS, [((status,), count) for status, count in counts.items()]
    )
    yield _gauge(register.PROPOSALS_OPEN, len(facts.proposals))
    if facts.proposals:
        next_ns = min(item.deadline_ns for item in facts.proposals)
        yield _gauge(register.PROPOSAL_DEADLINE, (next_ns - now_ns) / _NS_PER_S)
    if facts.upgrade is not None:
        yield _gauge(register.UPGRADE_HEIGHT, facts.upgrade.height)
