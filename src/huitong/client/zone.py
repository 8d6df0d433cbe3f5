"""A zone as a program sees it through one of its nodes.

``ZoneClient`` asks, sends and waits. It trusts its node: who must not, verifies what it
gets, with ``huitong.light`` and the proofs of ``prove``.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from google.protobuf.message import Message

from huitong.client import subscription
from huitong.client.answers import (
    ProvenValue,
    TxOutcome,
    check_query,
    read_query_result,
    read_tx_outcome,
)
from huitong.client.calls import (
    VALIDATOR_PAGES_MAX,
    abci_query_call,
    all_answered,
    to_base64,
    validators_call,
)
from huitong.client.errors import (
    HeightNotReachedError,
    NotCommittedError,
    QueryError,
    RpcError,
    TransactionFailedError,
)
from huitong.client.proving import prove_in_batch, prove_one_by_one
from huitong.client.rpc import Call, RpcConnection
from huitong.client.searching import search_txs
from huitong.client.subscription import BlockSeen, read_tx
from huitong.core.abci import QueryResult
from huitong.core.codec import encode
from huitong.core.time import parse_rfc3339
from huitong.light.tendermint.rpc_json import (
    light_block_from_json,
    signed_header_from_json,
    validator_set_from_json,
)
from huitong.light.tendermint.signed_header import LightBlock, SignedHeader
from huitong.light.tendermint.validator_set import ValidatorSet

MessageT = TypeVar("MessageT", bound=Message)

#: Seconds between two questions for the same thing, first and longest.
POLL_FIRST_S: Final = 0.02
POLL_LONGEST_S: Final = 0.5
#: The same for a header that somebody waits for with work at hand.
HEADER_POLL_LONGEST_S: Final = 0.1
#: ``sdk`` code of an unknown query path: the node lacks the batch of proofs.
UNKNOWN_PATH_CODE: Final = 6


class ZoneClient:
    """One zone, through the RPC of one node."""

    def __init__(self, rpc_url: str) -> None:
        """Prepare; nothing is sent yet.

        Args:
            rpc_url: for example ``tcp://127.0.0.1:26657`` or ``http://node:26657``.
        """
        self.rpc = RpcConnection(rpc_url)
        """The connection below, for calls that have no method here."""
        self._chain_id = ""
        self._has_batch_proofs = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.rpc.close()

    @property
    def url(self) -> str:
        """HTTP URL of the node."""
        return self.rpc.url

    # --- the node and its blocks ------------------------------------------------------

    async def status(self) -> dict[str, Any]:
        """Return the node's own account of itself, as CometBFT shows it."""
        answer = await self.rpc.call("status")
        with self.rpc.reading("status"):
            return {**answer, "sync_info": dict(answer["sync_info"])}

    async def chain_id(self) -> str:
        """Return the zone's chain id; asked once."""
        if not self._chain_id:
            answer = await self.status()
            with self.rpc.reading("status"):
                self._chain_id = str(answer["node_info"]["network"])
        return self._chain_id

    async def latest_height(self) -> int:
        """Return the height of the newest block; 0 before the first."""
        height, _ = await self.latest_block()
        return height

    async def latest_block(self) -> tuple[int, int]:
        """Return height and header time (ns) of the newest block."""
        info = (await self.status())["sync_info"]
        with self.rpc.reading("status"):
            height = int(info["latest_block_height"])
            return height, parse_rfc3339(info["latest_block_time"])

    async def header(self, height: int) -> dict[str, Any]:
        """Return the header at ``height`` as JSON."""
        answer = await self.rpc.call("header", height=str(height))
        with self.rpc.reading("header"):
            return dict(answer["header"])

    async def wait_height(self, height: int, timeout_s: float = 30.0) -> int:
        """Return the newest height as soon as it is at least ``height``.

        Raises:
            HeightNotReachedError: not within ``timeout_s`` seconds.
        """
        pause_s = POLL_FIRST_S
        try:
            async with asyncio.timeout(timeout_s):
                while (latest := await self.latest_height()) < height:
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 1.5, POLL_LONGEST_S)
                return latest
        except TimeoutError:
            raise HeightNotReachedError(
                url=self.url, height=height, timeout_s=timeout_s
            ) from None

    async def newest_header(
        self, height: int = 0, timeout_s: float = 30.0
    ) -> SignedHeader:
        """Return the newest header with its commit, unverified, at once if it may be.

        Args:
            height: a lower one is not enough; it is waited for.
            timeout_s: how long.

        Raises:
            HeightNotReachedError: not within ``timeout_s`` seconds.
            RejectedError: a malformed answer; nothing is verified beyond its form.
        """
        pause_s = POLL_FIRST_S
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    answer = await self.rpc.call("commit")
                    with self.rpc.reading("commit"):
                        signed = answer["signed_header"]
                        if int(signed["header"]["height"]) >= height:
                            return signed_header_from_json(signed)
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 1.5, HEADER_POLL_LONGEST_S)
        except TimeoutError:
            raise HeightNotReachedError(
                url=self.url, height=height, timeout_s=timeout_s
            ) from None

    async def validators(self, height: int) -> ValidatorSet:
        """Return the set that signs ``height``, unverified.

        Raises:
            RpcError: not known, as above the height behind the newest.
            RejectedError: a malformed answer; nothing is verified beyond its form.
        """
        method, params = validators_call(height, 1)
        first = await self.rpc.call(method, **params)
        found = await self._all_validators(height, first)
        with self.rpc.reading("validators"):
            return validator_set_from_json(found)

    async def light_block_json(self, height: int) -> dict[str, Any]:
        """Return what a light client needs of ``height``, as CometBFT's RPC shows it.

        Entries: ``height``, ``commit``, ``validators`` and ``next_validators``.
        """
        answers = await self.rpc.call_many(
            [
                ("commit", {"height": str(height)}),
                validators_call(height, 1),
                validators_call(height + 1, 1),
            ]
        )
        signed, own, following = all_answered(answers)
        return {
            "height": height,
            "commit": signed,
            "validators": await self._all_validators(height, own),
            "next_validators": await self._all_validators(height + 1, following),
        }

    async def light_block(self, height: int) -> LightBlock:
        """Return header, commit and both validator sets of ``height``, unverified.

        Raises:
            RpcError: no such block.
            RejectedError: a malformed answer; nothing is verified beyond its form.
        """
        found = await self.light_block_json(height)
        with self.rpc.reading("commit"):
            return light_block_from_json(found)

    async def _all_validators(
        self, height: int, first_page: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the answer with the validators of all pages."""
        with self.rpc.reading("validators"):
            found: list[dict[str, Any]] = list(first_page["validators"])
            total = int(first_page["total"])
        for page in range(2, VALIDATOR_PAGES_MAX + 1):
            if len(found) >= total:
                break
            method, params = validators_call(height, page)
            answer = await self.rpc.call(method, **params)
            with self.rpc.reading("validators"):
                found += answer["validators"]
        return {**first_page, "validators": found, "count": str(len(found))}

    # --- queries ----------------------------------------------------------------------

    async def abci_query(
        self, path: str, data: bytes = b"", height: int = 0, prove: bool = False
    ) -> QueryResult:
        """Return the application's answer, whatever its code.

        Args:
            path: ``store/<name>/key`` or a gRPC path.
            data: the key, or the encoded request.
            height: version of the state; 0 means the newest.
            prove: whether to add the Merkle proof of a key.
        """
        method, params = abci_query_call(path, data, height, prove)
        return self._read_query(await self.rpc.call(method, **params))

    async def abci_query_many(
        self, path: str, data: Sequence[bytes], height: int = 0, prove: bool = False
    ) -> list[QueryResult]:
        """Return the answers to several questions of one path, ten in a round trip."""
        calls = [abci_query_call(path, item, height, prove) for item in data]
        answers = all_answered(await self.rpc.call_many(calls))
        return [self._read_query(answer) for answer in answers]

    async def query(
        self, path: str, request: Message, response: type[MessageT], height: int = 0
    ) -> MessageT:
        """Return the answer to a gRPC-path query.

        Raises:
            QueryError: the zone refuses; carries its codespace and code.
        """
        result = await self.abci_query(path, encode(request), height)
        return self._decode(path, result, response)

    async def query_many(
        self,
        path: str,
        requests: Sequence[Message],
        response: type[MessageT],
        height: int = 0,
    ) -> list[MessageT]:
        """Return the answers to several questions of one kind, ten in a round trip.

        Raises:
            QueryError: the zone refuses one of them.
        """
        data = [encode(item) for item in requests]
        answers = await self.abci_query_many(path, data, height)
        return [self._decode(path, answer, response) for answer in answers]

    async def prove(
        self, store: str, keys: Sequence[bytes], height: int
    ) -> list[ProvenValue]:
        """Return values of the state after block ``height``, with proofs.

        They verify against the app hash in the header of ``height + 1``. Nodes of
        Huitong answer in one call; others are asked for ten keys in a round trip.

        Raises:
            QueryError: the height is pruned or not there yet, or no such store.
        """
        with self.rpc.reading("proofs"):
            if self._has_batch_proofs:
                try:
                    return await prove_in_batch(self.abci_query, store, keys, height)
                except QueryError as refusal:
                    if (refusal.codespace, refusal.code) != ("sdk", UNKNOWN_PATH_CODE):
                        raise
                    self._has_batch_proofs = False
            return await prove_one_by_one(self.abci_query_many, store, keys, height)

    def _read_query(self, answer: Any) -> QueryResult:
        with self.rpc.reading("abci_query"):
            return read_query_result(answer["response"])

    def _decode(
        self, path: str, result: QueryResult, response: type[MessageT]
    ) -> MessageT:
        check_query(path, result)
        with self.rpc.reading(path):
            return response.FromString(result.value)

    # --- transactions -----------------------------------------------------------------

    async def broadcast(self, raw: bytes) -> str:
        """Hand a transaction to the node's mempool and return its hash.

        Raises:
            TransactionFailedError: the zone refuses it at the door.
        """
        answer = await self.rpc.call("broadcast_tx_sync", tx=to_base64(raw))
        return self._read_broadcast(answer)

    async def broadcast_many(
        self, raws: Sequence[bytes]
    ) -> list[str | TransactionFailedError | RpcError]:
        """Hand over several transactions, in order, ten in a round trip.

        Returns:
            For each, its hash or why it was refused.
        """
        calls: list[Call] = [
            ("broadcast_tx_sync", {"tx": to_base64(raw)}) for raw in raws
        ]
        outcomes: list[str | TransactionFailedError | RpcError] = []
        for answer in await self.rpc.call_many(calls):
            if isinstance(answer, RpcError):
                outcomes.append(answer)
                continue
            try:
                outcomes.append(self._read_broadcast(answer))
            except TransactionFailedError as refusal:
                outcomes.append(refusal)
        return outcomes

    def _read_broadcast(self, answer: dict[str, Any]) -> str:
        with self.rpc.reading("broadcast_tx_sync"):
            code, tx_hash = int(answer.get("code") or 0), str(answer["hash"])
        if code:
            raise TransactionFailedError(
                codespace=answer.get("codespace") or "",
                code=code,
                log=answer.get("log") or "",
            )
        return tx_hash

    async def find_tx(self, tx_hash: str) -> TxOutcome | None:
        """Return a committed transaction, or None if no block holds it."""
        encoded = base64.b64encode(bytes.fromhex(tx_hash)).decode()
        try:
            answer = await self.rpc.call("tx", hash=encoded, prove=False)
        except RpcError as refusal:
            if "not found" in str(refusal):
                return None
            raise
        with self.rpc.reading("tx"):
            return read_tx_outcome(answer)

    async def wait_tx(self, tx_hash: str, timeout_s: float = 30.0) -> TxOutcome:
        """Return a transaction once a block holds it, whatever its code.

        Raises:
            NotCommittedError: not within ``timeout_s`` seconds.
        """
        pause_s = POLL_FIRST_S
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    outcome = await self.find_tx(tx_hash)
                    if outcome is not None:
                        return outcome
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 1.5, POLL_LONGEST_S)
        except TimeoutError:
            raise NotCommittedError(tx_hash=tx_hash, timeout_s=timeout_s) from None

    async def search_txs(self, query: str, *, per_page: int = 30) -> list[TxOutcome]:
        """Return the first transactions that match, oldest first.

        Args:
            query: ``key = 'value'`` terms joined by ``AND``.
            per_page: at most this many, up to 100.
        """
        (found,) = await search_txs(self.rpc, [query], per_page=per_page)
        return found

    # --- following --------------------------------------------------------------------

    async def blocks(self) -> AsyncGenerator[BlockSeen | None]:
        """Yield blocks as the node commits them; first None, once nothing is missed.

        Close it with ``contextlib.aclosing``.

        Raises:
            UnreachableError: nobody answers.
            SubscriptionBrokenError: the stream ended; ask the state what was missed.
        """
        async with aclosing(subscription.new_block_messages(self.url)) as messages:
            async for value in messages:
                yield await self._read_block(value) if value else None

    async def _read_block(self, value: dict[str, Any]) -> BlockSeen:
        with self.rpc.reading("NewBlock"):
            height, time_ns, txs = subscription.read_block_head(value)
            results = subscription.read_results(value)
            events = subscription.read_block_events(value)
        if results is None and txs:
            answer = await self.rpc.call("block_results", height=str(height))
            with self.rpc.reading("block_results"):
                results = list(answer["txs_results"] or [])
        with self.rpc.reading("NewBlock"):
            done = zip(txs, results or (), strict=True)
            seen = [read_tx(raw, result) for raw, result in done]
        return BlockSeen(height=height, time_ns=time_ns, txs=seen, events=events)

    async def genesis(self) -> dict[str, Any]:
        """Return the zone's genesis document."""
        answer = await self.rpc.call("genesis")
        with self.rpc.reading("genesis"):
            return dict(answer["genesis"])
