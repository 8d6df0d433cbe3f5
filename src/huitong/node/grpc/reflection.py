"""Server reflection: gRPC's tools learn what a node serves and in which messages.

The library answers, from our own pool of message types. Both versions of the service are
the same on the wire; older tools ask the first, newer ones the second.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha import reflection_pb2 as pb
from grpc_reflection.v1alpha.reflection import ReflectionServicer

from huitong.proto import pool

# Loaded so that the pool knows the service that describes all others, and itself.
from huitong.proto.grpc.reflection.v1 import reflection_pb2 as v1_pb2
from huitong.proto.grpc.reflection.v1alpha import reflection_pb2 as v1alpha_pb2

SERVICES: Final = tuple(
    module.DESCRIPTOR.services_by_name["ServerReflection"].full_name
    for module in (v1_pb2, v1alpha_pb2)
)
"""Full names of the reflection services."""
PATHS: Final = frozenset(f"/{name}/ServerReflectionInfo" for name in SERVICES)
"""Their methods."""


class Reflection:
    """Answers requests of reflection; any thread may ask."""

    def __init__(self, services: Iterable[str]) -> None:
        """Tell of ``services``, and of reflection itself."""
        self._servicer = ReflectionServicer([*services, *SERVICES], pool.Default())

    def answer(self, data: bytes) -> bytes | None:
        """Return the response to one request; None if that is malformed.

        Cost: about a millisecond for the files around one service.
        """
        try:
            request = pb.ServerReflectionRequest.FromString(data)
        except DecodeError:
            return None
        asked = pb.ServerReflectionRequest()
        asked.CopyFrom(request)
        if request.HasField("file_containing_symbol"):
            asked.file_containing_symbol = _declaration(request.file_containing_symbol)
        (response,) = self._servicer.ServerReflectionInfo(iter([asked]), None)
        response.original_request.CopyFrom(request)
        return bytes(response.SerializeToString())


def _declaration(symbol: str) -> str:
    """Return the service of a method, which the pool does not find; else the symbol."""
    service, _, method = symbol.rpartition(".")
    try:
        declared = pool.Default().FindServiceByName(service)
    except KeyError:
        return symbol
    return service if method in declared.methods_by_name else symbol
