"""How a block's content becomes the hashes in its header (CometBFT ``types``).

Whoever makes blocks uses these; the light client sees only the results. The hashes of
headers and of validator sets stand with their types.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from huitong.core.hashing import merkle_root, sha256
from huitong.light.tendermint.block_types import PartSetHeader
from huitong.light.tendermint.commit import Commit, encode_commit_sig
from huitong.light.tendermint.wire import bytes_field, varint_field

#: Bytes of one part of a block.
BLOCK_PART_SIZE_BYTES: Final = 65_536

ResultFields = tuple[int, bytes, int, int]
"""Code, data, gas wanted, gas used: what all nodes agree on in a transaction's result."""


def block_parts(block_bytes: bytes) -> list[bytes]:
    """Return the encoded block cut into parts of 64 KiB, the last one shorter."""
    return [
        block_bytes[start : start + BLOCK_PART_SIZE_BYTES]
        for start in range(0, len(block_bytes), BLOCK_PART_SIZE_BYTES)
    ]


def part_set_header(block_bytes: bytes) -> PartSetHeader:
    """Return the commitment to the parts of a block.

    Args:
        block_bytes: canonical encoding of ``tendermint.types.Block``, not empty.
    """
    parts = block_parts(block_bytes)
    return PartSetHeader(total=len(parts), hash=merkle_root(parts))


def data_hash(txs: Iterable[bytes]) -> bytes:
    """Return the root over the hashes of the transactions, 32 bytes."""
    return merkle_root([sha256(tx) for tx in txs])


def commit_hash(commit: Commit | None) -> bytes:
    """Return the root over the votes for a block, 32 bytes; None at the first block."""
    signatures = () if commit is None else commit.signatures
    return merkle_root([encode_commit_sig(sig) for sig in signatures])


def last_results_hash(results: Iterable[ResultFields]) -> bytes:
    """Return the root over the results of a block's transactions, 32 bytes.

    It goes into the header of the *next* block. Log, info, events and codespace are
    left out, because nodes need not agree on them.
    """
    return merkle_root([encode_result(fields) for fields in results])


def encode_result(fields: ResultFields) -> bytes:
    """Return the encoding of a result that ``last_results_hash`` is made over."""
    code, data, gas_wanted, gas_used = fields
    return (
        varint_field(1, code)
        + bytes_field(2, data)
        + varint_field(5, gas_wanted)
        + varint_field(6, gas_used)
    )


def consensus_hash(max_bytes: int, max_gas: int) -> bytes:
    """Return the hash of the consensus parameters that headers commit to, 32 bytes.

    Args:
        max_bytes: bytes of a block at most.
        max_gas: gas of a block at most; -1 for no bound.
    """
    return sha256(varint_field(1, max_bytes) + varint_field(2, max_gas))


def evidence_hash(evidence: Sequence[bytes]) -> bytes:
    """Return the root over encoded evidence, 32 bytes.

    Args:
        evidence: each the encoding of ``DuplicateVoteEvidence`` or
            ``LightClientAttackEvidence`` itself, not of the ``Evidence`` around it.
    """
    return merkle_root(evidence)
