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
from huitong.core.errors import HuitongError
from huitong.node.proofs import PROOFS_PATH, call_proofs

#: Proven answers that are kept, a few kilobytes each.
PROVEN_KEPT: Final = 1_024

_Asked = tuple[str, bytes, int]
"""Path, key and version."""


class Queries:
    """The registry of one node; any thread may ask."""

    def __init__(self, app: Application) -> None:
        """Put the state machine's methods and the node's own into one registry."""
        self._app = app
        self._own = {PROOFS_PATH: call_proofs}
        self.paths = (*app.query_paths, *self._own)
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
        with self._lock:
            self._proven[path, data, result.height] = result
            while len(self._proven) > PROVEN_KEPT:
                self._proven.popitem(last=False)

    def answer(self, path: str, data: bytes, height: int, prove: bool) -> QueryResult:
        """Answer ``abci_query`` from a committed version; never raises.

        Args:
            path: ``store/<name>/key``, or a gRPC path.
            data: the key, or the encoded request.
            height: version of the state; 0 means the newest.
            prove: whether to add the Merkle proof of a key.
        """
        if path not in self._own:
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
        own = self._own.get(path)
        if own is None:
            return self._app.call(path, data, height)
        return own(self._app, data, height)


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
