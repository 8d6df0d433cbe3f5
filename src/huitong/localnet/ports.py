"""Ports for the nodes of a zone on this machine.

A node keeps its ports over restarts, so they must not be among those that the kernel
gives to outgoing connections meanwhile: they lie below that range. The kernel says which
of them are free.

Seconds may pass between the choice of a port and the node that listens there. So a port
is chosen once by a process, and other processes of the same user see that it is: one file
in the folder for temporary files has a byte for each port, which whoever chose the port
keeps locked until it ends. The kernel lets go of the locks of a process that is gone.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final, final

from huitong.localnet.errors import ZoneShapeError

#: Above the ports of well-known programs, below Linux's range for connections (32768).
_LOWEST: Final = 20_000
_HIGHEST: Final = 32_000
_ATTEMPTS_MAX: Final = 2_000
#: Not the process's own generator: who seeds that one, as test runners do, would make
#: several processes ask for the same ports in the same order.
_CHANCE: Final = random.SystemRandom()


@final
class _Register:
    """Which ports were chosen, by this process and by others that still run."""

    def __init__(self) -> None:
        self._chosen: set[int] = set()
        self._file = -1
        self._owner = 0

    def take(self, port: int) -> bool:
        """Take a port for this process until it ends; return whether it was free."""
        if self._owner != os.getpid():  # the first time, or in a child: no lock is its
            self._file = _open_file()
            self._owner = os.getpid()
        if port in self._chosen:
            return False
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except BlockingIOError:
            return False
        self._chosen.add(port)
        return True

    def give_back(self, port: int) -> None:
        """Let others have a port that nobody was told of."""
        self._chosen.discard(port)
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, port)


def _open_file() -> int:
    path = Path(tempfile.gettempdir()) / f"huitong-ports-{os.getuid()}"
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as failure:
        reason = f"{path}, which keeps track of ports, is of no use: {failure.strerror}"
        raise ZoneShapeError(reason=reason) from None


_register: Final = _Register()
_one_at_a_time: Final = threading.Lock()


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface on which nobody listens now.

    No port is returned twice in the life of a process, nor to two processes at a time.

    Raises:
        ZoneShapeError: there are not as many.
    """
    found: list[int] = []
    with _one_at_a_time, ExitStack() as held:
        for _ in range(_ATTEMPTS_MAX):
            if len(found) == count:
                return found
            port = _CHANCE.randint(_LOWEST, _HIGHEST)
            if not _register.take(port):
                continue
            trial = held.enter_context(closing(socket.socket()))
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                _register.give_back(port)
                continue
            found.append(port)
        for port in found:
            _register.give_back(port)
    raise ZoneShapeError(reason=f"{count} free ports are not to be had")
