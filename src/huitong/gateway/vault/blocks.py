"""Streams of bytes in pieces of a handy size, and work on them beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from huitong.gateway.vault.model import ByteStream

ResultT = TypeVar("ResultT")

#: Bytes that are worked on at once: long enough that a thread is worth its start.
BLOCK_SIZE_BYTES: Final = 1_048_576
#: Bytes up to which the work is done before a thread would have begun it.
_INLINE_SIZE_BYTES: Final = 65_536


async def in_blocks(pieces: ByteStream) -> ByteStream:
    """Yield the same bytes in blocks of at most one MiB; small pieces are joined."""
    small: list[bytes] = []
    size = 0
    async for piece in pieces:
        if size + len(piece) < BLOCK_SIZE_BYTES:
            small.append(piece)
            size += len(piece)
            continue
        if small:
            yield b"".join(small)
            small, size = [], 0
        for at in range(0, len(piece), BLOCK_SIZE_BYTES):
            yield piece[at : at + BLOCK_SIZE_BYTES]
    if small:
        yield b"".join(small)


async def offload(work: Callable[[bytes], ResultT], block: bytes) -> ResultT:
    """Do some work on a block, in a thread unless it is small."""
    if len(block) <= _INLINE_SIZE_BYTES:
        return work(block)
    return await asyncio.to_thread(work, block)


async def one_piece(data: bytes) -> ByteStream:
    """Yield ``data``."""
    yield data


async def chained(first: bytes, rest: ByteStream) -> ByteStream:
    """Yield ``first`` and then the rest."""
    yield first
    del first
    async for piece in rest:
        yield piece
