"""Every metric of a gateway: name, kind, labels, meaning. The one list of them.

Names are permanent. What tells of the gateway's state is read from the database at each
scrape, so that it is the same whichever process or machine of a gateway is asked; what
tells of requests is counted on each machine by itself.
"""

from __future__ import annotations

from typing import Final

from huitong.node.watch.register import Kind, Metric


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name=name, kind=Kind.GAUGE, help=meaning, labels=labels)


INFO: Final = _gauge(
    "huitong_gateway_info",
    "Always 1; the labels tell what runs, and for whom.",
    "version",
    "member",
    "chain",
)
UP: Final = _gauge(
    "huitong_gateway_up",
    "1 if a part that requests depend on answers, else 0: database or zone.",
    "part",
)
STEPS: Final = _gauge(
    "huitong_gateway_steps",
    "Steps that are not done, by what they do and where they stand: waiting, running or "
    "stuck.",
    "kind",
    "state",
)
STUCK_AGE: Final = _gauge(
    "huitong_gateway_stuck_age_seconds",
    "Age of the step that has been stuck for longest; 0 if none is.",
)
WAITING_AGE: Final = _gauge(
    "huitong_gateway_waiting_age_seconds",
    "Age of the oldest step that is to be done and is not; 0 if there is none.",
)
EXCHANGES: Final = _gauge(
    "huitong_gateway_exchanges",
    "Exchanges that have not ended, by the end of it that this gateway is and how far "
    "they have come.",
    "side",
    "stage",
)
FOLLOWED: Final = _gauge(
    "huitong_gateway_followed_height",
    "Newest block of the own zone that was applied.",
)
LEADER: Final = _gauge(
    "huitong_gateway_lease_seconds",
    "Seconds until the lease of the process that works in the background ends; 0 if "
    "nobody holds it.",
)
REQUESTS: Final = Metric(
    name="huitong_gateway_requests_total",
    kind=Kind.COUNTER,
    help="Requests to the REST interface, by method, template of the path and status.",
    labels=("method", "route", "status"),
)
REQUEST_DURATION: Final = Metric(
    name="huitong_gateway_request_duration_seconds",
    kind=Kind.HISTOGRAM,
    help="Seconds until the answer to a request began.",
    labels=("method", "route"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

#: Counted where requests are answered; all others are read at each scrape.
REQUEST_METRICS: Final = (REQUESTS, REQUEST_DURATION)
STATE_METRICS: Final = (
    INFO,
    UP,
    STEPS,
    STUCK_AGE,
    WAITING_AGE,
    EXCHANGES,
    FOLLOWED,
    LEADER,
)
GATEWAY_METRICS: Final = (*STATE_METRICS, *REQUEST_METRICS)
