"""Blocks, transactions and results as rows beside the state, written with it in one batch.

Tables (heights and places are big-endian, so that keys sort as they count):

* ``block_meta``: height → ``BlockMeta`` (name, size, header, number of transactions);
* ``block_hashes``: header hash → height;
* ``commits``: height → the votes for that block, which the next one carries;
* ``txs``: height, place → the transaction; its block is put together from these;
* ``tx_results``: height, place → the result (``results``);
* ``tx_hashes``: hash → height, place;
* ``block_results``: height → what it did outside of its transactions (``results``);
* ``block_evidence``: height → the evidence in the block, where there is any;
* ``evidence_hashes``: hash of evidence → the height of the block that carries it;
* ``validators``: height → the set, or the height at which it stands;
* ``block_params``: height from which on they bind → the limits of blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from huitong.core.abci import BlockParams, FinalizedBlock, TxResult
from huitong.core.codec import decode, encode
from huitong.core.store.backend import TableReader
from huitong.light.tendermint.block_types import (
    BlockId,
    block_id_from_proto,
    set_block_id,
)
from huitong.light.tendermint.commit import Commit, commit_from_proto, commit_to_proto
from huitong.light.tendermint.evidence import (
    Evidence,
    decode_evidence_list,
    encode_evidence_list,
)
from huitong.light.tendermint.header import (
    BlockHeader,
    header_from_proto,
    header_to_proto,
)
from huitong.proto.tendermint.types import types_pb2
from huitong.storage.results import (
    HookResults,
    decode_hook_results,
    decode_result,
    encode_hook_results,
    encode_result,
)

BLOCK_META: Final = b"block_meta"
BLOCK_HASHES: Final = b"block_hashes"
COMMITS: Final = b"commits"
TXS: Final = b"txs"
TX_RESULTS: Final = b"tx_results"
TX_HASHES: Final = b"tx_hashes"
BLOCK_RESULTS: Final = b"block_results"
BLOCK_EVIDENCE: Final = b"block_evidence"
EVIDENCE_HASHES: Final = b"evidence_hashes"
VALIDATORS: Final = b"validators"
BLOCK_PARAMS: Final = b"block_params"
TABLES: Final = (
    BLOCK_META,
    BLOCK_HASHES,
    COMMITS,
    TXS,
    TX_RESULTS,
    TX_HASHES,
    BLOCK_RESULTS,
    BLOCK_EVIDENCE,
    EVIDENCE_HASHES,
    VALIDATORS,
    BLOCK_PARAMS,
)

ExtraRow = tuple[bytes, bytes, bytes | None]
"""Table, key and value of a row beside the state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBlock:
    """What is known of a block without its transactions."""

    block_id: BlockId
    """Its name."""
    header: BlockHeader
    """Its header."""
    size_bytes: int
    """Size of the encoded block."""
    tx_count: int
    """Number of its transactions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTx:
    """A transaction of a block."""

    height: int
    """The block's height."""
    index: int
    """Place in the block, from 0."""
    hash: bytes
    """SHA-256 of its bytes."""
    raw: bytes
    """Its bytes."""
    result: TxResult
    """What it did."""


def height_key(height: int) -> bytes:
    """Return the key of a height, 8 bytes."""
    return height.to_bytes(8, "big")


def place_key(height: int, index: int) -> bytes:
    """Return the key of a transaction's place, 12 bytes."""
    return height.to_bytes(8, "big") + index.to_bytes(4, "big")


def place_of_key(key: bytes) -> tuple[int, int]:
    """Return height and index that a place key names."""
    return int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big")


def block_rows(
    block: StoredBlock, commit: Commit, finalized: FinalizedBlock
) -> list[ExtraRow]:
    """Return the rows of a block, but for its transactions."""
    key = height_key(block.header.height)
    meta = types_pb2.BlockMeta(block_size=block.size_bytes, num_txs=block.tx_count)
    set_block_id(meta.block_id, block.block_id)
    meta.header.CopyFrom(header_to_proto(block.header))
    return [
        (BLOCK_META, key, encode(meta)),
        (BLOCK_HASHES, block.block_id.hash, key),
        (COMMITS, key, encode(commit_to_proto(commit))),
        (BLOCK_RESULTS, key, encode_hook_results(finalized)),
    ]


def tx_rows(txs: Sequence[StoredTx], reader: TableReader) -> list[ExtraRow]:
    """Return the rows of a block's transactions.

    The same bytes can be in two blocks if they failed the first time; the hash leads to
    the last of them, but never from one that succeeded to one that failed.
    """
    rows: list[ExtraRow] = []
    for tx in txs:
        key = place_key(tx.height, tx.index)
        rows.append((TXS, key, tx.raw))
        rows.append((TX_RESULTS, key, encode_result(tx.result)))
        if not (tx.result.code and reader.get(TX_HASHES, tx.hash) is not None):
            rows.append((TX_HASHES, tx.hash, key))
    return rows


