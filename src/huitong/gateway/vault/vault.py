"""The vault: takes documents as streams, gives them back, seals them, forgets them.

Interface first; see ``model`` for what goes in and out.

Three levels of keys: each payload has a data key, wrapped by the key of its data subject
(of its issuer if it has no subject), wrapped by the key-encryption key, which the vault
uses and never holds in the database. Ciphertext lies in an object store under random
names; a payload exists from the moment when its row is committed, and no earlier.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import final

from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.time import TimeNs
from huitong.gateway.vault.model import (
    ByteStream,
    Erasure,
    OpenedPayload,
    Reception,
    Rotation,
    SealedPayload,
    StagedPayload,
    StoredPayload,
    Swept,
)
from huitong.payload.sealing import SealingContext


@final
class Vault:
    """The payloads of one gateway; any number of workers may use the same."""

    async def put(
        self, document: ByteStream, *, content_type: str = "", subject: bytes = b""
    ) -> StoredPayload:
        """Store a document; ``stage`` and ``commit`` in one.

        Args:
            document: its bytes; read once, in bounded memory.
            content_type: media type that its sender says it has; empty: whatever it is.
            subject: pseudonym of the data subject, 32 bytes or empty.

        Raises:
            What ``stage`` and ``commit`` raise; nothing is stored then.
        """
        raise NotImplementedError

    async def stage(
        self, document: ByteStream, *, content_type: str = "", subject: bytes = b""
    ) -> StagedPayload:
        """Encrypt a document into the store; ``commit`` makes it a payload.

        Twice the same document gives two payloads with two digests, for the salts of
        their fields are random.

        Raises:
            PayloadEmptyError, PayloadTooLargeError: no bytes, or more than are taken.
            ContentTypeError: the content is not what ``content_type`` says.
            ContentRefusedError: the scanner found something.
            ScannerDownError: the scanner gives no verdict.
            VaultStoreError: the store does not take it.
        """
        raise NotImplementedError

    async def commit(
        self, session: AsyncSession, staged: StagedPayload
    ) -> StoredPayload:
        """Make a staged payload exist, within the caller's transaction.

        A payload that was received under the same digest and holder before stays; the
        staged one is an orphan then.

        Raises:
            VaultKeyError: the key-encryption key cannot be used.
        """
        raise NotImplementedError

    async def discard(self, staged: StagedPayload) -> None:
        """Remove the ciphertext of a staged payload that will not be committed."""
        raise NotImplementedError

    async def describe(self, digest: bytes, holder: str = "") -> StoredPayload:
        """Return what the vault knows of a payload, also of an erased one.

        Raises:
            VaultEntryNotFoundError: there is none.
        """
        raise NotImplementedError

    async def list(
        self, *, after: tuple[bytes, str] | None = None, limit: int = 100
    ) -> list[StoredPayload]:
        """Return payloads in the order of digest and holder, behind ``after``."""
        raise NotImplementedError

    async def open(self, digest: bytes, holder: str = "") -> OpenedPayload:
        """Open a payload for reading.

        Raises:
            VaultEntryNotFoundError: there is none.
            VaultErasedError: its key was destroyed.
            VaultCorruptError: row or ciphertext were changed.
            VaultKeyError: the key-encryption key cannot be used, or is another one.
            VaultStoreError: the store does not answer.
        """
        raise NotImplementedError

    async def seal(
        self,
        digest: bytes,
        names: Collection[str],
        reader_key: bytes,
        context: SealingContext,
    ) -> SealedPayload:
        """Seal some fields of an own payload to a reader, and keep the sealed bytes.

        Sealing again gives other bytes; what was stated on chain must be what is handed
        over, so remember the digest and give ``open_sealed`` to the peer as often as
        needed.

        Args:
            digest: of the payload.
            names: fields to give, empty for all; the others stay provable.
            reader_key: X25519 public key, 32 bytes.
            context: the exchange that it is for.

        Raises:
            What ``open`` raises.
            CommitmentInputError: a name that the payload does not have.
            SealingKeyError: the reader's key is unusable.
        """
        raise NotImplementedError

    async def keep_sealed(self, sealed: ByteStream) -> SealedPayload:
        """Keep sealed bytes that arrived, unopened, so that they can be checked later.

        Raises:
            SealedFormError: more bytes than any sealed payload has.
            VaultStoreError: the store does not take them.
        """
        raise NotImplementedError

    async def open_sealed(self, sealed_digest: bytes, *, offset: int = 0) -> ByteStream:
        """Return sealed bytes from ``offset`` on.

        Raises:
            VaultEntryNotFoundError: there are none, any more.
            VaultStoreError: the store does not answer.
        """
        raise NotImplementedError

    async def drop_sealed(self, sealed_digest: bytes) -> None:
        """Forget sealed bytes; nothing happens if there are none."""
        raise NotImplementedError

    async def receive(self, sealed: ByteStream, reception: Reception) -> StoredPayload:
        """Open what was sealed to us, check it, and store it, in one pass.

        Checked are the digest of the sealed bytes, each chunk, the fields against the
        digest of the record, and the names of the fields against record and grant. The
        payload exists only if all of it holds. Receiving again changes nothing.

        Raises:
            SealedDigestError, SealedFormError, SealOpenError: not what was handed over,
                or not sealed to this reader for this exchange.
            DisclosureMismatchError: not the fields that the record commits to.
            PayloadFieldsError: not the fields that were granted.
            PayloadFormError: the opened bytes hold no payload.
            VaultStoreError: the store does not take it.
        """
        raise NotImplementedError

    async def stage_received(
        self, sealed: ByteStream, reception: Reception
    ) -> StagedPayload:
        """Do all of ``receive`` but the ``commit``."""
        raise NotImplementedError

    async def erase_subject(self, subject: bytes) -> Erasure:
        """Destroy the keys of a data subject, and with them all of its payloads here.

        The rows stay, so that ``describe`` tells an erased payload from an unknown one.
        Once this returns nothing opens them, not even from a backup of the ciphertext.
        Erasing again erases what came since.

        Raises:
            DatabaseDownError: nothing was erased.
        """
        raise NotImplementedError

    async def rotate(self) -> Rotation:
        """Wrap every key of a subject under the present key-encryption key.

        The former ones must still be among the vault's keys. Payloads are not touched.
        Work goes on meanwhile; after a crash call again.

        Raises:
            VaultKeyError: a key is wrapped under one that this vault does not have.
        """
        raise NotImplementedError

    async def rotate_subject(self, subject: bytes) -> Rotation:
        """Give a data subject a new key, and wrap its data keys under it.

        Payloads are not touched. Work goes on meanwhile; after a crash call again.

        Raises:
            VaultKeyError: the key-encryption key cannot be used.
        """
        raise NotImplementedError

    async def sweep(self, *, before_ns: TimeNs) -> Swept:
        """Remove ciphertext older than ``before_ns`` that belongs to nothing.

        Crashes and erasures leave such; nobody can read it.
        """
        raise NotImplementedError

    async def check(self) -> None:
        """Make sure that database, store and key-encryption key can be used.

        Raises:
            DatabaseDownError, VaultStoreError, VaultKeyError: what cannot.
        """
        raise NotImplementedError
