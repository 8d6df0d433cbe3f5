"""What the rest of a node expects of whatever drives its application."""

from __future__ import annotations

from typing import Protocol


class Engine(Protocol):
    """Drives one application; embedded in this process, or CometBFT beside it."""

    def start(self) -> None:
        """Begin to make or follow blocks.

        Raises:
            StateDivergedError, DoubleSignError: going on would be wrong.
        """
        ...

    def stop(self) -> None:
        """Finish the block in hand and end; calling it again does nothing."""
        ...

    def failure(self) -> BaseException | None:
        """Return why the engine ended by itself; None while it runs or was stopped."""
        ...
