"""What gRPC's tools learn of a node; and that the .proto files say what is served."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc import StatusCode

import huitong.proto
from huitong.modules.zone import MODULES
from huitong.node.answers import chain, txs
from huitong.proto import pool
from huitong.proto.grpc.reflection.v1 import reflection_pb2 as pb
from tests.api.grpc_kit import GrpcZone, grpc_zone

METHODS = (
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
)
#: Declared, but none of gRPC: messages of transactions, and what CometBFT calls.
ELSEWHERE = ("Msg", "ABCI")


@pytest_asyncio.fixture
async def served() -> AsyncIterator[GrpcZone]:
    async with grpc_zone() as made:
        yield made


async def ask(
    served: GrpcZone, path: str, *requests: pb.ServerReflectionRequest
) -> list[pb.ServerReflectionResponse]:
    stream = served.channel.stream_stream(path)(
        iter([request.SerializeToString() for request in requests]), timeout=20
    )
    return [pb.ServerReflectionResponse.FromString(item) async for item in stream]


def services_of(paths: tuple[str, ...]) -> set[str]:
    return {path[1:].rpartition("/")[0] for path in paths}


@pytest.mark.parametrize("path", METHODS)
async def test_services_are_listed(served: GrpcZone, path: str) -> None:
    (told,) = await ask(served, path, pb.ServerReflectionRequest(list_services="*"))
    names = [item.name for item in told.list_services_response.service]
    assert names == sorted(services_of((*served.queries.paths, *METHODS)))


@pytest.mark.parametrize("path", METHODS)
async def test_whole_description_can_be_put_together_again(
    served: GrpcZone, path: str
) -> None:
    names = sorted(services_of((*served.queries.paths, *METHODS)))
    told = await ask(
        served,
        path,
        *(pb.ServerReflectionRequest(file_containing_symbol=name) for name in names),
    )
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    for answer in told:
        for data in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            files[file.name] = file
    learned, waiting = DescriptorPool(), dict(files)
    while waiting:
        ready = [
            name
            for name, file in waiting.items()
            if not waiting.keys() & set(file.dependency)
        ]
        for name in ready:
            learned.Add(waiting.pop(name))  # type: ignore[no-untyped-call]
    for asked in served.queries.paths:
        service, _, method = asked[1:].rpartition("/")
        found = learned.FindServiceByName(service)
        assert method in found.methods_by_name


@pytest.mark.parametrize(
    "symbol",
    [
        "cosmos.tx.v1beta1.Service.BroadcastTx",
        "cosmos.tx.v1beta1.GetTxRequest.hash",
        "cosmos.tx.v1beta1.GetTxRequest",
        "cosmos.tx.v1beta1.BroadcastMode",
    ],
)
async def test_parts_of_services_and_messages_are_described(
    served: GrpcZone, symbol: str
) -> None:
    request = pb.ServerReflectionRequest(file_containing_symbol=symbol)
    (told,) = await ask(served, METHODS[0], request)
    assert told.original_request == request
    files = [
        descriptor_pb2.FileDescriptorProto.FromString(data).name
        for data in told.file_descriptor_response.file_descriptor_proto
    ]
    assert "cosmos/tx/v1beta1/service.proto" in files


async def test_what_does_not_exist_is_told_one_by_one(served: GrpcZone) -> None:
    told = await ask(
        served,
        METHODS[0],
        pb.ServerReflectionRequest(file_containing_symbol="no.such.Thing"),
        pb.ServerReflectionRequest(
            file_containing_symbol="cosmos.tx.v1beta1.Service.Nothing"
        ),
        pb.ServerReflectionRequest(file_by_filename="no/such.proto"),
        pb.ServerReflectionRequest(),
        pb.ServerReflectionRequest(file_by_filename="google/protobuf/any.proto"),
    )
    codes = [answer.error_response.error_code for answer in told]
    assert codes == [
        StatusCode.NOT_FOUND.value[0],
        StatusCode.NOT_FOUND.value[0],
        StatusCode.NOT_FOUND.value[0],
        StatusCode.INVALID_ARGUMENT.value[0],
        0,
    ]


async def test_malformed_request_of_reflection_is_refused(served: GrpcZone) -> None:
    ended = await served.call(METHODS[0], b"\xff\xff")
    assert ended.code is StatusCode.INVALID_ARGUMENT
    assert ("/" + METHODS[0][1:], "INVALID_ARGUMENT") in served.counted


# --- the .proto files ---------------------------------------------------------------------


def declared_services() -> Iterator[ServiceDescriptor]:
    for module in pkgutil.walk_packages(huitong.proto.__path__, "huitong.proto."):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(module.name).DESCRIPTOR
            yield from file.services_by_name.values()


def test_every_method_that_is_served_is_declared(served_routes: dict[str, str]) -> None:
    for path, request in served_routes.items():
        service, _, method = path[1:].rpartition("/")
        declared = pool.Default().FindServiceByName(service).methods_by_name[method]
        assert declared.input_type.full_name == request, path


async def test_every_method_that_is_declared_is_served(served: GrpcZone) -> None:
    declared = {
        f"/{service.full_name}/{method.name}"
        for service in declared_services()
        if service.name not in ELSEWHERE
        for method in service.methods
    }
    assert declared == {*served.queries.paths, *METHODS}


@pytest.fixture
def served_routes() -> dict[str, str]:
    routes = [route for module in MODULES for route in module.queries]
    return {
        route.path: route.request.DESCRIPTOR.full_name
        for route in (*routes, *chain.ROUTES, *txs.ROUTES)
    }
