"""A PostgreSQL server for a while: a cluster in a folder of its own, on a Unix socket.

::

    with PostgresServer() as server:
        url = server.create_database()      # postgresql://gateway@/db1?host=/tmp/…

PostgreSQL refuses to run as root; then it runs as the user ``postgres`` or ``nobody``. The
disk is not waited for, so this is for tests only.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self, final

import psycopg

#: Where distributions put the programs of the server; the newest first.
FOLDERS: Final = tuple(
    Path(f"/usr/lib/postgresql/{version}/bin") for version in (17, 16, 15)
)
_USER: Final = "gateway"
_START_TIMEOUT_S: Final = 60.0
_POLL_S: Final = 0.02


class PostgresMissingError(Exception):
    """The server's programs are not installed."""


@final
class PostgresServer:
    """One cluster; its folder is gone when it stops."""

    def __init__(self) -> None:
        """Prepare; nothing is started yet.

        Raises:
            PostgresMissingError: there is no server to run.
        """
        self._programs = find_programs()
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="huitong-pg-"))
        if not os.geteuid():
            user = _server_user()
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        self._run("initdb", "--auth=trust", f"--username={_USER}", "--no-sync")
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(
                    "postgres",
                    *("-k", self._folder, "-h", ""),
                    *("-c", "fsync=off", "-c", "max_connections=200"),
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
            )
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                psycopg.connect(self._conninfo("postgres")).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline_s or self._process.poll() is not None:
                    raise
                time.sleep(_POLL_S)

    def stop(self) -> None:
        """Stop the server at once; connections break, what was committed stays."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_START_TIMEOUT_S)
            self._process = None

    def create_database(self) -> str:
        """Make an empty database and return its URL."""
        self._databases += 1
        name = f"db{self._databases}"
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql://{_USER}@/{name}?host={self._folder}"

    def _conninfo(self, database: str) -> str:
        return f"host={self._folder} user={_USER} dbname={database}"

    def _run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run(
            self._command(program, *arguments),
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )

    def _command(self, program: str, *arguments: str | Path) -> list[str]:
        data = self._folder / "data"
        command = [self._programs / program, "-D", data, *arguments]
        return _as_other_user(command, self._folder)


def find_programs() -> Path:
    """Return the folder of the server's programs.

    Raises:
        PostgresMissingError: there is none.
    """
    found = shutil.which("postgres")
    for folder in (*FOLDERS, *([Path(found).parent] if found else [])):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise PostgresMissingError("PostgreSQL's server is not installed")


def _as_other_user(command: Sequence[str | Path], folder: Path) -> list[str]:
    """Return the command line that runs ``command`` as the server's user."""
    if os.geteuid():
        return [str(part) for part in command]
    user = _server_user()
    ids = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    as_user = ["setpriv", *ids, *map(str, command)]
    if Path("/etc/passwd").stat().st_mode & stat.S_IROTH:
        return as_user
    # The server looks its user up. Where only root may read the list of users, it gets
    # a list of its own, which no other process sees.
    users = folder / "passwd"
    entry = f"{user.pw_name}:x:{user.pw_uid}:{user.pw_gid}::/:/bin/false\n"
    users.write_text(entry)
    users.chmod(0o644)
    script = 'mount --bind "$0" /etc/passwd && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, str(users), *as_user]


def _server_user() -> pwd.struct_passwd:
    """Return whom the server runs as instead of root.

    Raises:
        PostgresMissingError: there is no such user.
    """
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresMissingError("neither a user postgres nor nobody")
