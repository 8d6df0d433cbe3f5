"""A server that speaks S3, over a folder: ``rclone serve s3``, on a free port of loopback."""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, final

_BUCKET: Final = "payloads"
_ADDRESS: Final = re.compile(r"Starting s3 server on \[(http://[^/\]]+)")
_TIMEOUT_S: Final = 20


def find_rclone() -> Path | None:
    """Return the program, on PATH or where Go puts what it builds; None: absent."""
    found = shutil.which("rclone")
    if found is not None:
        return Path(found)
    path = Path.home() / "go" / "bin" / "rclone"
    return path if path.is_file() else None


@final
class S3Server:
    """A running server with one bucket."""

    def __init__(self, program: Path, folder: Path) -> None:
        """Start over ``folder``; return once it answers.

        Raises:
            RuntimeError: it does not start.
        """
        self.folder = folder / _BUCKET
        """What the bucket holds, as files."""
        self.folder.mkdir(parents=True)
        self.bucket = _BUCKET
        self.access_key = secrets.token_hex(8)
        self.secret_key = secrets.token_hex(16)
        self._process = subprocess.Popen(
            [
                *(program, "serve", "s3", folder, "--addr", "127.0.0.1:0"),
                *("--auth-key", f"{self.access_key},{self.secret_key}"),
                *("--config", "/dev/null", "--vfs-cache-mode", "off"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.endpoint = self._address()
        """Its URL."""

    def environment(self) -> dict[str, str]:
        """Return the access key under the names that clients look for."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    def stop(self) -> None:
        """Kill it; nothing of a test needs to be finished."""
        self._process.kill()
        self._process.communicate(timeout=_TIMEOUT_S)

    def _address(self) -> str:
        lines: list[str] = []
        for line in self._process.stderr or ():
            if found := _ADDRESS.search(line):
                return found[1]
            lines.append(line)
        self.stop()
        raise RuntimeError("rclone: " + "".join(lines))


@contextmanager
def running_s3(program: Path, folder: Path) -> Iterator[S3Server]:
    """Give a server over ``folder``, which is emptied in the end."""
    server = S3Server(program, folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
