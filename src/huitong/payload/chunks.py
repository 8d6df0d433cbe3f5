"""Authenticated encryption of streams: chunks that stand in one order and have one end.

The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated
Encryption and its Nonce-Reuse Misuse-Resistance", 2015) with AES-256-GCM. The plaintext is
cut into chunks of 256 KiB; the nonce of a chunk is its number and whether it is the last
one. A chunk that was left out, doubled, moved, changed or put behind the end has another
nonce or tag than it needs, and a stream that was cut has no last chunk. The last chunk is
empty only if the whole stream is, so that a plaintext has one length of ciphertext.

A key encrypts one stream. What the stream belongs to is authenticated with each chunk
(``binding``), and what is known only at its end with the last one (``ending``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from huitong.payload.errors import ChunkError

KEY_SIZE_BYTES: Final = 32
#: Plaintext of one chunk: the cost of a call is nothing against 256 KiB of AES, and two
#: readers and writers hold a few of them.
CHUNK_SIZE_BYTES: Final = 262_144
TAG_SIZE_BYTES: Final = 16
_SEALED_CHUNK_SIZE_BYTES: Final = CHUNK_SIZE_BYTES + TAG_SIZE_BYTES
_COUNTER_SIZE_BYTES: Final = 11


def sealed_size(size: int) -> int:
    """Return how many bytes ``size`` bytes of plaintext make."""
    chunks = max(1, -(-size // CHUNK_SIZE_BYTES))
    return size + chunks * TAG_SIZE_BYTES


@final
class _Cutter:
    """Cuts a stream into chunks, and holds the one back that may be the last."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.held = bytearray()
        """Not more than one chunk."""

    def cut(self, piece: bytes) -> Iterator[bytearray | memoryview]:
        """Yield the chunks that are full and surely not the last."""
        view = memoryview(piece)
        if self.held:
            missing = self._size - len(self.held)
            self.held += view[:missing]
            view = view[missing:]
            if not view:
                return
            full, self.held = self.held, bytearray()
            yield full
        while len(view) > self._size:
            yield view[: self._size]
            view = view[self._size :]
        self.held += view


@final
class ChunkSealer:
    """Encrypts one stream; ``update`` with its pieces, then ``finish`` once."""

    def __init__(self, key: bytes, binding: bytes) -> None:
        """Begin a stream.

        Args:
            key: 32 bytes that encrypt nothing else.
            binding: what every chunk is bound to.
        """
        self._cipher = AESGCM(key)
        self._binding = binding
        self._cutter = _Cutter(CHUNK_SIZE_BYTES)
        self._number = 0

    def update(self, piece: bytes) -> bytes:
        """Take plaintext; return the chunks that are full and surely not the last."""
        return b"".join(
            [self._seal(chunk, is_last=False) for chunk in self._cutter.cut(piece)]
        )

    def finish(self, ending: bytes = b"") -> bytes:
        """Return the last chunk, bound to ``ending`` too."""
        self._binding += ending
        return self._seal(self._cutter.held, is_last=True)

    def _seal(self, chunk: bytearray | memoryview, *, is_last: bool) -> bytes:
        nonce = _nonce(self._number, is_last=is_last)
        self._number += 1
        return self._cipher.encrypt(nonce, chunk, self._binding)


@final
class ChunkOpener:
    """Decrypts one stream; ``update`` with its pieces, then ``finish`` once.

    What ``update`` gives is authentic as far as it goes; only ``finish`` tells that nothing
    is missing, so nothing may be trusted as a whole before it returned.
    """

    def __init__(self, key: bytes, binding: bytes) -> None:
        """Begin a stream; the arguments are those of its ``ChunkSealer``."""
        self._cipher = AESGCM(key)
        self._binding = binding
        self._cutter = _Cutter(_SEALED_CHUNK_SIZE_BYTES)
        self._number = 0

    def update(self, piece: bytes) -> bytes:
        """Take ciphertext; return the plaintext of chunks that are not the last.

        Raises:
            ChunkError: a chunk was changed, left out, doubled or moved.
        """
        return b"".join(
            [self._open(chunk, is_last=False) for chunk in self._cutter.cut(piece)]
        )

    def finish(self, ending: bytes = b"") -> bytes:
        """Return the plaintext of the last chunk.

        Raises:
            ChunkError: it was changed, is missing, or has another ``ending``.
        """
        self._binding += ending
        return self._open(self._cutter.held, is_last=True)

    def _open(self, chunk: bytearray | memoryview, *, is_last: bool) -> bytes:
        number = self._number
        self._number += 1
        is_empty_tail = is_last and number > 0 and len(chunk) == TAG_SIZE_BYTES
        if len(chunk) < TAG_SIZE_BYTES or is_empty_tail:
            raise ChunkError(number=number)
        try:
            return self._cipher.decrypt(
                _nonce(number, is_last=is_last), chunk, self._binding
            )
        except InvalidTag as error:
            raise ChunkError(number=number) from error


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(_COUNTER_SIZE_BYTES, "big") + bytes((is_last,))
