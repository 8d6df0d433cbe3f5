"""The home folder of a gateway: where everything lies, and keeping it to one gateway."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from huitong.gateway.database.engine import SQLITE, Database
from huitong.gateway.database.settings import ENVIRONMENT_PREFIX
from huitong.gateway.reader_keys import ReaderKeys
from huitong.gateway.service.errors import GatewayRunsError, SettingsError
from huitong.gateway.settings import FILE_NAME, GatewaySettings
from huitong.keys import Keyring

#: Folders of keys in a home; they may be there before it becomes a gateway's.
KEY_FOLDERS: Final = frozenset({"keyring", "reader-keys"})


@dataclass(frozen=True, slots=True)
class GatewayHome:
    """The paths of one gateway."""

    path: Path
    """The folder."""

    @property
    def settings_file(self) -> Path:
        """How it runs."""
        return self.path / FILE_NAME

    @property
    def keyring(self) -> Keyring:
        """Keys that sign transactions."""
        return Keyring(self.path / "keyring")

    @property
    def reader_keys(self) -> ReaderKeys:
        """Keys that payloads are sealed to."""
        return ReaderKeys(self.path / "reader-keys")

    @property
    def vault_key_file(self) -> Path:
        """The key-encryption key of the vault, unless it comes from elsewhere."""
        return self.path / "keys" / "vault.key"

    @property
    def run_folder(self) -> Path:
        """What a running gateway tells of itself."""
        return self.path / "run"

    @property
    def address_file(self) -> Path:
        """Where the running gateway answers, ``http://HOST:PORT``."""
        return self.run_folder / "address"

    def place(self, given: str | Path) -> Path:
        """Return a path of ``gateway.toml``, which may be below the home."""
        return self.path / given

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Keep the home to this process and its children.

        Raises:
            GatewayRunsError: another gateway runs here.
        """
        self.run_folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self.run_folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise GatewayRunsError(
                    path=self.path, pid=file.read().strip() or "unknown"
                ) from None
            file.truncate()
            file.write(f"{os.getpid()}\n")
            file.flush()
            self.address_file.unlink(missing_ok=True)
            try:
                yield
            finally:
                self.address_file.unlink(missing_ok=True)


def open_database(home: GatewayHome, settings: GatewaySettings) -> Database:
    """Return the database that the settings name; nothing is opened yet.

    Raises:
        SettingsError: it is to come from a variable that is not set.
        DatabaseUrlError: it names no database that the gateway can use.
    """
    given = settings.database.url
    if given.startswith(ENVIRONMENT_PREFIX):
        name = given.removeprefix(ENVIRONMENT_PREFIX)
        if name not in os.environ:
            raise SettingsError(
                path=home.settings_file,
                entry="database.url",
                reason=f"the environment has no {name}",
            )
        given = os.environ[name]
    database = Database(given)
    if database.kind != SQLITE:
        return database
    path = home.path.absolute() / (database.url.database or "")
    return Database(f"{SQLITE}:///{path}")
