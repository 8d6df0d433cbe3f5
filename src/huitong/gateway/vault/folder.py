"""A vault in one folder, without a gateway: a small database beside the ciphertext.

    vault.db      wrapped keys, and what lies where
    objects/      ciphertext

This is what commands and trials use; a gateway has its own database (``opening``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import text

from huitong.gateway.database.engine import Database
from huitong.gateway.vault.errors import VaultFormatError, VaultStoreError
from huitong.gateway.vault.keyring import KeyRing
from huitong.gateway.vault.keys import KeyEncryptionKey
from huitong.gateway.vault.object_room import open_objects
from huitong.gateway.vault.settings import FolderSettings, VaultSettings
from huitong.gateway.vault.tables import KeyRow, PayloadRow, SealedRow
from huitong.gateway.vault.vault import Vault

_DATABASE: Final = "vault.db"
_OBJECTS: Final = "objects"
#: Ending of the files of a form that is not read any more.
_OLD_SUFFIX: Final = ".payload"
#: Version of the form, where SQLite keeps such a number.
_VERSION: Final = 2


async def make_folder_vault(folder: Path) -> None:
    """Make an empty vault in ``folder``, which is made (mode 0700) if needed.

    Raises:
        VaultStoreError: the folder cannot be made.
        DatabaseDownError: nothing can be written into it.
    """
    _make(folder)
    tables = [
        table
        for table in KeyRow.metadata.sorted_tables
        if table.name
        in (KeyRow.__tablename__, PayloadRow.__tablename__, SealedRow.__tablename__)
    ]
    async with Database(_url(folder)) as database:
        await database.make_tables(KeyRow.metadata, tables)
        async with database.transaction() as session:
            await session.execute(text(f"PRAGMA user_version = {_VERSION}"))


@asynccontextmanager
async def open_folder_vault(
    folder: Path, key: KeyEncryptionKey, previous: Sequence[KeyEncryptionKey] = ()
) -> AsyncIterator[Vault]:
    """Give the vault that ``make_folder_vault`` made.

    Args:
        folder: where it lies.
        key: its key-encryption key.
        previous: former ones, until ``rotate`` has run.

    Raises:
        VaultFormatError: there is no vault, or one of an older form.
    """
    _check_form(folder)
    async with Database(_url(folder)) as database:
        async with database.reading() as session:
            found = await session.scalar(text("PRAGMA user_version"))
        if found != _VERSION:
            raise VaultFormatError(path=folder, reason=f"its version is {found}")
        objects = open_objects(FolderSettings(path=folder / _OBJECTS), {})
        yield Vault(database, objects, KeyRing(key, previous), VaultSettings())


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise VaultStoreError(place=folder, reason=error.strerror) from error


def _check_form(folder: Path) -> None:
    if (folder / _DATABASE).is_file():
        return
    is_old = any(folder.glob(f"*{_OLD_SUFFIX}"))
    reason = "it is of the first form" if is_old else f"it has no {_DATABASE}"
    raise VaultFormatError(path=folder, reason=reason)


def _url(folder: Path) -> str:
    return f"sqlite:///{folder.absolute() / _DATABASE}"
