"""A copy of a database that another process is using."""

from __future__ import annotations

from pathlib import Path

import lmdb

from huitong.core.store.errors import StorageCorruptError
from huitong.storage.environment import TABLES_MAX, translate


def copy_database(folder: Path, target: Path) -> None:
    """Copy the database of a folder as its newest commit left it, without free pages.

    The node goes on meanwhile: LMDB keeps the pages of the version that is read. The
    caller must not have the database open in its own process.

    Args:
        folder: where ``data.mdb`` lies.
        target: an existing folder without a database.

    Raises:
        StorageCorruptError: there is no database, or it is damaged.
        StorageFullError: no room for the copy.

    Cost: reads the database once; the file of a busy node grows meanwhile.
    """
    if not (folder / "data.mdb").is_file():
        raise StorageCorruptError(path=str(folder), reason="data.mdb is missing")
    try:
        environment = lmdb.open(
            str(folder), readonly=True, create=False, max_dbs=TABLES_MAX
        )
    except lmdb.Error as error:
        raise translate(error, str(folder)) from error
    try:
        environment.copy(str(target), compact=True)
    except lmdb.Error as error:
        raise translate(error, str(target)) from error
    finally:
        environment.close()
