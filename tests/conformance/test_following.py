"""Following a zone, and believing nobody: subscriptions, proofs, headers, on both engines."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from huitong.client.sender import Sender
from huitong.client.zone import ZoneClient
from huitong.core.hashing import sha256
from huitong.core.store.ics23 import IAVL_SPEC, TENDERMINT_SPEC
from huitong.core.store.merkle_path import (
    verify_chained_membership,
    verify_chained_non_membership,
)
from huitong.light.tendermint.block_hashes import data_hash
from huitong.light.tendermint.header import header_hash
from huitong.light.tendermint.verify import verify_commit
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2
from tests.conformance.conftest import Ran, RunOn
from tests.conformance.forms import differences, form_of
from tests.conformance.nodes import CHAIN_ID, ENGINES, INITIAL_HEIGHT
from tests.conformance.script import Script

on_both = pytest.mark.parametrize("ran", ENGINES, indirect=True)
SPECS = (IAVL_SPEC, TENDERMINT_SPEC)
KINDS = ("NewBlock", "NewBlockHeader", "NewBlockEvents", "Tx")

# --- subscriptions ------------------------------------------------------------------------


def _receive(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=20))


def _ask(socket: ClientConnection, request_id: int, method: str, **params: Any) -> Any:
    request = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    socket.send(json.dumps(request))
    while True:  # events of earlier subscriptions may come before the answer
        answer = _receive(socket)
        if answer["id"] == request_id and not answer.get("result"):
            return answer


def _events(ran: Ran, record_id: str) -> dict[str, Any]:
    """Send a record and return, by kind, what a subscriber is told of its block."""
    node = ran.node
    with connect(f"{node.url.replace('http', 'ws')}/websocket") as socket:
        for number, kind in enumerate(KINDS):
            answer = _ask(socket, number, "subscribe", query=f"tm.event='{kind}'")
            assert answer == {"jsonrpc": "2.0", "id": number, "result": {}}
        record = Script(node.zone).record(record_id)
        told = node.broadcast("tax", record)
        height = node.wait_tx(told["hash"])["height"]
        found: dict[str, Any] = {}
        while len(found) < len(KINDS):
            message = _receive(socket)
            if _height_of(message["result"]["data"]["value"]) == height:
                found[KINDS[message["id"]]] = message["result"]
        return found


def _height_of(value: dict[str, Any]) -> str:
    for place in (("block", "header"), ("header",), ("TxResult",), ()):
        inner: Any = value
        for name in place:
            inner = inner.get(name, {})
        if "height" in inner:
            return str(inner["height"])
    raise AssertionError(f"no height in {value}")


@on_both
def test_a_block_is_told_to_those_who_subscribed(ran: Ran) -> None:
    told = _events(ran, f"S-{ran.node.engine}")
    assert told["NewBlock"]["data"]["value"]["block"]["data"]["txs"]
    assert told["NewBlockEvents"]["data"]["value"]["num_txs"] == "1"
    events = told["Tx"]["events"]
    assert events["record_published.record_id"] == [f"S-{ran.node.engine}"]
    assert set(events) >= {"tm.event", "tx.hash", "tx.height", "message.action"}


#: What CometBFT leaves out where it is empty; readers of either take both.
_LEFT_OUT = (
    ".data.value.result_finalize_block.events",
    ".data.value.result_finalize_block.validator_updates",
)


@pytest.mark.heavy
def test_both_engines_tell_subscribers_in_the_same_form(run_on: RunOn) -> None:
    ours, theirs = (
        _events(run_on(engine), "S-both") for engine in ("embedded", "cometbft")
    )
    for kind in KINDS:
        found = differences(form_of(ours[kind]), form_of(theirs[kind]))
        assert [item for item in found if item.split(":")[0] not in _LEFT_OUT] == []


@on_both
def test_subscriptions_are_refused_in_the_same_words(ran: Ran) -> None:
    with connect(f"{ran.node.url.replace('http', 'ws')}/websocket") as socket:
        query = "tm.event='ValidatorSetUpdates'"
        assert _ask(socket, 1, "subscribe", query=query)["result"] == {}
        texts = [
            _ask(socket, 2, "subscribe", query=query)["error"]["data"],
            _ask(socket, 3, "subscribe", query="a.b=")["error"]["data"],
            _ask(socket, 4, "unsubscribe", query="tm.event='Tx'")["error"]["data"],
        ]
        assert texts == [
            "already subscribed",
            "failed to parse query: offset 4: EOF",
            "subscription not found",
        ]
        assert _ask(socket, 5, "unsubscribe", query=query)["result"] == {}
        assert _ask(socket, 6, "unsubscribe_all")["error"]["data"] == (
            "subscription not found"
        )


# --- proofs and headers -------------------------------------------------------------------


@on_both
@pytest.mark.parametrize("is_batch", [True, False])
async def test_values_are_proven_to_the_next_header(ran: Ran, is_batch: bool) -> None:
    present, absent = b"nextClientSequence", b"clients/none/clientState"
    async with ZoneClient(ran.node.url) as client:
        client._has_batch_proofs = is_batch
        height = await client.latest_height() - 1
        proven = await client.prove("ibc", [present, absent], height)
        block = await client.light_block(height + 1)
    root = block.signed_header.header.app_hash
    proofs = [commitment_pb2.MerkleProof.FromString(item.proof) for item in proven]
    assert proven[0].value == (1).to_bytes(8, "big")
    verify_chained_membership(
        SPECS, root, proofs[0], (b"ibc", present), proven[0].value or b""
    )
    assert proven[1].value is None
    verify_chained_non_membership(SPECS, root, proofs[1], (b"ibc", absent))


@on_both
async def test_headers_are_signed_and_chained_from_the_first_on(ran: Ran) -> None:
    async with ZoneClient(ran.node.url) as client:
        before = await client.light_block(INITIAL_HEIGHT)
        assert before.signed_header.header.time_ns == ran.node.zone.genesis.time_ns
        for height in range(INITIAL_HEIGHT + 1, ran.height):
            block = await client.light_block(height)
            header = block.signed_header.header
            last = before.signed_header
            assert header.last_block_id == last.commit.block_id
            assert header_hash(last.header) == last.commit.block_id.hash
            assert header.validators_hash == last.header.next_validators_hash
            assert header.time_ns > last.header.time_ns
            verify_commit(block.signed_header.commit, block.validators, CHAIN_ID)
            before = block


@on_both
def test_transactions_are_proven_to_the_data_hash(ran: Ran) -> None:
    tx_hash = next(item.checked["hash"] for item in ran.outcomes if item.tx)
    asked = base64.b64encode(bytes.fromhex(tx_hash)).decode()
    told = ran.node.call("tx", hash=asked, prove=True)
    block = ran.node.call("block", height=told["height"])["block"]
    txs = [base64.b64decode(raw) for raw in block["data"]["txs"]]
    assert data_hash(txs).hex().upper() == block["header"]["data_hash"]
    assert told["proof"]["root_hash"] == block["header"]["data_hash"]
    leaf = sha256(b"\x00" + sha256(txs[told["index"]]))
    assert base64.b64decode(told["proof"]["proof"]["leaf_hash"]) == leaf


# --- sending ------------------------------------------------------------------------------


@on_both
async def test_a_client_sends_and_finds_its_transaction(ran: Ran) -> None:
    zone = ran.node.zone
    async with ZoneClient(ran.node.url) as client:
        sender = Sender(client, zone.private_key("road"))
        outcome = await sender.send(Script(zone).record("by-client", "road"))
        found = await client.find_tx(outcome.hash)
    assert found == outcome
    ran.node.sequences["road"] += 1


@on_both
def test_every_way_to_broadcast_brings_a_transaction_into_a_block(ran: Ran) -> None:
    node, script = ran.node, Script(ran.node.zone)
    for method in ("broadcast_tx_async", "broadcast_tx_sync", "broadcast_tx_commit"):
        raw = node.sign("tax", script.record(f"by-{method}"))
        told = node.call(method, tx=base64.b64encode(raw).decode())
        node.sequences["tax"] += 1
        assert told["hash"] == sha256(raw).hex().upper()
        tx = node.wait_tx(told["hash"])
        assert tx["tx_result"]["code"] == 0
        if method == "broadcast_tx_commit":
            assert told["check_tx"]["code"] == 0
            assert told["tx_result"] == tx["tx_result"]
            assert told["height"] == tx["height"]
        again = node.answer(method, tx=base64.b64encode(raw).decode())
        assert again["error"]["data"].endswith("tx already exists in cache")


@on_both
def test_transactions_that_wait_are_shown_until_their_block(ran: Ran) -> None:
    node, script = ran.node, Script(ran.node.zone)
    sent = [
        node.broadcast("tax", script.record(f"W-{ran.node.engine}-{number}"))["hash"]
        for number in range(5)
    ]
    for tx_hash in sent:
        assert node.wait_tx(tx_hash)["tx_result"]["code"] == 0
    assert node.call("num_unconfirmed_txs")["n_txs"] == "0"
