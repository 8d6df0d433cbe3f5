"""No request breaks the node: whatever is asked, the answer is a result or a known error."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from huitong.storage.event_query import matches, parse_query
from huitong.storage.query_scanner import QueryTextError
from tests.api.rpc_kit import RpcZone, rpc_zone

_TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["0", "1", "-1", "3", str(2**63 - 1), str(2**64), "AAAA", "00ff"]),
    st.sampled_from(["store/ibc/key", "/cosmos.auth.v1beta1.Query/Account", "asc"]),
    st.sampled_from(["tx.height = 1", "tm.event = 'Tx'", "a.b EXISTS", "tx.hash='00'"]),
)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), _TEXTS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3)
    ),
    max_leaves=5,
)
_METHODS = st.sampled_from(
    [
        "status", "health", "net_info", "genesis", "genesis_chunked", "abci_info",
        "abci_query", "header", "header_by_hash", "commit", "validators",
        "consensus_params", "block", "block_by_hash", "block_results", "blockchain",
        "broadcast_tx_sync", "broadcast_tx_async", "tx", "tx_search", "block_search",
        "unconfirmed_txs", "num_unconfirmed_txs", "check_tx", "subscribe", "nothing",
    ]
)  # fmt: skip
_PARAMS = st.dictionaries(
    st.sampled_from(
        [
            "height",
            "hash",
            "query",
            "page",
            "per_page",
            "order_by",
            "tx",
            "path",
            "data",
            "prove",
            "chunk",
            "minHeight",
            "maxHeight",
            "limit",
        ]
    ),
    _VALUES,
    max_size=5,
)
_KNOWN_CODES = {-32700, -32600, -32601, -32602, -32603}


def _check(answer: Any) -> None:
    if "error" in answer:
        error = answer["error"]
        assert error["code"] in _KNOWN_CODES
        # A bug shows as the bare name of an exception's class.
        assert not error.get("data", "").endswith(("Error", "Exception")), error


async def _ask_all(requests: list[dict[str, Any]]) -> None:
    async with rpc_zone() as rpc:
        rpc.publish("INV-1")
        for request in requests:
            await _ask(rpc, request)


async def _ask(rpc: RpcZone, request: dict[str, Any]) -> None:
    response = await rpc.post(request)
    assert response.status_code == 200
    _check(response.json())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(_METHODS, _PARAMS | _VALUES), min_size=5, max_size=25),
)
def test_any_call_is_answered(calls: list[tuple[str, Any]]) -> None:
    requests = [
        {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        for method, params in calls
    ]
    asyncio.run(_ask_all(requests))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60) | _VALUES.map(orjson.dumps))
def test_any_body_is_answered(body: bytes) -> None:
    async def ask() -> None:
        async with rpc_zone() as rpc:
            response = await rpc.post(body)
            assert response.status_code in (200, 500)
            if response.content and body:
                _check(response.json())

    asyncio.run(ask())


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                "a.b",
                "tx.height",
                "=",
                "<",
                ">=",
                "'x'",
                "5",
                "1.5",
                "AND",
                "EXISTS",
                "CONTAINS",
                "'",
                "TIME",
                "DATE",
                "DATE 2013-05-03",
                "TIME 2013-05-03T14:45:00Z",
                "(",
                "-7",
            ]
        ),
        max_size=9,
    ).map(" ".join),
    st.text(max_size=10),
)
def test_any_query_text_is_read_or_refused(text: str, value: str) -> None:
    try:
        conditions = parse_query(text)
    except QueryTextError:
        return
    matches(conditions, {"a.b": [value], "tx.height": ["5"]})
    for condition in conditions:
        condition.finds(value)
