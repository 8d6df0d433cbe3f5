"""Signatures of accounts: ECDSA with secp256k1 over the SHA-256 of a message.

A signature is 64 bytes, r and s. Of the two values of ``s`` that verify only the lower is
taken, so that nobody can change a signature without the key. The nonce is derived from
key and message (RFC 6979): the same message has the same signature.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import coincurve
from coincurve.ecdsa import cdata_to_der, deserialize_compact

PRIVATE_KEY_SIZE_BYTES: Final = 32
#: Compressed: one byte of sign and 32 of the coordinate.
PUBLIC_KEY_SIZE_BYTES: Final = 33
SIGNATURE_SIZE_BYTES: Final = 64

#: Half of the group's order: the larger of two equivalent ``s`` is refused.
_HALF_ORDER: Final = bytes.fromhex(
    "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"
)
#: Public keys kept in the library's form; accounts that are active at a time recur.
_KEYS_KEPT: Final = 65_536
#: Private keys kept so; one process signs for few accounts.
_SIGNING_KEYS_KEPT: Final = 64


def public_key_of_private_key(private_key: bytes) -> bytes:
    """Return the 33 bytes of the compressed public key of a private key of 32 bytes.

    The key is kept in memory for the next call, as by ``sign``.

    Raises:
        ValueError: not 32 bytes, zero, or not below the group's order.
    """
    return _signing_key(private_key).public_key.format(compressed=True)


def sign(private_key: bytes, message: bytes) -> bytes:
    """Return the signature over a message, 64 bytes.

    Raises:
        ValueError: the private key is none.

    Cost: about 40 µs.
    """
    # The form with a recovery number is the one whose first 64 bytes are r and s;
    # the library always chooses the lower s and a nonce by RFC 6979.
    signed = _signing_key(private_key).sign_recoverable(message)
    return signed[:SIGNATURE_SIZE_BYTES]


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether the holder of ``public_key`` signed ``message``."""
    if len(signature) != SIGNATURE_SIZE_BYTES or signature[32:] > _HALF_ORDER:
        return False
    try:
        key = _verifying_key(public_key)
        der = cdata_to_der(deserialize_compact(signature))
    except ValueError:  # not on the curve; r or s not below the group's order
        return False
    return bool(key.verify(der, message))


@lru_cache(maxsize=_KEYS_KEPT)
def _verifying_key(public_key: bytes) -> coincurve.PublicKey:
    return coincurve.PublicKey(public_key)


@lru_cache(maxsize=_SIGNING_KEYS_KEPT)
def _signing_key(private_key: bytes) -> coincurve.PrivateKey:
    if len(private_key) != PRIVATE_KEY_SIZE_BYTES:
        raise ValueError(f"a private key has {PRIVATE_KEY_SIZE_BYTES} bytes")
    return coincurve.PrivateKey(private_key)
