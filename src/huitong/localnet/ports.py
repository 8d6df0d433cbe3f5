"""Ports for the nodes of a zone on this machine.

A node keeps its ports over restarts, so they must not be among those that the kernel
gives to outgoing connections meanwhile: they lie below that range. The kernel says which
of them are free.
"""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, closing
from typing import Final

from huitong.localnet.errors import ZoneShapeError

#: Above the ports of well-known programs, below Linux's range for connections (32768).
_LOWEST: Final = 20_000
_HIGHEST: Final = 32_000
_ATTEMPTS_MAX: Final = 2_000
#: Not the process's own generator: who seeds that one, as test runners do, would make
#: several processes ask for the same ports in the same order.
_CHANCE: Final = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface on which nobody listens now.

    Raises:
        ZoneShapeError: there are not as many.
    """
    found: list[int] = []
    with ExitStack() as held:
        for _ in range(_ATTEMPTS_MAX):
            if len(found) == count:
                return found
            port = _CHANCE.randint(_LOWEST, _HIGHEST)
            trial = held.enter_context(closing(socket.socket()))
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    raise ZoneShapeError(reason=f"{count} free ports are not to be had")