def evidence_rows(height: int, evidence: Sequence[Evidence]) -> list[ExtraRow]:
    """Return the rows of a block's evidence; none if it has none.

    The hashes stay when the block is removed: an accusation is made once.
    """
    if not evidence:
        return []
    key = height_key(height)
    rows: list[ExtraRow] = [(EVIDENCE_HASHES, item.hash, key) for item in evidence]
    return [(BLOCK_EVIDENCE, key, encode_evidence_list(tuple(evidence))), *rows]


def block_evidence(reader: TableReader, height: int) -> tuple[Evidence, ...]:
    """Return the evidence in a block; mostly none."""
    row = reader.get(BLOCK_EVIDENCE, height_key(height))
    return () if row is None else decode_evidence_list(row)


def is_evidence_committed(reader: TableReader, evidence_hash: bytes) -> bool:
    """Tell whether a block carries the evidence with this hash."""
    return reader.get(EVIDENCE_HASHES, evidence_hash) is not None


def find_block(reader: TableReader, height: int) -> StoredBlock | None:
    """Return what is known of the block at ``height``, or None."""
    row = reader.get(BLOCK_META, height_key(height))
    if row is None:
        return None
    meta = decode(types_pb2.BlockMeta, row)
    return StoredBlock(
        block_id=block_id_from_proto("block_id", meta.block_id),
        header=header_from_proto(meta.header),
        size_bytes=meta.block_size,
        tx_count=meta.num_txs,
    )


def find_height(reader: TableReader, block_hash: bytes) -> int | None:
    """Return the height of the block with this header hash, or None."""
    row = reader.get(BLOCK_HASHES, block_hash)
    return None if row is None else int.from_bytes(row, "big")


def find_commit(reader: TableReader, height: int) -> Commit | None:
    """Return the votes for the block at ``height``, or None."""
    row = reader.get(COMMITS, height_key(height))
    return None if row is None else commit_from_proto(decode(types_pb2.Commit, row))


def find_hook_results(reader: TableReader, height: int) -> HookResults | None:
    """Return what a block did outside of its transactions, or None."""
    row = reader.get(BLOCK_RESULTS, height_key(height))
    return None if row is None else decode_hook_results(row)


def block_txs(reader: TableReader, height: int) -> list[bytes]:
    """Return the transactions of a block, in order."""
    return [raw for _, raw in _of_height(reader, TXS, height)]


def block_tx_results(reader: TableReader, height: int) -> list[TxResult]:
    """Return the results of a block's transactions, in order."""
    return [decode_result(row) for _, row in _of_height(reader, TX_RESULTS, height)]


def find_place(reader: TableReader, tx_hash: bytes) -> bytes | None:
    """Return the place key of the transaction with this hash, or None."""
    return reader.get(TX_HASHES, tx_hash)


def find_tx(reader: TableReader, place: bytes) -> tuple[bytes, TxResult] | None:
    """Return a transaction and its result, or None."""
    raw, result = reader.get(TXS, place), find_result(reader, place)
    return None if raw is None or result is None else (raw, result)


def find_result(reader: TableReader, place: bytes) -> TxResult | None:
    """Return the result of the transaction at a place, or None."""
    row = reader.get(TX_RESULTS, place)
    return None if row is None else decode_result(row)


def find_validators_row(reader: TableReader, height: int) -> bytes | None:
    """Return the encoded validator set of a height, or None."""
    row = reader.get(VALIDATORS, height_key(height))
    if row is not None and len(row) == 8:
        return reader.get(VALIDATORS, row)
    return row


def validators_row(height: int, encoded_set: bytes | None, stands_at: int) -> ExtraRow:
    """Return the row of a height's validator set; None refers to an earlier height."""
    value = height_key(stands_at) if encoded_set is None else encoded_set
    return (VALIDATORS, height_key(height), value)


def params_row(height: int, params: BlockParams) -> ExtraRow:
    """Return the row of limits that bind from ``height`` on."""
    value = params.size_bytes_max.to_bytes(8, "big") + params.gas_max.to_bytes(8, "big")
    return (BLOCK_PARAMS, height_key(height), value)


def find_params(reader: TableReader, height: int) -> BlockParams | None:
    """Return the limits of the block at ``height``; None before the first."""
    end = height_key(height + 1)
    for _, value in reader.iterate(BLOCK_PARAMS, b"", end, reverse=True):
        return BlockParams(
            size_bytes_max=int.from_bytes(value[:8], "big"),
            gas_max=int.from_bytes(value[8:], "big"),
        )
    return None


def _of_height(
    reader: TableReader, table: bytes, height: int
) -> Iterator[tuple[bytes, bytes]]:
    return reader.iterate(table, height_key(height), height_key(height + 1))
