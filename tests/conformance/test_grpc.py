"""gRPC says the same on both engines, and the same as the RPC of its node."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from grpc import StatusCode

from huitong.core.hashing import sha256
from huitong.core.querying import SIMULATE_PATH
from huitong.node.home import Home
from huitong.proto.cosmos.auth.v1beta1 import auth_pb2
from huitong.proto.cosmos.auth.v1beta1 import query_pb2 as auth_pb
from huitong.proto.cosmos.base.node.v1beta1 import query_pb2 as node_pb
from huitong.proto.cosmos.base.tendermint.v1beta1 import query_pb2 as chain_pb
from huitong.proto.cosmos.staking.v1beta1 import query_pb2 as staking_pb
from huitong.proto.cosmos.tx.v1beta1 import service_pb2 as tx_pb
from huitong.proto.grpc.reflection.v1 import reflection_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.ibc.core.client.v1 import query_pb2 as client_pb
from tests.conformance.conftest import Ran
from tests.conformance.nodes import ENGINES

MessageT = TypeVar("MessageT", bound=Message)
HEIGHT = "x-cosmos-block-height"
AUTH = "/cosmos.auth.v1beta1.Query/"
CHAIN = "/cosmos.base.tendermint.v1beta1.Service/"
CLIENT = "/ibc.core.client.v1.Query/"
NODE = "/cosmos.base.node.v1beta1.Service/"
STAKING = "/cosmos.staking.v1beta1.Query/"
TX = "/cosmos.tx.v1beta1.Service/"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

pytestmark = pytest.mark.parametrize("ran", ENGINES, indirect=True)


class Door:
    """The gRPC port of a node."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel

    def call(
        self, path: str, request: Message, *heights: str
    ) -> tuple[StatusCode, str, bytes, str]:
        """Return status, its text, the response and the height that it is of."""
        metadata = tuple((HEIGHT, height) for height in heights)
        try:
            value, call = self.channel.unary_unary(path).with_call(
                request.SerializeToString(), metadata=metadata, timeout=30
            )
        except grpc.RpcError as error:
            return error.code(), error.details(), b"", ""
        headers = dict(call.initial_metadata())
        return StatusCode.OK, "", value, headers.get(HEIGHT, "")

    def ask(
        self, path: str, request: Message, kind: type[MessageT], *heights: str
    ) -> MessageT:
        """Return the response of a call that must succeed."""
        code, text, value, _ = self.call(path, request, *heights)
        assert code is StatusCode.OK, text
        return kind.FromString(value)


@pytest.fixture
def door(ran: Ran) -> Iterator[Door]:
    address = Home(ran.node.home).grpc_address_file.read_text().strip()
    with grpc.insecure_channel(address) as channel:
        yield Door(channel)


# --- the same as RPC ----------------------------------------------------------------------


def test_blocks_are_those_of_rpc(ran: Ran, door: Door) -> None:
    told = ran.node.call("block", height=str(ran.height))
    request = chain_pb.GetBlockByHeightRequest(height=ran.height)
    kind = chain_pb.GetBlockByHeightResponse
    block = door.ask(f"{CHAIN}GetBlockByHeight", request, kind)
    assert block.block_id.hash.hex().upper() == told["block_id"]["hash"]
    header = told["block"]["header"]
    assert block.block.header.app_hash.hex().upper() == header["app_hash"]
    assert block.sdk_block.header.time == block.block.header.time
    assert len(block.block.last_commit.signatures) == 1


