"""Finding transactions by what they told the world."""

from __future__ import annotations

from collections.abc import Sequence

from huitong.client.answers import TxOutcome, read_tx_outcome
from huitong.client.calls import all_answered
from huitong.client.rpc import Call, RpcConnection


async def search_txs(
    rpc: RpcConnection, queries: Sequence[str], *, per_page: int = 30
) -> list[list[TxOutcome]]:
    """Return for each query the transactions that match, oldest first.

    Ten queries go in one round trip.

    Args:
        rpc: a node of the zone.
        queries: ``key = 'value'`` terms joined by ``AND``.
        per_page: at most this many for each query, up to 100.

    Raises:
        RpcError: the node refuses a query.
        UnreadableAnswerError: an answer has another shape.
    """
    calls: list[Call] = [
        ("tx_search", {"query": query, "per_page": str(per_page), "page": "1"})
        for query in queries
    ]
    answers = all_answered(await rpc.call_many(calls))
    with rpc.reading("tx_search"):
        return [[read_tx_outcome(item) for item in found["txs"]] for found in answers]
