"""What a node answers to ``abci_query`` and over gRPC, whichever engine it runs.

One registry with two doors: the methods of the state machine's modules, and those that
only a node can answer.
"""

from __future__ import annotations

from huitong.core.abci import CallResult, QueryResult
from huitong.core.app import Application
from huitong.core.errors import HuitongError
from huitong.node.proofs import PROOFS_PATH, call_proofs


class Queries:
    """The registry of one node; any thread may ask."""

    def __init__(self, app: Application) -> None:
        """Put the state machine's methods and the node's own into one registry."""
        self._app = app
        self._own = {PROOFS_PATH: call_proofs}
        self.paths = (*app.query_paths, *self._own)
        """The methods that are answered, by gRPC path."""

    def answer(self, path: str, data: bytes, height: int, prove: bool) -> QueryResult:
        """Answer ``abci_query`` from a committed version; never raises.

        Args:
            path: ``store/<name>/key``, or a gRPC path.
            data: the key, or the encoded request.
            height: version of the state; 0 means the newest.
            prove: whether to add the Merkle proof of a key.
        """
        if path not in self._own:
            return self._app.query(path, data, height, prove)
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
