"""gRPC as relayers use it: answers, heights, and how each refusal is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio
from grpc import StatusCode

from huitong.core.abci import CallResult
from huitong.core.errors import (
    BrokenError,
    HuitongError,
    MempoolFullError,
    OutOfGasError,
    PanicError,
    UnknownAddressError,
)
from huitong.core.querying import SIMULATE_PATH
from huitong.node.grpc import calls as grpc_calls
from huitong.node.grpc.limits import CALLS_MAX, REQUEST_SIZE_BYTES_MAX
from huitong.node.proofs import PROOFS_PATH
from huitong.proto.cosmos.base.tendermint.v1beta1 import query_pb2 as tendermint_pb2
from huitong.proto.cosmos.tx.v1beta1 import service_pb2
from huitong.proto.huitong.node.v1 import node_pb2
from huitong.proto.ibc.core.client.v1 import query_pb2 as client_pb2
from huitong.proto.ibc.core.connection.v1 import query_pb2 as connection_pb2
from tests.api.grpc_kit import (
    GrpcZone,
    always,
    grpc_registry,
    grpc_zone,
    registry_of,
)

CLIENT_STATES = "/ibc.core.client.v1.Query/ClientStates"
CONNECTION = "/ibc.core.connection.v1.Query/Connection"
CHANNEL = "/ibc.core.channel.v1.Query/Channel"
BEYOND = 10
NODE_INFO = "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo"


@pytest_asyncio.fixture
async def served() -> AsyncIterator[GrpcZone]:
    async with grpc_zone() as made:
        yield made


async def test_methods_of_the_state_machine_answer_as_over_abci_query(
    served: GrpcZone,
) -> None:
    ended = await served.call(NODE_INFO)
    told = tendermint_pb2.GetNodeInfoResponse.FromString(ended.value)
    assert told.default_node_info.network == "hangzhou-1"
    assert ended.value == served.zone.app.query(NODE_INFO, b"", 0, False).value


async def test_methods_of_the_node_answer(served: GrpcZone) -> None:
    request = node_pb2.QueryProofsRequest(store="ibc", keys=[b"nextClientSequence"])
    told = await served.ask(PROOFS_PATH, request, node_pb2.QueryProofsResponse)
    assert told.proofs[0].exists
    assert told.proofs[0].proof


async def test_simulation_of_nothing_is_refused(served: GrpcZone) -> None:
    ended = await served.call(SIMULATE_PATH, service_pb2.SimulateRequest())
    assert ended.code is StatusCode.INVALID_ARGUMENT
    assert ended.text == "empty txBytes is not allowed"


async def test_height_of_the_answer_is_told(served: GrpcZone) -> None:
    newest = served.zone.app.state.version
    assert (await served.call(CLIENT_STATES)).height == str(newest)
    assert (await served.call(CLIENT_STATES, b"", "0")).height == str(newest)
    assert (await served.call(CLIENT_STATES, b"", "1")).height == "1"
    assert (await served.call(CLIENT_STATES, b"", "+1")).height == "1"


async def test_state_of_the_asked_height_is_answered(served: GrpcZone) -> None:
    before = served.zone.app.state.version
    served.zone.empty()
    request = client_pb2.QueryClientStatesRequest()
    for height in (before, before + 1):
        ended = await served.call(CLIENT_STATES, request, str(height))
        assert ended.height == str(height)


@pytest.mark.parametrize(
    ("heights", "code", "text"),
    [
        (
            ["100000"],
            StatusCode.UNKNOWN,
            "codespace sdk code 26: invalid height: cannot query with height in the "
            "future; please provide a valid height",
        ),
        (
            ["-1"],
            StatusCode.UNKNOWN,
            "codespace sdk code 18: invalid request: cannot query with height < 0; please provide a valid height",
        ),
        (["x"], StatusCode.UNKNOWN, "invalid height header"),
        ([""], StatusCode.UNKNOWN, "invalid height header"),
        (["1.0"], StatusCode.UNKNOWN, "invalid height header"),
        (["1" * 60], StatusCode.UNKNOWN, "invalid height header"),
        ([str(2**63)], StatusCode.UNKNOWN, "invalid height header"),
        (["1", "2"], StatusCode.UNKNOWN, "invalid height header"),
    ],
)
async def test_heights_that_cannot_be_answered(
    served: GrpcZone, heights: list[str], code: StatusCode, text: str
) -> None:
    ended = await served.call(CLIENT_STATES, b"", *heights)
    assert (ended.code, ended.text.count(text)) == (code, 1), ended


async def test_pruned_height_is_refused_in_the_words_of_the_sdk(
    served: GrpcZone,
) -> None:
    for _ in range(110):
        served.zone.empty()
    ended = await served.call(CLIENT_STATES, b"", "1")
    assert ended.code is StatusCode.UNKNOWN
    assert (
        "codespace sdk code 18: invalid request: failed to load state at height 1; "
        "version does not exist" in ended.text
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "/ibc.core.client.v1.Query/ConsensusStateHeightsOfOld",
            "unknown method ConsensusStateHeightsOfOld for service "
            "ibc.core.client.v1.Query",
        ),
        ("/ibc.core.client.v9.Query/X", "unknown service ibc.core.client.v9.Query"),
        ("/nothing", 'malformed method name: "/nothing"'),
    ],
)
async def test_missing_methods_are_told_in_the_words_of_grpc_go(
    served: GrpcZone, path: str, text: str
) -> None:
    ended = await served.call(path)
    assert (ended.code, ended.text) == (StatusCode.UNIMPLEMENTED, text)
    assert served.counted == [("", "UNIMPLEMENTED")]


@pytest.mark.parametrize(
    ("path", "request_", "code", "text"),
    [
        (
            CONNECTION,
            connection_pb2.QueryConnectionRequest(connection_id="connection-9"),
            StatusCode.NOT_FOUND,
            "connection-9: connection not found",
        ),
        (
            CONNECTION,
            connection_pb2.QueryConnectionRequest(connection_id="x"),
            StatusCode.INVALID_ARGUMENT,
            "identifier x has invalid length: 1, must be between 10-64 characters: "
            "invalid identifier",
        ),
        (
            CONNECTION,
            b"\xff",
            StatusCode.INTERNAL,
            "grpc: error unmarshalling request: cannot decode",
        ),
        (CONNECTION, b"\x12\x01x", StatusCode.INTERNAL, "unknown fields"),
        (CONNECTION, b"\x0a\x00", StatusCode.INTERNAL, "canonical"),
        (
            CHANNEL,
            b"",
            StatusCode.INVALID_ARGUMENT,
            "identifier cannot be blank: invalid identifier",
        ),
    ],
)
async def test_requests_that_cannot_be_answered(
    served: GrpcZone, path: str, request_: Any, code: StatusCode, text: str
) -> None:
    ended = await served.call(path, request_)
    assert ended.code is code
    assert text in ended.text
    assert "rpc error" not in ended.text
    assert served.counted == [(path, code.name)]


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (UnknownAddressError(address="ht1"), StatusCode.NOT_FOUND),
        (
            OutOfGasError(location="query", wanted=1, used=2),
            StatusCode.RESOURCE_EXHAUSTED,
        ),
        (MempoolFullError(size=1, maximum=1), StatusCode.UNAVAILABLE),
        (PanicError(reason="x"), StatusCode.INTERNAL),
        (BrokenError(), StatusCode.INTERNAL),
        (HuitongError(), StatusCode.UNKNOWN),
        (ValueError("secret"), StatusCode.INTERNAL),
    ],
)
async def test_each_kind_of_failure_has_its_status(
    failure: Exception, code: StatusCode
) -> None:
    def answer(path: str, data: bytes, height: int) -> CallResult:
        raise failure

    async with grpc_registry(registry_of(answer, CHANNEL)) as served:
        ended = await served.call(CHANNEL)
    assert ended.code is code
    assert "Traceback" not in ended.text
    assert "secret" not in ended.text


async def test_request_beyond_its_limit_is_refused(served: GrpcZone) -> None:
    ended = await served.call(CLIENT_STATES, bytes(REQUEST_SIZE_BYTES_MAX + 1))
    assert ended.code is StatusCode.RESOURCE_EXHAUSTED
    assert (await served.call(CLIENT_STATES)).code is StatusCode.OK


async def test_response_beyond_its_limit_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grpc_calls, "RESPONSE_SIZE_BYTES_MAX", 10)
    async with grpc_registry(registry_of(always(bytes(11)), CHANNEL)) as served:
        ended = await served.call(CHANNEL)
    assert ended.code is StatusCode.RESOURCE_EXHAUSTED
    assert "11 bytes, at most 10" in ended.text


async def test_calls_beyond_the_bound_are_turned_away_and_the_others_answered() -> None:
    go_on = threading.Event()

    def answer(path: str, data: bytes, height: int) -> CallResult:
        go_on.wait(20)
        return CallResult(value=b"", height=1)

    async with grpc_registry(registry_of(answer, CHANNEL)) as served:
        channels = [
            grpc.aio.insecure_channel(
                served.address, options=[("grpc.use_local_subchannel_pool", 1)]
            )
            for _ in range(4)
        ]
        asked = [
            asyncio.ensure_future(_code(channels[number % 4].unary_unary(CHANNEL)))
            for number in range(CALLS_MAX + BEYOND)
        ]
        turned_away = 0
        for one in asyncio.as_completed(asked):
            turned_away += await one is StatusCode.RESOURCE_EXHAUSTED
            if turned_away == BEYOND:
                break
        go_on.set()
        codes = await asyncio.gather(*asked)
        for channel in channels:
            await channel.close()
    assert codes.count(StatusCode.RESOURCE_EXHAUSTED) == BEYOND
    assert codes.count(StatusCode.OK) == CALLS_MAX


async def _code(method: Any) -> StatusCode:
    try:
        await method(b"", timeout=60)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return StatusCode.OK
