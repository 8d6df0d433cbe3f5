"""The arithmetic of ICS-23: hashes, length prefixes, leaf and inner operations."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b, blake2s, sha256, sha512
from typing import Final

from Crypto.Hash import RIPEMD160, SHA512

from huitong.core.codec import encode_uvarint
from huitong.core.store.ics23.errors import InvalidProofError
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import HashOp, InnerOp, LeafOp, LengthOp


def _sha256(data: bytes) -> bytes:
    return sha256(data).digest()


def _sha512(data: bytes) -> bytes:
    return sha512(data).digest()


def _ripemd160(data: bytes) -> bytes:
    return bytes(RIPEMD160.new(data).digest())


def _bitcoin(data: bytes) -> bytes:
    return _ripemd160(_sha256(data))


def _sha512_256(data: bytes) -> bytes:
    return bytes(SHA512.new(data, truncate="256").digest())


def _blake2b(data: bytes) -> bytes:
    return blake2b(data).digest()


def _blake2s(data: bytes) -> bytes:
    return blake2s(data).digest()


HASHES: Final[dict[int, Callable[[bytes], bytes]]] = {
    HashOp.SHA256: _sha256,
    HashOp.SHA512: _sha512,
    HashOp.RIPEMD160: _ripemd160,
    HashOp.BITCOIN: _bitcoin,
    HashOp.SHA512_256: _sha512_256,
    HashOp.BLAKE2B_512: _blake2b,
    HashOp.BLAKE2S_256: _blake2s,
}
"""Hash functions by number; Keccak-256 and BLAKE3 are unknown to ics23's Go code too."""

_FIXED: Final[dict[int, tuple[int, bool]]] = {
    LengthOp.FIXED32_BIG: (4, False),
    LengthOp.FIXED32_LITTLE: (4, True),
    LengthOp.FIXED64_BIG: (8, False),
    LengthOp.FIXED64_LITTLE: (8, True),
}
_REQUIRED: Final[dict[int, int]] = {
    LengthOp.REQUIRE_32_BYTES: 32,
    LengthOp.REQUIRE_64_BYTES: 64,
}
LENGTHS: Final = (LengthOp.NO_PREFIX, LengthOp.VAR_PROTO, *_FIXED, *_REQUIRED)
"""Length operations that are known; RLP is not."""
# Looked up once: a name of an enum takes as long as hashing, and proofs have many.
_NO_HASH: Final = HashOp.NO_HASH
_NO_PREFIX: Final = LengthOp.NO_PREFIX
_VAR_PROTO: Final = LengthOp.VAR_PROTO


def hash_data(op: int, data: bytes) -> bytes:
    """Hash ``data``.

    Raises:
        InvalidProofError: the operation is no hash, or not a known one.
    """
    hasher = HASHES.get(op)
    if hasher is None:
        raise InvalidProofError(reason=f"hash operation {op} is not supported")
    return hasher(data)


def with_length(op: int, data: bytes) -> bytes:
    """Return ``data`` behind its length, or as it is where its length is fixed.

    Raises:
        InvalidProofError: an unknown operation, or another length than is required.
    """
    if op == _VAR_PROTO:
        return encode_uvarint(len(data)) + data
    if op == _NO_PREFIX:
        return data
    if op in _FIXED:
        size, is_little = _FIXED[op]
        if len(data) >= 1 << (8 * size):
            raise InvalidProofError(reason="data too long for its length prefix")
        return len(data).to_bytes(size, "little" if is_little else "big") + data
    if op not in _REQUIRED:
        raise InvalidProofError(reason=f"length operation {op} is not supported")
    if len(data) != _REQUIRED[op]:
        raise InvalidProofError(
            reason=f"data was {len(data)} bytes, not {_REQUIRED[op]}"
        )
    return data


def apply_leaf(leaf: LeafOp, key: bytes, value: bytes) -> bytes:
    """Return the hash of the leaf that holds ``value`` under ``key``.

    Raises:
        InvalidProofError: key or value is empty, or an operation is unknown.
    """
    if not key:
        raise InvalidProofError(reason="leaf needs a key")
    if not value:
        raise InvalidProofError(reason="leaf needs a value")
    length = leaf.length
    data = (
        leaf.prefix
        + with_length(length, _prehash(leaf.prehash_key, key))
        + with_length(length, _prehash(leaf.prehash_value, value))
    )
    return hash_data(leaf.hash, data)


def apply_inner(inner: InnerOp, child: bytes) -> bytes:
    """Return the hash of the inner node above ``child``.

    Raises:
        InvalidProofError: no child, or an unknown operation.
    """
    if not child:
        raise InvalidProofError(reason="inner operation needs a child")
    return hash_data(inner.hash, inner.prefix + child + inner.suffix)


def _prehash(op: int, data: bytes) -> bytes:
    return data if op == _NO_HASH else hash_data(op, data)
