"""Payloads on their way: sealed to one reader for one exchange, with HPKE (RFC 9180).

Base mode, one message for each encapsulation: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
and AES-256-GCM or ChaCha20-Poly1305. The ``info`` string names the provider's zone, the
channel, the sequence of the request, the reader and the payload's digest on chain, each
with its length, so that a sealed payload opens only in the exchange it was made for.

The first byte is the suite. Suites 1 and 2 are small payloads in one message: 32 bytes of
the encapsulated key, the ciphertext with its tag. Suite 3 is a stream of any size: the
message (AES-256-GCM, under another label) carries a fresh content key, and the payload
follows in chunks under that key (``huitong.payload.chunks``), bound to all bytes before
them. The issuer puts the SHA-256 of the whole on chain; see ``check_sealed_digest``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from huitong.core.hashing import sha256
from huitong.payload.chunks import ChunkOpener, ChunkSealer, sealed_size
from huitong.payload.errors import (
    ChunkError,
    SealedDigestError,
    SealedFormError,
    SealingKeyError,
    SealOpenError,
)
from huitong.payload.form import FORM_SIZE_BYTES_MAX

KEY_SIZE_BYTES: Final = 32
SUITE_AES_256_GCM: Final = 1
SUITE_CHACHA20_POLY1305: Final = 2
SUITE_STREAM: Final = 3
_LABEL: Final = b"huitong/sealed-payload/1"
_STREAM_LABEL: Final = b"huitong/sealed-stream/1"
_TAG_SIZE_BYTES: Final = 16
_HEAD_SIZE_BYTES: Final = 1 + KEY_SIZE_BYTES
#: Bytes of content that are still sealed in one message, as a disclosure in JSON.
MESSAGE_CONTENT_SIZE_BYTES_MAX: Final = 1_048_576
#: Bytes of a payload sealed in one message; base64 takes a third more, leaves a little.
MESSAGE_SIZE_BYTES_MAX: Final = 2 * MESSAGE_CONTENT_SIZE_BYTES_MAX
#: Suite, encapsulated key, and the content key with its tag.
STREAM_HEAD_SIZE_BYTES: Final = _HEAD_SIZE_BYTES + KEY_SIZE_BYTES + _TAG_SIZE_BYTES
#: Bytes of any sealed payload.
SEALED_SIZE_BYTES_MAX: Final = STREAM_HEAD_SIZE_BYTES + sealed_size(FORM_SIZE_BYTES_MAX)
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
    return bytes((suite,)) + _encrypt(suite, plaintext, reader_key, _info(context))


def open_sealed(sealed: bytes, private_key: bytes, context: SealingContext) -> bytes:
    """Decrypt what ``seal`` made for this reader and this exchange.

    Raises:
        SealedFormError: unknown suite, or a length that no sealed payload has.
        SealingKeyError: the private key has another length than 32 bytes.
        SealOpenError: another key, another exchange, or changed bytes.
    """
    if not _HEAD_SIZE_BYTES + _TAG_SIZE_BYTES <= len(sealed) <= MESSAGE_SIZE_BYTES_MAX:
        raise SealedFormError(reason=f"{len(sealed)} bytes")
    return _decrypt(sealed[0], sealed[1:], private_key, _info(context), context)


@final
class StreamSealer:
    """Seals one payload of any size; ``update`` with its pieces, then ``finish`` once."""

    def __init__(self, reader_key: bytes, context: SealingContext) -> None:
        """Begin; ``head`` holds the first bytes.

        Raises:
            SealingKeyError: ``reader_key`` is not a usable X25519 public key.
        """
        content_key = os.urandom(KEY_SIZE_BYTES)
        info = _info(context, _STREAM_LABEL)
        message = _encrypt(SUITE_AES_256_GCM, content_key, reader_key, info)
        self.head = bytes((SUITE_STREAM,)) + message
        """What stands before the chunks."""
        self._chunks = ChunkSealer(content_key, self.head)

    def update(self, piece: bytes) -> bytes:
        """Take plaintext; return sealed bytes, perhaps none yet."""
        return self._chunks.update(piece)

    def finish(self) -> bytes:
        """Return the last sealed bytes."""
        return self._chunks.finish()


@final
class StreamOpener:
    """Opens one sealed stream; ``update`` with its pieces, then ``finish`` once.

    Nothing may be trusted as a whole before ``finish`` returned.
    """

    def __init__(self, private_key: bytes, context: SealingContext) -> None:
        """Begin.

        Raises:
            SealingKeyError: the private key has another length than 32 bytes.
        """
        _load_private_key(private_key)
        self._private_key = private_key
        self._context = context
        self._pending = bytearray()
        self._chunks: ChunkOpener | None = None

    def update(self, piece: bytes) -> bytes:
        """Take sealed bytes; return plaintext, perhaps none yet.

        Raises:
            SealedFormError: another suite than that of streams.
            SealOpenError: another key, another exchange, or changed bytes.
        """
        if self._chunks is None:
            self._pending += piece
            if self._pending and self._pending[0] != SUITE_STREAM:
                raise SealedFormError(reason=f"unknown suite {self._pending[0]}")
            if len(self._pending) < STREAM_HEAD_SIZE_BYTES:
                return b""
            piece = self._open_head()
        try:
            return self._chunks.update(piece) if self._chunks else b""
        except ChunkError as error:
            raise SealOpenError(exchange=self._context.name()) from error

    def finish(self) -> bytes:
        """Return the last plaintext.

        Raises:
            SealedFormError: the stream ends within its head.
            SealOpenError: the end is missing or was changed.
        """
        if self._chunks is None:
            raise SealedFormError(reason=f"{len(self._pending)} bytes")
        try:
            return self._chunks.finish()
        except ChunkError as error:
            raise SealOpenError(exchange=self._context.name()) from error

    def _open_head(self) -> bytes:
        """Decrypt the content key; return what stands behind the head."""
        head = bytes(self._pending[:STREAM_HEAD_SIZE_BYTES])
        behind = bytes(self._pending[STREAM_HEAD_SIZE_BYTES:])
        info = _info(self._context, _STREAM_LABEL)
        content_key = _decrypt(
            SUITE_AES_256_GCM, head[1:], self._private_key, info, self._context
        )
        self._chunks = ChunkOpener(content_key, head)
        self._pending = bytearray()
        return behind


def check_sealed_digest(sealed: bytes, stated: bytes) -> None:
    """Check that what arrived is what the issuer says that it handed over.

    Raises:
        SealedDigestError: the SHA-256 differs.
    """
    actual = sha256(sealed)
    if actual != stated:
        raise SealedDigestError(actual=actual, expected=stated)


def _encrypt(suite: int, plaintext: bytes, reader_key: bytes, info: bytes) -> bytes:
    if len(reader_key) != KEY_SIZE_BYTES:
        raise SealingKeyError(reason=f"{len(reader_key)} bytes instead of 32")
    public_key = X25519PublicKey.from_public_bytes(reader_key)
    try:
        return _SUITES[suite].encrypt(plaintext, public_key, info=info)
    except ValueError as error:  # a point of small order
        raise SealingKeyError(reason="a weak public key") from error


def _decrypt(
    suite: int, message: bytes, private_key: bytes, info: bytes, context: SealingContext
) -> bytes:
    if suite not in _SUITES:
        raise SealedFormError(reason=f"unknown suite {suite}")
    key = _load_private_key(private_key)
    try:
        return _SUITES[suite].decrypt(message, key, info=info)
    except (InvalidTag, ValueError) as error:
        raise SealOpenError(exchange=context.name()) from error


def _load_private_key(private_key: bytes) -> X25519PrivateKey:
    if len(private_key) != KEY_SIZE_BYTES:
        raise SealingKeyError(reason=f"{len(private_key)} bytes instead of 32")
    return X25519PrivateKey.from_private_bytes(private_key)


def _info(context: SealingContext, label: bytes = _LABEL) -> bytes:
    """Join the parts of the context, each behind its length, so that none can shift."""
    parts = (
        label,
        context.chain_id_of_a.encode(),
        context.channel_on_a.encode(),
        context.sequence.to_bytes(8, "big"),
        context.requester.encode(),
        context.payload_digest,
    )
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)
