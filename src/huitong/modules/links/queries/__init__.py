"""Read side of the links module: every query that relayers and wallets ask.

Paths, fields and texts are those of ibc-go. A list is bounded in what it returns and in
what it walks over; ``next_key`` tells where to go on.
"""

from __future__ import annotations

from huitong.core.module import QueryRoute
from huitong.modules.links.queries import (
    channel_queries,
    client_queries,
    connection_queries,
    packet_queries,
)

QUERIES: tuple[QueryRoute, ...] = (
    *client_queries.QUERIES,
    *connection_queries.QUERIES,
    *channel_queries.QUERIES,
    *packet_queries.QUERIES,
)

__all__ = ["QUERIES"]
