"""The form in which a payload lies in the store.

    "HTVAULT2" ‖ chunks of the payload's form (``payload.form``, ``payload.chunks``)

Every chunk is bound to the magic, and the last one to the payload's digest too, so that
no object can stand for another even if the keys were the same.
"""

from __future__ import annotations

from typing import Final, final

from huitong.core.errors import HuitongError
from huitong.gateway.vault.blocks import in_blocks, offload
from huitong.gateway.vault.errors import VaultCorruptError
from huitong.gateway.vault.model import ByteStream
from huitong.payload.chunks import ChunkOpener, ChunkSealer
from huitong.payload.errors import ChunkError, PayloadFormError
from huitong.payload.form import CheckedPayload, PayloadReader

MAGIC: Final = b"HTVAULT2"


def begin_ciphertext(data_key: bytes) -> ChunkSealer:
    """Return what encrypts a payload, behind ``MAGIC``."""
    return ChunkSealer(data_key, MAGIC)


@final
class StoredReader:
    """Decrypts one stored payload, and checks all of it against its digest."""

    def __init__(self, stored: ByteStream, data_key: bytes, digest: bytes) -> None:
        """Begin at the first byte of the object."""
        self.payload = PayloadReader()
        """What was read so far."""
        self._stored = stored
        self._opener = ChunkOpener(data_key, MAGIC)
        self._digest = digest

    async def read(self) -> ByteStream:
        """Yield what belongs to the document; fields are in ``payload.head``.

        The last piece is given only after everything was checked.

        Raises:
            VaultCorruptError: anything was changed.
        """
        try:
            magic = b""
            async for block in in_blocks(self._stored):
                if not magic:
                    magic, block = block[: len(MAGIC)], block[len(MAGIC) :]
                    if magic != MAGIC:
                        raise self._corrupt("not a vault entry")
                if content := await offload(self._decrypt, block):
                    yield content
            last = self.payload.update(self._opener.finish(self._digest))
            self._check(self.payload.finish())
        except (ChunkError, PayloadFormError) as error:
            raise self._corrupt(str(error)) from error
        if last:
            yield last

    def _decrypt(self, block: bytes) -> bytes:
        return self.payload.update(self._opener.update(block))

    def _check(self, checked: CheckedPayload) -> None:
        if checked.root != self._digest:
            raise self._corrupt("the content has another digest")

    def _corrupt(self, reason: str) -> HuitongError:
        return VaultCorruptError(digest=self._digest, reason=reason)
