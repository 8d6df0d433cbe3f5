"""Where the parts of a bundle come from: a zone, seen through one of its nodes.

Nothing that a node says is believed here or later: a bundle is verified as a whole
before it is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, final

from google.protobuf.message import Message

from huitong.client.answers import ProvenValue, from_base64
from huitong.client.errors import UnreadableAnswerError
from huitong.client.zone import ZoneClient
from huitong.evidence.model import TxResultFields
from huitong.light.tendermint.signed_header import LightBlock

MessageT = TypeVar("MessageT", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockContent:
    """The transactions of one block."""

    txs: tuple[bytes, ...]
    """Their bytes, in order."""
    results: tuple[TxResultFields, ...]
    """What each did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTx:
    """Where a transaction stands."""

    hash: str
    """SHA-256 of its bytes, upper-case hexadecimal."""
    height: int
    """Its block."""


class ZoneSource(Protocol):
    """What collecting asks of a zone; a node's RPC, or a zone in memory."""

    async def chain_id(self) -> str:
        """Return the zone's chain id."""
        ...

    async def latest_height(self) -> int:
        """Return the height of the newest block."""
        ...

    async def light_block(self, height: int) -> LightBlock:
        """Return header, votes and validators of a height."""
        ...

    async def block(self, height: int) -> BlockContent:
        """Return the transactions of a block."""
        ...

    async def prove(
        self, store: str, keys: Sequence[bytes], height: int
    ) -> list[ProvenValue]:
        """Return values of the state after a block, with proofs."""
        ...

    async def query(
        self, path: str, request: Message, response: type[MessageT], height: int = 0
    ) -> MessageT:
        """Return the answer to a gRPC-path query."""
        ...

    async def find_txs(self, query: str) -> list[FoundTx]:
        """Return the transactions that match, oldest first."""
        ...


@final
class NodeSource:
    """A zone through the RPC of one node."""

    def __init__(self, client: ZoneClient) -> None:
        self._client = client

    async def chain_id(self) -> str:
        """Return the zone's chain id."""
        return await self._client.chain_id()

    async def latest_height(self) -> int:
        """Return the height of the newest block."""
        return await self._client.latest_height()

    async def light_block(self, height: int) -> LightBlock:
        """Return header, votes and validators of a height.

        Raises:
            RpcError: the node does not have it.
            RejectedError: a malformed answer.
        """
        return await self._client.light_block(height)

    async def block(self, height: int) -> BlockContent:
        """Return the transactions of a block.

        Raises:
            RpcError: the node does not have it.
            UnreadableAnswerError: the answer is not of the known form.
        """
        block = await self._client.rpc.call("block", height=str(height))
        results = await self._client.rpc.call("block_results", height=str(height))
        try:
            txs = tuple(from_base64(tx) for tx in block["block"]["data"]["txs"] or [])
            done = tuple(_result(part) for part in results["txs_results"] or [])
        except (KeyError, TypeError, ValueError) as error:
            raise self._unreadable("block", type(error).__name__) from error
        if len(txs) != len(done):
            raise self._unreadable("block_results", "results are missing")
        return BlockContent(txs=txs, results=done)

    async def prove(
        self, store: str, keys: Sequence[bytes], height: int
    ) -> list[ProvenValue]:
        """Return values of the state after a block, with proofs."""
        return await self._client.prove(store, keys, height)

    async def query(
        self, path: str, request: Message, response: type[MessageT], height: int = 0
    ) -> MessageT:
        """Return the answer to a gRPC-path query."""
        return await self._client.query(path, request, response, height)

    async def find_txs(self, query: str) -> list[FoundTx]:
        """Return the transactions that match, oldest first."""
        found = await self._client.search_txs(query)
        return [FoundTx(hash=tx.hash, height=tx.height) for tx in found]

    def _unreadable(self, method: str, reason: str) -> UnreadableAnswerError:
        return UnreadableAnswerError(url=self._client.url, method=method, reason=reason)


def _result(part: dict[str, Any]) -> TxResultFields:
    return TxResultFields(
        code=int(part.get("code") or 0),
        data=from_base64(part.get("data")),
        gas_wanted=int(part.get("gas_wanted") or 0),
        gas_used=int(part.get("gas_used") or 0),
    )
