"""Never two blocks at one height: a file beside the database remembers the last signed one.

A vote leaves this process only after its block is durable *and* the guard knows of it. So
after a crash the guard is at most one block behind the database, and it is never ahead,
unless somebody put back an older database; then going on would sign a second block at
a height that others have seen, and the engine refuses to start.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Final

from huitong.core.errors import HuitongError
from huitong.core.store.errors import StorageFullError
from huitong.engines.errors import DoubleSignError, SignStateError

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


class SignGuard:
    """The record of signed heights of one validator key."""

    def __init__(self, path: Path) -> None:
        """Read the record; a file that is absent means that nothing was signed.

        Raises:
            SignStateError: it cannot be read.
        """
        self._path = path
        self.height = 0
        self.block_hash = b""
        try:
            document = json.loads(path.read_bytes())
            self.height = int(document["height"])
            self.block_hash = bytes.fromhex(document["block_hash"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise SignStateError(
                path=path, reason=f"cannot be read ({error})"
            ) from error

    height: int
    """Highest height that was signed; 0 for none."""
    block_hash: bytes
    """Hash of the block signed there."""

    def catch_up(self, height: int, block_hash: bytes) -> None:
        """Compare with the database before the first block of this process.

        Raises:
            DoubleSignError: the database is older than what was signed, or holds
                another block at that height.
        """
        other_block = height == self.height and block_hash != self.block_hash
        if height < self.height or (other_block and height > 0):
            raise DoubleSignError(signed=self.height, stored=height)
        if height > self.height:
            self.record(height, block_hash)

    def check(self, height: int) -> None:
        """Check that ``height`` is not signed yet.

        Raises:
            DoubleSignError: it is.
        """
        if height <= self.height:
            raise DoubleSignError(signed=self.height, stored=height - 1)

    def record(self, height: int, block_hash: bytes) -> None:
        """Remember a signed block, durably; the old record stays until the new one is.

        Raises:
            StorageFullError: there is no room for it.
            SignStateError: the file cannot be written.
        """
        document = {"height": str(height), "block_hash": block_hash.hex()}
        fresh = self._path.with_suffix(".new")
        try:
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.write(handle, json.dumps(document).encode() + b"\n")
                os.fdatasync(handle)
            finally:
                os.close(handle)
            fresh.replace(self._path)
        except OSError as error:
            raise self._unwritable(error) from error
        self.height, self.block_hash = height, block_hash

    def _unwritable(self, error: OSError) -> HuitongError:
        if error.errno in _NO_ROOM:
            return StorageFullError(path=self._path, reason=error.strerror)
        return SignStateError(path=self._path, reason=f"cannot be written ({error})")
