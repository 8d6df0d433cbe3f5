"""Serves metrics, health and readiness of a gateway over HTTP, in threads of its own.

It stands in the process that was started, apart from those that answer requests: it asks
them as a probe would, and reads the rest from the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final, final

import httpx
import orjson
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong import __version__
from huitong.core.errors import HuitongError
from huitong.gateway.exchange.orders import ENDED
from huitong.gateway.exchange.tables import ExchangeRow
from huitong.gateway.outbox.steps import StepState
from huitong.gateway.outbox.tables import FollowedZoneRow, LeaseRow, StepRow
from huitong.gateway.service import register
from huitong.gateway.service.home import GatewayHome, open_database
from huitong.gateway.settings import GatewaySettings
from huitong.node.watch.health import Check, Verdict
from huitong.node.watch.register import Metric
from huitong.node.watch.server import Answers, WatchServer

#: Seconds within which the gateway must say how it is.
ASK_TIMEOUT_S: Final = 5.0
#: Seconds that a scrape may wait for the database.
READ_TIMEOUT_S: Final = 10.0
_NS_PER_S: Final = 1e9
#: Steps that are not done, so that a scrape does not read all that ever was.
_OPEN: Final = (StepState.WAITING, StepState.RUNNING, StepState.STUCK)


@final
class GatewayWatch:
    """Answers at ``[watch] listen``."""

    def __init__(
        self,
        home: GatewayHome,
        settings: GatewaySettings,
        address: str,
        requests: Collector | None = None,
    ) -> None:
        """Bind; nothing is answered before ``start``.

        Args:
            home: of the gateway.
            settings: how it runs.
            address: where to serve, ``tcp://HOST:PORT``; port 0 takes a free one.
            requests: has the figures of requests.

        Raises:
            ListenAddressError: not an address of this machine.
            PortInUseError: another process listens there.
        """
        self._home = home
        self._settings = settings
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(namespace="huitong_gateway", registry=self._registry)
        self._registry.register(_OnDemand(self))
        if requests is not None:
            self._registry.register(requests)
        self._server = WatchServer(
            address,
            Answers(
                metrics=lambda: generate_latest(self._registry),
                health=lambda: self._ask("live"),
                readiness=lambda: self._ask("ready"),
            ),
        )
        self.address = self._server.address
        """Where it listens."""

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    def stop(self) -> None:
        """Answer no more; also right if it was never started."""
        self._server.stop()

    def families(self) -> Iterator[Family]:
        """Return the samples of all metrics but those of the process."""
        values: dict[Metric, dict[tuple[str, ...], float]] = {}
        settings = self._settings
        labels = (__version__, settings.member, settings.zone.chain_id)
        values[register.INFO] = {labels: 1}
        verdict, _ = self._ask("ready")
        values[register.UP] = {
            (check.name,): float(check.is_met) for check in verdict.checks
        }
        with contextlib.suppress(HuitongError, TimeoutError):
            values |= asyncio.run(self._read())  # what cannot be known is absent
        for metric in register.STATE_METRICS:
            family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for sample, value in values.get(metric, {}).items():
                family.add_metric(sample, value)
            yield family

    def _ask(self, what: str) -> tuple[Verdict, dict[str, Any]]:
        """Ask the gateway as a probe would."""
        try:
            url = self._home.address_file.read_text(encoding="ascii").strip()
            # The certificate names whom others reach; here only this machine is asked.
            answer = httpx.get(
                f"{url}/health/{what}", timeout=ASK_TIMEOUT_S, verify=False
            )
            body = orjson.loads(answer.content)
            checks = tuple(
                Check(name=each["name"], is_met=each["ok"], seen=each["seen"])
                for each in body["checks"]
            )
        except (OSError, httpx.HTTPError, orjson.JSONDecodeError, KeyError, TypeError):
            checks = (Check(name="gateway", is_met=False, seen="does not answer"),)
        verdict = Verdict(checks=checks)
        return verdict, {
            "ok": verdict.is_good,
            "checks": [
                {"name": check.name, "ok": check.is_met, "seen": check.seen}
                for check in checks
            ],
        }

    async def _read(self) -> dict[Metric, dict[tuple[str, ...], float]]:
        async with (
            asyncio.timeout(READ_TIMEOUT_S),
            open_database(self._home, self._settings) as database,
            database.searching() as session,
        ):
            return await _values(session, self._settings.zone.chain_id)


async def _values(
    session: AsyncSession, chain_id: str
) -> dict[Metric, dict[tuple[str, ...], float]]:
    now_ns = time.time_ns()
    steps = await session.execute(
        select(StepRow.kind, StepRow.state, func.count())
        .where(StepRow.state.in_(_OPEN))
        .group_by(StepRow.kind, StepRow.state)
    )
    exchanges = await session.execute(
        select(ExchangeRow.side, ExchangeRow.stage, func.count())
        .where(ExchangeRow.stage.not_in(ENDED))
        .group_by(ExchangeRow.side, ExchangeRow.stage)
    )
    followed = await session.get(FollowedZoneRow, chain_id)
    lease = await session.scalar(select(func.max(LeaseRow.until_ns)))
    left_ns = max(0, (lease or 0) - now_ns)
    return {
        register.STEPS: {(row[0], row[1]): row[2] for row in steps},
        register.EXCHANGES: {(row[0], row[1]): row[2] for row in exchanges},
        register.STUCK_AGE: {(): await _oldest_s(session, StepState.STUCK, now_ns)},
        register.WAITING_AGE: {(): await _oldest_s(session, StepState.WAITING, now_ns)},
        register.FOLLOWED: {(): followed.height if followed else 0},
        register.LEADER: {(): left_ns / _NS_PER_S},
    }


async def _oldest_s(session: AsyncSession, state: StepState, now_ns: int) -> float:
    oldest = await session.scalar(
        select(func.min(StepRow.changed_ns)).where(StepRow.state == state)
    )
    return max(0, now_ns - oldest) / _NS_PER_S if oldest else 0


class _OnDemand(Collector):
    """Asks for samples at each scrape."""

    def __init__(self, watch: GatewayWatch) -> None:
        self._watch = watch

    def collect(self) -> Iterable[Family]:
        return self._watch.families()
