"""The vault: takes documents as streams, gives them back, seals them, forgets them.

Three levels of keys: each payload has a data key, wrapped by the key of its data subject
(of its issuer if it has no subject), wrapped by the key-encryption key, which the vault
uses and never holds in the database. Ciphertext lies in an object store under random
names; a payload exists from the moment when its row is committed, and no earlier.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Final, final

import structlog
from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import HuitongError
from huitong.core.hashing import HASH_SIZE_BYTES
from huitong.core.time import NS_PER_SECOND, TimeNs
from huitong.gateway.database.engine import Database
from huitong.gateway.vault.errors import (
    VaultEntryNotFoundError,
    VaultStoreError,
)
from huitong.gateway.vault.intake import Intake
from huitong.gateway.vault.keyring import KeyRing
from huitong.gateway.vault.lifecycle import (
    destroy_owner_keys,
    rotate_owner_key,
    rotate_wrapping_key,
)
from huitong.gateway.vault.model import (
    ByteStream,
    Erasure,
    OpenedPayload,
    Reception,
    Rotation,
    SealedPayload,
    SealOrder,
    StagedPayload,
    StoredPayload,
    Swept,
    WrittenSealed,
)
from huitong.gateway.vault.object_room import ObjectRoom
from huitong.gateway.vault.rows import (
    DataKeys,
    FoundPayload,
    described,
    find_payloads,
    insert_payloads,
    owner_of,
    payload_row,
)
from huitong.gateway.vault.sealed_room import (
    FoundSealed,
    Measure,
    SealedRoom,
    measured,
)
from huitong.gateway.vault.sealing import Sealer
from huitong.gateway.vault.settings import VaultSettings
from huitong.gateway.vault.sweeping import remove_orphans
from huitong.gateway.vault.tables import PayloadRow
from huitong.payload.errors import PayloadSubjectError
from huitong.payload.sealing import SealingContext

_log: Final = structlog.get_logger("vault")


@final
class Vault:
    """The payloads of one gateway; any number of workers may use the same."""

    def __init__(
        self,
        database: Database,
        objects: ObjectRoom,
        keys: KeyRing,
        settings: VaultSettings,
    ) -> None:
        """Use these; nothing is opened yet (see ``check``).

        Args:
            database: keeps wrapped keys, and what lies where.
            objects: keeps ciphertext (``object_room.open_objects``).
            keys: the key-encryption keys (``keys.load_key``).
            settings: limits and scanner.
        """
        self._database = database
        self._objects = objects
        self._keys = keys
        self._settings = settings
        self._intake = Intake(objects, settings)
        self._sealed = SealedRoom(database, objects)
        self._sealer = Sealer(database, objects, keys, self._sealed)

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
        staged = await self.stage(document, content_type=content_type, subject=subject)
        return await self._commit_alone(staged)

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
            PayloadSubjectError: the subject has neither 32 bytes nor none.
            VaultStoreError: the store does not take it.
        """
        owner = owner_of(_checked_subject(subject))
        return await self._intake.stage(
            document, content_type=content_type, owner=owner
        )

    async def commit(
        self, session: AsyncSession, staged: StagedPayload
    ) -> StoredPayload:
        """Make a staged payload exist, within the caller's transaction.

        A payload that was received under the same digest and holder before stays; the
        staged one is an orphan then.

        Raises:
            VaultKeyError: the key-encryption key cannot be used.
        """
        (stored,) = await self.commit_many(session, [staged])
        return stored

    async def commit_many(
        self, session: AsyncSession, staged: Sequence[StagedPayload]
    ) -> Sequence[StoredPayload]:
        """``commit`` many, in one statement; return for each what is there now.

        Raises:
            VaultKeyError: the key-encryption key cannot be used.
        """
        return await insert_payloads(session, self._keys, staged)

    async def discard(self, staged: StagedPayload) -> None:
        """Remove the ciphertext of a staged payload that will not be committed."""
        await self._objects.delete(staged.object_name)

    async def describe(self, digest: bytes, holder: str = "") -> StoredPayload:
        """Return what the vault knows of a payload, also of an erased one.

        Raises:
            VaultEntryNotFoundError: there is none.
        """
        async with self._database.reading() as session:
            return described(await payload_row(session, digest, holder))

    async def list(
        self, *, after: tuple[bytes, str] | None = None, limit: int = 100
    ) -> list[StoredPayload]:
        """Return payloads in the order of digest and holder, behind ``after``."""
        chosen = (
            select(PayloadRow)
            .order_by(PayloadRow.digest, PayloadRow.holder)
            .limit(limit)
        )
        if after is not None:
            chosen = chosen.where(
                tuple_(PayloadRow.digest, PayloadRow.holder) > tuple_(*after)
            )
        async with self._database.searching() as session:
            rows = await session.scalars(chosen)
            return [described(row) for row in rows.all()]

    async def open(self, digest: bytes, holder: str = "") -> OpenedPayload:
        """Open a payload for reading.

        Raises:
            VaultEntryNotFoundError: there is none.
            VaultErasedError: its key was destroyed.
            VaultCorruptError: row or ciphertext were changed.
            VaultKeyError: the key-encryption key cannot be used, or is another one.
            VaultStoreError: the store does not answer.
        """
        async with self._database.reading() as session:
            found = await self.find(session, digest, holder)
        return await self.open_found(found)

    async def find(
        self, session: AsyncSession, digest: bytes, holder: str = ""
    ) -> FoundPayload:
        """Read where a payload lies, in the caller's session, for ``open_found``.

        Raises:
            VaultEntryNotFoundError: there is none.
        """
        found = (await find_payloads(session, [digest], holder)).get(digest)
        if found is None:
            raise VaultEntryNotFoundError(digest=digest)
        return found

    async def open_found(self, found: FoundPayload) -> OpenedPayload:
        """Open a payload that was found.

        Raises:
            What ``open`` raises.
        """
        return await self._sealer.open(found, DataKeys(self._keys))

    async def seal(
        self,
        digest: bytes,
        names: Collection[str],
        reader_key: bytes,
        context: SealingContext,
        *,
        holder: str = "",
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
            holder: names it for ``drop_sealed_for``.

        Raises:
            What ``open`` raises.
            CommitmentInputError: a name that the payload does not have.
            SealingKeyError: the reader's key is unusable.
        """
        order = SealOrder(
            digest=digest,
            names=names,
            reader_key=reader_key,
            context=context,
            holder=holder,
        )
        (sealed,) = await self.seal_many([order])
        if isinstance(sealed, Exception):
            raise sealed
        return sealed

    async def seal_many(
        self, orders: Sequence[SealOrder]
    ) -> Sequence[SealedPayload | Exception]:
        """``seal`` for many readers, with one look into the database and one commit.

        Returns:
            For each what was kept, or why it was not: what ``seal`` raises.

        Raises:
            DatabaseDownError: nothing was kept.
        """
        return await self._sealer.seal_many(orders)

    async def keep_sealed(self, sealed: ByteStream) -> SealedPayload:
        """Keep sealed bytes that arrived, unopened, so that they can be checked later.

        Raises:
            SealedFormError: more bytes than any sealed payload has.
            VaultStoreError: the store does not take them.
        """
        measure = Measure()
        return await self._sealed.keep(measured(sealed, measure), measure)

    async def write_sealed(self, sealed: ByteStream) -> WrittenSealed:
        """Do all of ``keep_sealed`` but the row, which ``enter_sealed`` makes.

        Bytes whose row is never made go with ``sweep``.

        Raises:
            SealedFormError: more bytes than any sealed payload has, or none.
            VaultStoreError: the store does not take them.
        """
        measure = Measure()
        return await self._sealed.write(measured(sealed, measure), measure)

    async def enter_sealed(
        self, session: AsyncSession, written: Sequence[WrittenSealed]
    ) -> Sequence[WrittenSealed]:
        """Keep what was written, within the caller's transaction.

        Two statements, however many.

        Returns:
            Those that were kept before; give them to ``forget_written`` after the commit.
        """
        return await self._sealed.enter(session, written)

    async def forget_written(self, written: Collection[WrittenSealed]) -> None:
        """Remove sealed bytes that were written and are not entered.

        Raises:
            VaultStoreError: the store does not answer; ``sweep`` removes them then.
        """
        await self._sealed.forget(written)

    async def open_sealed_many(
        self, digests: Collection[bytes]
    ) -> dict[bytes, ByteStream | HuitongError]:
        """Return sealed bytes of many, or why one cannot be read; one statement.

        ``VaultEntryNotFoundError``: there are none, any more; ``VaultStoreError``: the
        store does not answer.
        """
        return await self._sealed.open_many(digests)

    async def open_sealed(self, sealed_digest: bytes, *, offset: int = 0) -> ByteStream:
        """Return sealed bytes from ``offset`` on.

        Raises:
            VaultEntryNotFoundError: there are none, any more.
            VaultStoreError: the store does not answer.
        """
        async with self._database.reading() as session:
            found = (await self.find_sealed(session, [sealed_digest])).get(
                sealed_digest
            )
        if found is None:
            raise VaultEntryNotFoundError(digest=sealed_digest)
        return await self.open_found_sealed(found, offset=offset)

    async def find_sealed(
        self, session: AsyncSession, sealed_digests: Collection[bytes]
    ) -> dict[bytes, FoundSealed]:
        """Read which sealed bytes are there, for ``open_found_sealed``."""
        return await self._sealed.find(session, sealed_digests)

    async def open_found_sealed(
        self, found: FoundSealed, *, offset: int = 0
    ) -> ByteStream:
        """Return sealed bytes that were found, from ``offset`` on.

        Raises:
            What ``open_sealed`` raises.
        """
        return await self._sealed.open(found, offset)

    async def drop_sealed(self, sealed_digest: bytes) -> None:
        """Forget sealed bytes; nothing happens if there are none."""
        async with self._database.transaction() as session:
            gone = await self.forget_sealed(session, digests=[sealed_digest])
        await self.remove_objects(gone)

    async def drop_sealed_for(self, holder: str) -> None:
        """Forget all that was sealed for something, also what a stop made forgotten."""
        async with self._database.transaction() as session:
            gone = await self.forget_sealed(session, holders=[holder])
        await self.remove_objects(gone)

    async def forget_sealed(
        self,
        session: AsyncSession,
        *,
        digests: Collection[bytes] = (),
        holders: Collection[str] = (),
    ) -> Sequence[str]:
        """Forget sealed bytes within the caller's transaction, in one statement.

        Args:
            session: of the transaction.
            digests: of sealed bytes.
            holders: all that was sealed for these goes too.

        Returns:
            What to give to ``remove_objects`` once that is committed; ``sweep`` removes
            later what a stop leaves over.
        """
        return await self._sealed.drop(session, digests, holders)

    async def remove_objects(self, names: Collection[str]) -> None:
        """Remove ciphertext that belongs to nothing any more.

        Raises:
            VaultStoreError: the store does not answer; ``sweep`` removes it later.
        """
        await self._objects.delete_many(names)

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
        if (known := await self._received(reception)) is not None:
            return known
        return await self._commit_alone(await self.stage_received(sealed, reception))

    async def stage_received(
        self, sealed: ByteStream, reception: Reception
    ) -> StagedPayload:
        """Do all of ``receive`` but the ``commit``."""
        owner = owner_of(_checked_subject(reception.subject))
        return await self._intake.stage_received(sealed, reception, owner=owner)

    async def forget_received(
        self, session: AsyncSession, digest: bytes, holder: str
    ) -> None:
        """Forget a received payload within the caller's transaction.

        Nothing happens if there is none. ``sweep`` removes the ciphertext later; nobody
        can read it, because its key goes with the row.
        """
        await session.execute(
            delete(PayloadRow).where(
                PayloadRow.digest == digest,
                PayloadRow.holder == holder,
                PayloadRow.holder != "",
            )
        )

    async def erase_subject(self, subject: bytes) -> Erasure:
        """Destroy the keys of a data subject, and with them all of its payloads here.

        The rows stay, so that ``describe`` tells an erased payload from an unknown one.
        Once this returns nothing opens them, not even from a backup of the ciphertext.
        Erasing again erases what came since.

        Raises:
            PayloadSubjectError: not 32 bytes.
            DatabaseDownError: nothing was erased.
        """
        owner = owner_of(_checked_subject(subject, is_needed=True))
        erasure, objects = await destroy_owner_keys(self._database, owner)
        try:
            await self._objects.delete_many(objects)
        except VaultStoreError as error:
            # Nobody can read them any more; ``sweep`` takes them away.
            _log.warning("vault_object_left", reason=str(error))
        return erasure

    async def rotate(self) -> Rotation:
        """Wrap every key of a subject under the present key-encryption key.

        The former ones must still be among the vault's keys. Payloads are not touched.
        Work goes on meanwhile; after a crash call again.

        Raises:
            VaultKeyError: a key is wrapped under one that this vault does not have.
        """
        return await rotate_wrapping_key(self._database, self._keys)

    async def rotate_subject(self, subject: bytes) -> Rotation:
        """Give a data subject a new key, and wrap its data keys under it.

        An empty subject stands for the payloads that have none. Payloads are not touched.
        Work goes on meanwhile; after a crash call again.

        Raises:
            VaultKeyError: the key-encryption key cannot be used.
        """
        owner = owner_of(_checked_subject(subject))
        return await rotate_owner_key(self._database, self._keys, owner)

    async def sweep(self, *, before_ns: TimeNs | None = None) -> Swept:
        """Remove ciphertext that belongs to nothing.

        Crashes and erasures leave such; nobody can read it.

        Args:
            before_ns: only what is older; not given: older than the settings say.

        Raises:
            VaultStoreError: the store does not answer.
        """
        if before_ns is None:
            before_ns = time.time_ns() - self._settings.orphan_age_s * NS_PER_SECOND
        return await remove_orphans(self._database, self._objects, before_ns)

    async def check(self) -> None:
        """Make sure that database, store and key-encryption key can be used.

        Raises:
            DatabaseDownError, VaultStoreError, VaultKeyError: what cannot.
        """
        await self._database.check()
        await self._objects.check()
        await self._keys.check()

    async def _commit_alone(self, staged: StagedPayload) -> StoredPayload:
        """Commit in a transaction of its own; what is not needed then is removed."""
        async with self._database.transaction() as session:
            stored = await self.commit(session, staged)
        if stored is not staged.payload:
            await self.discard(staged)
        return stored

    async def _received(self, reception: Reception) -> StoredPayload | None:
        """Return what was received before for the same holder, if it can be read."""
        digest = reception.context.payload_digest
        try:
            known = await self.describe(digest, reception.holder)
        except VaultEntryNotFoundError:
            return None
        return None if known.is_erased else known


def _checked_subject(subject: bytes, *, is_needed: bool = False) -> bytes:
    if len(subject) != HASH_SIZE_BYTES and (subject or is_needed):
        raise PayloadSubjectError(size=len(subject))
    return subject
