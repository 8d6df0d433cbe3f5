"""Blocks, validators and transactions over gRPC, and by the same paths of ``abci_query``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
import pytest_asyncio
from grpc import StatusCode

from huitong.core.codec import decode
from huitong.core.hashing import sha256
from huitong.core.querying import SIMULATE_PATH
from huitong.core.tx import open_transaction
from huitong.engines.embedded.evidence_pool import StoredRecord
from huitong.light.tendermint.evidence import decode_evidence_list
from huitong.light.tendermint.header import header_from_proto, header_hash
from huitong.light.tendermint.signed_header import LightBlock
from huitong.proto.cosmos.base.node.v1beta1 import query_pb2 as node_pb2
from huitong.proto.cosmos.base.query.v1beta1 import pagination_pb2
from huitong.proto.cosmos.base.tendermint.v1beta1 import query_pb2 as chain_pb2
from huitong.proto.cosmos.tx.v1beta1 import service_pb2 as tx_service_pb2
from huitong.proto.cosmos.tx.v1beta1 import tx_pb2
from huitong.proto.cosmos.upgrade.v1beta1 import query_pb2 as upgrade_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.testing.double_signing import (
    attack_evidence,
    duplicate_vote_evidence,
    forged_header,
)
from tests.api.grpc_kit import GrpcZone, grpc_zone

CHAIN = "/cosmos.base.tendermint.v1beta1.Service/"
TX = "/cosmos.tx.v1beta1.Service/"
UPGRADE = "/cosmos.upgrade.v1beta1.Query/"


@pytest_asyncio.fixture
async def served() -> AsyncIterator[GrpcZone]:
    async with grpc_zone() as made:
        yield made


def record(served: GrpcZone, record_id: str) -> records_pb2.MsgPublishRecord:
    return records_pb2.MsgPublishRecord(
        signer=served.zone.address("tax"),
        record_id=record_id,
        record_type="invoice",
        payload_digest=sha256(record_id.encode()),
        fields=["amount"],
        level=2,
        share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
    )


def signed(served: GrpcZone, record_id: str) -> bytes:
    return served.zone.sign("tax", record(served, record_id))


# --- blocks -----------------------------------------------------------------------------


async def test_newest_block_has_its_own_hash(served: GrpcZone) -> None:
    told = await served.ask(
        f"{CHAIN}GetLatestBlock",
        chain_pb2.GetLatestBlockRequest(),
        chain_pb2.GetLatestBlockResponse,
    )
    header = header_from_proto(told.block.header)
    assert header.height == served.zone.app.state.version
    assert header_hash(header) == told.block_id.hash
    assert told.sdk_block.header.proposer_address.startswith("htvalcons1")
    assert told.sdk_block.header.app_hash == told.block.header.app_hash
    assert told.block.last_commit.signatures


async def test_block_of_a_height_has_its_transactions(served: GrpcZone) -> None:
    raw = signed(served, "r-1")
    served.zone.engine.mempool.add(raw)
    height = served.zone.work().height
    told = await served.ask(
        f"{CHAIN}GetBlockByHeight",
        chain_pb2.GetBlockByHeightRequest(height=height),
        chain_pb2.GetBlockByHeightResponse,
    )
    assert list(told.block.data.txs) == [raw]
    first = await served.ask(
        f"{CHAIN}GetBlockByHeight",
        chain_pb2.GetBlockByHeightRequest(height=1),
        chain_pb2.GetBlockByHeightResponse,
    )
    assert first.block.HasField("last_commit")
    assert not first.block.last_commit.signatures


async def test_block_shows_the_evidence_that_it_carries(served: GrpcZone) -> None:
    zone = served.zone
    with closing(zone.engine.snapshot()) as reader:
        record = StoredRecord(reader)
        signed, validators = record.signed_header_at(2), record.validators_at(2)
    assert signed is not None
    block = LightBlock(
        signed_header=signed, validators=validators, next_validators=None
    )
    evidence = (
        attack_evidence(forged_header(signed, zone.key), block),
        duplicate_vote_evidence(block, zone.key, zone.chain_id),
    )
    for item in evidence:
        zone.engine.evidence.add(item)
    height = zone.work().height
    told = await served.ask(
        f"{CHAIN}GetBlockByHeight",
        chain_pb2.GetBlockByHeightRequest(height=height),
        chain_pb2.GetBlockByHeightResponse,
    )
    shown = decode_evidence_list(told.block.evidence.SerializeToString())
    assert set(shown) == set(evidence)


@pytest.mark.parametrize("method", ["GetBlockByHeight", "GetValidatorSetByHeight"])
@pytest.mark.parametrize(
    ("height", "text"),
    [
        (10_000, "requested block height is bigger then the chain length"),
        (0, "height must be greater than 0, but got 0"),
        (-1, "height must be greater than 0, but got -1"),
    ],
)
async def test_heights_without_a_block(
    served: GrpcZone, method: str, height: int, text: str
) -> None:
    request = chain_pb2.GetBlockByHeightRequest(height=height)
    ended = await served.call(f"{CHAIN}{method}", request)
    assert (ended.code, ended.text) == (StatusCode.INVALID_ARGUMENT, text)


async def test_validators_are_told_with_keys_and_addresses(served: GrpcZone) -> None:
    told = await served.ask(
        f"{CHAIN}GetLatestValidatorSet",
        chain_pb2.GetLatestValidatorSetRequest(),
        chain_pb2.GetLatestValidatorSetResponse,
    )
    (only,) = told.validators
    assert only.pub_key.type_url == "/cosmos.crypto.ed25519.PubKey"
    assert only.pub_key.value[2:] == served.zone.key.public_key
    assert only.address.startswith("htvalcons1")
    assert only.voting_power > 0
    assert told.pagination.total == 1


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (pagination_pb2.PageRequest(key=b"x"), "not by key"),
        (pagination_pb2.PageRequest(offset=5, limit=10), "no multiple of 10"),
        (pagination_pb2.PageRequest(offset=10, limit=10), "page should be within"),
    ],
)
async def test_pages_of_validators_that_do_not_exist(
    served: GrpcZone, page: pagination_pb2.PageRequest, text: str
) -> None:
    request = chain_pb2.GetLatestValidatorSetRequest(pagination=page)
    ended = await served.call(f"{CHAIN}GetLatestValidatorSet", request)
    assert ended.code is StatusCode.INVALID_ARGUMENT
    assert text in ended.text


async def test_node_tells_how_far_it_has_come(served: GrpcZone) -> None:
    syncing = await served.ask(
        f"{CHAIN}GetSyncing",
        chain_pb2.GetSyncingRequest(),
        chain_pb2.GetSyncingResponse,
    )
    assert not syncing.syncing
    told = await served.ask(
        "/cosmos.base.node.v1beta1.Service/Status",
        node_pb2.StatusRequest(),
        node_pb2.StatusResponse,
    )
    assert told.height == served.zone.app.state.version
    assert told.earliest_store_height == served.zone.app.state.oldest_version
    assert told.timestamp.seconds > 1_600_000_000
    assert (len(told.app_hash), len(told.validator_hash)) == (32, 32)


async def test_state_is_proven_by_the_query_of_the_node(served: GrpcZone) -> None:
    asked = chain_pb2.ABCIQueryRequest(
        path="/store/ibc/key", data=b"nextClientSequence", prove=True
    )
    told = await served.ask(f"{CHAIN}ABCIQuery", asked, chain_pb2.ABCIQueryResponse)
    assert [op.type for op in told.proof_ops.ops] == ["ics23:iavl", "ics23:simple"]
    assert told.value == bytes(8)


@pytest.mark.parametrize("path", ["", "/cosmos.auth.v1beta1.Query/Params", "app/x"])
async def test_query_of_the_node_takes_stores_only(served: GrpcZone, path: str) -> None:
    ended = await served.call(
        f"{CHAIN}ABCIQuery", chain_pb2.ABCIQueryRequest(path=path)
    )
    assert ended.code is StatusCode.INVALID_ARGUMENT


# --- transactions -----------------------------------------------------------------------


async def sent(
    served: GrpcZone, raw: bytes, mode: tx_service_pb2.BroadcastMode
) -> tx_service_pb2.BroadcastTxResponse:
    request = tx_service_pb2.BroadcastTxRequest(tx_bytes=raw, mode=mode)
    kind = tx_service_pb2.BroadcastTxResponse
    return await served.ask(f"{TX}BroadcastTx", request, kind)


@pytest.mark.parametrize(
    "mode",
    [tx_service_pb2.BROADCAST_MODE_SYNC, tx_service_pb2.BROADCAST_MODE_ASYNC],
)
async def test_transaction_is_sent_carried_out_and_found(
    served: GrpcZone, mode: tx_service_pb2.BroadcastMode
) -> None:
    raw = signed(served, "r-1")
    told = (await sent(served, raw, mode)).tx_response
    assert (told.code, told.txhash) == (0, sha256(raw).hex().upper())
    height = (await asyncio.to_thread(served.zone.work)).height
    found = await served.ask(
        f"{TX}GetTx",
        tx_service_pb2.GetTxRequest(hash=told.txhash),
        tx_service_pb2.GetTxResponse,
    )
    answer = found.tx_response
    assert (answer.height, answer.code, answer.gas_used > 0) == (height, 0, True)
    assert answer.tx.type_url == "/cosmos.tx.v1beta1.Tx"
    assert decode(tx_pb2.Tx, answer.tx.value) == found.tx
    assert decode(tx_pb2.TxRaw, raw).signatures == found.tx.signatures
    assert answer.timestamp.endswith("Z")
    assert {told.type for told in answer.events} >= {"message", "record_published"}
    assert bytes.fromhex(answer.data)


async def test_refused_transaction_is_told_with_its_code(served: GrpcZone) -> None:
    raw = signed(served, "r-1")
    sync = tx_service_pb2.BROADCAST_MODE_SYNC
    assert (await sent(served, raw, sync)).tx_response.code == 0
    again = (await sent(served, raw, sync)).tx_response
    assert (again.codespace, again.code) == ("sdk", 19)
    assert again.txhash == sha256(raw).hex().upper()
    garbage = (await sent(served, b"\xff", sync)).tx_response
    assert (garbage.codespace, garbage.code) == ("sdk", 2)


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (
            tx_service_pb2.BROADCAST_MODE_BLOCK,
            "unsupported return type block; supported types: sync, async",
        ),
        (
            tx_service_pb2.BROADCAST_MODE_UNSPECIFIED,
            "unsupported return type ; supported types: sync, async",
        ),
    ],
)
async def test_other_ways_to_send_are_refused(
    served: GrpcZone, mode: tx_service_pb2.BroadcastMode, text: str
) -> None:
    request = tx_service_pb2.BroadcastTxRequest(tx_bytes=b"x", mode=mode)
    ended = await served.call(f"{TX}BroadcastTx", request)
    assert (ended.code, ended.text) == (StatusCode.INVALID_ARGUMENT, text)


async def test_transactions_are_searched_by_events(served: GrpcZone) -> None:
    for number in range(3):
        served.zone.engine.mempool.add(signed(served, f"r-{number}"))
        await asyncio.to_thread(served.zone.work)
    request = tx_service_pb2.GetTxsEventRequest(
        query="message.action='/huitong.records.v1.MsgPublishRecord'",
        order_by=tx_service_pb2.ORDER_BY_DESC,
        limit=2,
    )
    kind = tx_service_pb2.GetTxsEventResponse
    told = await served.ask(f"{TX}GetTxsEvent", request, kind)
    assert (told.total, len(told.txs)) == (3, 2)
    heights = [item.height for item in told.tx_responses]
    assert heights == sorted(heights, reverse=True)
    request.page = 2
    told = await served.ask(f"{TX}GetTxsEvent", request, kind)
    assert len(told.tx_responses) == 1


async def test_block_is_answered_with_a_page_of_its_transactions(
    served: GrpcZone,
) -> None:
    sent = [
        served.zone.sign("tax", record(served, f"r-{number}"), sequence=number)
        for number in range(3)
    ]
    for raw in sent:
        served.zone.engine.mempool.add(raw)
    await asyncio.to_thread(served.zone.work)
    height = served.zone.app.state.version
    kind = tx_service_pb2.GetBlockWithTxsResponse

    async def ask(**page: object) -> tx_service_pb2.GetBlockWithTxsResponse:
        request = tx_service_pb2.GetBlockWithTxsRequest(
            height=height, pagination=pagination_pb2.PageRequest(**page)
        )
        return await served.ask(f"{TX}GetBlockWithTxs", request, kind)

    for page, expected in (
        ({}, sent),
        ({"offset": 1, "limit": 1}, sent[1:2]),
        ({"reverse": True, "limit": 2}, sent[:0:-1]),
    ):
        told = await ask(**page)
        assert list(told.txs) == [open_transaction(raw) for raw in expected]
        assert told.pagination.total == 3
        assert list(told.block.data.txs) == sent
        header = header_from_proto(told.block.header)
        assert told.block_id.hash == header_hash(header)


async def test_transaction_is_taken_apart_and_put_together(served: GrpcZone) -> None:
    raw = signed(served, "r-1")
    parts = await served.ask(
        f"{TX}TxDecode",
        tx_service_pb2.TxDecodeRequest(tx_bytes=raw),
        tx_service_pb2.TxDecodeResponse,
    )
    assert parts.tx == open_transaction(raw)
    whole = await served.ask(
        f"{TX}TxEncode",
        tx_service_pb2.TxEncodeRequest(tx=parts.tx),
        tx_service_pb2.TxEncodeResponse,
    )
    assert whole.tx_bytes == raw


async def test_modules_have_versions(served: GrpcZone) -> None:
    path, kind = f"{UPGRADE}ModuleVersions", upgrade_pb2.QueryModuleVersionsResponse
    told = await served.ask(path, upgrade_pb2.QueryModuleVersionsRequest(), kind)
    names = [item.name for item in told.module_versions]
    assert names == sorted(module.name for module in served.zone.app.modules)
    one = upgrade_pb2.QueryModuleVersionsRequest(module_name="links")
    told = await served.ask(path, one, kind)
    assert [(item.name, item.version) for item in told.module_versions] == [
        ("links", 1)
    ]


@pytest.mark.parametrize(
    ("path", "request_", "code", "text"),
    [
        (
            f"{TX}GetBlockWithTxs",
            tx_service_pb2.GetBlockWithTxsRequest(height=99),
            StatusCode.UNKNOWN,
            "codespace sdk code 26: invalid height: requested height 99 but",
        ),
        (
            f"{TX}GetBlockWithTxs",
            tx_service_pb2.GetBlockWithTxsRequest(
                height=1, pagination=pagination_pb2.PageRequest(key=b"x")
            ),
            StatusCode.INVALID_ARGUMENT,
            "paged by offset",
        ),
        (
            f"{TX}TxDecode",
            tx_service_pb2.TxDecodeRequest(tx_bytes=b"\xff"),
            StatusCode.UNKNOWN,
            "tx parse error",
        ),
        (
            f"{TX}TxDecode",
            tx_service_pb2.TxDecodeRequest(),
            StatusCode.INVALID_ARGUMENT,
            "invalid empty tx bytes",
        ),
        (
            f"{TX}TxEncode",
            tx_service_pb2.TxEncodeRequest(),
            StatusCode.INVALID_ARGUMENT,
            "invalid empty tx",
        ),
        (
            f"{UPGRADE}ModuleVersions",
            upgrade_pb2.QueryModuleVersionsRequest(module_name="gold"),
            StatusCode.UNKNOWN,
            "codespace upgrade code 2: module version not found: ",
        ),
        (
            f"{TX}GetTx",
            tx_service_pb2.GetTxRequest(),
            StatusCode.INVALID_ARGUMENT,
            "tx hash cannot be empty",
        ),
        (
            f"{TX}GetTx",
            tx_service_pb2.GetTxRequest(hash="xyz"),
            StatusCode.INVALID_ARGUMENT,
            "is not hex",
        ),
        (
            f"{TX}GetTx",
            tx_service_pb2.GetTxRequest(hash="AB" * 32),
            StatusCode.NOT_FOUND,
            "tx not found: " + "AB" * 32,
        ),
        (
            f"{TX}GetTxsEvent",
            tx_service_pb2.GetTxsEventRequest(),
            StatusCode.INVALID_ARGUMENT,
            "query cannot be empty",
        ),
        (
            f"{TX}GetTxsEvent",
            tx_service_pb2.GetTxsEventRequest(query="tx.height >"),
            StatusCode.INVALID_ARGUMENT,
            "",
        ),
        (
            f"{TX}GetTxsEvent",
            tx_service_pb2.GetTxsEventRequest(query="tx.height > 0", order_by=9),  # type: ignore[arg-type]
            StatusCode.INVALID_ARGUMENT,
            "order_by 9 is not known",
        ),
        (
            f"{TX}GetTxsEvent",
            tx_service_pb2.GetTxsEventRequest(query="tx.height > 0", page=2**63),
            StatusCode.INVALID_ARGUMENT,
            "63 bits",
        ),
        (
            f"{TX}BroadcastTx",
            tx_service_pb2.BroadcastTxRequest(mode=tx_service_pb2.BROADCAST_MODE_SYNC),
            StatusCode.INVALID_ARGUMENT,
            "invalid empty tx",
        ),
    ],
)
async def test_questions_about_transactions_that_cannot_be_answered(
    served: GrpcZone,
    path: str,
    request_: tx_service_pb2.GetTxRequest,
    code: StatusCode,
    text: str,
) -> None:
    ended = await served.call(path, request_)
    assert ended.code is code
    assert text in ended.text


async def test_simulation_tells_gas(served: GrpcZone) -> None:
    request = tx_service_pb2.SimulateRequest(tx_bytes=signed(served, "r-1"))
    told = await served.ask(SIMULATE_PATH, request, tx_service_pb2.SimulateResponse)
    assert told.gas_info.gas_used > 0


async def test_simulation_of_a_wrong_sequence_says_so(served: GrpcZone) -> None:
    raw = signed(served, "r-1")
    served.zone.engine.mempool.add(raw)
    await asyncio.to_thread(served.zone.work)
    ended = await served.call(
        SIMULATE_PATH, tx_service_pb2.SimulateRequest(tx_bytes=raw)
    )
    assert ended.code is StatusCode.UNKNOWN
    assert (
        "account sequence mismatch, expected 1, got 0: incorrect account sequence"
        in ended.text
    )


async def test_gone_rpc_is_unavailable_and_the_state_is_not() -> None:
    async with grpc_zone() as served:
        await served.rpc.stop()
        ended = await served.call(f"{CHAIN}GetLatestBlock")
        assert ended.code is StatusCode.UNAVAILABLE
        assert (await served.call(f"{CHAIN}GetNodeInfo")).code is StatusCode.OK


async def test_node_methods_answer_through_abci_query(served: GrpcZone) -> None:
    queries = served.queries
    path = f"{CHAIN}GetSyncing"
    done = await asyncio.to_thread(queries.answer, path, b"", 0, False)
    assert (done.code, done.height) == (0, served.zone.app.state.version)
    request = tx_service_pb2.GetTxRequest(hash="AB" * 32).SerializeToString()
    done = await asyncio.to_thread(queries.answer, f"{TX}GetTx", request, 0, False)
    assert (done.codespace, done.code) == ("sdk", 22)
    assert done.log == (
        f"rpc error: code = NotFound desc = tx not found: {'AB' * 32}: key not found"
    )
