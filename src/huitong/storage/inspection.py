"""Looks at a database that no process has open, and changes nothing of it.

For whoever examines a node that is down: LMDB is opened for reading only and without its
lock file. Do not use it while a node runs: pages may be used again under the reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import lmdb

from huitong.core.store.errors import StorageCorruptError
from huitong.core.store.iavl.node import REFERENCE_SIZE, is_record_of
from huitong.core.store.roots import StoreRoot, app_hash, decode_roots
from huitong.core.store.tables import (
    FORMAT,
    FORMAT_KEY,
    LATEST_KEY,
    META,
    NODES,
    OLDEST_KEY,
    ROOTS,
)
from huitong.storage.environment import TABLES_MAX, translate

#: Pages at the end of the file that LMDB may have counted without writing them.
_UNWRITTEN_PAGES_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseStanding:
    """Where a database stands."""

    version: int
    """Newest version of the state, a height; 0 before the first."""
    oldest_version: int
    """Oldest version that can be read; 0 before the first."""
    app_hash: bytes
    """App hash of the newest version, 32 bytes; empty before the first."""


def inspect_database(folder: Path) -> DatabaseStanding:
    """Return where the database of a folder stands, with the roots of its trees checked.

    Raises:
        StorageCorruptError: absent, cut short, of another layout, or a root is damaged.
        StorageBusyError, StorageFullError: LMDB cannot open it now.

    Cost: milliseconds, whatever its size.
    """
    path = str(folder)
    file = folder / "data.mdb"
    if not file.is_file():
        raise StorageCorruptError(path=path, reason="data.mdb is missing")
    try:
        env = lmdb.open(
            path, readonly=True, lock=False, create=False, max_dbs=TABLES_MAX
        )
    except lmdb.Error as error:
        raise translate(error, path) from error
    try:
        _check_length(env, file, path)
        with env.begin() as txn:
            return _read(env, txn, path)
    except lmdb.Error as error:
        raise translate(error, path) from error
    finally:
        env.close()


def _check_length(env: Any, file: Path, path: str) -> None:
    """Refuse a file that was cut short: reading past its end kills the process."""
    page_size = env.stat()["psize"]
    due, actual = (env.info()["last_pgno"] + 1) * page_size, file.stat().st_size
    if due - actual > _UNWRITTEN_PAGES_MAX * page_size:
        raise StorageCorruptError(path=path, reason=f"{actual} bytes are left of {due}")


def _read(env: Any, txn: Any, path: str) -> DatabaseStanding:
    meta, roots, nodes = (_table(env, txn, name) for name in (META, ROOTS, NODES))
    latest = None if meta is None else txn.get(LATEST_KEY, None, meta)
    if latest is None:
        return DatabaseStanding(version=0, oldest_version=0, app_hash=b"")
    if txn.get(FORMAT_KEY, None, meta) != FORMAT:
        raise StorageCorruptError(path=path, reason="it has another layout")
    row = None if roots is None else txn.get(latest, None, roots)
    oldest = txn.get(OLDEST_KEY, None, meta)
    if row is None or oldest is None or nodes is None:
        raise StorageCorruptError(
            path=path, reason="the roots of the latest version are missing"
        )
    try:
        decoded = decode_roots(row)
    except (ValueError, IndexError):
        raise StorageCorruptError(
            path=path, reason="the roots of the latest version are damaged"
        ) from None
    for root in decoded:
        _check_root(root, txn, nodes, path)
    return DatabaseStanding(
        version=int.from_bytes(latest, "big"),
        oldest_version=int.from_bytes(oldest, "big"),
        app_hash=app_hash(decoded),
    )


def _table(env: Any, txn: Any, name: bytes) -> Any:
    try:
        return env.open_db(name, txn=txn, create=False)
    except lmdb.NotFoundError:
        return None


def _check_root(root: StoreRoot, txn: Any, nodes: Any, path: str) -> None:
    if not root.link:
        return
    record = txn.get(root.link[:REFERENCE_SIZE], None, nodes)
    if record is None or not is_record_of(bytes(record), root.link):
        raise StorageCorruptError(
            path=path, reason=f"the root of {root.name} is missing or damaged"
        )