def test_newest_block_and_validators_are_told(ran: Ran, door: Door) -> None:
    latest = door.ask(
        f"{CHAIN}GetLatestBlock",
        chain_pb.GetLatestBlockRequest(),
        chain_pb.GetLatestBlockResponse,
    )
    assert latest.block.header.height >= ran.height
    validators = door.ask(
        f"{CHAIN}GetValidatorSetByHeight",
        chain_pb.GetValidatorSetByHeightRequest(height=ran.height),
        chain_pb.GetValidatorSetByHeightResponse,
    )
    told = ran.node.call("validators", height=str(ran.height))["validators"]
    assert [item.voting_power for item in validators.validators] == [
        int(item["voting_power"]) for item in told
    ]
    syncing = door.ask(
        f"{CHAIN}GetSyncing", chain_pb.GetSyncingRequest(), chain_pb.GetSyncingResponse
    )
    assert not syncing.syncing


def test_status_of_the_node_is_that_of_a_block(ran: Ran, door: Door) -> None:
    status = door.ask(f"{NODE}Status", node_pb.StatusRequest(), node_pb.StatusResponse)
    header = ran.node.call("header", height=str(status.height))["header"]
    assert status.app_hash.hex().upper() == header["app_hash"]


def test_transactions_of_the_script_are_found(ran: Ran, door: Door) -> None:
    for outcome in ran.outcomes:
        if outcome.tx is None:
            continue
        found = door.ask(
            f"{TX}GetTx",
            tx_pb.GetTxRequest(hash=outcome.tx["hash"]),
            tx_pb.GetTxResponse,
        ).tx_response
        result = outcome.tx["tx_result"]
        assert found.height == int(outcome.tx["height"])
        assert (found.codespace, found.code) == (result["codespace"], result["code"])
        assert found.gas_used == int(result["gas_used"])
        assert found.raw_log == result["log"]
        assert [event.type for event in found.events] == [
            event["type"] for event in result["events"]
        ]


def test_search_finds_what_rpc_finds(ran: Ran, door: Door) -> None:
    query = f"tx.height <= {ran.height}"
    told = ran.node.call("tx_search", query=query, per_page="5", order_by="desc")
    found = door.ask(
        f"{TX}GetTxsEvent",
        tx_pb.GetTxsEventRequest(query=query, limit=5, order_by=tx_pb.ORDER_BY_DESC),
        tx_pb.GetTxsEventResponse,
    )
    assert found.total == int(told["total_count"])
    assert [item.txhash for item in found.tx_responses] == [
        item["hash"] for item in told["txs"]
    ]


# --- the same through abci_query ----------------------------------------------------------


def test_both_doors_give_the_same_bytes(ran: Ran, door: Door) -> None:
    height = str(ran.height)
    questions: tuple[tuple[str, Message], ...] = (
        (f"{AUTH}Params", auth_pb.QueryParamsRequest()),
        (f"{CHAIN}GetNodeInfo", chain_pb.GetNodeInfoRequest()),
        (
            f"{CHAIN}GetBlockByHeight",
            chain_pb.GetBlockByHeightRequest(height=ran.height),
        ),
        (f"{CLIENT}ClientStates", client_pb.QueryClientStatesRequest()),
        (f"{NODE}Config", node_pb.ConfigRequest()),
        (f"{STAKING}Params", staking_pb.QueryParamsRequest()),
    )
    for path, request in questions:
        code, text, value, seen = door.call(path, request, height)
        assert (code, seen) == (StatusCode.OK, height), text
        told = ran.node.call(
            "abci_query",
            path=path,
            data=request.SerializeToString().hex(),
            height=height,
        )["response"]
        assert base64.b64decode(told["value"] or "") == value, path


# --- sending ------------------------------------------------------------------------------


