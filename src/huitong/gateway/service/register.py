"""Every metric of a gateway: name, kind, labels, meaning. The one list of them.

Names are permanent. All but those of the process are read from the database at each
scrape, so that they are the same whichever process or machine of a gateway is asked.
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

GATEWAY_METRICS: Final = (
    INFO,
    UP,
    STEPS,
    STUCK_AGE,
    WAITING_AGE,
    EXCHANGES,
    FOLLOWED,
    LEADER,
)
