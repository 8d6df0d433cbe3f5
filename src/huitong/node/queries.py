"""What a node answers to ``abci_query`` and over gRPC, whichever engine it runs.

One registry with two doors: the methods of the state machine's modules, and those that
only a node can answer.

Proven answers about one version never change, and stock relayers ask for the same one
with every packet: whether the channel is being upgraded, by the proof of an absent key.
The newest of them are kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from huitong.core.abci import CallResult, QueryResult
from huitong.core.app import Application
from huitong.core.codec import decode, encode
from huitong.core.errors import HuitongError
from huitong.core.gas import GasMeter
from huitong.core.querying import check_bounds
from huitong.node.answers import chain, txs
from huitong.node.answers.routes import Node, NodeRoute
from huitong.node.answers.source import Source
from huitong.node.proofs import PROOFS_PATH, call_proofs

#: Proven answers that are kept.
PROVEN_KEPT: Final = 1_024
#: Bytes of such an answer with its key; larger ones are made anew each time, so that all
#: that is kept stays below 16 MiB. Those that relayers ask for take one to three.
PROVEN_SIZE_BYTES_MAX: Final = 16_384

_Asked = tuple[str, bytes, int]
"""Path, key and version."""

ROUTES: Final[dict[str, NodeRoute]] = {
    route.path: route for route in (*chain.ROUTES, *txs.ROUTES)
}
"""What is asked of the node's RPC, by gRPC path."""


class Queries:
    """The registry of one node; any thread may ask."""

    def __init__(self, app: Application, source: Source) -> None:
        """Put the methods of the state machine and of the node into one registry.

        Args:
            app: the state machine.
            source: the node's RPC; asked only while a call for it is answered.
        """
        self._app = app
        self._node = Node(app=app, source=source)
        self.paths = (*app.query_paths, PROOFS_PATH, *ROUTES)
        """The methods that are answered, by gRPC path."""
        self._proven: OrderedDict[_Asked, QueryResult] = OrderedDict()
        self._lock = threading.Lock()

    def find_proven(self, path: str, data: bytes, height: int) -> QueryResult | None:
        """Return a proven answer that was given before and is kept; costs next to nothing.

        Args:
            path: ``store/<name>/key``.
            data: the key.
            height: version of the state; 0 means the newest.
        """
        state = self._app.state
        asked = (path, data, height or state.version)
        if height and height < state.oldest_version:
            return None  # pruned: the refusal says so
        with self._lock:
            found = self._proven.get(asked)
            if found is not None:
                self._proven.move_to_end(asked)
        return found

    def _keep(self, path: str, data: bytes, result: QueryResult) -> None:
        size = len(data) + len(result.value)
        size += sum(len(op.data) for op in result.proof_ops)
        if size > PROVEN_SIZE_BYTES_MAX:
            return
        with self._lock:
            self._proven[path, data, result.height] = result
            while len(self._proven) > PROVEN_KEPT:
                self._proven.popitem(last=False)

    def asks_rpc(self, path: str) -> bool:
        """Tell whether the answer comes from the node's RPC, and may take its time.

        Whoever answers RPC must not wait for it in a thread that RPC needs.
        """
        return path in ROUTES

    def answer(self, path: str, data: bytes, height: int, prove: bool) -> QueryResult:
        """Answer ``abci_query`` from a committed version; never raises.

        Args:
            path: ``store/<name>/key``, or a gRPC path.
            data: the key, or the encoded request.
            height: version of the state; 0 means the newest.
            prove: whether to add the Merkle proof of a key.
        """
        if path != PROOFS_PATH and path not in ROUTES:
            found = self.find_proven(path, data, height) if prove else None
            if found is None:
                found = self._app.query(path, data, height, prove)
                if found.proof_ops:
                    self._keep(path, data, found)
            return found
        try:
            called = self.call(path, data, height)
        except HuitongError as refused:
            return _result(height, refused.code, refused.codespace, str(refused), b"")
        return _result(called.height, 0, "", "", called.value)

    def call(self, path: str, data: bytes, height: int) -> CallResult:
        """Answer a method from a committed version.

        Args:
            path: gRPC path.
            data: the encoded request.
            height: version of the state; 0 means the newest.

        Raises:
            UnknownRequestError: there is no such method.
            HuitongError: the request is refused.
        """
        if path == PROOFS_PATH:
            return call_proofs(self._app, data, height)
        route = ROUTES.get(path)
        if route is None:
            return self._app.call(path, data, height)
        check_bounds(data, height)
        request = decode(route.request, data)
        # As a Cosmos SDK node does: a height that cannot be read is refused, although
        # the answer does not come from the state.
        with self._app.query_context(height, GasMeter(None)) as ctx:
            seen = ctx.block.height.revision_height
        return CallResult(value=encode(route.answer(self._node, request)), height=seen)


def _result(
    height: int, code: int, codespace: str, log: str, value: bytes
) -> QueryResult:
    return QueryResult(
        code=code,
        codespace=codespace,
        log=log,
        key=b"",
        value=value,
        height=height,
        proof_ops=(),
    )
