"""What gRPC answers beside a real Cosmos SDK node: the same status, the same fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from huitong.client.errors import TransactionFailedError
from huitong.core.hashing import sha256
from huitong.core.tx import build_transaction, open_transaction
from huitong.proto import pool
from huitong.proto.cosmos.auth.v1beta1 import query_pb2 as auth_pb2
from huitong.proto.cosmos.base.node.v1beta1 import query_pb2 as node_pb2
from huitong.proto.cosmos.base.query.v1beta1.pagination_pb2 import PageRequest
from huitong.proto.cosmos.base.tendermint.v1beta1 import query_pb2 as chain_pb2
from huitong.proto.cosmos.staking.v1beta1 import query_pb2 as staking_pb2
from huitong.proto.cosmos.tx.v1beta1 import service_pb2 as tx_pb2
from huitong.proto.cosmos.upgrade.v1beta1 import query_pb2 as upgrade_pb2
from huitong.proto.ibc.core.channel.v1 import query_pb2 as channel_pb2
from huitong.proto.ibc.core.client.v1 import query_pb2 as client_pb2
from huitong.proto.ibc.core.connection.v1 import query_pb2 as connection_pb2
from tests.interop.kit.pair import Pair, running_pair
from tests.interop.kit.transfers import send_transfers

pytestmark = pytest.mark.lane("gRPC beside simd", peers=("simd",))

AUTH = "/cosmos.auth.v1beta1.Query/"
CHAIN = "/cosmos.base.tendermint.v1beta1.Service/"
NODE = "/cosmos.base.node.v1beta1.Service/"
TX = "/cosmos.tx.v1beta1.Service/"
UPGRADE = "/cosmos.upgrade.v1beta1.Query/"
CLIENT = "/ibc.core.client.v1.Query/"
CONNECTION = "/ibc.core.connection.v1.Query/"
CHANNEL = "/ibc.core.channel.v1.Query/"
_PORT = {"port_id": "transfer", "channel_id": "channel-999"}

#: Without a message, so that it is the same on both.
A_TX_BYTES = build_transaction(
    [],
    private_key=sha256(b"somebody"),
    chain_id="any-1",
    account_number=0,
    sequence=0,
    gas_limit=1,
)
A_TX = open_transaction(A_TX_BYTES)

#: Each chain has its own.
HEIGHT_NOW = re.compile(r"(?<=current height )[0-9]+")

#: Answered by both, in the same fields; values are each chain's own.
ANSWERED: tuple[tuple[str, Message], ...] = (
    (f"{CHAIN}GetNodeInfo", chain_pb2.GetNodeInfoRequest()),
    (f"{CHAIN}GetSyncing", chain_pb2.GetSyncingRequest()),
    (f"{CHAIN}GetLatestBlock", chain_pb2.GetLatestBlockRequest()),
    (f"{CHAIN}GetBlockByHeight", chain_pb2.GetBlockByHeightRequest(height=2)),
    (f"{CHAIN}GetBlockByHeight", chain_pb2.GetBlockByHeightRequest(height=1)),
    (f"{CHAIN}GetLatestValidatorSet", chain_pb2.GetLatestValidatorSetRequest()),
    (
        f"{CHAIN}GetValidatorSetByHeight",
        chain_pb2.GetValidatorSetByHeightRequest(height=2),
    ),
    (
        f"{CHAIN}ABCIQuery",
        chain_pb2.ABCIQueryRequest(
            path="/store/ibc/key", data=b"nextClientSequence", height=2, prove=True
        ),
    ),
    (f"{NODE}Config", node_pb2.ConfigRequest()),
    (f"{AUTH}Params", auth_pb2.QueryParamsRequest()),
    (f"{AUTH}Bech32Prefix", auth_pb2.Bech32PrefixRequest()),
    ("/cosmos.staking.v1beta1.Query/Params", staking_pb2.QueryParamsRequest()),
    (f"{UPGRADE}CurrentPlan", upgrade_pb2.QueryCurrentPlanRequest()),
    (f"{UPGRADE}AppliedPlan", upgrade_pb2.QueryAppliedPlanRequest(name="v2")),
    (
        f"{UPGRADE}UpgradedConsensusState",
        upgrade_pb2.QueryUpgradedConsensusStateRequest(last_height=5),
    ),
    (f"{CLIENT}ClientParams", client_pb2.QueryClientParamsRequest()),
    (f"{CONNECTION}ConnectionParams", connection_pb2.QueryConnectionParamsRequest()),
    (f"{CHANNEL}Channels", channel_pb2.QueryChannelsRequest()),
    (f"{CHANNEL}ChannelParams", channel_pb2.QueryChannelParamsRequest()),
    (f"{TX}GetTxsEvent", tx_pb2.GetTxsEventRequest(query="tx.height = 1")),
    (f"{TX}GetBlockWithTxs", tx_pb2.GetBlockWithTxsRequest(height=2)),
    (f"{TX}TxEncode", tx_pb2.TxEncodeRequest(tx=A_TX)),
    (f"{TX}TxDecode", tx_pb2.TxDecodeRequest(tx_bytes=A_TX_BYTES)),
    (
        f"{AUTH}AccountAddressByID",
        auth_pb2.QueryAccountAddressByIDRequest(account_id=0),
    ),
    (f"{UPGRADE}ModuleVersions", upgrade_pb2.QueryModuleVersionsRequest()),
    (
        f"{UPGRADE}ModuleVersions",
        upgrade_pb2.QueryModuleVersionsRequest(module_name="consensus"),
    ),
    (
        f"{TX}BroadcastTx",
        tx_pb2.BroadcastTxRequest(tx_bytes=b"\xff", mode=tx_pb2.BROADCAST_MODE_SYNC),
    ),
)
#: Refused by both with this status, and with the same text where clients read it.
REFUSED: tuple[tuple[str, Message], ...] = (
    (
        f"{CLIENT}ClientState",
        client_pb2.QueryClientStateRequest(client_id="07-tendermint-999"),
    ),
    (
        f"{CONNECTION}Connection",
        connection_pb2.QueryConnectionRequest(connection_id="connection-999"),
    ),
    (
        f"{CONNECTION}ClientConnections",
        connection_pb2.QueryClientConnectionsRequest(client_id="07-tendermint-999"),
    ),
    (f"{CHANNEL}Channel", channel_pb2.QueryChannelRequest(**_PORT)),
    (
        f"{CHANNEL}ChannelClientState",
        channel_pb2.QueryChannelClientStateRequest(**_PORT),
    ),
    (f"{CLIENT}ClientState", client_pb2.QueryClientStateRequest(client_id="a" * 8)),
    (f"{CLIENT}ClientState", client_pb2.QueryClientStateRequest(client_id="a/b")),
    (f"{TX}Simulate", tx_pb2.SimulateRequest()),
    (f"{TX}GetBlockWithTxs", tx_pb2.GetBlockWithTxsRequest(height=-1)),
    (
        f"{TX}GetBlockWithTxs",
        tx_pb2.GetBlockWithTxsRequest(height=1, pagination=PageRequest(offset=1)),
    ),
    (f"{TX}TxEncode", tx_pb2.TxEncodeRequest()),
    (f"{TX}TxDecode", tx_pb2.TxDecodeRequest()),
    (
        f"{AUTH}AccountAddressByID",
        auth_pb2.QueryAccountAddressByIDRequest(account_id=999),
    ),
    (f"{AUTH}AccountAddressByID", auth_pb2.QueryAccountAddressByIDRequest(id=1)),
    (
        f"{UPGRADE}ModuleVersions",
        upgrade_pb2.QueryModuleVersionsRequest(module_name="nothing"),
    ),
    (f"{TX}GetTx", tx_pb2.GetTxRequest(hash="AB" * 32)),
    (f"{TX}GetTx", tx_pb2.GetTxRequest()),
    (f"{TX}BroadcastTx", tx_pb2.BroadcastTxRequest(mode=tx_pb2.BROADCAST_MODE_SYNC)),
    (f"{CHAIN}GetBlockByHeight", chain_pb2.GetBlockByHeightRequest(height=10**9)),
    (f"{CHAIN}ABCIQuery", chain_pb2.ABCIQueryRequest()),
    (f"{CHAIN}ABCIQuery", chain_pb2.ABCIQueryRequest(path=f"{AUTH}Params")),
    (f"{AUTH}Account", auth_pb2.QueryAccountRequest()),
    (f"{CLIENT}NoSuchMethod", client_pb2.QueryClientParamsRequest()),
    ("/no.such.Service/Method", client_pb2.QueryClientParamsRequest()),
)
#: Words that clients match, where the status is another: the SDK tells all of these as
#: UNKNOWN, and we by what they mean.
SAME_WORDS: tuple[tuple[str, str], ...] = (
    (
        "1000000000",
        "codespace sdk code 26: invalid height: cannot query with height in the future; please provide a valid height",
    ),
    ("-1", "cannot query with height < 0; please provide a valid height"),
    ("x", "invalid height header"),
)


@dataclass
class Told:
    """How a call ended."""

    code: str
    text: str
    fields: Any
    height: str = ""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("pair")) as made:
        yield made


def both(pair: Pair, path: str, request: Message, *heights: str) -> tuple[Told, Told]:
    return tuple(  # type: ignore[return-value]
        ask(url.removeprefix("http://"), path, request, *heights)
        for url in (pair.zone.grpc_url, pair.simd.grpc_url)
    )


def ask(place: str, path: str, request: Message, *heights: str) -> Told:
    metadata = [("x-cosmos-block-height", height) for height in heights]
    with grpc.insecure_channel(place) as channel:
        try:
            value, call = channel.unary_unary(path).with_call(
                request.SerializeToString(), metadata=metadata, timeout=30
            )
        except grpc.RpcError as refused:
            return Told(refused.code().name, refused.details(), None)
    service, _, method = path[1:].rpartition("/")
    declared = pool.Default().FindServiceByName(service).methods_by_name[method]
    answer = GetMessageClass(declared.output_type).FromString(value)
    height = dict(call.initial_metadata()).get("x-cosmos-block-height", "")
    return Told("OK", "", fields_of(answer), height)


def fields_of(message: Message) -> Any:
    """Return names and kinds of what is present; of lists, one entry."""
    told: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.message_type is None:
            continue
        value = getattr(message, field.name)
        if field.is_repeated:
            told[field.name] = fields_of(value[0]) if value else None
        elif message.HasField(field.name):
            told[field.name] = fields_of(value)
    return told


@pytest.mark.parametrize(("path", "request_"), ANSWERED)
def test_answers_have_the_same_parts(pair: Pair, path: str, request_: Message) -> None:
    ours, theirs = both(pair, path, request_)
    assert (ours.code, theirs.code) == ("OK", "OK")
    assert ours.fields == theirs.fields
    assert bool(ours.height) == bool(theirs.height)


@pytest.mark.parametrize(
    ("path", "request_", "own"),
    [
        (
            f"{CLIENT}ClientStates",
            client_pb2.QueryClientStatesRequest(),
            "client_states",
        ),
        (
            f"{CONNECTION}Connections",
            connection_pb2.QueryConnectionsRequest(),
            "connections",
        ),
    ],
)
def test_lists_differ_by_the_client_that_a_chain_has_of_itself(
    pair: Pair, path: str, request_: Message, own: str
) -> None:
    ours, theirs = both(pair, path, request_)
    assert theirs.fields.pop(own) is not None  # 09-localhost, which a zone does without
    assert ours.fields.pop(own) is None
    assert ours.fields == theirs.fields


@pytest.mark.parametrize(("path", "request_"), REFUSED)
def test_refusals_have_the_same_status_and_words(
    pair: Pair, path: str, request_: Message
) -> None:
    ours, theirs = both(pair, path, request_)
    texts = [HEIGHT_NOW.sub("", told.text) for told in (ours, theirs)]
    assert (ours.code, texts[0]) == (theirs.code, texts[1])


@pytest.mark.parametrize(("height", "words"), SAME_WORDS)
def test_heights_are_refused_in_the_same_words(
    pair: Pair, height: str, words: str
) -> None:
    for told in both(
        pair, f"{CLIENT}ClientStates", client_pb2.QueryClientStatesRequest(), height
    ):
        assert told.code != "OK"
        assert words in told.text


async def test_unknown_store_is_refused_with_the_same_code_and_words(
    pair: Pair,
) -> None:
    async with pair.open_ours() as ours, pair.open_simd() as simd:
        told = [
            await chain.client.abci_query("/store/nowhere/key", b"key")
            for chain in (ours, simd)
        ]
    refusals = [(answer.codespace, answer.code, answer.log) for answer in told]
    assert refusals[0] == refusals[1]


async def test_log_of_a_failed_message_begins_with_the_same_words(pair: Pair) -> None:
    """One message passes the check of a transaction and fails in its block."""
    async with pair.open_ours() as ours, pair.open_simd() as simd:
        for chain in (ours, simd):
            with pytest.raises(TransactionFailedError) as failed:
                await send_transfers(chain, chain, "channel-999", "stake", 1)
            words = "failed to execute message; message index: 0: "
            assert failed.value.fields["log"].startswith(words)


def test_asked_height_is_answered_and_told(pair: Pair) -> None:
    for told in both(
        pair, f"{CLIENT}ClientParams", client_pb2.QueryClientParamsRequest(), "2"
    ):
        assert (told.code, told.height) == ("OK", "2")
