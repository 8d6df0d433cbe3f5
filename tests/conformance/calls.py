"""Calls of CometBFT's RPC that both engines have to answer alike."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from huitong.core.codec import encode
from huitong.proto.huitong.node.v1 import node_pb2
from tests.conformance.conftest import Ran
from tests.conformance.nodes import INITIAL_HEIGHT

Params = Callable[[Ran], dict[str, Any]]


@dataclass(frozen=True)
class Call:
    """One call; what is asked may depend on what the node has done."""

    name: str
    answer: Callable[[Ran], Any]
    """Asks a node and returns its whole answer."""


def _made(name: str, method: str, params: Params) -> Call:
    return Call(f"{method}: {name}", lambda ran: ran.node.answer(method, **params(ran)))


def _call(name: str, method: str, **params: Any) -> Call:
    return _made(name, method, lambda ran: params)


def _get(path: str) -> Call:
    """A call by GET, as from a browser."""

    def answer(ran: Ran) -> Any:
        response = ran.node.http.get(path)
        if "json" not in response.headers.get("content-type", ""):
            return {"error": {"status": response.status_code, "text": response.text}}
        told = response.json()
        if "error" in told:
            told["error"]["status"] = response.status_code
        return told

    return Call(f"GET {path}", answer)


def _outcome(ran: Ran, name: str) -> Any:
    return next(item.tx for item in ran.outcomes if item.step.name == name)


def height_of(ran: Ran) -> str:
    """Return the height of a block that has one transaction."""
    return str(_outcome(ran, "one more block")["height"])


def hash_of(ran: Ran) -> str:
    """Return the hash of a transaction in base64."""
    return base64_of(bytes.fromhex(_outcome(ran, "two records")["hash"]))


def base64_of(data: bytes) -> str:
    """Return bytes as JSON carries them."""
    return base64.b64encode(data).decode()


def _block_hash(ran: Ran) -> bytes:
    told = ran.node.call("block", height=height_of(ran))
    return bytes.fromhex(told["block_id"]["hash"])


_FIRST = str(INITIAL_HEIGHT)
_STORE = {"path": "store/ibc/key", "data": b"nextClientSequence".hex()}
_ACTION = "message.action='/huitong.records.v1.MsgPublishRecord'"
_PROOFS = encode(
    node_pb2.QueryProofsRequest(store="ibc", keys=[b"nextClientSequence"])
).hex()

#: The newest block may have results or none, and CometBFT may not have its parameters yet.
_NOT_NEWEST = ("block_results", "consensus_params")

AT_HEIGHT: tuple[Call, ...] = tuple(
    call
    for method in (
        "block",
        "header",
        "commit",
        "block_results",
        "validators",
        "consensus_params",
    )
    for call in (
        *([] if method in _NOT_NEWEST else [_call("newest", method)]),
        _made("with transactions", method, lambda ran: {"height": height_of(ran)}),
        _call("first", method, height=_FIRST),
        _call("before the first", method, height="1"),
        _call("height 0", method, height="0"),
        _call("height -1", method, height="-1"),
        _call("far above", method, height="999999"),
        _call("height as a number", method, height=12),
        _call("height of letters", method, height="x"),
        _call("height with a zero before", method, height="011"),
        _call("height too large", method, height="99999999999999999999"),
    )
)
STATE: tuple[Call, ...] = (
    _call("", "health"),
    _call("", "status"),
    _call("with more", "status", more="1"),
    _call("", "net_info"),
    _call("", "abci_info"),
    _call("", "genesis"),
    _call("", "genesis_chunked"),
    _call("no such path", "abci_query", path="/nothing"),
    _call("no path", "abci_query"),
    _call("path of another kind", "abci_query", path=7),
    _call("a module", "abci_query", path="/huitong.members.v1.Query/Members"),
    _call("no such field", "abci_query", path="/huitong.members.v1.Query/Member"),
    _call("a value", "abci_query", **_STORE),
    _call("a value with its proof", "abci_query", **_STORE, prove=True),
    _call("an old one", "abci_query", **_STORE, prove=True, height=str(12)),
    _call(
        "proof of absence", "abci_query", path="store/ibc/key", data="00", prove=True
    ),
    _call("a height to come", "abci_query", **_STORE, prove=True, height="999999"),
    _call("a negative height", "abci_query", **_STORE, height="-1"),
    _call("data that is no hex", "abci_query", path="x", data="xyz"),
    _call("half a byte", "abci_query", path="x", data="abc"),
    _call("prove of another kind", "abci_query", path="x", prove="yes"),
    _call("proofs", "abci_query", path="/huitong.node.v1.Query/Proofs", data=_PROOFS),
    _call("no proofs", "abci_query", path="/huitong.node.v1.Query/Proofs", data="00"),
    _call("", "no_such_method"),
    _call("not over HTTP", "subscribe", query="tm.event='Tx'"),
)
BLOCKS: tuple[Call, ...] = (
    _call("a range", "blockchain", minHeight=_FIRST, maxHeight="13"),
    _call("turned round", "blockchain", minHeight="13", maxHeight="12"),
    _call("negative", "blockchain", minHeight="-3", maxHeight="12"),
    _call("second page", "validators", page="2"),
    _call("page 0", "validators", page="0"),
    _call("one per page", "validators", page="1", per_page="1"),
    _call("many per page", "validators", per_page="1000"),
    _made("a block", "header_by_hash", lambda ran: {"hash": _block_hash(ran).hex()}),
    _call("nothing", "header_by_hash", hash="00"),
    _call("no hex", "header_by_hash", hash="0x00"),
    _made(
        "a block",
        "block_by_hash",
        lambda ran: {"hash": base64_of(_block_hash(ran))},
    ),
    _call("nothing", "block_by_hash", hash="AAAA"),
    _call("no base64", "block_by_hash", hash="?"),
    _call("the first", "block_search", query=f"block.height = {_FIRST}"),
    _call("some", "block_search", query="block.height > 12", per_page="2"),
    _call("no query", "block_search", query=""),
)
TRANSACTIONS: tuple[Call, ...] = (
    _made("one", "tx", lambda ran: {"hash": hash_of(ran)}),
    _made("with proof", "tx", lambda ran: {"hash": hash_of(ran), "prove": True}),
    _call("nobody's", "tx", hash=base64_of(bytes(32))),
    _call("without a hash", "tx"),
    _call("no base64", "tx", hash="A?AA"),
    _call("too much padding", "tx", hash="AAAA="),
    _call("too little padding", "tx", hash="AAA"),
    _call("hash of another kind", "tx", hash=7),
    _call("by an action", "tx_search", query=_ACTION),
    _call("newest first", "tx_search", query=_ACTION, order_by="desc", per_page="2"),
    _call("with proof", "tx_search", query=_ACTION, prove=True, page="2", per_page="2"),
    _call(
        "by two conditions",
        "tx_search",
        query="tx.height > 0 AND record_published.record_id = 'A'",
    ),
    _call("by nothing", "tx_search", query="a.b='c'"),
    _call("no query", "tx_search", query=""),
    _call("half a query", "tx_search", query="a.b="),
    _call("another order", "tx_search", query="a.b='c'", order_by="up"),
    _call("a page too far", "tx_search", query="a.b='c'", page="9"),
    _call("", "num_unconfirmed_txs"),
    _call("", "unconfirmed_txs"),
    _call("limit 0", "unconfirmed_txs", limit="0"),
    _call("garbage", "broadcast_tx_sync", tx="AAAA"),
    _call("garbage", "broadcast_tx_async", tx="AAAB"),
    _call("garbage", "broadcast_tx_commit", tx="AAAC"),
    _call("garbage", "check_tx", tx="AAAD"),
    _call("no base64", "broadcast_tx_sync", tx="*"),
    _call("nothing", "broadcast_tx_sync"),
    _made(
        "a known one",
        "broadcast_tx_sync",
        lambda ran: {"tx": _outcome(ran, "two records")["tx"]},
    ),
    _call("a large one", "broadcast_tx_sync", tx=base64_of(bytes(2_100_000))),
)
_QUERIES = (
    "tx.height = 12",
    "tx.height = '12'",
    "tx.height > 11 AND tx.height < 13",
    "tx.height CONTAINS '1'",
    "tx.height EXISTS AND tx.height <= 9999",
    "tx.height = 11.5",
    "tx.height >= DATE 2013-05-03",
    "block.height > 12 AND block.height < 14",
    "message.action EXISTS",
    "message.action CONTAINS 'Publish'",
    "message EXISTS",
    "record_published.level = 2",
    "record_published.level = '2'",
    "record_published.level = 02",
    "record_published.level > 1.5",
    "record_published.level >= 1 AND tx.height > 0",
    f"record_published.record_id = 'A' AND {_ACTION}",
    "record_published.record_id = 'A' AND record_published.level = 2",
    "message.msg_index = '0' AND tx.height > 11",
    "tm.event = 'Tx'",
    "tm.event = 'Tx' AND tx.height = 12",
    "a.b EXISTS",
    "a.b = DATE 2013-05-03",
    "a.b > TIME 2013-05-03T14:45:00Z",
    "a.b <= 2.5",
    "a.b = 1.",
    "a.b = 'c' OR b.c = 'd'",
    "a.b = 'it''s'",
    'a.b = "c"',
    "a.b = c",
    "a.b = 'c",
    "a.b = 12abc",
    "a.b = -5",
    "a.b <> 3",
    "a.b > 'x'",
    "a.b != 'c'",
    "(a.b = 'c')",
    "a.b CONTAINS 5",
    "a.b contains 'x'",
    "a.b EXISTS 'x'",
    "a.b = 'c' and c.d = 'e'",
    "a.b = 'c'; drop",
    "a/b.c = 'd'",
    "é.b = 'c'",
    "AND",
    "'a' = 'b'",
    "a",
    "  ",
    "a.b > DATE 2013-13-45",
    "a.b > DATE 1066-10-14",
    "a.b > TIME 2013",
    "a.b > DATE x",
    "tx.hash EXISTS",
    "tx.hash = 'zz'",
    "tx.hash = '00' AND tx.height = 1",
    f"a.b = '{'x' * 600}'",
)
_BLOCK_QUERIES = (
    "block.height = '12'",
    "block.height > 11 AND block.height < 14",
    "tx.height = 12",
    "tm.event = 'NewBlock'",
    "a.b = 'c' AND block.height = 12",
    "a.b =",
)
QUERIES: tuple[Call, ...] = (
    *(_call(query, "tx_search", query=query) for query in _QUERIES),
    *(_call(query, "block_search", query=query) for query in _BLOCK_QUERIES),
    _call("another order", "block_search", query="a.b='c'", order_by="up"),
    _call("a page too far", "block_search", query="a.b='c'", page="2"),
)


def _evidence(name: str, evidence: Any) -> Call:
    return _call(name, "broadcast_evidence", evidence=evidence)


def _duplicate(**value: Any) -> dict[str, Any]:
    return {"type": "tendermint/DuplicateVoteEvidence", "value": value}


def _attack(**value: Any) -> dict[str, Any]:
    return {"type": "tendermint/LightClientAttackEvidence", "value": value}


def _names(method: str) -> Call:
    """A call whose values change in the midst of a round: its names are compared."""

    def answer(ran: Ran) -> Any:
        told = ran.node.call(method)
        return {"result": {name: dict.fromkeys(told[name]) for name in told}}

    return Call(f"{method}: names", answer)


_HEADER = {"signed_header": {"header": {"height": "5"}}}
CONSENSUS: tuple[Call, ...] = (
    _names("consensus_state"),
    _names("dump_consensus_state"),
    _call("a chunk too far", "genesis_chunked", chunk="1"),
    _call("a negative chunk", "genesis_chunked", chunk="-1"),
    _call("nothing", "broadcast_evidence"),
    _evidence("null", None),
    _evidence("an empty object", {}),
    _evidence("a text", "x"),
    _evidence("a number", 5),
    _evidence("a list", []),
    _evidence("an unknown type", {"type": "x", "value": {}}),
    _evidence("another type", {"type": "tendermint/PubKeyEd25519", "value": "AAAA"}),
    _evidence("no value", {"type": "tendermint/DuplicateVoteEvidence"}),
    _evidence("a number as value", {**_duplicate(), "value": 5}),
    _evidence("no votes", _duplicate()),
    _evidence("empty votes", _duplicate(vote_a={}, vote_b={})),
    _evidence("a vote for no height", _duplicate(vote_a={"type": 2}, vote_b={})),
    _evidence("a height that is a number", _duplicate(vote_a={"height": 5})),
    _evidence("a kind that is a text", _duplicate(vote_a={"type": "2"})),
    _evidence("a time that is none", _duplicate(vote_a={"timestamp": "x"})),
    _evidence("an address that is none", _duplicate(vote_a={"validator_address": "z"})),
    _evidence("no block", _attack()),
    _evidence("an empty block", _attack(ConflictingBlock={})),
    _evidence("no header", _attack(ConflictingBlock={"signed_header": {}})),
    _evidence("no power", _attack(ConflictingBlock=_HEADER)),
    _evidence("no height", _attack(ConflictingBlock=_HEADER, TotalVotingPower="5")),
    _evidence(
        "a height ahead",
        _attack(ConflictingBlock=_HEADER, TotalVotingPower="5", CommonHeight="6"),
    ),
    _evidence(
        "no validators",
        _attack(ConflictingBlock=_HEADER, TotalVotingPower="5", CommonHeight="1"),
    ),
)


def _post(name: str, body: bytes) -> Call:
    """A call by POST with a body of its own."""

    def answer(ran: Ran) -> Any:
        response = ran.node.http.post("/", content=body)
        if "json" not in response.headers.get("content-type", ""):
            kind = response.headers.get("content-type")
            return {"error": {"status": response.status_code, "text": kind}}
        told = response.json()
        if isinstance(told, list):
            return {"result": told}
        if "error" in told:
            told["error"]["status"] = response.status_code
            told["error"]["id"] = told.get("id", "none")
            return told
        return {"result": told}

    return Call(f"POST {name}", answer)


def _health(**changes: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "health", **changes}


def _from_browser(method: str, path: str, **headers: str) -> Call:
    """What a page of another origin is allowed."""

    def answer(ran: Ran) -> Any:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        response = ran.node.http.request(
            method, path, headers={"Origin": "https://page.example", **given}
        )
        wanted = given.get("Access-Control-Request-Headers", "").lower()
        method_wanted = given.get("Access-Control-Request-Method", method)
        told = response.headers
        return {
            "error": {
                "status": response.status_code,
                "origin": told.get("access-control-allow-origin"),
                "method": method_wanted
                in told.get("access-control-allow-methods", method),
                "headers": wanted
                in told.get("access-control-allow-headers", "").lower(),
            }
        }

    shown = " ".join(headers.values())
    return Call(f"{method} {path} from another origin {shown}".strip(), answer)


_POSTING = {"Access_Control_Request_Method": "POST"}
FROM_BROWSERS: tuple[Call, ...] = (
    _from_browser("GET", "/health"),
    _from_browser("POST", "/"),
    _from_browser(
        "OPTIONS", "/", **_POSTING, Access_Control_Request_Headers="content-type"
    ),
    _from_browser("OPTIONS", "/status", Access_Control_Request_Method="GET"),
)
BY_POST: tuple[Call, ...] = (
    _post("nothing", b""),
    _post("a blank", b" "),
    _post("half an object", b"{"),
    _post("an empty object", b"{}"),
    _post("an empty list", b"[]"),
    _post("null", b"null"),
    _post("a list of null", b"[null]"),
    _post("something behind", b'{"jsonrpc":"2.0","id":1,"method":"health"} x'),
    *(
        _post(json.dumps(item), json.dumps(item).encode())
        for item in (
            _health(),
            _health(jsonrpc="1.0"),
            _health(id=None),
            _health(id=1.5),
            _health(id=10**20),
            _health(id=True),
            _health(id=""),
            _health(method=5),
            _health(method="nope"),
            _health(params=None),
            _health(params=[]),
            _health(params=[1]),
            _health(params="x"),
            _health(method="block", params=[]),
            _health(method="block", params=["0"]),
            _health(method="block", params={"height": None}),
            _health(method="block", params=["1", "2"]),
            [_health(), _health(id=2, method="nope")],
            [_health(), {"method": "health"}],
            [_health(id=number) for number in range(11)],
        )
    ),
)
BY_GET: tuple[Call, ...] = tuple(
    map(
        _get,
        (
            "/health",
            "/status?more=1",
            "/nothing",
            "/block/",
            f"/block?height={_FIRST}",
            f'/block?height="{_FIRST}"',
            "/block?height=",
            "/block?height=x",
            "/block?height=1.5",
            '/block?height="x"',
            "/block?height=0",
            "/block?height=99999999999999999999",
            "/tx",
            "/tx?hash=x",
            "/tx?hash=0x",
            "/tx?hash=0xzz",
            "/tx?hash=0x0",
            '/tx?hash="a',
            f"/tx?hash=0x{bytes(32).hex()}",
            "/abci_query?path=x",
            '/abci_query?path="x',
            '/abci_query?path="/x"',
            '/abci_query?path="x"&data=0x0',
            '/abci_query?path="x"&prove=x',
            '/abci_query?path="x"&height=x',
            "/tx_search?query=x",
            '/tx_search?query="x"',
            """/tx_search?query="a.b='c'"&page=x""",
            """/tx_search?query="a.b='c'"&order_by="up\"""",
            "/header_by_hash?hash=0x00",
            "/header_by_hash",
            "/block_by_hash?hash=0x00",
            "/broadcast_tx_sync?tx=x",
            '/broadcast_tx_sync?tx="x"',
            "/subscribe?query=\"tm.event='Tx'\"",
            "/unsubscribe_all",
            "/websocket",
            "/health/",
            "/dial_seeds",
            f"/block?height={_FIRST}&height=0",
            "/block?HEIGHT=0",
            "/block?height=%zz",
            '/abci_query?path="/a%22"',
            "/genesis_chunked?chunk=-1",
            "/broadcast_evidence",
            "/broadcast_evidence?evidence=x",
            "/broadcast_evidence?evidence={}",
            '/broadcast_evidence?evidence="x"',
            "/consensus_state",
            "/check_tx?tx=0x00",
            "/unconfirmed_txs?limit=-1",
            "/unconfirmed_txs?limit=1000",
            "/blockchain?minHeight=14&maxHeight=13",
            "/validators?page=1&per_page=0",
            "/validators?per_page=-1",
        ),
    )
)
CALLS = (
    AT_HEIGHT
    + STATE
    + BLOCKS
    + TRANSACTIONS
    + QUERIES
    + CONSENSUS
    + FROM_BROWSERS
    + BY_POST
    + BY_GET
)
