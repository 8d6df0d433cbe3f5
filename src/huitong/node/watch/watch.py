"""The one object by which a node tells what it does.

::

    watch = NodeWatch(config=config, app=app, backend=backend)
    …  watch.block_committed(request, finalized, duration_s)   after each durable block
    …  methods = watch.observed(all_methods(…))                 the table of RPC methods
    …  answer_query = watch.observed_query(answer_query)        what ABCI's Query calls
    watch.start(engine)                                         before the engine starts
    …
    watch.stop()                                                after it has stopped
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import structlog

from huitong.core.abci import BlockRequest, FinalizedBlock, QueryResult
from huitong.core.app import Application
from huitong.core.errors import HuitongError
from huitong.engines.cometbft.snapshots import SnapshotExchange
from huitong.engines.engine import Engine
from huitong.node.asking import RpcAsker
from huitong.node.config import NodeConfig
from huitong.node.grpc.calls import Registry
from huitong.node.proofs import PROOFS_PATH
from huitong.node.queries import Queries
from huitong.node.rpc.calls import Method, Methods
from huitong.node.watch.health import (
    Verdict,
    block_age_max_ns,
    check_block_age,
    check_engine,
    check_rpc,
)
from huitong.node.watch.instruments import Instruments
from huitong.node.watch.own_rpc import OWN_RPC_TIMEOUT_S, OwnRpc, find_own_rpc
from huitong.node.watch.server import Answers, WatchServer
from huitong.node.watch.slow_values import (
    MeasuredBackend,
    SlowValues,
    Standing,
    Watched,
)

_log: Final = structlog.get_logger("node")
_NS_PER_MS: Final = 1_000_000
AnswerQuery = Callable[[str, bytes, int, bool], QueryResult]
"""Answers a query: path, data, height, whether with a proof."""


class NodeWatch:
    """Counts, logs and serves what people watch a node by."""

    def __init__(
        self, *, config: NodeConfig, app: Application, backend: MeasuredBackend
    ) -> None:
        """Begin to count; nothing is served before ``start``.

        Args:
            config: how the node runs; its ``watch_address`` says where to serve.
            app: the application.
            backend: its database.
        """
        self._config = config
        self._app = app
        self._backend = backend
        module_of_type = {
            f"/{route.request.DESCRIPTOR.full_name}": module.name
            for module in app.modules
            for route in module.messages
        }
        self._instruments = Instruments(app.chain_id, module_of_type)
        self._engine: Engine | None = None
        self._server: WatchServer | None = None
        self._asker: RpcAsker | None = None
        self._committed_at_ns: int | None = None
        self._age_max_ns = block_age_max_ns(config)

    # --- what the node tells ----------------------------------------------------------

    def block_committed(
        self, request: BlockRequest, finalized: FinalizedBlock, duration_s: float
    ) -> None:
        """Count and log a block; call it once the block is durable.

        Args:
            request: the block.
            finalized: what it did.
            duration_s: from the start of carrying it out until it was durable.

        Cost: about 1 µs for each transaction, and 50 µs for the block.
        """
        self._committed_at_ns = time.monotonic_ns()
        self._instruments.count_block(request, finalized, duration_s)
        failed = sum(1 for result in finalized.tx_results if result.code)
        is_news = bool(request.txs or finalized.events or finalized.validator_updates)
        (_log.info if is_news else _log.debug)(
            "block_committed",
            height=request.height,
            txs=len(request.txs),
            failed=failed,
            size_bytes=sum(map(len, request.txs)),
            gas=sum(result.gas_used for result in finalized.tx_results),
            duration_ms=round(duration_s * 1_000, 1),
        )

    def observed(self, methods: Methods) -> Methods:
        """Return the methods, each counted and timed; the same if nobody watches."""
        if not self._config.watch_address:
            return methods
        self._instruments.expect_calls(methods)
        return {name: self._timed(name, method) for name, method in methods.items()}

    def observed_query(self, answer: AnswerQuery) -> AnswerQuery:
        """Return what answers queries, counted and timed; the same if nobody watches."""
        if not self._config.watch_address:
            return answer
        count = self._instruments.count_query

        def timed(path: str, data: bytes, height: int, prove: bool) -> QueryResult:
            began_s = time.perf_counter()
            result = answer(path, data, height, prove)
            outcome = "refused" if result.code else "ok"
            count(_kind_of_query(path), outcome, time.perf_counter() - began_s)
            return result

        return timed

    def observed_registry(self, queries: Queries) -> Registry:
        """Return the methods for gRPC, each call counted and timed if somebody watches."""
        count = self._instruments.count_grpc if self._config.watch_address else _ignore
        return Registry(
            answer=queries.call,
            paths=queries.paths,
            asks_rpc=queries.asks_rpc,
            count=count,
        )

    def _timed(self, name: str, method: Method) -> Method:
        count, answer = self._instruments.count_call, method.answer

        def timed(**params: Any) -> Any:
            began_s, outcome = time.perf_counter(), "failed"
            try:
                result = answer(**params)
                outcome = "ok"
                return result
            except HuitongError:
                outcome = "refused"
                raise
            finally:
                count(name, outcome, time.perf_counter() - began_s)

        async def timed_async(**params: Any) -> Any:
            began_s, outcome = time.perf_counter(), "failed"
            try:
                result = await answer(**params)
                outcome = "ok"
                return result
            except HuitongError:
                outcome = "refused"
                raise
            finally:
                count(name, outcome, time.perf_counter() - began_s)

        return replace(method, answer=timed_async if method.is_async else timed)

    # --- serving ----------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Where it is served, ``tcp://HOST:PORT``; empty if nowhere."""
        return "" if self._server is None else self._server.address

    def start(
        self,
        engine: Engine,
        *,
        count_subscriptions: Callable[[], int] | None = None,
        snapshots: SnapshotExchange | None = None,
    ) -> None:
        """Serve at the configured address; without one do nothing.

        Args:
            engine: the engine, which need not run yet.
            count_subscriptions: returns the open subscriptions of RPC.
            snapshots: the snapshots that this node offers.

        Raises:
            ListenAddressError: not an address of this machine.
            PortInUseError: another process listens there.
        """
        self._engine = engine
        if not self._config.watch_address:
            return
        watched = Watched(
            app=self._app,
            backend=self._backend,
            config=self._config,
            started_at_s=time.time(),
            stand=self._stand,
            count_subscriptions=count_subscriptions,
            snapshots=snapshots,
        )
        self._instruments.add_collector(SlowValues(watched))
        answers = Answers(
            metrics=self._instruments.text,
            health=lambda: self._told(self.health()),
            readiness=lambda: self._told(self.readiness()),
        )
        self._server = WatchServer(self._config.watch_address, answers)
        self._server.start()
        _log.info("watch_started", address=self._server.address)

    def stop(self) -> None:
        """Serve no more; calling it again, or without ``start``, does nothing."""
        if self._server is not None:
            self._server.stop()
            self._server = None
        if self._asker is not None:
            self._asker.close()
            self._asker = None

    def health(self) -> Verdict:
        """Tell whether the process is of any use: a restart helps if it is not."""
        failure = None if self._engine is None else self._engine.failure()
        return Verdict(checks=(check_engine(failure),))

    def readiness(self) -> Verdict:
        """Tell whether requests should go to this node."""
        return self._readiness(self._own_rpc())

    def _readiness(self, told: OwnRpc | None) -> Verdict:
        checks = (
            *self.health().checks,
            *check_rpc(told is not None, told is not None and told.is_catching_up),
            check_block_age(self._block_age_ns(), self._age_max_ns),
        )
        return Verdict(checks=checks)

    def _stand(self) -> Standing:
        told = self._own_rpc()
        return Standing(
            is_healthy=self.health().is_good,
            is_ready=self._readiness(told).is_good,
            block_age_ns=self._block_age_ns(),
            own_rpc=told,
        )

    def _block_age_ns(self) -> int | None:
        at_ns = self._committed_at_ns
        return None if at_ns is None else time.monotonic_ns() - at_ns

    def _own_rpc(self) -> OwnRpc | None:
        address = "" if self._engine is None else self._engine.rpc_address
        if not address:
            return None
        if self._asker is None or self._asker.address != address:
            self._asker = RpcAsker(address, timeout_s=OWN_RPC_TIMEOUT_S)
        return find_own_rpc(self._asker)

    def _told(self, verdict: Verdict) -> tuple[Verdict, dict[str, Any]]:
        return verdict, verdict.as_json(self._app.chain_id, self._app.state.version)


def _ignore(path: str, status: str, duration_s: float) -> None:
    """Count nothing: nobody watches."""


def _kind_of_query(path: str) -> str:
    """Return the label of a query: few, whatever strangers ask."""
    name = path.strip("/")
    if name.startswith("store/"):
        return "store"
    if name == PROOFS_PATH.strip("/"):
        return "proofs"
    return "module" if name.startswith(("huitong.", "ibc.", "cosmos.")) else "other"
