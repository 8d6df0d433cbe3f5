"""What the methods answer about: the running parts of one node."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from huitong.core.app import Application
from huitong.core.store.backend import TableReader
from huitong.engines.embedded.engine import EmbeddedEngine
from huitong.node.queries import Queries
from huitong.node.rpc.errors import HeightError, PageError

#: As in CometBFT.
PER_PAGE_DEFAULT: Final = 30
PER_PAGE_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The parts of a node that RPC reads."""

    engine: EmbeddedEngine
    """Makes blocks and holds the mempool."""
    app: Application
    """Checks and carries out transactions, holds the state."""
    queries: Queries
    """Answers queries."""
    executor: Executor
    """Runs queries that take longer than a moment."""
    asking: Executor
    """Runs queries that are answered by another call of RPC."""
    checks: Executor
    """Runs CheckTx while another call of it, or a block, is in the way: one thread."""
    moniker: str
    """The node's name for people."""
    rpc_address: str
    """Where RPC listens, ``tcp://…``."""

    @contextmanager
    def reading(self) -> Iterator[TableReader]:
        """Open the present rows."""
        reader = self.engine.snapshot()
        try:
            yield reader
        finally:
            reader.close()

    @property
    def newest(self) -> int:
        """Height of the newest block that may be told of."""
        return self.engine.state.height

    @property
    def lowest(self) -> int:
        """Height of the oldest block that is kept."""
        return self.engine.lowest_height

    def height(self, asked: int | None, *, ahead: int = 0) -> int:
        """Return the height that a call means.

        Args:
            asked: as given; None means the newest.
            ahead: how many blocks beyond the newest can be answered.

        Raises:
            HeightError: not positive, not there yet, or before the oldest block.
        """
        newest = self.newest + ahead
        if asked is None:
            return newest
        if asked <= 0:
            raise HeightError(reason=f"height must be greater than 0, but got {asked}")
        if asked > newest:
            raise HeightError(
                reason=f"height {asked} must be less than or equal to "
                f"the current blockchain height {newest}"
            )
        lowest = self.lowest
        if asked < lowest:
            raise HeightError(
                reason=f"height {asked} is not available, lowest height is {lowest}"
            )
        return asked


def page_bounds(total: int, page: int | None, per_page: int | None) -> tuple[int, int]:
    """Return where a page begins and ends; CometBFT's rules.

    Raises:
        PageError: no such page.
    """
    size = PER_PAGE_DEFAULT if per_page is None or per_page < 1 else per_page
    size = min(size, PER_PAGE_MAX)
    pages = max(1, (total + size - 1) // size)
    number = 1 if page is None else page
    if not 1 <= number <= pages:
        raise PageError(pages=pages, page=number)
    start = (number - 1) * size
    return start, min(total, start + size)
