"""How the application answers queries: one registry, whatever door they came through.

Paths:

* ``store/<name>/key`` (a leading slash is accepted): a value of the state, with its
  ICS-23 proof when asked for. The proof verifies against the header of height + 1.
* ``/package.Service/Method``: a module's query, in protobuf, as over gRPC.
* ``/cosmos.tx.v1beta1.Service/Simulate``: what a transaction would do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from huitong.core import execution
from huitong.core.abci import CallResult, QueryResult, TxResult
from huitong.core.codec import decode, encode
from huitong.core.errors import (
    HuitongError,
    InvalidRequestError,
    UnknownRequestError,
)
from huitong.core.gas import GasMeter
from huitong.core.grpc_words import invalid_argument
from huitong.core.limits import INT64_MAX, QUERY_GAS_MAX, QUERY_SIZE_BYTES_MAX
from huitong.core.module import QueryRoute
from huitong.core.store.errors import (
    ProofUnavailableError,
    StoreUnknownError,
    VersionPrunedError,
    VersionUnknownError,
)
from huitong.core.store.view import ProofOp, ReadView
from huitong.core.tx import decode_transaction
from huitong.proto.cosmos.base.abci.v1beta1 import abci_pb2
from huitong.proto.cosmos.tx.v1beta1 import service_pb2
from huitong.proto.tendermint.abci import types_pb2

if TYPE_CHECKING:
    from huitong.core.app import Application

SIMULATE_PATH = "/cosmos.tx.v1beta1.Service/Simulate"


class Querying:
    """The read side of an application."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._routes: dict[str, QueryRoute] = {}
        for module in app.modules:
            for route in module.queries:
                if route.path in self._routes:
                    raise TypeError(f"two modules answer {route.path}")
                self._routes[route.path] = route

    @property
    def paths(self) -> tuple[str, ...]:
        """The gRPC paths that are answered."""
        return (*self._routes, SIMULATE_PATH)

    def answer(self, path: str, data: bytes, height: int, prove: bool) -> QueryResult:
        """Answer, or describe the refusal; never raises for anything a stranger sends."""
        try:
            check_bounds(data, height)
            parts = path.strip("/").split("/")
            if len(parts) == 3 and parts[0] == "store" and parts[2] == "key":
                return self._from_store(parts[1], data, height, prove)
            called = self.call(path, data, height)
            return _found(b"", called.value, called.height)
        except HuitongError as refused:
            return _refusal(refused.code, refused.codespace, str(refused), height)

    def call(self, path: str, data: bytes, height: int) -> CallResult:
        """Answer a method by its gRPC path.

        Raises:
            UnknownRequestError: there is no such method.
            RejectedError: the request is refused, or no such version is kept.
        """
        check_bounds(data, height)
        if path == SIMULATE_PATH:
            return self._simulated(data)
        route = self._routes.get(path)
        if route is None:
            raise UnknownRequestError(reason="unknown query path")
        request = decode(route.request, data)
        with self._app.query_context(height, GasMeter(QUERY_GAS_MAX)) as ctx:
            value = encode(route.answer(ctx, request))
            return CallResult(value=value, height=ctx.block.height.revision_height)

    def _from_store(
        self, name: str, key: bytes, height: int, prove: bool
    ) -> QueryResult:
        state = self._app.state
        if not key:
            raise InvalidRequestError(reason="query key is empty")
        if name not in state.store_names:
            raise StoreUnknownError(name=name)
        if not prove:
            with state.at(height or state.version) as view:
                return _found(key, view.store(name).get(key) or b"", view.version)
        with self._provable(height or state.version) as view:
            proven = view.prove(name, key)
            return _found(key, proven.value or b"", view.version, proven.ops)

    def _provable(self, version: int) -> ReadView:
        """Open a version whose proofs are wanted, or refuse in the words of peers."""
        state = self._app.state
        try:
            return state.at(version)
        except (VersionUnknownError, VersionPrunedError) as absent:
            raise ProofUnavailableError(
                version=version, oldest=state.oldest_version, latest=state.version
            ) from absent

    def simulate(self, raw: bytes) -> TxResult:
        """Carry out a transaction on a branch of the newest state and drop it."""
        try:
            return self._carry_out(raw)[0]
        except HuitongError as refused:
            return execution.failed_result(refused, 0, 0)

    def _carry_out(self, raw: bytes) -> tuple[TxResult, int]:
        """Return what a transaction would do, and the height whose state it saw."""
        app = self._app
        tx = decode_transaction(raw)
        prepared = execution.route_messages(tx, app.routes)
        with app.query_context(0, GasMeter(QUERY_GAS_MAX)) as ctx:
            entry = ctx.branch(signer=prepared.sender)
            execution.authenticate(
                entry, prepared, app.authenticator, _accept_signature
            )
            data = execution.run_messages(entry, prepared)
            result = TxResult(
                code=0,
                codespace="",
                data=data,
                log="",
                gas_wanted=tx.gas_limit,
                gas_used=ctx.gas.used,
                events=tuple(entry.events),
            )
            return result, ctx.block.height.revision_height

    def _simulated(self, data: bytes) -> CallResult:
        request = decode(service_pb2.SimulateRequest, data)
        if not request.tx_bytes:
            raise invalid_argument("empty txBytes is not allowed")
        result, height = self._carry_out(request.tx_bytes)
        answer = service_pb2.SimulateResponse(
            gas_info=abci_pb2.GasInfo(
                gas_wanted=result.gas_wanted, gas_used=result.gas_used
            ),
            result=abci_pb2.Result(data=result.data, log=result.log),
        )
        for told in result.events:
            answer.result.events.append(
                types_pb2.Event(
                    type=told.kind,
                    attributes=[
                        types_pb2.EventAttribute(key=key, value=value, index=True)
                        for key, value in told.attributes
                    ],
                )
            )
        return CallResult(value=encode(answer), height=height)


def check_bounds(data: bytes, height: int) -> None:
    """Check the size of a question and its height.

    Raises:
        InvalidRequestError: too long, or no height.
    """
    if len(data) > QUERY_SIZE_BYTES_MAX:
        raise InvalidRequestError(
            reason=f"query of {len(data)} bytes, at most {QUERY_SIZE_BYTES_MAX}"
        )
    if height < 0:
        raise InvalidRequestError(
            reason=f"cannot query with height < 0; please provide a valid height: {height}"
        )
    if height > INT64_MAX:
        raise InvalidRequestError(reason=f"height {height} above {INT64_MAX}")


def _found(
    key: bytes, value: bytes, height: int, proof_ops: tuple[ProofOp, ...] = ()
) -> QueryResult:
    return QueryResult(
        code=0,
        codespace="",
        log="",
        key=key,
        value=value,
        height=height,
        proof_ops=proof_ops,
    )


def _refusal(code: int, codespace: str, log: str, height: int) -> QueryResult:
    return QueryResult(
        code=code,
        codespace=codespace,
        log=log,
        key=b"",
        value=b"",
        height=height,
        proof_ops=(),
    )


def _accept_signature(account_number: int) -> None:
    """Simulation runs before the wallet signs."""
