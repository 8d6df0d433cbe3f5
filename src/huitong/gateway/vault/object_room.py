"""Ciphertext in an object store: a folder, or a server that speaks S3.

An object appears whole or not at all, under a random name that was never used before.
In a folder it is written aside, renamed, and synced with its folder, so that it is there
after a loss of power once ``put`` has returned.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, final

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from huitong.core.time import NS_PER_SECOND, TimeNs
from huitong.gateway.vault.errors import VaultKeyError, VaultStoreError
from huitong.gateway.vault.model import ByteStream
from huitong.gateway.vault.object_files import (
    PIECE_SIZE_BYTES,
    read_pieces,
    remove_files,
    remove_fragments,
    sync_file,
    write_files,
)
from huitong.gateway.vault.settings import FolderSettings, S3Settings, StoreSettings
from huitong.gateway.vault.together import Together

if TYPE_CHECKING:
    from obstore import BytesStream

Store: TypeAlias = LocalStore | S3Store

#: Bytes of one part of a large object; S3 takes at least 5 MiB, and at most 10,000 parts.
PART_SIZE_BYTES: Final = 6_291_456
#: Parts of one object that are under way at the same time.
PARTS_AT_ONCE: Final = 2
#: Objects of a bucket that are removed at the same time.
REMOVED_AT_ONCE: Final = 8
#: Objects in a row whose names begin alike, so that one sync of a folder does for many.
SHELF_SIZE: Final = 64
_RANDOM_SIZE_BYTES: Final = 16


@final
class ObjectRoom:
    """Puts, gets and removes ciphertext."""

    def __init__(self, store: Store, folder: Path | None, place: str) -> None:
        """Use ``store``; see ``open_objects``.

        Args:
            store: a folder or bucket.
            folder: the folder, if it is one.
            place: its name for messages.
        """
        self._store = store
        self._folder = folder
        self._place = place
        self._shelf = ""
        self._named = 0
        self._writes: Together[tuple[str, bytes], None] = Together(self._write_files)
        self._reads: Together[tuple[Path, int], tuple[bytes, bool]]
        self._reads = Together(read_pieces)

    async def put(self, kind: str, pieces: ByteStream) -> tuple[str, int]:
        """Store what ``pieces`` give; return its new name and its size.

        If ``pieces`` raise, nothing is stored.

        Args:
            kind: one short word, first part of the name.
            pieces: ciphertext.

        Raises:
            VaultStoreError: the store does not take it.
        """
        name = self._new_name(kind)
        counted = _Counted(pieces)
        first, is_all = await counted.first_part()
        try:
            if is_all and self._folder is not None:
                await self._writes.do((name, first))
                return name, counted.size
            if is_all:
                await obstore.put_async(self._store, name, first, mode="create")
            else:
                await obstore.put_async(
                    self._store,
                    name,
                    counted.all_behind(first),
                    chunk_size=PART_SIZE_BYTES,
                    max_concurrency=PARTS_AT_ONCE,
                )
            if self._folder is not None:
                await asyncio.to_thread(sync_file, self._folder, self._folder / name)
        except (BaseError, OSError) as error:
            raise self._down(error) from error
        return name, counted.size

    async def get(self, name: str, offset: int = 0) -> ByteStream:
        """Return the bytes of an object from ``offset`` on, perhaps none.

        Raises:
            FileNotFoundError: there is none.
            VaultStoreError: the store does not answer.
        """
        try:
            if self._folder is not None:
                path = self._folder / name
                first, has_more = await self._reads.do((path, offset))
                return self._read_file(path, first, offset, has_more=has_more)
            found = await obstore.get_async(self._store, name)
            return self._read_bucket(found.stream(PIECE_SIZE_BYTES), offset)
        except FileNotFoundError:
            raise
        except (BaseError, OSError) as error:
            raise self._down(error) from error

    async def delete(self, name: str) -> None:
        """Remove an object; nothing happens if there is none.

        Raises:
            VaultStoreError: the store does not answer.
        """
        await self.delete_many([name])

    async def delete_many(self, names: Collection[str]) -> None:
        """Remove objects; nothing happens for one that is not there.

        Raises:
            VaultStoreError: the store does not answer; others may be left.
        """
        if not names:
            return
        try:
            if self._folder is not None:
                await asyncio.to_thread(remove_files, self._folder, names)
                return
            left = list(names)
            for start in range(0, len(left), REMOVED_AT_ONCE):
                some = left[start : start + REMOVED_AT_ONCE]
                await asyncio.gather(*(self._delete(name) for name in some))
        except (BaseError, OSError) as error:
            raise self._down(error) from error

    async def list(self, *, before_ns: TimeNs) -> AsyncIterator[list[tuple[str, int]]]:
        """Yield names and sizes of objects that were stored before a time.

        Raises:
            VaultStoreError: the store does not answer.
        """
        before = datetime.fromtimestamp(before_ns / NS_PER_SECOND, UTC)
        try:
            async for found in obstore.list(self._store, chunk_size=500):
                yield [
                    (item["path"], item["size"])
                    for item in found
                    if item["last_modified"] < before
                ]
        except (BaseError, OSError) as error:
            raise self._down(error) from error

    async def remove_fragments(self, *, before_ns: TimeNs) -> int:
        """Remove files that a crash left unfinished; return how many.

        A bucket removes its unfinished uploads by a rule of its own.
        """
        if self._folder is None:
            return 0
        return await asyncio.to_thread(remove_fragments, self._folder, before_ns)

    async def check(self) -> None:
        """Ask for something that is not there.

        Raises:
            VaultStoreError: the store does not answer.
        """
        try:
            await obstore.head_async(self._store, "check/absent")
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise self._down(error) from error

    def _new_name(self, kind: str) -> str:
        """Return a name that was never used; in a folder some in a row lie together."""
        if self._folder is None or self._named % SHELF_SIZE == 0:
            self._shelf = os.urandom(1).hex()
        self._named += 1
        return f"{kind}/{self._shelf}/{os.urandom(_RANDOM_SIZE_BYTES).hex()}"

    async def _delete(self, name: str) -> None:
        try:
            await obstore.delete_async(self._store, name)
        except FileNotFoundError:
            return

    def _write_files(
        self, files: Sequence[tuple[str, bytes]]
    ) -> Sequence[OSError | None]:
        if self._folder is None:
            raise AssertionError("only a folder has files")
        return write_files(self._folder, files)

    async def _read_file(
        self, path: Path, piece: bytes, at: int, *, has_more: bool
    ) -> ByteStream:
        """Yield a file, not by way of the store, which gives it in tiny pieces."""
        try:
            if piece:
                yield piece
            while has_more:
                at += len(piece)
                piece, has_more = await self._reads.do((path, at))
                yield piece
        except OSError as error:
            raise self._down(error) from error

    async def _read_bucket(self, pieces: BytesStream, offset: int) -> ByteStream:
        """Yield a download.

        What is before ``offset`` is read and dropped, because not every server that
        speaks S3 knows how to answer for a part.
        """
        try:
            async for piece in pieces:
                data = bytes(piece)
                yield data[offset:]
                offset = max(0, offset - len(data))
        except (BaseError, OSError) as error:
            raise self._down(error) from error

    def _down(self, error: Exception) -> VaultStoreError:
        return VaultStoreError(place=self._place, reason=_reason(error))


@final
class _Counted:
    """A stream whose beginning is looked at, and whose bytes are counted."""

    def __init__(self, pieces: ByteStream) -> None:
        self._pieces = pieces
        self.size = 0

    async def first_part(self) -> tuple[bytes, bool]:
        """Return up to about one part, and whether that is all."""
        first = bytearray()
        async for piece in self._pieces:
            self.size += len(piece)
            first += piece
            if len(first) >= PART_SIZE_BYTES:
                return bytes(first), False
        return bytes(first), True

    async def all_behind(self, first: bytes) -> ByteStream:
        """Yield ``first`` and then the rest."""
        yield first
        del first
        async for piece in self._pieces:
            self.size += len(piece)
            yield piece


def open_objects(settings: StoreSettings, environment: Mapping[str, str]) -> ObjectRoom:
    """Open the store that the settings name; a folder is made (mode 0700) if needed.

    Raises:
        VaultStoreError: the folder cannot be made.
        VaultKeyError: the access key is not in the environment.
    """
    if isinstance(settings, FolderSettings):
        path = settings.path.absolute()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise VaultStoreError(place=path, reason=error.strerror) from error
        return ObjectRoom(LocalStore(path), path, str(path))
    return ObjectRoom(_bucket(settings, environment), None, f"s3://{settings.bucket}")


def _bucket(settings: S3Settings, environment: Mapping[str, str]) -> S3Store:
    for variable in (settings.access_key_variable, settings.secret_key_variable):
        if variable not in environment:
            raise VaultKeyError(reason=f"there is no {variable} in the environment")
    endpoint = {"endpoint": settings.endpoint} if settings.endpoint else {}
    return S3Store(
        settings.bucket,
        prefix=settings.prefix or None,
        region=settings.region,
        access_key_id=environment[settings.access_key_variable],
        secret_access_key=environment[settings.secret_key_variable],
        virtual_hosted_style_request=not settings.path_style,
        client_options={
            "allow_http": settings.allow_http,
            "timeout": f"{settings.timeout_s}s",
        },
        **endpoint,  # type: ignore[arg-type]
    )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # The first line: what follows are the same words as Rust shows them.
    return (str(error) or type(error).__name__).splitlines()[0]
