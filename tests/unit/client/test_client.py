"""What a client makes of a node's answers, and of a node that does not give any."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from huitong.client import (
    AccountUnknownError,
    HeightNotReachedError,
    NotCommittedError,
    QueryError,
    RpcError,
    Sender,
    TransactionFailedError,
    UnreachableError,
    UnreadableAnswerError,
    ZoneClient,
)
from huitong.client.rpc import BATCH_CALLS_MAX, http_url
from huitong.client.subscription import read_block_head, read_results, read_tx
from huitong.core.codec import encode, pack_any
from huitong.core.tx import decode_transaction
from huitong.proto.cosmos.auth.v1beta1 import auth_pb2
from huitong.proto.cosmos.auth.v1beta1 import query_pb2 as auth_query_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from tests.vectors import load_vector

PRIVATE_KEY = bytes(range(1, 33))
Answer = Callable[[str, dict[str, Any]], Any]


class RefusalError(Exception):
    """What a fake node answers as a JSON-RPC error."""


@asynccontextmanager
async def node(answer: Answer, raw: bytes | None = None) -> AsyncIterator[ZoneClient]:
    """A client of a node that answers by ``answer``, or always with ``raw``."""

    def reply(request: dict[str, Any]) -> dict[str, Any]:
        head = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            return {**head, "result": answer(request["method"], request["params"])}
        except RefusalError as refusal:
            error = {"code": -32603, "message": "Internal error", "data": str(refusal)}
            return {**head, "error": error}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.current_task())
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            size = next(
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length")
            )
            asked = orjson.loads(await reader.readexactly(size))
            if raw is not None:
                body = raw
            elif isinstance(asked, list):
                assert len(asked) <= BATCH_CALLS_MAX
                # The order of answers in a batch is the node's affair.
                body = orjson.dumps([reply(item) for item in reversed(asked)])
            else:
                body = orjson.dumps(reply(asked))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body))
            writer.write(body)
        writer.close()
        await writer.wait_closed()

    handlers: list[Any] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with ZoneClient(f"tcp://127.0.0.1:{port}") as client:
            yield client
    finally:
        server.close()
        await asyncio.gather(*handlers)


def abci(value: bytes = b"", **fields: Any) -> dict[str, Any]:
    encoded = base64.b64encode(value).decode()
    return {"response": {"code": 0, "value": encoded, "height": "7", **fields}}


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("tcp://127.0.0.1:26657", "http://127.0.0.1:26657"),
        ("http://node:1/", "http://node:1"),
        ("https://node", "https://node"),
        ("node:26657", "http://node:26657"),
    ],
)
def test_url_forms(given, url):
    assert http_url(given) == url


async def test_node_that_is_not_there_is_unreachable():
    async with ZoneClient("tcp://127.0.0.1:1") as client:
        with pytest.raises(UnreachableError) as failure:
            await client.status()
    assert "http://127.0.0.1:1" in str(failure.value)
    assert "Check that the node runs" in failure.value.diagnostics()


@pytest.mark.parametrize("url", ["http://[::1", "http://a:b", "http://☃.x", "\x01"])
async def test_url_that_is_none_is_unreachable(url):
    async with ZoneClient(url) as client:
        with pytest.raises(UnreachableError):
            await client.status()


@pytest.mark.parametrize("raw", [b"<html>", b"[]", b"{}", b'{"error":1}'])
async def test_answer_that_is_no_json_rpc_is_unreadable(raw):
    async with node(lambda method, params: None, raw) as client:
        with pytest.raises(UnreadableAnswerError):
            await client.status()


async def test_refusal_of_the_node_keeps_its_text():
    def answer(method, params):
        raise RefusalError("height 9 must be less than or equal to 3")

    async with node(answer) as client:
        with pytest.raises(RpcError, match="less than or equal to 3"):
            await client.header(9)


async def test_recorded_status_of_a_peer_is_read():
    recorded = load_vector("simd-v8.8.0/status.json")["result"]
    async with node(lambda method, params: recorded) as client:
        assert await client.chain_id() == "simda-1"
        assert await client.latest_height() == 997


async def test_answers_of_a_batch_are_matched_by_id_and_cut_into_tens():
    async with node(lambda method, params: params["n"]) as client:
        calls = [("echo", {"n": number}) for number in range(25)]
        assert await client.rpc.call_many(calls) == list(range(25))


async def test_refusal_in_a_batch_does_not_hide_the_other_answers():
    def answer(method, params):
        if params["n"] == 1:
            raise RefusalError("no")
        return params["n"]

    async with node(answer) as client:
        calls = [("echo", {"n": number}) for number in range(3)]
        first, second, third = await client.rpc.call_many(calls)
    assert (first, third) == (0, 2)
    assert isinstance(second, RpcError)


async def test_query_error_speaks_with_the_zones_code():
    def answer(method, params):
        return abci(code=4, codespace="records", log="no such record")

    request = records_pb2.QueryRecordRequest(issuer="a", record_id="b")
    async with node(answer) as client:
        with pytest.raises(QueryError) as refused:
            await client.query("/x", request, records_pb2.QueryRecordResponse)
    assert (refused.value.codespace, refused.value.code) == ("records", 4)
    assert (QueryError.codespace, QueryError.code) == ("zone_client", 5)


async def test_query_sends_path_and_height_and_decodes():
    header = records_pb2.RecordHeader(issuer="a", record_id="b", version=3)
    asked: list[dict[str, Any]] = []

    def answer(method, params):
        asked.append(params)
        return abci(encode(records_pb2.QueryRecordResponse(record=header)))

    request = records_pb2.QueryRecordRequest(issuer="a", record_id="b")
    async with node(answer) as client:
        found = await client.query(
            "/huitong.records.v1.Query/Record",
            request,
            records_pb2.QueryRecordResponse,
            height=7,
        )
    assert found.record == header
    assert asked[0]["height"] == "7"
    assert bytes.fromhex(asked[0]["data"]) == encode(request)


async def test_node_without_batch_proofs_is_asked_key_by_key():
    paths: list[str] = []

    def answer(method, params):
        paths.append(params["path"])
        if params["path"].startswith("/huitong"):
            return abci(code=6, codespace="sdk", log="unknown query path")
        return abci(b"value", proofOps={"ops": []})

    async with node(answer) as client:
        found = await client.prove("ibc", [b"a", b"b"], 7)
        await client.prove("ibc", [b"c"], 7)
    assert [item.value for item in found] == [b"value", b"value"]
    assert paths == ["/huitong.node.v1.Query/Proofs"] + ["store/ibc/key"] * 3


async def test_many_keys_are_proven_in_their_order_by_nodes_without_batch_proofs():
    def answer(method, params):
        if params["path"].startswith("/huitong"):
            return abci(code=6, codespace="sdk", log="unknown query path")
        return abci(bytes.fromhex(params["data"]), proofOps={"ops": []})

    keys = [b"%d" % number for number in range(57)]
    async with node(answer) as client:
        found = await client.prove("ibc", keys, 7)
    assert [item.key for item in found] == keys
    assert [item.value for item in found] == keys


async def test_pruned_height_is_told():
    def answer(method, params):
        return abci(code=3, codespace="storage", log="version 1 is pruned")

    async with node(answer) as client:
        with pytest.raises(QueryError, match="version 1 is pruned"):
            await client.prove("ibc", [b"a"], 1)


async def test_waiting_for_a_transaction_ends():
    def answer(method, params):
        raise RefusalError(f"tx ({'AB' * 32}) not found")

    async with node(answer) as client:
        with pytest.raises(NotCommittedError):
            await client.wait_tx("AB" * 32, timeout_s=0.05)


async def test_waiting_for_a_height_ends():
    recorded = load_vector("simd-v8.8.0/status.json")["result"]
    async with node(lambda method, params: recorded) as client:
        assert await client.wait_height(900) == 997
        with pytest.raises(HeightNotReachedError):
            await client.wait_height(998, timeout_s=0.05)


async def test_recorded_searches_are_read_with_their_events():
    recorded = load_vector("simd-v8.8.0/tx_search_send_packet.json")
    async with node(lambda method, params: recorded) as client:
        found = await client.search_txs("send_packet.packet_sequence = '2'")
    assert found[0].height == int(recorded["txs"][0]["height"])
    told = found[0].find_event("send_packet")
    assert told is not None
    assert told.find("packet_src_port") == "transfer"


def test_recorded_blocks_of_a_peer_are_read_with_what_their_transactions_did():
    values = [
        message["result"]["data"]["value"]
        for message in load_vector("simd-v8.8.0/websocket.json")
        if (message["result"].get("data") or {}).get("type")
        == "tendermint/event/NewBlock"
    ]
    heads = [read_block_head(value) for value in values]
    assert [height for height, _, _ in heads] == sorted(
        height for height, _, _ in heads
    )
    with_txs = next(value for value, head in zip(values, heads, strict=True) if head[2])
    results = read_results(with_txs)
    assert results is not None
    seen = read_tx(read_block_head(with_txs)[2][0], results[0])
    assert seen.code == 0
    assert len(seen.tx_hash) == 64


class Zone:
    """A node's mempool for one account that counts sequences."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.account_queries = 0
        self.taken: list[int] = []

    def answer(self, method: str, params: dict[str, Any]) -> Any:
        if method == "status":
            return load_vector("simd-v8.8.0/status.json")["result"]
        if method == "abci_query":
            self.account_queries += 1
            account = auth_pb2.BaseAccount(account_number=4, sequence=1)
            return abci(
                encode(auth_query_pb2.QueryAccountResponse(account=pack_any(account)))
            )
        tx = decode_transaction(base64.b64decode(params["tx"]))
        if tx.sequence != self.expected:
            log = (
                f"account sequence mismatch, expected {self.expected}, "
                f"got {tx.sequence}: incorrect account sequence"
            )
            return {"code": 32, "codespace": "sdk", "log": log, "hash": ""}
        self.expected += 1
        self.taken.append(tx.sequence)
        return {"code": 0, "hash": "AB" * 32}


