"""Vaults for tests: in a folder or a bucket, on either database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from huitong.core.hashing import sha256
from huitong.gateway.database.engine import Database
from huitong.gateway.database.schema import METADATA
from huitong.gateway.vault.keyring import KeyRing
from huitong.gateway.vault.keys import KeyEncryptionKey, SecretKey
from huitong.gateway.vault.model import ByteStream, Reception, StoredPayload
from huitong.gateway.vault.object_room import ObjectRoom, open_objects
from huitong.gateway.vault.settings import FolderSettings, S3Settings, VaultSettings
from huitong.gateway.vault.vault import Vault
from huitong.payload.sealing import SealingContext, make_encryption_key
from huitong.testing.s3 import S3Server

KEY = SecretKey(bytes(range(32)))
OTHER_KEY = SecretKey(bytes(32))
SUBJECT = sha256(b"somebody")
INVOICE = b'{"seller":"West Lake Silk","total":"113.00","tax":13}'
PRIVATE, PUBLIC = make_encryption_key()


@dataclass(frozen=True, kw_only=True)
class Room:
    """A vault and what it stands on."""

    vault: Vault
    database: Database
    objects: ObjectRoom
    folder: Path
    """Where ciphertext lies as files."""

    def files(self) -> list[Path]:
        """Return all files of ciphertext."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def again(
        self,
        key: KeyEncryptionKey = KEY,
        previous: Sequence[KeyEncryptionKey] = (),
        settings: VaultSettings | None = None,
    ) -> Vault:
        """Return another vault over the same database and store."""
        return Vault(
            self.database,
            self.objects,
            KeyRing(key, previous),
            settings or VaultSettings(),
        )


@asynccontextmanager
async def open_room(
    tmp_path: Path,
    *,
    url: str = "",
    server: S3Server | None = None,
    key: KeyEncryptionKey = KEY,
    settings: VaultSettings | None = None,
) -> AsyncIterator[Room]:
    """Give a new vault; without ``url`` on SQLite, without ``server`` in a folder."""
    if server is None:
        folder = tmp_path / "vault"
        objects = open_objects(FolderSettings(path=folder), {})
    else:
        prefix = tmp_path.name
        folder = server.folder / prefix
        place = S3Settings(
            kind="s3",
            bucket=server.bucket,
            prefix=prefix,
            endpoint=server.endpoint,
            allow_http=True,
        )
        objects = open_objects(place, server.environment())
    url = url or f"sqlite:///{tmp_path}/gateway.db"
    async with Database(url) as database:
        await database.make_tables(METADATA)
        yield Room(
            vault=Vault(database, objects, KeyRing(key), settings or VaultSettings()),
            database=database,
            objects=objects,
            folder=folder,
        )


async def pieces(data: bytes, size: int = 65_536) -> ByteStream:
    """Yield ``data`` as a network would."""
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def collect(stream: ByteStream) -> bytes:
    """Return all bytes of a stream."""
    return b"".join([piece async for piece in stream])


async def read(vault: Vault, digest: bytes, holder: str = "") -> bytes:
    """Return the content of a payload."""
    return await collect((await vault.open(digest, holder)).content)


def context_of(stored: StoredPayload, sequence: int = 7) -> SealingContext:
    """Return an exchange of a payload."""
    return SealingContext(
        chain_id_of_a="hangzhou-1",
        channel_on_a="channel-0",
        sequence=sequence,
        requester="cq-bank",
        payload_digest=stored.digest,
    )


def reception_of(
    stored: StoredPayload,
    sealed_digest: bytes,
    granted: tuple[str, ...] = (),
    subject: bytes = b"",
) -> Reception:
    """Return what the reader of a payload knows."""
    return Reception(
        context=context_of(stored),
        sealed_digest=sealed_digest,
        private_key=PRIVATE,
        fields=stored.fields,
        granted=granted,
        holder="exchange-7",
        subject=subject,
    )
