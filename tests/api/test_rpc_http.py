"""JSON-RPC over HTTP: envelopes, batches, GET, limits and texts as CometBFT has them."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from huitong.core.hashing import sha256
from huitong.node.rpc import asgi
from tests.api.rpc_kit import RpcZone, base64_of

STATUS = {"jsonrpc": "2.0", "id": 1, "method": "health"}


@pytest.mark.parametrize("request_id", [0, -5, "", "0f0e", "中"])
async def test_id_is_echoed_as_given(rpc: RpcZone, request_id: Any) -> None:
    response = await rpc.post({**STATUS, "id": request_id})
    assert response.json() == {"jsonrpc": "2.0", "id": request_id, "result": {}}


@pytest.mark.parametrize(
    ("request_id", "echoed"), [(12.5, 12), (1e30, -(2**63)), (2**64 - 1, -(2**63))]
)
async def test_id_becomes_a_whole_number_of_64_bits(
    rpc: RpcZone, request_id: Any, echoed: int
) -> None:
    response = await rpc.post({**STATUS, "id": request_id})
    assert response.json()["id"] == echoed


@pytest.mark.parametrize(
    "body",
    [
        None,
        [None],
        {},
        [],
        {"jsonrpc": "2.0", "method": "health"},
        {**STATUS, "id": None},
        [{"jsonrpc": "2.0", "method": "health"}],
    ],
)
async def test_notification_is_answered_with_an_empty_body(
    rpc: RpcZone, body: Any
) -> None:
    response = await rpc.post(body)
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b" ", "unexpected end of JSON input"),
        (b"{", "unexpected end of JSON input"),
        (b"\xff\xfe", "invalid character"),
        (b"nul", "unexpected end of JSON input"),
        (b"{} x", "invalid character 'x' after top-level value"),
        (b"5", "json: cannot unmarshal number"),
        (b'"x"', "json: cannot unmarshal string"),
        (b"[5]", "json: cannot unmarshal number"),
        (b'{"id":1,"method":5}', "json: cannot unmarshal number into Go struct field"),
        (b"[" * 2_000 + b"]" * 2_000, "exceeded max depth"),
        (b"[" + b"0," * 200_001 + b"0]", "more than 200000 values"),
    ],
)
async def test_malformed_body_is_a_parse_error(
    rpc: RpcZone, body: bytes, reason: str
) -> None:
    response = await rpc.post(body)
    assert response.status_code == 500
    answer = response.json()
    assert "id" not in answer
    assert answer["error"]["code"] == -32700
    assert answer["error"]["message"] == "Parse error. Invalid JSON"
    assert reason in answer["error"]["data"]


@pytest.mark.parametrize("request_id", [True, {}, []])
async def test_id_of_another_type_is_refused(rpc: RpcZone, request_id: Any) -> None:
    response = await rpc.post({**STATUS, "id": request_id})
    assert response.status_code == 500
    error = response.json()["error"]
    assert error["code"] == -32700
    assert "is of unknown type" in error["data"]


async def test_batch_is_answered_in_order(rpc: RpcZone) -> None:
    batch = [{**STATUS, "id": number} for number in range(10)]
    answers = (await rpc.post(batch)).json()
    assert [item["id"] for item in answers] == list(range(10))


async def test_batch_with_one_answer_is_an_object(rpc: RpcZone) -> None:
    batch = [STATUS, {"jsonrpc": "2.0", "method": "health"}]
    assert (await rpc.post(batch)).json() == {"jsonrpc": "2.0", "id": 1, "result": {}}


async def test_batch_of_eleven_is_refused(rpc: RpcZone) -> None:
    response = await rpc.post([STATUS] * 11)
    assert response.json() == {
        "jsonrpc": "2.0",
        "error": {
            "code": -32600,
            "message": "Invalid Request",
            "data": "batch request exceeds maximum (10) allowed number of requests",
        },
    }


async def test_parameters_may_stand_in_order(rpc: RpcZone) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "header", "params": ["1"]}
    answer = (await rpc.post(request)).json()
    assert answer["result"]["header"]["height"] == "1"


@pytest.mark.parametrize(
    ("method", "params", "text"),
    [
        (
            "block",
            {"height": 1},
            'invalid 64-bit integer encoding "1", expected string',
        ),
        ("block", {"height": "1.5"}, "cannot unmarshal number 1.5 into Go value"),
        ("block", {"height": str(2**63)}, "into Go value of type int64"),
        ("block", {"height": True}, "invalid 64-bit integer encoding"),
        ("block", [], "expected 1 parameters"),
        ("block", 5, "unknown type for JSON params: json: cannot unmarshal number"),
        ("tx", {"hash": "?"}, "illegal base64 data"),
        ("tx", {"hash": 5}, "cannot unmarshal number into Go value of type []uint8"),
        (
            "tx",
            {"hash": "", "prove": "yes"},
            "cannot unmarshal string into Go value of type bool",
        ),
        (
            "abci_query",
            {"path": 5},
            "cannot unmarshal number into Go value of type string",
        ),
        ("abci_query", {"path": "x", "data": "0x5"}, "encoding/hex"),
        (
            "abci_query",
            {"path": "x", "data": []},
            "cannot unmarshal array into Go value of type string",
        ),
        ("broadcast_tx_sync", {"tx": "*"}, "illegal base64 data"),
    ],
)
async def test_argument_of_another_type_is_refused(
    rpc: RpcZone, method: str, params: Any, text: str
) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    error = (await rpc.post(request)).json()["error"]
    assert (error["code"], error["message"]) == (-32602, "Invalid params")
    assert text in error["data"]


@pytest.mark.parametrize(
    ("method", "params", "text"),
    [
        ("block", {"height": "0"}, "height must be greater than 0, but got 0"),
        ("commit", {"height": "-3"}, "height must be greater than 0, but got -3"),
        (
            "validators",
            {"height": "4"},
            "height 4 must be less than or equal to the current blockchain height 3",
        ),
        (
            "validators",
            {"page": "9"},
            "page should be within [1, 1] range, given 9",
        ),
        ("tx", {"hash": "AAAA"}, "tx (000000) not found"),
        (
            "tx_search",
            {"query": "tx.height = 1", "order_by": "up"},
            "expected order_by to be either `asc` or `desc` or empty",
        ),
        ("tx_search", {"query": "a.b ="}, "offset 5: EOF"),
        ("tx_search", {"query": ""}, "offset 0: EOF"),
        ("block_search", {"query": "a.b = 'c", "order_by": ""}, "offset 6: EOF"),
        (
            "blockchain",
            {"minHeight": "2", "maxHeight": "1"},
            "min height 2 can't be greater than max height 1",
        ),
        ("blockchain", {"minHeight": "-1"}, "heights must be non-negative"),
        ("genesis_chunked", {"chunk": "5"}, "there are 0 chunks, 5 is invalid"),
    ],
)
async def test_refusal_has_cometbfts_text(
    rpc: RpcZone, method: str, params: Any, text: str
) -> None:
    error = await rpc.refusal(method, **params)
    assert (error["code"], error["message"]) == (-32603, "Internal error")
    assert text in error["data"]


# --- GET ------------------------------------------------------------------------------


async def test_get_answers_with_id_minus_one(rpc: RpcZone) -> None:
    response = await rpc.http.get("/health")
    assert response.json() == {"jsonrpc": "2.0", "id": -1, "result": {}}


@pytest.mark.parametrize("height", ["1", '"1"'])
async def test_get_takes_integers_bare_and_quoted(rpc: RpcZone, height: str) -> None:
    response = await rpc.http.get("/header", params={"height": height})
    assert response.json()["result"]["header"]["height"] == "1"


async def test_get_takes_bytes_as_hex_and_text_in_quotes(rpc: RpcZone) -> None:
    made = rpc.publish("INV-1")
    tx_hash = made.txs[0].hash.hex()
    response = await rpc.http.get(
        "/tx", params={"hash": f"0x{tx_hash}", "prove": "true"}
    )
    result = response.json()["result"]
    assert result["hash"] == tx_hash.upper()
    assert result["proof"]["root_hash"] == made.block.header.data_hash.hex().upper()
    query = {"query": f"\"tx.hash='{tx_hash}'\""}
    found = (await rpc.http.get("/tx_search", params=query)).json()["result"]
    assert found["total_count"] == "1"
    path = {"path": '"store/ibc/key"', "data": "0x" + b"nextClientSequence".hex()}
    answer = (await rpc.http.get("/abci_query", params=path)).json()["result"]
    assert answer["response"]["value"]


async def test_get_broadcasts_text_in_quotes(rpc: RpcZone) -> None:
    answer = await rpc.http.get("/broadcast_tx_sync", params={"tx": '"nonsense"'})
    assert answer.json()["result"]["code"] == 2


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/block", {"height": "x"}),
        ("/block", {"height": "99"}),
        ("/tx", {"hash": "0xzz"}),
        ("/tx", {"hash": "abc"}),
        ("/tx_search", {"query": "tx.height=1"}),
        ("/tx", {"hash": '"unclosed'}),
        ("/tx", {"hash": "0x00", "prove": "1"}),
    ],
)
async def test_error_of_get_is_status_500(
    rpc: RpcZone, path: str, params: dict[str, str]
) -> None:
    response = await rpc.http.get(path, params=params)
    assert response.status_code == 500
    assert response.json()["id"] == -1
    assert "error" in response.json()


async def test_unknown_path_is_404(rpc: RpcZone) -> None:
    response = await rpc.http.get("/no_such_path")
    assert (response.status_code, response.text) == (404, "404 page not found\n")


async def test_get_subscribe_is_not_found(rpc: RpcZone) -> None:
    response = await rpc.http.get("/subscribe", params={"query": '"x"'})
    assert response.status_code == 404
    assert response.json()["error"]["code"] == -32601


async def test_root_lists_the_methods(rpc: RpcZone) -> None:
    page = (await rpc.http.get("/")).text
    assert '<a href="/block?height=_">' in page
    assert "/broadcast_tx_sync?tx=_" in page


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
async def test_the_http_method_hardly_matters(rpc: RpcZone, method: str) -> None:
    page = await rpc.http.request(method, "/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html")
    answer = await rpc.http.request(method, "/health")
    assert answer.json()["result"] == {}


async def test_first_of_two_arguments_counts(rpc: RpcZone) -> None:
    answer = await rpc.http.get("/header?height=1&height=2&height=%zz")
    assert answer.json()["result"]["header"]["height"] == "1"


async def test_query_string_above_the_limit_is_refused(rpc: RpcZone) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": "/health"}
    await rpc.application({**scope, "query_string": b"x" * 66_000}, receive, send)
    assert sent[0]["status"] == 414


async def test_websocket_without_its_words_is_a_bad_request(rpc: RpcZone) -> None:
    assert (await rpc.http.get("/websocket")).status_code == 400


async def test_browsers_may_ask(rpc: RpcZone) -> None:
    preflight = await rpc.http.options("/", headers={"Origin": "https://x"})
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]
    answer = await rpc.http.get("/health", headers={"Origin": "https://x"})
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_body_above_the_limit_is_refused(
    rpc: RpcZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "BODY_SIZE_BYTES_MAX", 100)
    assert (await rpc.post(b" " * 101)).status_code == 413
    assert (await rpc.post({**STATUS, "id": "x" * 20})).status_code == 200


async def test_bug_in_a_method_is_an_internal_error_without_a_trace(
    rpc: RpcZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(rpc.zone.engine.mempool, "counts", broken)
    with capture_logs() as logged:
        error = await rpc.refusal("num_unconfirmed_txs")
    (line,) = logged
    assert error == {
        "code": -32603,
        "message": "Internal error",
        "data": f"ZeroDivisionError (request {line['request']} in the node's log)",
    }
    assert line["event"] == "rpc_failed"
    assert "in broken" in line["where"]


# --- what the methods say --------------------------------------------------------------


async def test_broadcast_tx_sync_tells_what_the_check_said(rpc: RpcZone) -> None:
    raw = rpc.zone.sign("tax", rpc.message("INV-1"))
    answer = await rpc.call("broadcast_tx_sync", tx=base64_of(raw))
    assert answer == {
        "code": 0,
        "data": "",
        "log": "",
        "codespace": "",
        "hash": sha256(raw).hex().upper(),
    }
    again = await rpc.refusal("broadcast_tx_sync", tx=base64_of(raw))
    assert again["data"] == "tx already exists in cache"
    late = rpc.zone.sign("tax", rpc.message("INV-2"), sequence=9)
    refused = await rpc.call("broadcast_tx_sync", tx=base64_of(late))
    assert (refused["code"], refused["codespace"]) == (32, "sdk")
    assert "account sequence mismatch, expected 1, got 9" in refused["log"]


async def test_broadcast_tx_async_tells_nothing_of_the_check(rpc: RpcZone) -> None:
    answer = await rpc.call("broadcast_tx_async", tx=base64_of(b"nonsense"))
    assert answer["code"] == 0


async def test_broadcast_tx_commit_refuses_at_the_door(rpc: RpcZone) -> None:
    answer = await rpc.call("broadcast_tx_commit", tx=base64_of(b"nonsense"))
    assert answer["check_tx"]["code"] == 2
    assert answer["height"] == "0"


async def test_check_tx_leaves_no_trace(rpc: RpcZone) -> None:
    raw = rpc.zone.sign("tax", rpc.message("INV-1"))
    for _ in range(2):
        assert (await rpc.call("check_tx", tx=base64_of(raw)))["code"] == 0
    assert (await rpc.call("broadcast_tx_sync", tx=base64_of(raw)))["code"] == 0


async def test_waiting_transactions_are_shown(rpc: RpcZone) -> None:
    raw = rpc.zone.sign("tax", rpc.message("INV-1"))
    await rpc.call("broadcast_tx_sync", tx=base64_of(raw))
    assert await rpc.call("unconfirmed_txs", limit="5") == {
        "n_txs": "1",
        "total": "1",
        "total_bytes": str(len(raw)),
        "txs": [base64_of(raw)],
    }
    assert (await rpc.call("num_unconfirmed_txs"))["txs"] is None


async def test_header_and_block_are_found_by_hash(rpc: RpcZone) -> None:
    made = rpc.publish("INV-1")
    name = made.block.block_id.hash
    header = await rpc.call("header_by_hash", hash=name.hex())
    assert header["header"]["height"] == str(made.height)
    block = await rpc.call("block_by_hash", hash=base64_of(name))
    assert block["block_id"]["hash"] == name.hex().upper()
    assert (await rpc.call("header_by_hash", hash="00"))["header"] is None
    assert (await rpc.call("block_by_hash", hash="AAAA"))["block"] is None


async def test_blockchain_shows_headers_newest_first(rpc: RpcZone) -> None:
    for _ in range(25):
        rpc.zone.empty()
    answer = await rpc.call("blockchain")
    heights = [int(meta["header"]["height"]) for meta in answer["block_metas"]]
    assert heights == list(range(27, 7, -1))
    assert answer["last_height"] == "27"
    some = await rpc.call("blockchain", minHeight="3", maxHeight="4")
    assert [meta["header"]["height"] for meta in some["block_metas"]] == ["4", "3"]
    assert set(some["block_metas"][0]) == {
        "block_id",
        "block_size",
        "header",
        "num_txs",
    }


async def test_validators_of_the_next_height_are_known(rpc: RpcZone) -> None:
    newest = await rpc.call("validators")
    assert (newest["block_height"], newest["count"], newest["total"]) == ("3", "1", "1")
    assert newest["validators"][0]["proposer_priority"] == "0"


async def test_genesis_is_served_whole_and_in_chunks(rpc: RpcZone) -> None:
    genesis = (await rpc.call("genesis"))["genesis"]
    assert genesis["chain_id"] == "hangzhou-1"
    chunk = await rpc.call("genesis_chunked", chunk="0")
    assert (chunk["chunk"], chunk["total"]) == ("0", "1")


async def test_net_info_has_no_peers(rpc: RpcZone) -> None:
    assert (await rpc.call("net_info"))["n_peers"] == "0"


async def test_tx_search_pages_and_orders(rpc: RpcZone) -> None:
    rpc.publish(*[f"INV-{number}" for number in range(5)])
    query = {"query": "tx.height = 3", "per_page": "2", "page": "2"}
    ascending = await rpc.call("tx_search", **query)
    assert [tx["index"] for tx in ascending["txs"]] == [2, 3]
    descending = await rpc.call("tx_search", **query, order_by="desc")
    assert [tx["index"] for tx in descending["txs"]] == [2, 1]
    assert ascending["total_count"] == "5"
    many = await rpc.call("tx_search", query="tx.height = 3", per_page="9999")
    assert len(many["txs"]) == 5


async def test_block_search_answers_with_whole_blocks(rpc: RpcZone) -> None:
    answer = await rpc.call("block_search", query="block.height <= 2")
    heights = [item["block"]["header"]["height"] for item in answer["blocks"]]
    assert (heights, answer["total_count"]) == (["2", "1"], "2")


async def test_simulation_answers_with_gas(rpc: RpcZone) -> None:
    from huitong.core.codec import encode
    from huitong.proto.cosmos.tx.v1beta1 import service_pb2

    raw = rpc.zone.sign("tax", rpc.message("INV-1"))
    request = encode(service_pb2.SimulateRequest(tx_bytes=raw))
    answer = await rpc.call(
        "abci_query", path="/cosmos.tx.v1beta1.Service/Simulate", data=request.hex()
    )
    assert answer["response"]["code"] == 0
