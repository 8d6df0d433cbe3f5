"""Keys wrapped under keys: AES-256-GCM, bound to what they are for.

    wrapped = nonce 12 ‖ ciphertext 32 ‖ tag 16

A nonce is random; one key wraps far fewer than the 2**32 keys that this allows. What is
authenticated with it names the level and the owner, so that no wrapped key can stand in
another row.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_SIZE_BYTES: Final = 32
NONCE_SIZE_BYTES: Final = 12
WRAPPED_SIZE_BYTES: Final = NONCE_SIZE_BYTES + KEY_SIZE_BYTES + 16
_SUBJECT_LABEL: Final = b"huitong/vault/subject-key/1"
_DATA_LABEL: Final = b"huitong/vault/data-key/1"


class WrongKeyError(Exception):
    """A wrapped key does not open: changed, another key, or another row.

    Whoever catches it knows which row it was, and raises an error that says so.
    """


def make_key() -> bytes:
    """Return 32 random bytes."""
    return os.urandom(KEY_SIZE_BYTES)


def wrap_key(wrapping_key: bytes, key: bytes, context: bytes) -> bytes:
    """Return ``key`` wrapped under ``wrapping_key``, for ``context`` alone."""
    nonce = os.urandom(NONCE_SIZE_BYTES)
    return nonce + AESGCM(wrapping_key).encrypt(nonce, key, context)


def unwrap_key(wrapping_key: bytes, wrapped: bytes, context: bytes) -> bytes:
    """Return what ``wrap_key`` wrapped.

    Raises:
        WrongKeyError: changed bytes, another key, or another context.
    """
    if len(wrapped) != WRAPPED_SIZE_BYTES:
        raise WrongKeyError
    nonce, sealed = wrapped[:NONCE_SIZE_BYTES], wrapped[NONCE_SIZE_BYTES:]
    try:
        return AESGCM(wrapping_key).decrypt(nonce, sealed, context)
    except InvalidTag as error:
        raise WrongKeyError from error


def subject_key_context(key_id: str, owner: str) -> bytes:
    """Return what the key of a subject or issuer is bound to."""
    return _join(_SUBJECT_LABEL, key_id.encode(), owner.encode())


def data_key_context(digest: bytes, holder: str, object_name: str) -> bytes:
    """Return what the key of a payload is bound to."""
    return _join(_DATA_LABEL, digest, holder.encode(), object_name.encode())


def _join(*parts: bytes) -> bytes:
    """Join parts, each behind its length, so that none can shift."""
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)
