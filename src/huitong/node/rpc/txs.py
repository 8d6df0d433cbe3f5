"""Methods about transactions: sending, finding, waiting ones."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Final

from huitong.core.abci import CheckResult
from huitong.core.hashing import merkle_proof, sha256
from huitong.core.store.backend import TableReader
from huitong.node.rpc.calls import Method
from huitong.node.rpc.errors import (
    CommitTimeoutError,
    HashQueryError,
    InvalidParamError,
    OrderError,
    TxHashEmptyError,
    TxNotFoundError,
)
from huitong.node.rpc.go_values import read_hex
from huitong.node.rpc.params import Kind, Param
from huitong.node.rpc.served import PER_PAGE_DEFAULT, PER_PAGE_MAX, Served, page_bounds
from huitong.node.rpc.subscriptions import SubscriptionHub
from huitong.storage.blocks import (
    block_txs,
    find_block,
    find_place,
    find_tx,
    place_of_key,
)
from huitong.storage.event_query import Condition, parse_query
from huitong.storage.results import result_json
from huitong.storage.search import search_txs

#: How long ``broadcast_tx_commit`` waits, as in CometBFT.
COMMIT_WAIT_S: Final = 10
_TX: Final = (Param("tx", Kind.BYTES),)


def tx_methods(served: Served, hub: SubscriptionHub) -> dict[str, Method]:
    """Return the methods about transactions."""
    methods = TxMethods(served, hub)
    return {
        "broadcast_tx_sync": Method(
            answer=methods.broadcast_tx_sync, params=_TX, is_async=True
        ),
        "broadcast_tx_async": Method(
            answer=methods.broadcast_tx_async, params=_TX, is_async=True
        ),
        "broadcast_tx_commit": Method(
            answer=methods.broadcast_tx_commit, params=_TX, is_async=True
        ),
        "check_tx": Method(answer=methods.check_tx, params=_TX, is_async=True),
        "tx": Method(
            answer=methods.tx,
            params=(Param("hash", Kind.BYTES), Param("prove", Kind.BOOLEAN)),
        ),
        "tx_search": Method(
            answer=methods.tx_search,
            params=(
                Param("query", Kind.TEXT),
                Param("prove", Kind.BOOLEAN),
                Param("page", Kind.INTEGER),
                Param("per_page", Kind.INTEGER),
                Param("order_by", Kind.TEXT),
            ),
            is_async=True,
        ),
        "unconfirmed_txs": Method(
            answer=methods.unconfirmed_txs, params=(Param("limit", Kind.INTEGER),)
        ),
        "num_unconfirmed_txs": Method(answer=methods.num_unconfirmed_txs),
    }


class TxMethods:
    """Answers about transactions; each method has the name it is called by."""

    def __init__(self, served: Served, hub: SubscriptionHub) -> None:
        self._served = served
        self._hub = hub
        self._mempool = served.engine.mempool

    async def _add(self, raw: bytes) -> tuple[bytes, CheckResult]:
        """Hand over to the mempool without ever waiting for a block in this thread."""
        done = self._mempool.try_add(raw)
        if done is None:
            loop = asyncio.get_running_loop()
            done = await loop.run_in_executor(
                self._served.checks, self._mempool.add, raw
            )
        return done

    async def broadcast_tx_sync(self, tx: bytes = b"") -> dict[str, Any]:
        """Check a transaction, let it wait for a block, and tell what the check said."""
        tx_hash, checked = await self._add(tx)
        return {
            "code": checked.code,
            "data": "",
            "log": checked.log,
            "codespace": checked.codespace,
            "hash": tx_hash.hex().upper(),
        }

    async def broadcast_tx_async(self, tx: bytes = b"") -> dict[str, Any]:
        """Do the same, but do not tell what the check said."""
        tx_hash, _ = await self._add(tx)
        return {
            "code": 0,
            "data": "",
            "log": "",
            "codespace": "",
            "hash": tx_hash.hex().upper(),
        }

    async def broadcast_tx_commit(self, tx: bytes = b"") -> dict[str, Any]:
        """Do the same, and wait until the transaction is in a durable block."""
        tx_hash = sha256(tx)
        with self._hub.waiting_for(tx_hash) as committed:
            _, checked = await self._add(tx)
            answer: dict[str, Any] = {
                "check_tx": check_json(checked),
                "tx_result": check_json(None),
                "hash": tx_hash.hex().upper(),
                "height": "0",
            }
            if checked.code:
                return answer
            try:
                async with asyncio.timeout(COMMIT_WAIT_S):
                    done = await committed
            except TimeoutError:
                raise CommitTimeoutError from None
        answer["tx_result"] = result_json(done.result)
        answer["height"] = str(done.height)
        return answer

    async def check_tx(self, tx: bytes = b"") -> dict[str, Any]:
        """Tell what the check says; the transaction goes nowhere."""
        loop = asyncio.get_running_loop()
        checked = await loop.run_in_executor(
            self._served.checks, self._mempool.check, tx
        )
        return check_json(checked)

    def tx(self, hash: bytes = b"", prove: bool = False) -> dict[str, Any]:
        """The committed transaction with this hash."""
        if not hash:
            raise TxHashEmptyError
        with self._served.reading() as reader:
            place = self._find_place(reader, hash)
            found = None if place is None else _tx_json(reader, place, prove)
        if found is None:
            raise TxNotFoundError(tx_hash=hash.hex().upper())
        return found

    async def tx_search(
        self,
        query: str = "",
        prove: bool = False,
        page: int | None = None,
        per_page: int | None = None,
        order_by: str = "",
    ) -> dict[str, Any]:
        """Committed transactions by their events, in the order of the chain."""
        conditions = parse_query(query)
        if order_by not in ("", "asc", "desc"):
            raise OrderError

        def search() -> dict[str, Any]:
            with self._served.reading() as reader:
                places = self._places(reader, conditions, order_by == "desc")
                start, end = page_bounds(len(places), page, per_page)
                txs = [_tx_json(reader, place, prove) for place in places[start:end]]
            return {"txs": txs, "total_count": str(len(places))}

        if any(item.key == "tx.hash" for item in conditions):
            return search()  # one look-up
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._served.executor, search)

    def _places(
        self, reader: TableReader, conditions: tuple[Condition, ...], reverse: bool
    ) -> list[bytes]:
        for item in conditions:
            if item.key == "tx.hash":  # as in CometBFT, the others are not looked at
                place = self._find_place(reader, _hash_asked(item.operand))
                return [] if place is None else [place]
        return search_txs(
            reader,
            conditions,
            self._served.newest,
            reverse=reverse,
            oldest=self._served.lowest,
        )

    def _find_place(self, reader: TableReader, tx_hash: bytes) -> bytes | None:
        """Return where a transaction is; None if its block is gone or about to go."""
        place = find_place(reader, tx_hash)
        if place is not None and place_of_key(place)[0] < self._served.lowest:
            return None
        return place

    def unconfirmed_txs(self, limit: int | None = None) -> dict[str, Any]:
        """Transactions that wait for a block, oldest first."""
        size = PER_PAGE_DEFAULT if limit is None or limit < 1 else limit
        waiting = self._mempool.first(min(size, PER_PAGE_MAX))
        answer = self.num_unconfirmed_txs()
        answer["n_txs"] = str(len(waiting))
        answer["txs"] = [base64.b64encode(raw).decode() for raw in waiting]
        return answer

    def num_unconfirmed_txs(self) -> dict[str, Any]:
        """How many transactions wait for a block."""
        count, size = self._mempool.counts()
        return {
            "n_txs": str(count),
            "total": str(count),
            "total_bytes": str(size),
            "txs": None,
        }


def _hash_asked(text: str) -> bytes:
    """Return the hash that a query asks for, read as CometBFT reads it."""
    try:
        tx_hash = read_hex(text)
    except InvalidParamError as wrong:
        raise HashQueryError(
            reason=f"error during searching for a hash in the query: {wrong}"
        ) from wrong
    if not tx_hash:
        raise HashQueryError(
            reason=f"error while retrieving the result: {TxHashEmptyError()}"
        )
    return tx_hash


def check_json(checked: CheckResult | None) -> dict[str, Any]:
    """Return what CheckTx said as CometBFT prints it; all zero for None."""
    return {
        "code": checked.code if checked else 0,
        "data": None,
        "log": checked.log if checked else "",
        "info": "",
        "gas_wanted": str(checked.gas_wanted if checked else 0),
        "gas_used": "0",
        "events": [],
        "codespace": checked.codespace if checked else "",
    }


def _tx_json(reader: TableReader, place: bytes, prove: bool) -> dict[str, Any] | None:
    found = find_tx(reader, place)
    if found is None:
        return None
    raw, result = found
    height, index = place_of_key(place)
    answer: dict[str, Any] = {
        "hash": sha256(raw).hex().upper(),
        "height": str(height),
        "index": index,
        "tx_result": result_json(result),
        "tx": base64.b64encode(raw).decode(),
    }
    if prove:
        answer["proof"] = _proof_json(reader, height, index, raw)
    return answer


def _proof_json(
    reader: TableReader, height: int, index: int, raw: bytes
) -> dict[str, Any]:
    """Return the proof that a transaction is in its block's data hash."""
    block = find_block(reader, height)
    proof = merkle_proof([sha256(item) for item in block_txs(reader, height)], index)
    return {
        "root_hash": block.header.data_hash.hex().upper() if block else "",
        "data": base64.b64encode(raw).decode(),
        "proof": {
            "total": str(proof.total),
            "index": str(proof.index),
            "leaf_hash": base64.b64encode(proof.leaf_hash).decode(),
            "aunts": [base64.b64encode(aunt).decode() for aunt in proof.aunts],
        },
    }
