"""Frames: whole ones in order, whatever the pieces; nothing is kept for a mere promise."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.codec import delimited, encode_uvarint
from huitong.engines.cometbft.abci.errors import AnswerOverSizeError, FrameError
from huitong.engines.cometbft.abci.framing import FrameReader, encode_frame


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[place : place + size] for place in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_frames_come_whole_and_in_order_whatever_the_pieces(size: int) -> None:
    frames = [b"", b"a", b"b" * 127, b"c" * 128, b"d" * 20_000, b""]
    reader = FrameReader()
    found: list[bytes] = []
    for piece in _pieces(b"".join(map(delimited, frames)), size):
        found += reader.feed(piece)
    assert found == frames
    assert not reader.is_inside_frame


def test_a_length_in_more_bytes_than_needed_is_the_same_length() -> None:
    assert FrameReader().feed(b"\x83\x80\x00abc") == [b"abc"]


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (encode_uvarint(1_001), "1001 bytes announced, at most 1000"),
        (encode_uvarint(2**34), "announced"),
        (b"\xff" * 5, "a length of more than 5 bytes"),
        (b"\x80" * 9 + b"\x01", "a length of more than 5 bytes"),
    ],
)
def test_a_length_above_the_bound_is_refused_before_the_frame_comes(
    stream: bytes, reason: str
) -> None:
    reader = FrameReader(1_000)
    assert reader.feed(delimited(b"before") + stream) == [b"before"]
    for _ in range(2):
        with pytest.raises(FrameError, match=reason):
            reader.check()
        assert reader.feed(delimited(b"behind")) == []


def test_an_announced_length_takes_no_memory() -> None:
    reader = FrameReader()
    assert reader.feed(encode_uvarint(100_000_000) + b"begin") == []
    assert reader.is_inside_frame
    assert len(reader._buffer) == 9


def test_an_answer_that_cometbft_would_not_read_is_not_sent() -> None:
    assert encode_frame(b"abc", 3) == b"\x03abc"
    with pytest.raises(AnswerOverSizeError, match="4 bytes"):
        encode_frame(b"abcd", 3)


@given(
    frames=st.lists(st.binary(max_size=300), max_size=20),
    cuts=st.lists(st.integers(0, 6_000), max_size=20),
)
def test_any_cut_of_any_frames_gives_the_frames(
    frames: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(map(delimited, frames))
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    reader = FrameReader(300)
    found: list[bytes] = []
    for start, end in pairwise(places):
        found += reader.feed(stream[start:end])
    assert found == frames


@given(pieces=st.lists(st.binary(max_size=50), max_size=20))
def test_any_bytes_give_frames_or_a_frame_error(pieces: list[bytes]) -> None:
    reader = FrameReader(40)
    for piece in pieces:
        assert all(len(frame) <= 40 for frame in reader.feed(piece))
        assert len(reader._buffer) <= 45
        assert reader._refused is None or not reader._buffer
