"""A key-encryption key inside a PKCS#11 token: it wraps there and never leaves.

The token does AES-256-GCM (CKM_AES_GCM) with the nonce and context of ``wrapping``. One
session is kept and used by one thread at a time; after a failure it is opened anew, so
that a token that was restarted is found again.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, final

import pkcs11
from pkcs11.exceptions import (
    DataInvalid,
    EncryptedDataInvalid,
    FunctionFailed,
    GeneralError,
    NoSuchKey,
    PKCS11Error,
    UserAlreadyLoggedIn,
)
from pkcs11.mechanisms import GCMParams

from huitong.core.hashing import sha256
from huitong.gateway.vault.errors import VaultKeyError, VaultTokenError
from huitong.gateway.vault.wrapping import (
    NONCE_SIZE_BYTES,
    WRAPPED_SIZE_BYTES,
    WrongKeyError,
)

_NAME_LABEL: Final = b"huitong/vault-token-key/1"
_NAME_SIZE_BYTES: Final = 8
_TAG_BITS: Final = 128
#: How tokens say that a tag is wrong; PKCS#11 leaves the choice to their makers.
_WRONG_TAG: Final = (EncryptedDataInvalid, DataInvalid, GeneralError, FunctionFailed)


@final
class TokenKey:
    """See ``keys.KeyEncryptionKey``."""

    may_block: Final = True

    def __init__(self, module: Path, token: str, label: str, pin: str) -> None:
        """Prepare; the token is asked when it is first needed.

        Args:
            module: the shared library.
            token: label of the token.
            label: label of an AES key of 256 bits in it, alone with that label.
            pin: of the user.
        """
        self._module = module
        self._token = token
        self._label = label
        self._pin = pin
        self._key: Any = None
        self._session: Any = None
        self._lock = threading.Lock()
        named = b"\0".join((_NAME_LABEL, token.encode(), label.encode()))
        self.id = "token-" + sha256(named)[:_NAME_SIZE_BYTES].hex()

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """See ``keys.KeyEncryptionKey``."""
        nonce = os.urandom(NONCE_SIZE_BYTES)
        with self._lock:
            try:
                return nonce + self._encrypt(key, nonce, context)
            except PKCS11Error:
                self._forget()
            try:
                return nonce + self._encrypt(key, nonce, context)
            except PKCS11Error as error:
                self._forget()
                raise self._down(error) from error

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """See ``keys.KeyEncryptionKey``."""
        if len(wrapped) != WRAPPED_SIZE_BYTES:
            raise WrongKeyError
        with self._lock:
            try:
                return self._decrypt(wrapped, context)
            except PKCS11Error:
                self._forget()
            # Once more in a new session: a token that is gone and a wrong tag may look
            # alike, and a new session tells the one from the other.
            try:
                self._open()
            except PKCS11Error as error:
                raise self._down(error) from error
            try:
                return self._decrypt(wrapped, context)
            except _WRONG_TAG as error:
                raise WrongKeyError from error
            except PKCS11Error as error:
                self._forget()
                raise self._down(error) from error

    def _encrypt(self, key: bytes, nonce: bytes, context: bytes) -> bytes:
        sealed: bytes = self._open().encrypt(
            key,
            mechanism=pkcs11.Mechanism.AES_GCM,
            mechanism_param=GCMParams(nonce, context, _TAG_BITS),
        )
        return sealed

    def _decrypt(self, wrapped: bytes, context: bytes) -> bytes:
        nonce, sealed = wrapped[:NONCE_SIZE_BYTES], wrapped[NONCE_SIZE_BYTES:]
        key: bytes = self._open().decrypt(
            sealed,
            mechanism=pkcs11.Mechanism.AES_GCM,
            mechanism_param=GCMParams(nonce, context, _TAG_BITS),
        )
        return key

    def _open(self) -> Any:
        """Return the key's handle, in a session that is opened if there is none."""
        if self._key is not None:
            return self._key
        token = pkcs11.lib(str(self._module)).get_token(token_label=self._token)
        try:
            self._session = token.open(user_pin=self._pin)
        except UserAlreadyLoggedIn:
            # The login is the process's, not the session's: another key of this token.
            self._session = token.open()
        try:
            key = self._session.get_key(
                object_class=pkcs11.ObjectClass.SECRET_KEY, label=self._label
            )
        except NoSuchKey as error:
            raise VaultKeyError(
                reason=f"token {self._token!r} has no key {self._label!r}"
            ) from error
        if key.key_type != pkcs11.KeyType.AES or key.key_length != 256:
            raise VaultKeyError(reason=f"key {self._label!r} is not AES-256")
        self._key = key
        return key

    def _forget(self) -> None:
        session, self._session, self._key = self._session, None, None
        if session is not None:
            with suppress(PKCS11Error):
                session.close()

    def _down(self, error: PKCS11Error) -> VaultTokenError:
        reason = f"{type(error).__name__} {error}".strip()
        return VaultTokenError(token=self._token, reason=reason)
