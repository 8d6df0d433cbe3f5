"""A PostgreSQL server of one's own: made in a folder, started, stopped, gone.

It listens on a socket in its folder only, so that no port is taken and nobody else gets
in. PostgreSQL refuses to run as root; then it runs as the user ``nobody``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, final

#: Where Debian puts the programs of each version.
_DEBIAN: Final = Path("/usr/lib/postgresql")
#: Who runs it if we are root.
_USER: Final = "nobody"
#: Seconds that starting and stopping may take.
_TIMEOUT_S: Final = 60


def find_postgresql() -> Path | None:
    """Return the folder of PostgreSQL's programs, newest version first; None: absent."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    found = sorted(
        _DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]), reverse=True
    )
    return found[0].parent if found else None


@final
class PostgresqlServer:
    """A running server."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder = folder
        self._programs = programs
        self._count = 0

    def make_database(self) -> str:
        """Make an empty database and return its URL."""
        self._count += 1
        name = f"gateway{self._count}"
        self._run(
            "psql",
            "-h",
            self._folder,
            "-d",
            "postgres",
            "-c",
            f"CREATE DATABASE {name}",
        )
        return f"postgresql://{_owner()}@/{name}?host={self._folder}"

    def start(self) -> None:
        """Start, and return once it answers."""
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off"
        self._run(
            "pg_ctl",
            "start",
            "-w",
            "-D",
            self._folder / "data",
            "-o",
            options,
            "-l",
            self._folder / "log",
        )

    def stop(self) -> None:
        """Stop at once; connections are cut."""
        self._run(
            "pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._folder / "data"
        )

    def init(self) -> None:
        """Make its data folder."""
        self._run(
            "initdb",
            "-D",
            self._folder / "data",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
            "-U",
            _owner(),
        )

    def _run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [*_as_owner(), str(self._programs / program), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
            cwd=self._folder,
            env={"PATH": os.environ["PATH"], "PGUSER": _owner()},
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.strip()}")


@contextmanager
def running_postgresql(folder: Path, programs: Path) -> Iterator[PostgresqlServer]:
    """Give a server whose data lie in ``folder``; it ends with the block.

    Args:
        folder: short path (sockets have room for about 100 characters), which its user
            may enter; emptied in the end.
        programs: see ``find_postgresql``.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(folder, _USER)
    server = PostgresqlServer(folder, programs)
    try:
        server.init()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> str:
    """Return the name of the user that runs the server."""
    return _USER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def _as_owner() -> list[str]:
    return (
        ["setpriv", f"--reuid={_USER}", "--clear-groups"] if os.geteuid() == 0 else []
    )
