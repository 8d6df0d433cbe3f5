"""An empty store in memory for one client and its neighbours."""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.store.kv import OverlayStore


class _Nothing:
    """The state of a chain before its first block."""

    def get(self, key: bytes) -> bytes | None:
        return None

    def has(self, key: bytes) -> bool:
        return False

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        return iter(())


def empty_store() -> OverlayStore:
    """Return a store that holds nothing yet."""
    return OverlayStore(_Nothing())
