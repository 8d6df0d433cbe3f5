"""Sending and finding transactions: ``cosmos.tx.v1beta1.Service``."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, Final

from huitong.core.grpc_words import invalid_argument, not_found_as
from huitong.core.hashing import sha256
from huitong.core.limits import INT64_MAX
from huitong.node.answers.forms import tx_of, tx_response_of
from huitong.node.answers.routes import Node, NodeRoute
from huitong.node.answers.source import SourceRefusalError
from huitong.proto.cosmos.base.abci.v1beta1 import abci_pb2
from huitong.proto.cosmos.tx.v1beta1 import service_pb2 as pb

_SERVICE: Final = "/cosmos.tx.v1beta1.Service/"
#: Entries of a page that a search returns if it asks for no number, as in CometBFT.
_PAGE_SIZE_DEFAULT: Final = 100
_ORDERS: Final = {
    pb.ORDER_BY_UNSPECIFIED: "",
    pb.ORDER_BY_ASC: "asc",
    pb.ORDER_BY_DESC: "desc",
}
_SENDING: Final = {
    pb.BROADCAST_MODE_SYNC: "broadcast_tx_sync",
    pb.BROADCAST_MODE_ASYNC: "broadcast_tx_async",
}
#: What RPC says of a transaction that does not even come to its check, and the code of
#: the Cosmos SDK for it.
_UNCHECKED: Final = (
    ("tx already exists in cache", 19),
    ("mempool is full", 20),
    ("too large", 21),
)


def answer_get_tx(node: Node, request: pb.GetTxRequest) -> pb.GetTxResponse:
    """Return a transaction of a block by its hash.

    Raises:
        InvalidRequestError: the hash is none.
        NotFoundError: no block has it.
    """
    if not request.hash:
        raise invalid_argument("tx hash cannot be empty")
    try:
        name = bytes.fromhex(request.hash)
    except ValueError:
        raise invalid_argument(f"tx hash {request.hash!r} is not hex") from None
    try:
        entry = node.source.ask("tx", hash=base64.b64encode(name).decode())
    except SourceRefusalError as refused:
        if "not found" in str(refused):
            raise not_found_as(f"tx not found: {request.hash}") from refused
        raise
    (told,) = _responses(node, [entry])
    return pb.GetTxResponse(tx=tx_of(entry), tx_response=told)


def answer_txs_event(
    node: Node, request: pb.GetTxsEventRequest
) -> pb.GetTxsEventResponse:
    """Return transactions of blocks by their events, in CometBFT's query language.

    Raises:
        InvalidRequestError: no query.
        SourceRefusalError: a malformed one, or no such page.
    """
    if not request.query:
        raise invalid_argument("query cannot be empty")
    if request.order_by not in _ORDERS:
        raise invalid_argument(f"order_by {request.order_by} is not known")
    if max(request.page, request.limit) > INT64_MAX:
        raise invalid_argument("page and limit are integers of 63 bits")
    found = node.source.ask(
        "tx_search",
        query=request.query,
        prove=False,
        page=str(request.page or 1),
        per_page=str(request.limit or _PAGE_SIZE_DEFAULT),
        order_by=_ORDERS[request.order_by],
    )
    answer = pb.GetTxsEventResponse(
        tx_responses=_responses(node, found["txs"]), total=int(found["total_count"])
    )
    for entry in found["txs"]:
        tx = tx_of(entry)
        answer.txs.add() if tx is None else answer.txs.append(tx)
    return answer


def answer_broadcast_tx(
    node: Node, request: pb.BroadcastTxRequest
) -> pb.BroadcastTxResponse:
    """Hand a transaction to the mempool and tell what its check said.

    To wait for a block is not offered, as in the Cosmos SDK since 0.50: a call would
    hold a thread for as long as a client likes.

    Raises:
        InvalidRequestError: nothing to send, or another mode.
    """
    if not request.tx_bytes:
        raise invalid_argument("invalid empty tx")
    method = _SENDING.get(request.mode)
    if method is None:
        raise invalid_argument(
            f"unsupported return type {_mode_name(request.mode)}; "
            "supported types: sync, async"
        )
    sent = base64.b64encode(request.tx_bytes).decode()
    try:
        told = node.source.ask(method, tx=sent)
    except SourceRefusalError as refused:
        return pb.BroadcastTxResponse(tx_response=_unchecked(request.tx_bytes, refused))
    return pb.BroadcastTxResponse(
        tx_response=abci_pb2.TxResponse(
            code=told["code"],
            codespace=told["codespace"],
            data=told["data"],
            raw_log=told["log"],
            txhash=told["hash"],
        )
    )


def _mode_name(mode: int) -> str:
    return {1: "block"}.get(mode, "")


def _unchecked(tx: bytes, refused: SourceRefusalError) -> abci_pb2.TxResponse:
    """Return what the Cosmos SDK answers for a transaction that the mempool refuses."""
    for text, code in _UNCHECKED:
        if text in str(refused).lower():
            return abci_pb2.TxResponse(
                code=code,
                codespace="sdk",
                raw_log=str(refused),
                txhash=sha256(tx).hex().upper(),
            )
    raise refused


def _responses(
    node: Node, entries: Iterable[dict[str, Any]]
) -> list[abci_pb2.TxResponse]:
    """Return what transactions did, with the time of their blocks."""
    times: dict[str, str] = {}
    found = []
    for entry in entries:
        height = entry["height"]
        if height not in times:
            header = node.source.ask("header", height=height)["header"]
            times[height] = header["time"]
        found.append(tx_response_of(entry, times[height]))
    return found


ROUTES: Final = (
    NodeRoute(path=f"{_SERVICE}GetTx", request=pb.GetTxRequest, answer=answer_get_tx),
    NodeRoute(
        path=f"{_SERVICE}GetTxsEvent",
        request=pb.GetTxsEventRequest,
        answer=answer_txs_event,
    ),
    NodeRoute(
        path=f"{_SERVICE}BroadcastTx",
        request=pb.BroadcastTxRequest,
        answer=answer_broadcast_tx,
    ),
)
