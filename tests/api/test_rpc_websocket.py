"""Subscriptions: order, ids, limits and texts as CometBFT has them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from huitong.core.abci import BlockRequest, FinalizedBlock, ValidatorUpdate
from huitong.core.events import event
from huitong.node.rpc import subscriptions
from huitong.node.rpc.errors import SubscriptionError
from huitong.node.rpc.subscriptions import EventClient, SubscriptionHub
from tests.api.rpc_kit import RpcZone, base64_of

BLOCKS = "tm.event = 'NewBlock'"
TXS = "tm.event = 'Tx'"


async def test_block_comes_before_its_transactions(rpc: RpcZone) -> None:
    async with rpc.websocket() as socket:
        await socket.ask(1, "subscribe", query=TXS)
        await socket.ask(2, "subscribe", query=BLOCKS)
        rpc.publish("INV-1", "INV-2")
        told = [await socket.receive() for _ in range(4)]
        kinds = [item["result"]["data"]["type"].rpartition("/")[2] for item in told]
        assert kinds == ["NewBlock", "Tx", "Tx", "NewBlock"]
        assert [item["id"] for item in told] == [2, 1, 1, 2]


async def test_transaction_is_told_once_for_each_query_that_matches(
    rpc: RpcZone,
) -> None:
    by_record = "record_published.record_id='INV-1'"
    async with rpc.websocket() as socket:
        await socket.ask("a", "subscribe", query=TXS)
        await socket.ask("b", "subscribe", query=by_record)
        await socket.ask("c", "subscribe", query="record_published.record_id='INV-9'")
        rpc.publish("INV-1")
        told = [await socket.receive() for _ in range(2)]
        assert {item["id"]: item["result"]["query"] for item in told} == {
            "a": TXS,
            "b": by_record,
        }
        assert socket.is_silent()


async def test_new_headers_can_be_followed(rpc: RpcZone) -> None:
    async with rpc.websocket() as socket:
        await socket.ask(1, "subscribe", query="tm.event = 'NewBlockHeader'")
        rpc.zone.empty()
        told = await socket.receive()
        header = told["result"]["data"]["value"]["header"]
        assert header["height"] == "3"


async def test_every_client_gets_its_own_id(rpc: RpcZone) -> None:
    async with rpc.websocket() as first, rpc.websocket() as second:
        await first.ask("one", "subscribe", query=BLOCKS)
        await second.ask(2, "subscribe", query=BLOCKS)
        rpc.zone.empty()
        assert (await first.receive())["id"] == "one"
        assert (await second.receive())["id"] == 2


async def test_unsubscribed_client_hears_nothing(rpc: RpcZone) -> None:
    async with rpc.websocket() as socket:
        await socket.ask(1, "subscribe", query=BLOCKS)
        await socket.ask(2, "subscribe", query=TXS)
        assert (await socket.ask(3, "unsubscribe", query=BLOCKS))["result"] == {}
        rpc.zone.empty()
        assert (await socket.ask(4, "unsubscribe_all"))["result"] == {}
        rpc.publish("INV-1")
        assert (await socket.ask(5, "health"))["id"] == 5
        assert socket.is_silent()


@pytest.mark.parametrize(
    ("method", "query", "text"),
    [
        ("subscribe", BLOCKS, "already subscribed"),
        ("subscribe", "a.b =", "failed to parse query: offset 5: EOF"),
        ("unsubscribe", TXS, "subscription not found"),
    ],
)
async def test_subscription_is_refused(
    rpc: RpcZone, method: str, query: str, text: str
) -> None:
    async with rpc.websocket() as socket:
        await socket.ask(1, "subscribe", query=BLOCKS)
        error = (await socket.ask(2, method, query=query))["error"]
        assert (error["code"], error["data"]) == (-32603, text)


async def test_unsubscribing_from_nothing_is_refused(rpc: RpcZone) -> None:
    async with rpc.websocket() as socket:
        error = (await socket.ask(2, "unsubscribe_all"))["error"]
        assert error["data"] == "subscription not found"


async def test_sixth_subscription_is_refused(rpc: RpcZone) -> None:
    async with rpc.websocket() as socket:
        for number in range(5):
            answer = await socket.ask(number, "subscribe", query=f"a.b = '{number}'")
            assert answer["result"] == {}
        error = (await socket.ask(6, "subscribe", query=BLOCKS))["error"]
        assert error["data"] == "max_subscriptions_per_client 5 reached"


async def test_clients_with_subscriptions_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscriptions, "CLIENTS_MAX", 1)
    hub, first, second = SubscriptionHub(), EventClient(), EventClient()
    hub.subscribe(first, 1, BLOCKS)
    with pytest.raises(SubscriptionError):
        hub.subscribe(second, 1, BLOCKS)
    hub.forget(first)
    hub.subscribe(second, 1, BLOCKS)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "failed to parse query: offset 0: EOF"),
        (
            {"query": 5},
            "error converting json params to arguments: "
            "json: cannot unmarshal number into Go value of type string",
        ),
        ({"query": f"a.b='{'x' * 600}'"}, "maximum query length exceeded"),
    ],
)
async def test_query_that_cannot_be_read_is_an_internal_error(
    rpc: RpcZone, params: dict[str, object], text: str
) -> None:
    async with rpc.websocket() as socket:
        error = (await socket.ask(2, "subscribe", **params))["error"]
        assert (error["code"], error["data"]) == (-32603, text)


async def test_arguments_of_other_kinds_are_internal_errors_too(rpc: RpcZone) -> None:
    async with rpc.websocket() as socket:
        error = (await socket.ask(2, "block", height=5))["error"]
        assert error["code"] == -32603


async def test_one_query_spaced_otherwise_is_the_same(rpc: RpcZone) -> None:
    async with rpc.websocket() as socket:
        await socket.ask(1, "subscribe", query=BLOCKS)
        again = await socket.ask(2, "subscribe", query=BLOCKS.replace(" ", ""))
        assert again["error"]["data"] == "already subscribed"
        gone = await socket.ask(3, "unsubscribe", query=BLOCKS.replace(" ", "  "))
        assert gone["result"] == {}


async def test_votes_can_be_followed(rpc: RpcZone) -> None:
    async with rpc.websocket() as socket:
        await socket.ask(1, "subscribe", query="tm.event = 'Vote'")
        block = rpc.zone.empty()
        data = (await socket.receive())["result"]["data"]
        assert data["type"] == "tendermint/event/Vote"
        vote = data["value"]["Vote"]
        assert vote["height"] == str(block.height)
        assert vote["block_id"]["hash"] == block.block.block_id.hash.hex().upper()
        assert (vote["type"], vote["extension"]) == (2, None)


async def test_changed_validators_can_be_followed(
    rpc: RpcZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    finalize = rpc.zone.app.finalize_block
    update = ValidatorUpdate(public_key=rpc.zone.key.public_key, power=11)

    def with_update(request: BlockRequest) -> FinalizedBlock:
        return replace(finalize(request), validator_updates=(update,))

    monkeypatch.setattr(rpc.zone.app, "finalize_block", with_update)
    async with rpc.websocket() as socket:
        await socket.ask(1, "subscribe", query="tm.event = 'ValidatorSetUpdates'")
        rpc.zone.empty()
        data = (await socket.receive())["result"]["data"]
        (changed,) = data["value"]["validator_updates"]
        assert changed["voting_power"] == "11"
        assert changed["pub_key"]["type"] == "tendermint/PubKeyEd25519"


async def test_parameters_of_subscribe_may_stand_in_order(rpc: RpcZone) -> None:
    async with rpc.websocket() as socket:
        await socket.send(
            {"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": [BLOCKS]}
        )
        assert (await socket.receive())["result"] == {}


@pytest.mark.parametrize("message", ["{", "[]", '[{"id":1,"method":"health"}]', "7"])
async def test_batches_and_nonsense_are_parse_errors(
    rpc: RpcZone, message: str
) -> None:
    async with rpc.websocket() as socket:
        await socket.send(message)
        answer = await socket.receive()
        assert answer["error"]["code"] == -32700
        assert "id" not in answer


async def test_methods_answer_over_websocket_too(rpc: RpcZone) -> None:
    async with rpc.websocket() as socket:
        answer = await socket.ask("x", "header", height="1")
        assert answer["result"]["header"]["height"] == "1"


async def test_client_that_has_gone_is_forgotten(rpc: RpcZone) -> None:
    async with rpc.websocket() as socket:
        await socket.ask(1, "subscribe", query=BLOCKS)
    rpc.zone.empty()
    async with rpc.websocket() as socket:
        await socket.ask(1, "subscribe", query=BLOCKS)
        rpc.zone.empty()
        assert (await socket.receive())["result"]["data"]["value"]


async def test_client_that_does_not_read_is_told_and_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscriptions, "BACKLOG_MESSAGES_MAX", 3)
    client = EventClient()
    for _ in range(10):
        client.push(b"news")
    last = await client.pull()
    assert last is not None
    assert b"client is not pulling messages fast enough" in last
    assert await client.pull() is None


async def test_backlog_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "BACKLOG_SIZE_BYTES_MAX", 10)
    client = EventClient()
    client.push(b"x" * 10)
    assert not client.is_too_slow
    client.push(b"y")
    assert client.is_too_slow


async def test_socket_elsewhere_is_refused(rpc: RpcZone) -> None:
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(message["type"])

    scope = {"type": "websocket", "path": "/elsewhere", "query_string": b""}
    await rpc.application(scope, receive, send)
    assert sent == ["websocket.close"]


async def test_broadcast_tx_commit_waits_for_the_block(rpc: RpcZone) -> None:
    raw = rpc.zone.sign("tax", rpc.message("INV-1"))
    call = asyncio.create_task(rpc.call("broadcast_tx_commit", tx=base64_of(raw)))
    while rpc.zone.engine.mempool.counts() == (0, 0):
        await asyncio.sleep(0)
    rpc.zone.work()
    answer = await call
    assert (answer["height"], answer["tx_result"]["code"]) == ("3", 0)
    assert answer["check_tx"]["code"] == 0


async def test_broadcast_tx_commit_gives_up(
    rpc: RpcZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huitong.node.rpc import txs

    monkeypatch.setattr(txs, "COMMIT_WAIT_S", 0)
    raw = rpc.zone.sign("tax", rpc.message("INV-1"))
    error = await rpc.refusal("broadcast_tx_commit", tx=base64_of(raw))
    assert error["data"] == "timed out waiting for tx to be included in a block"


async def test_hook_events_are_told_with_the_block_only(
    rpc: RpcZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    finalize = rpc.zone.app.finalize_block

    def with_event(request: BlockRequest) -> FinalizedBlock:
        told = event("message", module="ibc_channel")
        return replace(finalize(request), events=(told,))

    monkeypatch.setattr(rpc.zone.app, "finalize_block", with_event)
    async with rpc.websocket() as socket:
        await socket.ask(1, "subscribe", query="message.module = 'ibc_channel'")
        rpc.zone.empty()
        told = await socket.receive()
        assert told["result"]["data"]["type"] == "tendermint/event/NewBlock"
        assert told["result"]["events"]["message.module"] == ["ibc_channel"]
        told = await socket.receive()
        assert told["result"]["data"]["type"] == "tendermint/event/NewBlockEvents"
        assert told["result"]["data"]["value"]["events"][0]["type"] == "message"
        assert socket.is_silent()
    results = await rpc.call("block_results")
    assert results["finalize_block_events"][0]["type"] == "message"
    found = await rpc.call("block_search", query="message.module = 'ibc_channel'")
    assert found["total_count"] == "1"