MESSAGE = pack_any(records_pb2.MsgPublishRecord(signer="x", record_id="y"))


async def test_sender_counts_its_sequence_by_itself():
    zone = Zone(expected=1)
    async with node(zone.answer) as client:
        sender = Sender(client, PRIVATE_KEY)
        for _ in range(3):
            await sender.broadcast([MESSAGE], gas_limit=1)
    assert zone.taken == [1, 2, 3]
    assert zone.account_queries == 1


async def test_sender_takes_up_the_sequence_that_the_mempool_expects():
    zone = Zone(expected=9)
    async with node(zone.answer) as client:
        await Sender(client, PRIVATE_KEY).broadcast([MESSAGE], gas_limit=1)
    assert zone.taken == [9]


async def test_sender_gives_up_after_some_wrong_sequences():
    def answer(method, params):
        if method == "broadcast_tx_sync":
            return {"code": 32, "codespace": "sdk", "log": "no number", "hash": ""}
        return Zone(0).answer(method, params)

    async with node(answer) as client:
        with pytest.raises(TransactionFailedError) as refused:
            await Sender(client, PRIVATE_KEY).broadcast([MESSAGE], gas_limit=1)
    assert (refused.value.codespace, refused.value.code) == ("sdk", 32)


async def test_unknown_account_is_told_with_its_address():
    def answer(method, params):
        if method == "status":
            return load_vector("simd-v8.8.0/status.json")["result"]
        return abci(code=22, codespace="sdk", log="account not found: key not found")

    async with node(answer) as client:
        sender = Sender(client, PRIVATE_KEY)
        with pytest.raises(AccountUnknownError) as refused:
            await sender.broadcast([MESSAGE], gas_limit=1)
    assert sender.address in str(refused.value)
