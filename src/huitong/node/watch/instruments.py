"""The metrics that are counted as things happen, in a registry of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from huitong.core.abci import BlockRequest, FinalizedBlock, MisbehaviourKind
from huitong.core.errors import registered_errors
from huitong.node.watch import register
from huitong.node.watch.register import Kind, Metric

#: What a transaction is counted under whose code is not in the register: labels are
#: kept for as long as the process runs, so nobody else may choose them.
_OTHER_CODE: Final = ("other", "0")
_OTHER_MODULE: Final = "other"
_NS_PER_S: Final = 1e9


class Instruments:
    """Counters, gauges and histograms of one node.

    Blocks are counted by the engine's thread, calls by RPC's; each instrument has its
    own lock, and nothing here waits for anything else.
    """

    def __init__(self, chain_id: str, module_of_type: dict[str, str]) -> None:
        """Begin at zero.

        Args:
            chain_id: goes with every sample as the label ``chain``.
            module_of_type: type URL of each message → name of its module.
        """
        self._chain_id = chain_id
        self._module_of_type = module_of_type
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(namespace="huitong", registry=self._registry)
        self._height = self._make(register.BLOCK_HEIGHT)
        self._timestamp = self._make(register.BLOCK_TIMESTAMP)
        self._interval = self._make(register.BLOCK_INTERVAL)
        self._processing = self._make(register.BLOCK_PROCESSING)
        self._txs_of_block = self._make(register.BLOCK_TXS)
        self._size = self._make(register.BLOCK_SIZE)
        self._gas = self._make(register.BLOCK_GAS)
        txs = self._make(register.TXS)
        self._ok, self._failed = txs.labels("ok"), txs.labels("failed")
        self._failures = self._make(register.TX_FAILURES)
        self._messages = self._make(register.MESSAGES)
        self._misbehaviours = self._make(register.MISBEHAVIOURS)
        for kind in MisbehaviourKind:
            self._misbehaviours.labels(_shown(kind))
        self._updates = self._make(register.VALIDATOR_UPDATES)
        self._rpc = self._make(register.RPC)
        self._query = self._make(register.QUERY)
        self._grpc = self._make(register.GRPC)
        self._last_time_ns = 0
        self._known_codes = {
            (space, code) for space, code in registered_errors() if space and code
        }

    def _make(self, metric: Metric) -> Any:
        if metric.kind is Kind.HISTOGRAM:
            return Histogram(
                metric.name,
                metric.help,
                metric.labels,
                buckets=metric.buckets,
                registry=self._registry,
            )
        kind = Counter if metric.kind is Kind.COUNTER else Gauge
        return kind(metric.name, metric.help, metric.labels, registry=self._registry)

    def add_collector(self, collector: Collector) -> None:
        """Let a collector be asked at each scrape as well."""
        self._registry.register(collector)

    def text(self) -> bytes:
        """Return all samples in Prometheus's text format."""
        return generate_latest(_Labelled(self._registry, self._chain_id))

    # --- what happens -----------------------------------------------------------------

    def count_block(
        self, request: BlockRequest, finalized: FinalizedBlock, duration_s: float
    ) -> None:
        """Count a durable block.

        Cost: about 1 µs for each transaction, and 30 µs for the block.
        """
        self._height.set(request.height)
        self._timestamp.set(request.time_ns / _NS_PER_S)
        if self._last_time_ns:
            self._interval.observe((request.time_ns - self._last_time_ns) / _NS_PER_S)
        self._last_time_ns = request.time_ns
        self._processing.observe(duration_s)
        self._txs_of_block.observe(len(request.txs))
        self._size.observe(sum(map(len, request.txs)))
        self._gas.observe(sum(result.gas_used for result in finalized.tx_results))
        for item in request.misbehaviours:
            self._misbehaviours.labels(_shown(item.kind)).inc()
        if finalized.validator_updates:
            self._updates.inc(len(finalized.validator_updates))
        if finalized.tx_results:
            self._count_results(finalized)

    def _count_results(self, finalized: FinalizedBlock) -> None:
        failures: dict[tuple[str, int], int] = {}
        messages: dict[str, int] = {}
        for result in finalized.tx_results:
            if result.code:
                key = (result.codespace, result.code)
                failures[key] = failures.get(key, 0) + 1
                continue
            for told in result.events:
                if told.kind == "message" and told.attributes[0][0] == "action":
                    name = told.attributes[0][1]
                    messages[name] = messages.get(name, 0) + 1
        failed = sum(failures.values())
        if failed:
            self._failed.inc(failed)
        self._ok.inc(len(finalized.tx_results) - failed)
        for (space, code), count in failures.items():
            is_known = (space, code) in self._known_codes
            labels = (space, str(code)) if is_known else _OTHER_CODE
            self._failures.labels(*labels).inc(count)
        for name, count in messages.items():
            module = self._module_of_type.get(name, _OTHER_MODULE)
            shown = name if module != _OTHER_MODULE else _OTHER_MODULE
            self._messages.labels(module, shown).inc(count)

    def expect_calls(self, methods: Iterable[str]) -> None:
        """Tell of failed calls from 0 on: a growth from nothing is not seen as one."""
        for method in methods:
            self._rpc.labels(method, "failed")

    def count_call(self, method: str, outcome: str, duration_s: float) -> None:
        """Count an answered call of RPC; ``method`` is one that exists."""
        self._rpc.labels(method, outcome).observe(duration_s)

    def count_query(self, kind: str, outcome: str, duration_s: float) -> None:
        """Count an answered query of the state."""
        self._query.labels(kind, outcome).observe(duration_s)

    def count_grpc(self, path: str, status: str, duration_s: float) -> None:
        """Count an ended call of gRPC; ``path`` is empty if there is no such method."""
        method = path.removeprefix("/") or _OTHER_MODULE
        self._grpc.labels(method, status).observe(duration_s)


def _shown(kind: MisbehaviourKind) -> str:
    return kind.name.lower()


class _Labelled(Collector):
    """A registry whose samples all carry the zone's chain id."""

    def __init__(self, registry: CollectorRegistry, chain_id: str) -> None:
        self._registry = registry
        self._chain = {"chain": chain_id}

    def collect(self) -> Iterable[Family]:
        return self._families()

    def _families(self) -> Iterator[Family]:
        for family in self._registry.collect():
            family.samples = [
                Sample(
                    item.name,
                    {**self._chain, **item.labels},
                    item.value,
                    item.timestamp,
                    item.exemplar,
                )
                for item in family.samples
                if not item.name.endswith("_created")
            ]
            yield family
