"""Methods about blocks: headers, commits, validators, results, genesis."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import Any, Final

from huitong.core.store.backend import TableReader
from huitong.engines.embedded.chain import CommittedBlock
from huitong.engines.embedded.chain_state import decode_validator_set
from huitong.engines.genesis import encode_genesis, genesis_json, params_json
from huitong.light.tendermint.commit import Commit
from huitong.light.tendermint.evidence import Evidence
from huitong.light.tendermint.header import BlockHeader
from huitong.light.tendermint.rpc_json import (
    block_id_to_json,
    commit_to_json,
    header_to_json,
    validator_set_to_json,
)
from huitong.node.rpc.calls import Method
from huitong.node.rpc.errors import HeightError, OrderError
from huitong.node.rpc.evidence_json import evidence_to_json
from huitong.node.rpc.params import Kind, Param
from huitong.node.rpc.served import Served, page_bounds
from huitong.storage.blocks import (
    StoredBlock,
    block_evidence,
    block_tx_results,
    block_txs,
    find_block,
    find_commit,
    find_height,
    find_hook_results,
    find_params,
    find_validators_row,
)
from huitong.storage.event_query import parse_query
from huitong.storage.results import (
    events_json,
    params_update_json,
    result_json,
    updates_json,
)
from huitong.storage.search import search_blocks

#: Headers in one answer of ``blockchain``, as in CometBFT.
BLOCKCHAIN_HEADERS_MAX: Final = 20
#: Results that are read while the other calls wait; more take over a few milliseconds.
TXS_READ_AT_ONCE_MAX: Final = 50
#: Bytes of one chunk of ``genesis_chunked``, as in CometBFT.
GENESIS_CHUNK_SIZE_BYTES: Final = 16 * 1024 * 1024
_HEIGHT: Final = Param("height", Kind.INTEGER)
_PAGES: Final = (Param("page", Kind.INTEGER), Param("per_page", Kind.INTEGER))

#: What CometBFT prints as the votes for no block, at the initial height.
_NO_COMMIT: Final = {
    "height": "0",
    "round": 0,
    "block_id": {"hash": "", "parts": {"total": 0, "hash": ""}},
    "signatures": [],
}


def block_methods(served: Served) -> dict[str, Method]:
    """Return the methods about blocks."""
    methods = BlockMethods(served)
    return {
        "header": Method(answer=methods.header, params=(_HEIGHT,)),
        "header_by_hash": Method(
            answer=methods.header_by_hash, params=(Param("hash", Kind.HEX_BYTES),)
        ),
        "commit": Method(answer=methods.commit, params=(_HEIGHT,)),
        "block": Method(answer=methods.block, params=(_HEIGHT,)),
        "block_by_hash": Method(
            answer=methods.block_by_hash, params=(Param("hash", Kind.BYTES),)
        ),
        "block_results": Method(
            answer=methods.block_results, params=(_HEIGHT,), is_async=True
        ),
        "blockchain": Method(
            answer=methods.blockchain,
            params=(Param("minHeight", Kind.INTEGER), Param("maxHeight", Kind.INTEGER)),
        ),
        "validators": Method(answer=methods.validators, params=(_HEIGHT, *_PAGES)),
        "consensus_params": Method(answer=methods.consensus_params, params=(_HEIGHT,)),
        "genesis": Method(answer=methods.genesis),
        "genesis_chunked": Method(
            answer=methods.genesis_chunked, params=(Param("chunk", Kind.UNSIGNED),)
        ),
        "block_search": Method(
            answer=methods.block_search,
            params=(
                Param("query", Kind.TEXT),
                *_PAGES,
                Param("order_by", Kind.TEXT),
            ),
        ),
    }


class BlockMethods:
    """Answers about blocks; each method has the name it is called by."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._genesis_bytes = encode_genesis(served.engine.genesis)

    def header(self, height: int | None = None) -> dict[str, Any]:
        """The header at a height."""
        asked = self._served.height(height)
        with self._served.reading() as reader:
            return {"header": header_to_json(_block(reader, asked).header)}

    def header_by_hash(self, hash: bytes = b"") -> dict[str, Any]:
        """The header with this hash, or null."""
        with self._served.reading() as reader:
            height = find_height(reader, hash)
            if height is None or height > self._served.newest:
                return {"header": None}
            return {"header": header_to_json(_block(reader, height).header)}

    def commit(self, height: int | None = None) -> dict[str, Any]:
        """Header and votes at a height. One validator's votes never change."""
        asked = self._served.height(height)
        with self._served.reading() as reader:
            commit = find_commit(reader, asked)
            header = _block(reader, asked).header
        return {
            "signed_header": {
                "header": header_to_json(header),
                "commit": _NO_COMMIT if commit is None else commit_to_json(commit),
            },
            "canonical": True,
        }

    def block(self, height: int | None = None) -> dict[str, Any]:
        """The whole block at a height."""
        asked = self._served.height(height)
        with self._served.reading() as reader:
            return _whole_block(reader, asked)

    def block_by_hash(self, hash: bytes = b"") -> dict[str, Any]:
        """The whole block with this hash, or null."""
        with self._served.reading() as reader:
            height = find_height(reader, hash)
            if height is None or height > self._served.newest:
                return {"block_id": block_id_to_json_of_none(), "block": None}
            return _whole_block(reader, height)

    async def block_results(self, height: int | None = None) -> dict[str, Any]:
        """What the block at a height did.

        Cost: 80 µs for each transaction, so that those of a full block are read beside the
        other calls.
        """
        asked = self._served.height(height)
        with self._served.reading() as reader:
            is_small = _block(reader, asked).tx_count < TXS_READ_AT_ONCE_MAX
        if is_small:
            return self._results(asked)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._served.executor, self._results, asked)

    def _results(self, asked: int) -> dict[str, Any]:
        with self._served.reading() as reader:
            hooks = find_hook_results(reader, asked)
            results = block_tx_results(reader, asked)
        if hooks is None:
            raise HeightError(reason=f"height {asked} is not available")
        return {
            "height": str(asked),
            "txs_results": [result_json(item) for item in results] or None,
            "finalize_block_events": events_json(hooks.events) or None,
            "validator_updates": updates_json(hooks.validator_updates) or None,
            "consensus_param_updates": params_update_json(hooks.block_params),
            "app_hash": base64.b64encode(hooks.app_hash).decode(),
        }

    def blockchain(self, minHeight: int = 0, maxHeight: int = 0) -> dict[str, Any]:  # noqa: N803
        """Headers of a range of heights, newest first, at most twenty."""
        if minHeight < 0 or maxHeight < 0:
            raise HeightError(reason="heights must be non-negative")
        newest = self._served.newest
        highest = min(maxHeight or newest, newest)
        lowest = max(minHeight or 1, self._served.lowest)
        lowest = max(lowest, highest - BLOCKCHAIN_HEADERS_MAX + 1)
        if lowest > highest:
            raise HeightError(
                reason=f"min height {lowest} can't be greater than max height {highest}"
            )
        with self._served.reading() as reader:
            metas = [
                _meta_json(_block(reader, height))
                for height in range(highest, lowest - 1, -1)
            ]
        return {"last_height": str(newest), "block_metas": metas}

    def validators(
        self,
        height: int | None = None,
        page: int | None = None,
        per_page: int | None = None,
    ) -> dict[str, Any]:
        """The validator set of a height; also of the next one."""
        asked = self._served.height(height, ahead=1)
        with self._served.reading() as reader:
            row = find_validators_row(reader, asked)
        if row is None:
            raise HeightError(reason=f"validators of height {asked} are not available")
        answer = validator_set_to_json(decode_validator_set(row), asked)
        everyone = answer["validators"]
        start, end = page_bounds(len(everyone), page, per_page)
        answer["validators"] = everyone[start:end]
        answer["count"] = str(end - start)
        return answer

    def consensus_params(self, height: int | None = None) -> dict[str, Any]:
        """The consensus parameters of a height; also of the next one."""
        asked = self._served.height(height, ahead=1)
        with self._served.reading() as reader:
            limits = find_params(reader, asked)
        if limits is None:
            raise HeightError(reason=f"parameters of height {asked} are not available")
        params = replace(
            self._served.engine.genesis.params,
            block_size_bytes_max=limits.size_bytes_max,
            block_gas_max=limits.gas_max,
        )
        return {"block_height": str(asked), "consensus_params": params_json(params)}

    def genesis(self) -> dict[str, Any]:
        """The genesis document."""
        return {"genesis": genesis_json(self._served.engine.genesis)}

    def genesis_chunked(self, chunk: int = 0) -> dict[str, Any]:
        """The genesis document in pieces, for large ones."""
        data = self._genesis_bytes
        total = -(-len(data) // GENESIS_CHUNK_SIZE_BYTES)
        if chunk >= total:  # CometBFT names the last chunk, not how many there are
            raise HeightError(
                reason=f"there are {total - 1} chunks, {chunk} is invalid"
            )
        start = chunk * GENESIS_CHUNK_SIZE_BYTES
        piece = data[start : start + GENESIS_CHUNK_SIZE_BYTES]
        return {
            "chunk": str(chunk),
            "total": str(total),
            "data": base64.b64encode(piece).decode(),
        }

    def block_search(
        self,
        query: str = "",
        page: int | None = None,
        per_page: int | None = None,
        order_by: str = "",
    ) -> dict[str, Any]:
        """Blocks by the events of their hooks."""
        conditions = parse_query(query)
        if order_by not in ("", "asc", "desc"):
            raise OrderError
        reverse = order_by != "asc"  # CometBFT: newest first unless told otherwise
        with self._served.reading() as reader:
            heights = search_blocks(
                reader,
                conditions,
                self._served.newest,
                reverse=reverse,
                oldest=self._served.lowest,
            )
            start, end = page_bounds(len(heights), page, per_page)
            blocks = [_whole_block(reader, height) for height in heights[start:end]]
        return {"blocks": blocks, "total_count": str(len(heights))}


def block_id_to_json_of_none() -> dict[str, Any]:
    """Return the name of no block."""
    return {"hash": "", "parts": {"total": 0, "hash": ""}}


def _block(reader: TableReader, height: int) -> StoredBlock:
    block = find_block(reader, height)
    if block is None:
        raise HeightError(reason=f"height {height} is not available")
    return block


def _meta_json(block: StoredBlock) -> dict[str, Any]:
    return {
        "block_id": block_id_to_json(block.block_id),
        "block_size": str(block.size_bytes),
        "header": header_to_json(block.header),
        "num_txs": str(block.tx_count),
    }


def _whole_block(reader: TableReader, height: int) -> dict[str, Any]:
    stored = _block(reader, height)
    last_commit = find_commit(reader, height - 1) if height > 1 else None
    txs = block_txs(reader, height) if stored.tx_count else []
    evidence = block_evidence(reader, height)
    return {
        "block_id": block_id_to_json(stored.block_id),
        "block": block_json(stored.header, txs, last_commit, evidence),
    }


def block_json(
    header: BlockHeader,
    txs: list[bytes],
    last_commit: Commit | None,
    evidence: tuple[Evidence, ...] = (),
) -> dict[str, Any]:
    """Return a block as CometBFT prints it."""
    return {
        "header": header_to_json(header),
        "data": {"txs": [base64.b64encode(raw).decode() for raw in txs]},
        "evidence": {"evidence": [evidence_to_json(item) for item in evidence]},
        "last_commit": _NO_COMMIT
        if last_commit is None
        else commit_to_json(last_commit),
    }


def committed_block_json(committed: CommittedBlock) -> dict[str, Any]:
    """Return a block that was just made as CometBFT prints it."""
    block = committed.block
    return block_json(block.header, list(block.txs), block.last_commit, block.evidence)
