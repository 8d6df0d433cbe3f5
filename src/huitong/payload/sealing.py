"""Payloads on their way: sealed to one reader for one exchange, with HPKE (RFC 9180).

Base mode, one message for each encapsulation: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
and AES-256-GCM or ChaCha20-Poly1305. The ``info`` string names the provider's zone, the
channel, the sequence of the request, the reader and the payload's digest on chain, each
with its length, so that a sealed payload opens only in the exchange it was made for.

Layout: one byte for the suite, 32 bytes of the encapsulated key, the ciphertext with its
tag. The issuer puts the SHA-256 of these bytes on chain; see ``check_sealed_digest``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from huitong.core.hashing import sha256
from huitong.core.limits import PAYLOAD_SIZE_BYTES_MAX
from huitong.payload.errors import (
    SealedDigestError,
    SealedFormError,
    SealingKeyError,
    SealOpenError,
)

KEY_SIZE_BYTES: Final = 32
SUITE_AES_256_GCM: Final = 1
SUITE_CHACHA20_POLY1305: Final = 2
_LABEL: Final = b"huitong/sealed-payload/1"
_TAG_SIZE_BYTES: Final = 16
_HEAD_SIZE_BYTES: Final = 1 + KEY_SIZE_BYTES
#: Base64 and names around the payload take a third more, and withheld leaves a little.
SEALED_SIZE_BYTES_MAX: Final = 2 * PAYLOAD_SIZE_BYTES_MAX
_SUITES: Final = {
    SUITE_AES_256_GCM: Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
    SUITE_CHACHA20_POLY1305: Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingContext:
    """The one exchange that a sealed payload is made for."""

    chain_id_of_a: str
    """The provider's zone."""
    channel_on_a: str
    """The channel's id on the provider's zone."""
    sequence: int
    """Sequence of the request packet."""
    requester: str
    """Member id of the reader on its own zone."""
    payload_digest: bytes
    """The digest in the record header, 32 bytes."""

    def name(self) -> str:
        """Return a short name of the exchange for messages."""
        return f"{self.chain_id_of_a}/{self.channel_on_a}/{self.sequence}"


def make_encryption_key() -> tuple[bytes, bytes]:
    """Return a fresh X25519 private key and its public key, 32 bytes each."""
    private_key = X25519PrivateKey.generate()
    return private_key.private_bytes_raw(), private_key.public_key().public_bytes_raw()


def encryption_public_key(private_key: bytes) -> bytes:
    """Return the public key that belongs to an X25519 private key of 32 bytes.

    Raises:
        SealingKeyError: the key has another length.
    """
    return _load_private_key(private_key).public_key().public_bytes_raw()


def seal(
    plaintext: bytes,
    reader_key: bytes,
    context: SealingContext,
    *,
    suite: int = SUITE_AES_256_GCM,
) -> bytes:
    """Encrypt ``plaintext`` so that only the holder of ``reader_key`` can read it.

    Raises:
        SealingKeyError: ``reader_key`` is not a usable X25519 public key.
    """
    if len(reader_key) != KEY_SIZE_BYTES:
        raise SealingKeyError(reason=f"{len(reader_key)} bytes instead of 32")
    public_key = X25519PublicKey.from_public_bytes(reader_key)
    try:
        sealed = _SUITES[suite].encrypt(plaintext, public_key, info=_info(context))
    except ValueError as error:  # a point of small order
        raise SealingKeyError(reason="a weak public key") from error
    return bytes((suite,)) + sealed


def open_sealed(sealed: bytes, private_key: bytes, context: SealingContext) -> bytes:
    """Decrypt what ``seal`` made for this reader and this exchange.

    Raises:
        SealedFormError: unknown suite, or a length that no sealed payload has.
        SealingKeyError: the private key has another length than 32 bytes.
        SealOpenError: another key, another exchange, or changed bytes.
    """
    if not _HEAD_SIZE_BYTES + _TAG_SIZE_BYTES <= len(sealed) <= SEALED_SIZE_BYTES_MAX:
        raise SealedFormError(reason=f"{len(sealed)} bytes")
    suite = _SUITES.get(sealed[0])
    if suite is None:
        raise SealedFormError(reason=f"unknown suite {sealed[0]}")
    key = _load_private_key(private_key)
    try:
        return suite.decrypt(sealed[1:], key, info=_info(context))
    except (InvalidTag, ValueError) as error:
        raise SealOpenError(exchange=context.name()) from error


def check_sealed_digest(sealed: bytes, stated: bytes) -> None:
    """Check that what arrived is what the issuer says that it handed over.

    Raises:
        SealedDigestError: the SHA-256 differs.
    """
    actual = sha256(sealed)
    if actual != stated:
        raise SealedDigestError(actual=actual, expected=stated)


def _load_private_key(private_key: bytes) -> X25519PrivateKey:
    if len(private_key) != KEY_SIZE_BYTES:
        raise SealingKeyError(reason=f"{len(private_key)} bytes instead of 32")
    return X25519PrivateKey.from_private_bytes(private_key)


def _info(context: SealingContext) -> bytes:
    """Join the parts of the context, each behind its length, so that none can shift."""
    parts = (
        _LABEL,
        context.chain_id_of_a.encode(),
        context.channel_on_a.encode(),
        context.sequence.to_bytes(8, "big"),
        context.requester.encode(),
        context.payload_digest,
    )
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)