def test_transaction_is_simulated_sent_and_found(ran: Ran, door: Door) -> None:
    node = ran.node
    account = door.ask(
        f"{AUTH}Account",
        auth_pb.QueryAccountRequest(address=node.zone.address("tax")),
        auth_pb.QueryAccountResponse,
    ).account
    known = auth_pb2.BaseAccount.FromString(account.value)
    node.sequences["tax"] = known.sequence
    raw = node.sign(
        "tax",
        records_pb2.MsgPublishRecord(
            signer=node.zone.address("tax"),
            record_id="grpc-1",
            record_type="invoice",
            payload_digest=sha256(b"grpc-1"),
            fields=["amount"],
            level=2,
            share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
        ),
    )
    simulated = door.ask(
        SIMULATE_PATH, tx_pb.SimulateRequest(tx_bytes=raw), tx_pb.SimulateResponse
    )
    assert simulated.gas_info.gas_used > 0
    sent = door.ask(
        f"{TX}BroadcastTx",
        tx_pb.BroadcastTxRequest(tx_bytes=raw, mode=tx_pb.BROADCAST_MODE_SYNC),
        tx_pb.BroadcastTxResponse,
    ).tx_response
    assert sent.code == 0, sent.raw_log
    node.sequences["tax"] += 1
    node.wait_tx(sent.txhash)
    again = door.ask(
        f"{TX}BroadcastTx",
        tx_pb.BroadcastTxRequest(tx_bytes=raw, mode=tx_pb.BROADCAST_MODE_SYNC),
        tx_pb.BroadcastTxResponse,
    ).tx_response
    assert (again.codespace, again.code) == ("sdk", 19)


# --- refusals -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "request_", "heights", "code", "text"),
    [
        (
            f"{AUTH}Account",
            auth_pb.QueryAccountRequest(address="x"),
            (),
            StatusCode.INVALID_ARGUMENT,
            "decoding bech32 failed",
        ),
        (
            f"{TX}GetTx",
            tx_pb.GetTxRequest(hash="AB" * 32),
            (),
            StatusCode.NOT_FOUND,
            "tx not found: " + "AB" * 32,
        ),
        (
            f"{TX}GetTxsEvent",
            tx_pb.GetTxsEventRequest(query="tx.height >"),
            (),
            StatusCode.INVALID_ARGUMENT,
            "",
        ),
        (
            f"{CHAIN}GetBlockByHeight",
            chain_pb.GetBlockByHeightRequest(height=1_000_000),
            (),
            StatusCode.INVALID_ARGUMENT,
            "requested block height is bigger then the chain length",
        ),
        (
            f"{CHAIN}GetBlockByHeight",
            chain_pb.GetBlockByHeightRequest(height=-1),
            (),
            StatusCode.INVALID_ARGUMENT,
            "height must be greater than 0, but got -1",
        ),
        (
            f"{CHAIN}Nothing",
            chain_pb.GetSyncingRequest(),
            (),
            StatusCode.UNIMPLEMENTED,
            "unknown method Nothing for service cosmos.base.tendermint.v1beta1.Service",
        ),
        (
            f"{NODE}Config",
            node_pb.ConfigRequest(),
            ("1000000",),
            StatusCode.UNKNOWN,
            "cannot query with height in the future",
        ),
        (
            f"{NODE}Config",
            node_pb.ConfigRequest(),
            ("-1",),
            StatusCode.UNKNOWN,
            "cannot query with height < 0",
        ),
        (
            f"{NODE}Config",
            node_pb.ConfigRequest(),
            ("soon",),
            StatusCode.UNKNOWN,
            "invalid height header",
        ),
    ],
)
def test_refusals_are_the_same(
    door: Door,
    path: str,
    request_: Message,
    heights: tuple[str, ...],
    code: StatusCode,
    text: str,
) -> None:
    told, said, _, _ = door.call(path, request_, *heights)
    assert told is code, said
    assert text in said


def test_reflection_tells_the_services(door: Door) -> None:
    request = reflection_pb2.ServerReflectionRequest(list_services="*")
    (answer,) = door.channel.stream_stream(REFLECTION)(
        iter([request.SerializeToString()]), timeout=30
    )
    told = reflection_pb2.ServerReflectionResponse.FromString(answer)
    names = {item.name for item in told.list_services_response.service}
    assert {"cosmos.tx.v1beta1.Service", "ibc.core.channel.v1.Query"} <= names
