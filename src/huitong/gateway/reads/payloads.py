"""Payloads of open records out of the vault, kept decrypted in bounded memory.

Open data is read often, so the vault is asked once. Erasing acts at once all the same:
before anything is given, the transaction that logs it sees whether the payload lives.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.commitment import Disclosure
from huitong.gateway.vault.errors import VaultEntryNotFoundError, VaultErasedError
from huitong.gateway.vault.tables import PayloadRow
from huitong.gateway.vault.vault import Vault
from huitong.payload.form import as_disclosure

#: What an entry takes beside its content.
_ENTRY_SIZE_BYTES = 512


@final
class VaultPayloads:
    """``PayloadSource`` over a vault."""

    def __init__(
        self, vault: Vault, *, cache_bytes: int, document_size_bytes_max: int
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            vault: keeps the payloads.
            cache_bytes: bytes of payloads kept in memory at most.
            document_size_bytes_max: bytes of a payload that is loaded at all.
        """
        self._vault = vault
        self._cache_bytes = cache_bytes
        self._document_size_bytes_max = document_size_bytes_max
        self._kept: OrderedDict[bytes, tuple[Disclosure, int]] = OrderedDict()
        self._size = 0

    async def load(self, digests: Collection[bytes]) -> Mapping[bytes, Disclosure]:
        """Return all fields of own payloads by digest; what is not here, erased or too
        large is left out.

        Raises:
            VaultCorruptError, VaultKeyError, VaultStoreError: the vault cannot be used.
        """
        found: dict[bytes, Disclosure] = {}
        for digest in digests:
            kept = self._kept.get(digest)
            if kept is not None:
                self._kept.move_to_end(digest)
                found[digest] = kept[0]
                continue
            opened = await self._open(digest)
            if opened is not None:
                found[digest] = opened
        return found

    async def living(
        self, session: AsyncSession, digests: Collection[bytes]
    ) -> set[bytes]:
        """Return which payloads are not erased; forget the others."""
        rows = await session.scalars(
            select(PayloadRow.digest)
            .where(PayloadRow.digest.in_(digests))
            .where(PayloadRow.holder == "", PayloadRow.wrapped_key.is_not(None))
        )
        living = set(rows)
        for digest in digests:
            if digest not in living:
                self._forget(digest)
        return living

    async def _open(self, digest: bytes) -> Disclosure | None:
        try:
            opened = await self._vault.open(digest)
        except (VaultEntryNotFoundError, VaultErasedError):
            return None
        if opened.stored.size > self._document_size_bytes_max:
            return None
        document = b""
        if opened.head.disclosure is None:
            document = b"".join([piece async for piece in opened.content])
        disclosure = as_disclosure(opened.head, document)
        self._keep(digest, disclosure, opened.stored.size)
        return disclosure

    def _keep(self, digest: bytes, disclosure: Disclosure, size: int) -> None:
        fields = len(disclosure.given) + len(disclosure.withheld)
        size += _ENTRY_SIZE_BYTES * (1 + fields)
        if size > self._cache_bytes:
            return
        self._kept[digest] = (disclosure, size)
        self._size += size
        while self._size > self._cache_bytes:
            _, (_, freed) = self._kept.popitem(last=False)
            self._size -= freed

    def _forget(self, digest: bytes) -> None:
        kept = self._kept.pop(digest, None)
        if kept is not None:
            self._size -= kept[1]
