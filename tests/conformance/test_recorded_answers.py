"""Whatever a running ``simd`` answered, both engines answer in the same JSON shape.

Every file of ``vectors/simd-v8.8.0`` is walked: which names there are and which kind of
value stands under each, in every entry of every list. ``null`` is another kind than an
empty list. Where ours may differ, ``EXPECTED`` says so and why.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.sync.client import connect

from tests import vectors
from tests.conformance.conftest import Ran
from tests.conformance.nodes import ENGINES
from tests.conformance.script import Script
from tests.vectors import load_vector

FOLDER: Final = "simd-v8.8.0"
on_both = pytest.mark.parametrize("ran", ENGINES, indirect=True)

#: Differences that stay, by file, with the reason. A part without a difference is an error.
EXPECTED: Final[dict[str, dict[str, str]]] = {
    "abci_info.json": {
        ".result.response.version: str": "simd states no version of itself",
    },
    "websocket.json": {
        ".result.data.value.result_finalize_block.validator_updates: list": (
            "simd is one program with CometBFT; behind a socket nothing is null"
        ),
        ".result.data.value.result_finalize_block.validator_updates: NoneType": (
            "the other side of the same"
        ),
        ".result.data.value.result_finalize_block.consensus_param_updates": (
            "simd repeats the parameters in every block, ours tells of changes"
        ),
        ".result.data.value.result_finalize_block.events": (
            "simd mints in every block; what is empty is left out"
        ),
    },
    "flow_create_client.json": {
        ".block_results.consensus_param_updates": (
            "simd repeats the parameters in every block, ours tells of changes"
        ),
        ".block_results.finalize_block_events": "simd mints in every block",
    },
}


def shape_of(value: Any, path: str = "") -> Iterator[str]:
    """Yield ``path: kind`` for everything in an answer."""
    yield f"{path}: {type(value).__name__}"
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from shape_of(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from shape_of(inner, f"{path}[]")


def differing(ours: Any, recorded: Any) -> set[str]:
    """Return the parts of a shape that only one of two answers has.

    An empty list says nothing of what its entries would be like. Under ``events`` stand
    names that each application chooses: they are compared by what their values are.
    """
    shapes = [set(shape_of(_unnamed(value))) for value in (ours, recorded)]
    filled = _all_heads(shapes[0]) & _all_heads(shapes[1])
    return {part for part in shapes[0] ^ shapes[1] if _heads(part) <= filled}


def _heads(part: str) -> set[str]:
    path = part.partition(":")[0]
    return {path[:place] for place in range(len(path)) if path[place:].startswith("[]")}


def _all_heads(shape: set[str]) -> set[str]:
    return {head for part in shape for head in _heads(part)}


def _unnamed(value: Any) -> Any:
    """Return an answer with the members of a map of events under one name."""
    if isinstance(value, dict):
        if "tm.event" in value:
            return {"event": [item for items in value.values() for item in items]}
        return {name: _unnamed(inner) for name, inner in value.items()}
    return [_unnamed(item) for item in value] if isinstance(value, list) else value


# --- the same questions to ours -------------------------------------------------------


def _found(ran: Ran, query: str) -> Any:
    found = ran.node.call("tx_search", query=query, per_page="1")["txs"]
    assert found, query
    return found[0]


def _any_tx(ran: Ran) -> Any:
    return {"query": "", "tx": _found(ran, "record_published.record_id = 'A'")}


def _created_client(ran: Ran) -> Any:
    tx = _found(ran, "create_client.client_id = '07-tendermint-0'")
    height = tx["height"]
    return {
        "query": "",
        "tx": tx,
        "block": ran.node.call("block", height=height),
        "block_results": ran.node.call("block_results", height=height),
    }


def _client_history(ran: Ran) -> Any:
    query = "update_client.client_id = '07-tendermint-0'"
    tx = _found(ran, query)
    header = ran.node.call("header", height=tx["height"])["header"]
    updates = [
        event for event in tx["tx_result"]["events"] if event["type"] == "update_client"
    ]
    return {
        "chain": header["chain_id"],
        "note": "",
        "txs": [
            {
                "height": tx["height"],
                "hash": tx["hash"],
                "block_time": header["time"],
                "code": tx["tx_result"]["code"],
                "tx": tx["tx"],
                "update_events": updates,
            }
        ],
    }


#: Keys that are there on our node, and one that is not.
_PRESENT: Final = "clients/07-tendermint-0/clientState"
_ABSENT: Final = "receipts/ports/transfer/channels/channel-0/sequences/1"


def _proofs(name: str) -> Callable[[Ran], Any]:
    def ask(ran: Ran) -> Any:
        recorded = load_vector(f"{FOLDER}/{name}")
        height = ran.height - 1
        rows = [
            {
                "key": row["key"],
                "answer": ran.node.call(
                    "abci_query",
                    path="store/ibc/key",
                    data=(_PRESENT if row["answer"]["value"] else _ABSENT)
                    .encode()
                    .hex(),
                    height=str(height),
                    prove=True,
                )["response"],
            }
            for row in recorded["rows"]
        ]
        header = ran.node.call("header", height=str(height + 1))["header"]
        answer = {"chain": "", "height": height, "header_next": header, "rows": rows}
        return {**answer, **({"note": ""} if "note" in recorded else {})}

    return ask


def _light_blocks(ran: Ran) -> Any:
    return [
        {
            "height": height,
            "commit": ran.node.call("commit", height=str(height)),
            "validators": ran.node.call("validators", height=str(height)),
            "next_validators": ran.node.call("validators", height=str(height + 1)),
        }
        for height in range(ran.height - 4, ran.height)
    ]


def _errors(ran: Ran) -> Any:
    account = "/cosmos.auth.v1beta1.Query/Account"
    address = b"cosmos1am058pdux3hyulcmfgj4m3hhrlfn8nzm88u80r"
    return {
        "future_height": ran.node.answer("block", height="99999999"),
        "bad_method": ran.node.answer("no_such_method"),
        "bad_path": ran.node.answer("abci_query", path="/nothing"),
        "no_account": ran.node.answer(
            "abci_query",
            path=account,
            data=(b"\x0a" + bytes([len(address)]) + address).hex(),
        ),
    }


def _node_info(ran: Ran) -> Any:
    path = "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo"
    return ran.node.call("abci_query", path=path, data="")


def _websocket(ran: Ran) -> list[Any]:
    node = ran.node
    with connect(node.url.replace("http", "ws") + "/websocket") as socket:

        def receive() -> Any:
            return json.loads(socket.recv(timeout=20))

        def subscribe(request_id: str, query: str) -> Any:
            params = {"query": query}
            request = {"jsonrpc": "2.0", "id": request_id, "method": "subscribe"}
            socket.send(json.dumps({**request, "params": params}))
            return receive()

        told = [subscribe("id-0", "tm.event = 'NewBlock'")]
        action = "message.action = '/huitong.records.v1.MsgPublishRecord'"
        told.append(subscribe("id-1", action))
        record = Script(node.zone).record(f"told-{node.engine}")
        assert node.broadcast("tax", record)["code"] == 0
        blocks, txs = [], []
        while not (txs and any(_has_txs(block) for block in blocks)):
            message = receive()
            is_tx = message["result"]["data"]["type"].endswith("/Tx")
            (txs if is_tx else blocks).append(message)
    return [*told, *blocks, *txs]


def _has_txs(message: Any) -> bool:
    return bool(message["result"]["data"]["value"]["block"]["data"]["txs"])


ASKED: Final[dict[str, Callable[[Ran], Any]]] = {
    "abci_info.json": lambda ran: ran.node.answer("abci_info"),
    "abci_query_proofs.json": _proofs("abci_query_proofs.json"),
    "abci_query_proofs_b.json": _proofs("abci_query_proofs_b.json"),
    "client_history_b.json": _client_history,
    "consensus_params.json": lambda ran: ran.node.answer(
        "consensus_params", height="12"
    ),
    "errors.json": _errors,
    **{
        f"flow_{step}.json": _any_tx
        for step in (
            "ack",
            "chan_ack",
            "chan_confirm",
            "chan_init",
            "chan_try",
            "conn_ack",
            "conn_confirm",
            "conn_init",
            "conn_try",
            "recv",
        )
    },
    "flow_create_client.json": _created_client,
    "health.json": lambda ran: ran.node.answer("health"),
    "light_blocks.json": _light_blocks,
    "node_info.json": _node_info,
    "status.json": lambda ran: ran.node.answer("status"),
    "tx_search_send_packet.json": lambda ran: ran.node.call(
        "tx_search", query="record_published.record_id = 'A'", per_page="1"
    ),
    "websocket.json": _websocket,
}


@pytest.mark.parametrize(
    ("ours", "recorded", "parts"),
    [
        ({"a": 1}, {"a": 2}, set()),
        ({"a": 1}, {"a": "1"}, {".a: int", ".a: str"}),
        ({"a": None}, {"a": []}, {".a: NoneType", ".a: list"}),
        ({"a": []}, {"a": [{"b": 1}]}, set()),
        ({"a": [{"b": 1}, {}]}, {"a": [{"b": 1}]}, set()),
        ({"a": [{"b": 1}, {"c": 1}]}, {"a": [{"b": 1}]}, {".a[].c: int"}),
        ({}, {"a": {"b": 1}}, {".a: dict", ".a.b: int"}),
    ],
)
def test_shapes_are_told_apart(ours: Any, recorded: Any, parts: set[str]) -> None:
    assert differing(ours, recorded) == parts


def test_every_recorded_file_is_asked_for() -> None:
    folder = Path(vectors.__file__).parent / FOLDER
    assert {file.name for file in folder.glob("*.json")} == set(ASKED)


@pytest.mark.parametrize("name", sorted(ASKED))
@on_both
def test_answer_has_the_recorded_shape(ran: Ran, name: str) -> None:
    ours, recorded = ASKED[name](ran), load_vector(f"{FOLDER}/{name}")
    if name == "websocket.json":  # one message after the other, each to its like
        found = differing(ours[:2], recorded[:2])
        for kind in ("NewBlock", "Tx"):
            found |= differing(_of_kind(ours, kind), _of_kind(recorded, kind))
        found = {part.replace("[]", "", 1) for part in found}
    else:
        found = differing(ours, recorded)
    expected = EXPECTED.get(name, {})
    assert sorted(part for part in found if not part.startswith(tuple(expected))) == []
    for head in expected:
        assert any(part.startswith(head) for part in found), f"{head} is no difference"


def _of_kind(messages: list[Any], kind: str) -> list[Any]:
    return [
        message
        for message in messages[2:]
        if message["result"]["data"]["type"] == f"tendermint/event/{kind}"
    ]
