"""Counting requests: how many, and how long until their answers began.

One process keeps the figures in its memory. Several keep them in files that the process
which serves the metrics adds up (the way of ``prometheus_client``), so that nothing is
lost when one of them is replaced.
"""

from __future__ import annotations

from typing import Final, final

from prometheus_client import CollectorRegistry, Counter, Histogram

from huitong.gateway.service.register import REQUEST_DURATION, REQUESTS

#: Methods that are told apart; anything else is ``other``.
_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
)


@final
class RequestMetrics:
    """The figures of the requests of this process."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.registry = CollectorRegistry(auto_describe=False)
        """Asked at each scrape, if this process serves the metrics."""
        self._requests = Counter(
            REQUESTS.name, REQUESTS.help, REQUESTS.labels, registry=self.registry
        )
        self._duration = Histogram(
            REQUEST_DURATION.name,
            REQUEST_DURATION.help,
            REQUEST_DURATION.labels,
            buckets=REQUEST_DURATION.buckets,
            registry=self.registry,
        )

    def count(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count a request whose answer begins.

        Args:
            method: of HTTP.
            route: template of the path, so that there are few.
            status: of the answer.
            duration_s: since the request came in.
        """
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._duration.labels(method, route).observe(duration_s)
