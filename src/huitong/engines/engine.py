"""What every engine is to the node that runs it.

An engine drives one application: it decides blocks, has them carried out and made
durable. *Embedded* does so alone in this process; *CometBFT* is a program beside it, which
the application serves over ABCI. Which of the two it is makes no difference to state,
results and events: one conformance suite runs on both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from huitong.engines.genesis import GenesisDocument


class Engine(Protocol):
    """Drives an application from ``start`` to ``stop``, or until it cannot go on."""

    @property
    def genesis(self) -> GenesisDocument:
        """The zone's genesis document."""
        ...

    @property
    def height(self) -> int:
        """Height of the newest durable block; 0 before the first."""
        ...

    @property
    def rpc_address(self) -> str:
        """Where CometBFT's RPC of this node answers, ``tcp://HOST:PORT``."""
        ...

    def on_end(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when the engine ends, however it does; before start."""
        ...

    def start(self) -> None:
        """Begin to take part in the zone."""
        ...

    def stop(self) -> None:
        """Finish the block in hand and end; calling it again does nothing."""
        ...

    def failure(self) -> BaseException | None:
        """Return why the engine ended by itself; None while it runs or was stopped."""
        ...
