"""The one object by which a running relayer tells what it does.

It answers over HTTP, from threads of its own: ``/metrics`` for Prometheus, ``/healthz``
for whoever restarts it, ``/readyz`` for whoever wants to know whether all links are up,
and ``/status``, which ``huitong relay status`` asks. What is told is read on the event
loop, where the links live; a loop that does not answer is the one thing that is unhealthy.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, Final, TypeVar

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from huitong.core.errors import RejectedError, UnavailableError
from huitong.node.watch.health import Check, Verdict
from huitong.node.watch.server import Answers, WatchServer
from huitong.proto.cosmos.bank.v1beta1 import query_pb2 as bank_pb2
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.supervisor import Supervisor
from huitong.relayer.watch.collector import Balances, collect

log = structlog.get_logger("relayer")

ResultT = TypeVar("ResultT")

#: Seconds within which the event loop must answer.
LOOP_TIMEOUT_S: Final = 5.0
#: Seconds between two looks at the accounts' coins.
BALANCE_PERIOD_S: Final = 60.0
_BALANCE: Final = "/cosmos.bank.v1beta1.Query/Balance"


class RelayWatch:
    """Serves metrics, health and status of a supervisor's links."""

    def __init__(self, supervisor: Supervisor, address: str) -> None:
        """Bind; nothing is answered before ``start``.

        Args:
            supervisor: whose links are told of.
            address: where to serve, ``tcp://HOST:PORT``; port 0 takes a free one.

        Raises:
            ListenAddressError: not an address of this machine.
            PortInUseError: another process listens there.
        """
        self._supervisor = supervisor
        self._balances: Balances = {}
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(namespace="huitong_relayer", registry=self._registry)
        self._registry.register(_OnDemand(self._families))
        self._server = WatchServer(
            address,
            Answers(
                metrics=lambda: generate_latest(self._registry),
                health=self._health,
                readiness=self._readiness,
                documents={"/status": self._status},
            ),
        )
        self.address = self._server.address
        """Where it listens."""
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to answer; call it on the event loop of the links."""
        self._loop = asyncio.get_running_loop()
        self._server.start()
        log.info("watch_started", address=self.address)

    def stop(self) -> None:
        """Answer no more; also right if it was never started."""
        self._server.stop()

    async def follow_balances(self) -> None:
        """Look at the accounts' coins now and then, until cancelled."""
        while True:
            for endpoint in self._supervisor.endpoints:
                with contextlib.suppress(UnavailableError, RejectedError):
                    await self._read_balances(endpoint)
            await asyncio.sleep(BALANCE_PERIOD_S)

    async def _read_balances(self, endpoint: Endpoint) -> None:
        price = endpoint.terms.account.gas_price
        if price is None:
            return  # fees are not taken here
        for sender in endpoint.senders:
            answer = await endpoint.client.query(
                _BALANCE,
                bank_pb2.QueryBalanceRequest(address=sender.address, denom=price.denom),
                bank_pb2.QueryBalanceResponse,
            )
            key = (endpoint.chain_id, sender.address, price.denom)
            self._balances[key] = int(answer.balance.amount or "0")

    # --- what is told, asked from the server's threads ---------------------------------

    def _families(self) -> list[Family]:
        return self._on_loop(lambda: list(collect(self._supervisor, self._balances)))

    def _status(self) -> dict[str, Any]:
        return self._on_loop(
            lambda: {
                "links": [
                    {**asdict(link), **asdict(status)}
                    for link, status in self._supervisor.status()
                ]
            }
        )

    def _health(self) -> tuple[Verdict, dict[str, Any]]:
        try:
            self._on_loop(lambda: None)
        except TimeoutError:
            return _told([Check(name="event_loop", is_met=False, seen="no answer")])
        return _told([Check(name="event_loop", is_met=True, seen="answers")])

    def _readiness(self) -> tuple[Verdict, dict[str, Any]]:
        try:
            found = self._on_loop(self._supervisor.status)
        except TimeoutError:
            return _told([Check(name="event_loop", is_met=False, seen="no answer")])
        return _told(
            [
                Check(
                    name=f"{link.chain_a}/{link.channel_on_a}-{link.chain_b}",
                    is_met=status.ready and not status.problem,
                    seen=status.problem or ("followed" if status.ready else "starting"),
                )
                for link, status in found
            ]
        )

    def _on_loop(self, ask: Callable[[], ResultT]) -> ResultT:
        """Call ``ask`` on the event loop and wait for what it returns.

        Raises:
            TimeoutError: the loop is busy or gone.
        """

        async def call() -> ResultT:
            return ask()

        if self._loop is None or self._loop.is_closed():
            raise TimeoutError
        waiting = asyncio.run_coroutine_threadsafe(call(), self._loop)
        return waiting.result(LOOP_TIMEOUT_S)


class _OnDemand(Collector):
    """Asks for samples at each scrape; none if nobody answers."""

    def __init__(self, ask: Callable[[], list[Family]]) -> None:
        self._ask = ask

    def collect(self) -> Iterable[Family]:
        try:
            return self._ask()
        except TimeoutError:
            return []


def _told(checks: list[Check]) -> tuple[Verdict, dict[str, Any]]:
    verdict = Verdict(checks=tuple(checks))
    body = {
        "ok": verdict.is_good,
        "checks": {
            check.name: {"ok": check.is_met, "seen": check.seen} for check in checks
        },
    }
    return verdict, body
