"""Samples of all metrics, read from the running links when somebody scrapes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family

from huitong import __version__
from huitong.node.watch.register import Kind, Metric
from huitong.relayer import packet_events
from huitong.relayer.handshake import Side
from huitong.relayer.status import DirectionReport, LinkStatus
from huitong.relayer.supervisor import Supervisor
from huitong.relayer.watch import register
from huitong.relayer.worker import LinkWorker

#: Kind of event on a chain → what became of the packet.
_OUTCOMES: Final = {
    packet_events.SEND_PACKET: "sent",
    packet_events.RECV_PACKET: "received",
    packet_events.WRITE_ACKNOWLEDGEMENT: "answered",
    packet_events.ACKNOWLEDGE_PACKET: "acknowledged",
    packet_events.TIMEOUT_PACKET: "timed_out",
}
_NS_PER_S: Final = 1e9

#: Balances by chain id, address and denomination.
Balances = dict[tuple[str, str, str], int]


class _Samples:
    """Samples by metric; of two with the same labels the later counts."""

    def __init__(self) -> None:
        self._values: dict[Metric, dict[tuple[str, ...], float]] = {}

    def add(self, metric: Metric, value: float, *labels: str) -> None:
        self._values.setdefault(metric, {})[labels] = value

    def families(self) -> Iterator[Family]:
        for metric in register.RELAYER_METRICS:
            kind: Any = (
                CounterMetricFamily
                if metric.kind is Kind.COUNTER
                else GaugeMetricFamily
            )
            family = kind(metric.name, metric.help, labels=metric.labels)
            for labels, value in self._values.get(metric, {}).items():
                family.add_metric(labels, value)
            yield family


def collect(supervisor: Supervisor, balances: Balances) -> Iterable[Family]:
    """Return all samples; call it where the links run."""
    samples = _Samples()
    samples.add(register.INFO, 1, __version__)
    for link, status in supervisor.status():
        names = (link.chain_a, link.chain_b, link.channel_on_a)
        is_up = status.ready and not status.problem
        samples.add(register.LINK_UP, is_up, *names)
        samples.add(register.STUCK, status.stuck_count, *names)
    for worker in supervisor.workers:
        _add_link(samples, worker)
    _add_accounts(samples, supervisor, balances)
    return samples.families()


def _add_link(samples: _Samples, worker: LinkWorker) -> None:
    link, status, tracker = worker.link, worker.status(), worker.tracker
    chains = {Side.A: link.chain_a, Side.B: link.chain_b}
    for side in Side:
        own, across = chains[side], chains[side.other]
        direction = (own, tracker.end(side).channel_id, across)
        for kind, outcome in _OUTCOMES.items():
            samples.add(
                register.PACKETS, tracker.counts[side, kind], *direction, outcome
            )
        _add_pending(samples, status.directions[side.value], direction)
        _add_client(samples, status, side, own, across)
        _add_txs(samples, worker, side, own, across)
        head = tracker.heads.get(side)
        if head is not None:
            samples.add(register.HEIGHT, head.height, own)
            samples.add(register.BLOCK_AGE, time.time() - head.time_ns / _NS_PER_S, own)
            known = tracker.client_heights.get(side.other)
            if known:
                client = (across, tracker.client_on(side.other), own)
                samples.add(register.CLIENT_LAG, head.height - known, *client)


def _add_pending(
    samples: _Samples, report: DirectionReport, direction: tuple[str, str, str]
) -> None:
    for awaited, count in (
        ("receive", report.to_receive),
        ("decide", report.undecided),
        ("acknowledge", report.to_acknowledge),
        ("contents", report.missing),
    ):
        samples.add(register.PENDING, count, *direction, awaited)


def _add_client(
    samples: _Samples, status: LinkStatus, side: Side, own: str, across: str
) -> None:
    client = status.clients[side.value]
    if not client.status:
        return  # not asked yet
    labels = (own, client.client_id, across)
    samples.add(register.CLIENT_EXPIRY, client.expires_s, *labels)
    samples.add(register.CLIENT_TRUSTING_PERIOD, client.trusting_period_s, *labels)
    samples.add(register.CLIENT_ACTIVE, client.status == "active", *labels)


def _add_txs(
    samples: _Samples, worker: LinkWorker, side: Side, own: str, across: str
) -> None:
    courier = worker.courier(side)
    labels = (own, across, worker.tracker.client_on(side))
    samples.add(register.TXS, courier.sent_txs, *labels, "sent")
    samples.add(register.TXS, courier.failed_txs, *labels, "failed")
    for (space, code), count in courier.failures.items():
        samples.add(register.TX_FAILURES, count, *labels, space, str(code))
    samples.add(
        register.MISBEHAVIOURS, worker.misbehaviours_on(side), own, labels[2], across
    )


def _add_accounts(
    samples: _Samples, supervisor: Supervisor, balances: Balances
) -> None:
    for endpoint in supervisor.endpoints:
        for sender in endpoint.senders:
            if sender.sequence >= 0:
                samples.add(
                    register.SEQUENCE,
                    sender.sequence,
                    endpoint.chain_id,
                    sender.address,
                )
    for labels, amount in balances.items():
        samples.add(register.BALANCE, amount, *labels)
