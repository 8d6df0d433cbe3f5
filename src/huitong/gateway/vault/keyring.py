"""The key-encryption keys of a vault: the present one, and former ones until rotation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import final

from huitong.gateway.vault.errors import VaultCorruptError, VaultUnknownKeyError
from huitong.gateway.vault.keys import KeyEncryptionKey
from huitong.gateway.vault.wrapping import WrongKeyError, subject_key_context


@final
class KeyRing:
    """Wraps under the present key, unwraps under any of them.

    What may block, such as a token, never does so in the event loop.
    """

    def __init__(
        self, present: KeyEncryptionKey, previous: Sequence[KeyEncryptionKey] = ()
    ) -> None:
        """Hold these keys."""
        self.present = present
        """What new keys are wrapped under."""
        self._keys = {key.id: key for key in (*previous, present)}

    async def wrap(self, key: bytes, key_id: str, owner: str) -> bytes:
        """Return the key of a subject or issuer, wrapped under the present key.

        Raises:
            VaultKeyError, VaultTokenError: the present key cannot be used.
        """
        context = subject_key_context(key_id, owner)
        return await _called(self.present, self.present.wrap, key, context)

    async def unwrap(
        self, wrapped: bytes, wrapping_id: str, key_id: str, owner: str
    ) -> bytes:
        """Return the key of a subject or issuer.

        Args:
            wrapped: what ``wrap`` gave.
            wrapping_id: id of the key-encryption key that wrapped it.
            key_id: id of the wrapped key.
            owner: whose it is.

        Raises:
            VaultUnknownKeyError: it is wrapped under a key that is not here.
            VaultCorruptError: the wrapped key was changed.
            VaultKeyError, VaultTokenError: the wrapping key cannot be used.
        """
        wrapping_key = self._keys.get(wrapping_id)
        if wrapping_key is None:
            raise VaultUnknownKeyError(key_id=key_id, wrapping_id=wrapping_id)
        context = subject_key_context(key_id, owner)
        try:
            return await _called(wrapping_key, wrapping_key.unwrap, wrapped, context)
        except WrongKeyError as error:
            raise VaultCorruptError(
                digest=f"key {key_id}", reason="the wrapped key was changed"
            ) from error

    async def check(self) -> None:
        """Make sure that the present key works.

        Raises:
            VaultKeyError, VaultTokenError: it does not.
        """
        key_id, owner = "check", "check"
        probe = bytes(32)
        wrapped = await self.wrap(probe, key_id, owner)
        await self.unwrap(wrapped, self.present.id, key_id, owner)


async def _called(
    key: KeyEncryptionKey,
    work: Callable[[bytes, bytes], bytes],
    data: bytes,
    context: bytes,
) -> bytes:
    """Do some work of a key where it holds up nobody."""
    if key.may_block:
        return await asyncio.to_thread(work, data, context)
    return work(data, context)
