"""What a node answers to ``abci_query``, whichever engine it runs."""

from __future__ import annotations

from huitong.core.abci import QueryResult
from huitong.core.app import Application
from huitong.node.proofs import PROOFS_PATH, answer_proofs


def answer_query(
    app: Application, path: str, data: bytes, height: int, prove: bool
) -> QueryResult:
    """Answer from a committed version; from any thread.

    Args:
        app: the state machine.
        path: ``store/<name>/key``, a gRPC path, or that of many proofs at once.
        data: the key, or the encoded request.
        height: version of the state; 0 means the newest.
        prove: whether to add the Merkle proof of a key.
    """
    if path.strip("/") == PROOFS_PATH.strip("/"):
        return answer_proofs(app, data, height)
    return app.query(path, data, height, prove)
