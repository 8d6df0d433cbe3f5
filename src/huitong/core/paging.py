"""Pages of long lists in queries: bounded, and continued behind the last entry."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TypeVar

from huitong.core.errors import InvalidRequestError
from huitong.core.limits import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX

EntryT = TypeVar("EntryT")


def page_size(limit: int) -> int:
    """Return how many entries a page holds: ``limit``, or the default for 0.

    Raises:
        InvalidRequestError: more than a page may hold.
    """
    if limit > PAGE_SIZE_MAX:
        raise InvalidRequestError(reason=f"limit {limit}, at most {PAGE_SIZE_MAX}")
    return limit or PAGE_SIZE_DEFAULT


def page_of(entries: Iterator[EntryT], limit: int) -> tuple[list[EntryT], bool]:
    """Return the first page of ``entries`` and whether more follow.

    Raises:
        InvalidRequestError: ``limit`` is more than a page may hold.
    """
    size = page_size(limit)
    page = list(islice(entries, size))
    return page, len(page) == size and next(entries, None) is not None
