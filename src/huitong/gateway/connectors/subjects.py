"""Pseudonyms of the data subjects that sources name.

The chain holds no name of a person, also not hashed: names and numbers of people are few
enough to try them all. A pseudonym is made with a key that never leaves the gateway, so
that one person is the same in all records of this member, and nobody else can tell who.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final, final

from huitong.gateway.connectors.errors import SubjectKeyError

_TAG: Final = b"huitong/subject/1"
_KEY_SIZE_BYTES: Final = 32
_PSEUDONYM: Final = re.compile(r"[0-9a-f]{64}\Z")


@final
class Subjects:
    """Makes pseudonyms with one key, which is read or made when it is needed first."""

    def __init__(self, path: Path) -> None:
        """Use the key in this file."""
        self._path = path
        self._key = b""

    def pseudonym(self, name: str) -> bytes:
        """Return the pseudonym of a subject, 32 bytes; empty for nobody.

        What is one already, 64 hexadecimal digits, is taken as it is.

        Raises:
            SubjectKeyError: the key cannot be read or made.
        """
        if not name:
            return b""
        if _PSEUDONYM.match(name):
            return bytes.fromhex(name)
        if not self._key:
            self._key = self._open()
        return hmac.digest(self._key, _TAG + name.encode(), hashlib.sha256)

    def _open(self) -> bytes:
        try:
            if not self._path.exists():
                self._make()
            return self._read()
        except OSError as error:
            raise self._failed(error.strerror or type(error).__name__) from error

    def _read(self) -> bytes:
        text = self._path.read_bytes()
        try:
            key = bytes.fromhex(text.decode("ascii").strip())
        except ValueError:
            key = b""
        if len(key) != _KEY_SIZE_BYTES:
            raise self._failed("it does not hold 64 hexadecimal digits")
        return key

    def _make(self) -> None:
        """Write a key whole or not at all; one that is there meanwhile stays."""
        aside = self._path.with_name(f".{self._path.name}.{os.getpid()}.tmp")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            aside.unlink(missing_ok=True)
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(os.urandom(_KEY_SIZE_BYTES).hex().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(aside, self._path)
        finally:
            aside.unlink(missing_ok=True)

    def _failed(self, reason: str) -> SubjectKeyError:
        return SubjectKeyError(path=self._path, reason=reason)
