"""Pages of long lists in the manner of the Cosmos SDK, for queries that are the SDK's.

A page begins at a key or at an offset, holds at most ``limit`` entries, and names the
key at which the next one begins. Without a limit it is 100 entries and the whole is
counted. Ours, on top: no page has more than 10,000 entries and none looks at more than
100,000, so that no question takes long; ``next_key`` is then where to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from huitong.core.grpc_words import invalid_argument
from huitong.core.limits import (
    PAGE_SIZE_DEFAULT,
    SDK_PAGE_SCAN_MAX,
    SDK_PAGE_SIZE_MAX,
)
from huitong.core.store.kv import ReadStore, prefix_end
from huitong.proto.cosmos.base.query.v1beta1 import pagination_pb2

T = TypeVar("T")
Pairs = Iterator[tuple[bytes, bytes]]


def page_of_prefix(
    store: ReadStore,
    prefix: bytes,
    request: pagination_pb2.PageRequest,
    read: Callable[[bytes, bytes], T | None],
) -> tuple[list[T], pagination_pb2.PageResponse]:
    """Return a page of what lies under ``prefix``.

    Args:
        store: the state.
        prefix: what all keys of the list begin with.
        request: which page.
        read: makes an entry of a key (without the prefix) and a value; None leaves it
            out of page and count.

    Raises:
        InvalidRequestError: both a key and an offset are given.
    """

    def walk(after: bytes, reverse: bool) -> Pairs:
        start, end = prefix + after, prefix_end(prefix)
        if reverse and after:
            # The key of a page counted down is its highest entry.
            start, end = prefix, start + b"\x00"
        size = len(prefix)
        for key, value in store.iterate(start, end, reverse=reverse):
            yield key[size:], value

    return page(walk, request, read)


def page(
    walk: Callable[[bytes, bool], Pairs],
    request: pagination_pb2.PageRequest,
    read: Callable[[bytes, bytes], T | None],
) -> tuple[list[T], pagination_pb2.PageResponse]:
    """Return a page of any ordered list.

    Args:
        walk: gives the pairs from a key on (``b""`` is the first), or downwards.
        request: which page.
        read: makes an entry of a pair; None leaves it out of page and count.

    Raises:
        InvalidRequestError: both a key and an offset are given.
    """
    if request.key and request.offset:
        raise invalid_argument("either offset or key is expected, got both")
    limit = min(request.limit or PAGE_SIZE_DEFAULT, SDK_PAGE_SIZE_MAX)
    counting = (request.count_total or not request.limit) and not request.key
    response = pagination_pb2.PageResponse()
    entries: list[T] = []
    seen = 0
    for scanned, (key, value) in enumerate(walk(request.key, request.reverse)):
        if scanned >= SDK_PAGE_SCAN_MAX:
            response.next_key = response.next_key or key
            break
        full = len(entries) >= limit
        if full and response.next_key and not counting:
            break
        entry = read(key, value)
        if entry is None:
            continue
        seen += 1
        if full:
            response.next_key = response.next_key or key
        elif seen > request.offset:
            entries.append(entry)
    if counting:
        response.total = seen
    return entries, response
