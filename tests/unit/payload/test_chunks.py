"""Encrypted streams: whole, in order, once, and nobody else's, or refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.payload.chunks import (
    CHUNK_SIZE_BYTES,
    TAG_SIZE_BYTES,
    ChunkOpener,
    ChunkSealer,
    sealed_size,
)
from huitong.payload.errors import ChunkError

KEY = bytes(range(32))
SEALED_CHUNK = CHUNK_SIZE_BYTES + TAG_SIZE_BYTES
#: Three chunks and a bit, each different from the others.
LONG = b"".join(bytes((index,)) * CHUNK_SIZE_BYTES for index in range(3)) + b"end"


def seal(data: bytes, *cuts: int, ending: bytes = b"") -> bytes:
    sealer = ChunkSealer(KEY, b"binding")
    places = [0, *sorted(cuts), len(data)]
    parts = [sealer.update(data[a:b]) for a, b in pairwise(places)]
    return b"".join(parts) + sealer.finish(ending)


def open_all(
    sealed: bytes, *cuts: int, ending: bytes = b"", binding: bytes = b"binding"
) -> bytes:
    opener = ChunkOpener(KEY, binding)
    places = [0, *sorted(cuts), len(sealed)]
    parts = [opener.update(sealed[a:b]) for a, b in pairwise(places)]
    return b"".join(parts) + opener.finish(ending)


SEALED = seal(LONG)
PLACES = st.integers(0, len(SEALED) - 1)


@pytest.mark.parametrize(
    "size",
    [0, 1, CHUNK_SIZE_BYTES - 1, CHUNK_SIZE_BYTES, CHUNK_SIZE_BYTES + 1, len(LONG)],
)
def test_stream_of_any_size_comes_back(size: int) -> None:
    sealed = seal(LONG[:size])
    assert len(sealed) == sealed_size(size)
    assert open_all(sealed) == LONG[:size]


@given(st.lists(PLACES, max_size=4), st.lists(PLACES, max_size=4))
def test_how_a_stream_is_cut_into_pieces_does_not_matter(
    cuts: list[int], other_cuts: list[int]
) -> None:
    sealed = seal(LONG, *(cut % len(LONG) for cut in cuts))
    assert sealed == SEALED
    assert open_all(sealed, *other_cuts) == LONG


@given(PLACES, st.integers(1, 255))
def test_any_flipped_byte_is_refused(place: int, flip: int) -> None:
    changed = bytearray(SEALED)
    changed[place] ^= flip
    with pytest.raises(ChunkError):
        open_all(bytes(changed))


@given(PLACES)
def test_stream_that_was_cut_is_refused(size: int) -> None:
    with pytest.raises(ChunkError):
        open_all(SEALED[:size])


@pytest.mark.parametrize("chunks", [1, 2, 3])
def test_stream_that_was_cut_between_chunks_is_refused(chunks: int) -> None:
    with pytest.raises(ChunkError):
        open_all(SEALED[: chunks * SEALED_CHUNK])


@pytest.mark.parametrize("order", ["bac", "aabc", "ac", "abcc", "cab", "abd", "abcdd"])
def test_chunks_that_were_moved_doubled_or_left_out_are_refused(order: str) -> None:
    chunks = {
        name: SEALED[index * SEALED_CHUNK : (index + 1) * SEALED_CHUNK]
        for index, name in enumerate("abcd")
    }
    with pytest.raises(ChunkError):
        open_all(b"".join(chunks[name] for name in order))


def test_anything_behind_the_end_is_refused() -> None:
    for behind in (b"x", bytes(TAG_SIZE_BYTES), SEALED):
        with pytest.raises(ChunkError):
            open_all(SEALED + behind)


def test_last_chunk_may_not_be_empty_behind_others() -> None:
    """A plaintext has one length of ciphertext, or a reader could be told apart."""
    sealer = ChunkSealer(KEY, b"binding")
    full = sealer._seal(bytearray(CHUNK_SIZE_BYTES), is_last=False)
    with pytest.raises(ChunkError):
        open_all(full + sealer.finish())


def test_another_key_binding_or_ending_is_refused() -> None:
    sealed = seal(b"x", ending=b"end")
    assert open_all(sealed, ending=b"end") == b"x"
    with pytest.raises(ChunkError):
        open_all(sealed, ending=b"other")
    with pytest.raises(ChunkError):
        open_all(sealed, ending=b"end", binding=b"other")
    opener = ChunkOpener(bytes(32), b"binding")
    with pytest.raises(ChunkError):
        opener.finish(b"end")
