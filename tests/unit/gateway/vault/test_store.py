"""Stores that are full, down or broken: told, and nothing half-written is seen."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from huitong.gateway.vault.errors import VaultKeyError, VaultStoreError
from huitong.gateway.vault.object_room import PART_SIZE_BYTES, open_objects
from huitong.gateway.vault.opening import open_vault
from huitong.gateway.vault.settings import FolderSettings, S3Settings, VaultSettings
from huitong.testing.s3 import S3Server
from tests.vault_kit import INVOICE, collect, open_room, pieces, read

LARGE = b"%PDF-1.7 " + bytes(2 * PART_SIZE_BYTES)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the system refuse to write more than ``size`` bytes into any file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("document", [b"x" * 100_000, LARGE], ids=["small", "large"])
async def test_disk_that_takes_no_more_leaves_no_half_entry(
    tmp_path: Path, document: bytes
) -> None:
    async with open_room(tmp_path) as room:
        await room.vault.put(pieces(INVOICE))
        with largest_file(70_000), pytest.raises(VaultStoreError, match="large"):
            await room.vault.stage(pieces(document))
        listed = [
            name async for page in room.objects.list(before_ns=2**62) for name in page
        ]
        assert len(listed) == 1
        await room.vault.sweep(before_ns=2**62)
        assert len(room.files()) == 1
        stored = await room.vault.put(pieces(document))
        assert await read(room.vault, stored.digest) == document


async def test_objects_and_folders_are_their_owner_s_alone(tmp_path: Path) -> None:
    async with open_room(tmp_path) as room:
        for document in (INVOICE, LARGE):
            await room.vault.put(pieces(document))
        for file in room.files():
            assert file.stat().st_mode & 0o777 == 0o600
        assert room.folder.stat().st_mode & 0o777 == 0o700


async def test_file_that_a_crash_left_unfinished_is_swept(tmp_path: Path) -> None:
    async with open_room(tmp_path) as room:
        stored = await room.vault.put(pieces(INVOICE))
        (file,) = room.files()
        file.with_name(file.name + "#1").write_bytes(b"half")
        assert (await room.vault.sweep()).objects == 0
        assert (await room.vault.sweep(before_ns=2**62)).objects == 1
        assert room.files() == [file]
        assert await read(room.vault, stored.digest)


def test_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(VaultStoreError, match="Not a directory"):
        open_objects(FolderSettings(path=tmp_path / "file" / "vault"), {})


async def test_folder_that_went_away_is_told(tmp_path: Path) -> None:
    async with open_room(tmp_path) as room:
        stored = await room.vault.put(pieces(INVOICE))
        room.folder.rename(tmp_path / "elsewhere")
        room.folder.write_text("in the way")
        with pytest.raises(VaultStoreError):
            await room.vault.put(pieces(INVOICE))
        with pytest.raises(VaultStoreError):
            await room.vault.open(stored.digest)


async def test_object_is_made_once_and_removed_once(tmp_path: Path) -> None:
    async with open_room(tmp_path) as room:
        name, size = await room.objects.put("payload", pieces(b"abc"))
        other, _ = await room.objects.put("payload", pieces(b"abc"))
        assert (size, name != other) == (3, True)
        assert await collect(await room.objects.get(name, 1)) == b"bc"
        assert await collect(await room.objects.get(name, 3)) == b""
        for _ in range(2):
            await room.objects.delete(name)
        with pytest.raises(FileNotFoundError):
            await room.objects.get(name)


def _bucket(server: S3Server, **changes: object) -> S3Settings:
    return S3Settings(
        kind="s3", bucket=server.bucket, endpoint=server.endpoint, allow_http=True
    ).model_copy(update=changes)


async def test_server_that_is_down_or_refuses_is_told(s3_server: S3Server) -> None:
    environment = s3_server.environment()
    wrong = environment | {"AWS_SECRET_ACCESS_KEY": "wrong"}
    for settings, given in (
        (_bucket(s3_server), wrong),
        (_bucket(s3_server, bucket="absent"), environment),
    ):
        objects = open_objects(settings, given)
        with pytest.raises(VaultStoreError) as told:
            await objects.put("payload", pieces(b"x"))
        assert "wrong" not in str(told.value)
    with pytest.raises(VaultStoreError):
        await open_objects(_bucket(s3_server), wrong).check()


def test_access_key_is_not_guessed(s3_server: S3Server) -> None:
    with pytest.raises(VaultKeyError, match="AWS_ACCESS_KEY_ID"):
        open_objects(_bucket(s3_server), {})


def test_server_without_tls_must_be_allowed() -> None:
    for allowed in (True, False):
        described = {
            "store": {
                "kind": "s3",
                "bucket": "payloads",
                "endpoint": "http://127.0.0.1:1",
                "allow_http": allowed,
            }
        }
        if allowed:
            VaultSettings.model_validate(described)
        else:
            with pytest.raises(ValueError, match="allow_http"):
                VaultSettings.model_validate(described)


async def test_vault_is_opened_by_its_settings(
    tmp_path: Path, s3_server: S3Server
) -> None:
    async with open_room(tmp_path) as room:
        environment = os.environ | s3_server.environment() | {"OTHER": "11" * 32}
        described = {
            "store": _bucket(s3_server).model_dump(),
            "key": {"source": "environment", "variable": "OTHER"},
            "previous_keys": [{"path": "old.key"}],
        }
        for previous in described["previous_keys"]:
            previous["source"] = "file"  # type: ignore[index]
        (tmp_path / "old.key").write_text("22" * 32)
        (tmp_path / "old.key").chmod(0o600)
        vault = open_vault(
            room.database,
            VaultSettings.model_validate(described),
            base=tmp_path,
            environment=environment,
        )
        await vault.check()
        stored = await vault.put(pieces(INVOICE))
        assert await read(vault, stored.digest)
