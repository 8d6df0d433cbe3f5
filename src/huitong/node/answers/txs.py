"""Sending and finding transactions: ``cosmos.tx.v1beta1.Service``."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any, Final

from huitong.core.codec import DecodeError, encode
from huitong.core.errors import InvalidRequestError, TxDecodeError
from huitong.core.grpc_words import invalid_argument, not_found_as
from huitong.core.hashing import sha256
from huitong.core.limits import INT64_MAX
from huitong.core.tx import open_transaction
from huitong.node.answers.errors import HeightError
from huitong.node.answers.forms import (
    block_id_of,
    block_of,
    tx_of,
    tx_of_bytes,
    tx_response_of,
)
from huitong.node.answers.routes import Node, NodeRoute
from huitong.node.answers.source import SourceRefusalError
from huitong.proto.cosmos.base.abci.v1beta1 import abci_pb2
from huitong.proto.cosmos.base.query.v1beta1 import pagination_pb2
from huitong.proto.cosmos.tx.v1beta1 import service_pb2 as pb
from huitong.proto.cosmos.tx.v1beta1 import tx_pb2

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


def answer_block_with_txs(
    node: Node, request: pb.GetBlockWithTxsRequest
) -> pb.GetBlockWithTxsResponse:
    """Return a block and a page of its transactions, without bytes that are none.

    Raises:
        HeightError: there is no such block yet.
        InvalidRequestError: the page begins behind the last transaction, or at a key.
        SourceRefusalError: the block was pruned.
    """
    newest = int(node.source.ask("status")["sync_info"]["latest_block_height"])
    if not 1 <= request.height <= newest:
        raise HeightError(asked=request.height, newest=newest)
    told = node.source.ask("block", height=str(request.height))
    block = block_of(told)
    page = _page_of(block.data.txs, request.pagination)
    return pb.GetBlockWithTxsResponse(
        txs=[tx for raw in page if (tx := tx_of_bytes(raw)) is not None],
        block_id=block_id_of(told),
        block=block,
        pagination=pagination_pb2.PageResponse(total=len(block.data.txs)),
    )


def _page_of(
    txs: Sequence[bytes], request: pagination_pb2.PageRequest
) -> Sequence[bytes]:
    """Return a page of a block's transactions, the last one first if asked for."""
    offset, limit = request.offset, request.limit or _PAGE_SIZE_DEFAULT
    if request.key:
        raise invalid_argument("transactions of a block are paged by offset")
    if txs and offset >= len(txs):
        raise InvalidRequestError(
            reason=f"out of range: cannot paginate {len(txs)} txs with offset {offset} "
            f"and limit {limit}"
        )
    ordered = txs[::-1] if request.reverse else txs
    return ordered[offset : offset + limit]


def answer_decode(node: Node, request: pb.TxDecodeRequest) -> pb.TxDecodeResponse:
    """Return the parts of a transaction; neither signature nor messages are checked.

    Raises:
        InvalidRequestError: nothing is given.
        TxDecodeError: the bytes are no transaction.
    """
    if not request.tx_bytes:
        raise invalid_argument("invalid empty tx bytes")
    try:
        return pb.TxDecodeResponse(tx=open_transaction(request.tx_bytes))
    except DecodeError as error:
        raise TxDecodeError(reason=str(error)) from error


def answer_encode(node: Node, request: pb.TxEncodeRequest) -> pb.TxEncodeResponse:
    """Return the bytes of a transaction that is given in parts.

    Raises:
        InvalidRequestError: nothing is given.
    """
    if not request.HasField("tx"):
        raise invalid_argument("invalid empty tx")
    tx = request.tx
    raw = tx_pb2.TxRaw(
        body_bytes=encode(tx.body),
        auth_info_bytes=encode(tx.auth_info),
        signatures=tx.signatures,
    )
    return pb.TxEncodeResponse(tx_bytes=encode(raw))


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
    NodeRoute(
        path=f"{_SERVICE}GetBlockWithTxs",
        request=pb.GetBlockWithTxsRequest,
        answer=answer_block_with_txs,
    ),
    NodeRoute(
        path=f"{_SERVICE}TxDecode", request=pb.TxDecodeRequest, answer=answer_decode
    ),
    NodeRoute(
        path=f"{_SERVICE}TxEncode", request=pb.TxEncodeRequest, answer=answer_encode
    ),
)
