"""Frames of the socket protocol: a length as uvarint, then so many bytes.

The reader keeps no more than what has arrived, whatever length a stranger announces, and
refuses a length above its bound before the first byte of the frame comes.
"""

from __future__ import annotations

from typing import Final

from huitong.core.codec import delimited
from huitong.engines.cometbft.abci.errors import AnswerOverSizeError, FrameError

#: Bytes of one request: CometBFT's own bound of a message, above the largest block.
REQUEST_SIZE_BYTES_MAX: Final = 104_857_600
#: Bytes of one answer: CometBFT closes the connection for more.
ANSWER_SIZE_BYTES_MAX: Final = 104_857_600
#: Bytes of a length: ten hold any 64-bit number, five any that passes the bounds.
_LENGTH_SIZE_BYTES_MAX: Final = 5


class FrameReader:
    """Cuts a stream of bytes into frames."""

    __slots__ = ("_buffer", "_needed", "_refused", "_size_max")

    def __init__(self, size_bytes_max: int = REQUEST_SIZE_BYTES_MAX) -> None:
        """Begin between two frames.

        Args:
            size_bytes_max: of one frame, without its length.
        """
        self._size_max = size_bytes_max
        self._buffer = bytearray()
        self._needed = 1
        self._refused: FrameError | None = None

    @property
    def is_inside_frame(self) -> bool:
        """Whether a frame has begun that is not whole."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes and return the frames that they complete, in order.

        A length that is malformed or above the bound ends the stream: frames before it
        are returned, nothing behind it is, and ``check`` raises from then on.

        Cost: linear in ``data``, however small its pieces are.
        """
        buffer = self._buffer
        if self._refused is not None:
            return []
        buffer += data
        if len(buffer) < self._needed:
            return []
        frames: list[bytes] = []
        place, end = 0, len(buffer)
        with memoryview(buffer) as view:
            while True:
                try:
                    start, size = self._read_length(view, place)
                except FrameError as refused:
                    self._refused = refused
                    place = end
                    break
                if size < 0:
                    self._needed = end - place + 1
                    break
                if start + size > end:
                    self._needed = start + size - place
                    break
                place = start + size
                frames.append(bytes(view[start:place]))
        del buffer[:place]
        return frames

    def check(self) -> None:
        """Check that the stream goes on.

        Raises:
            FrameError: what came behind the last frame is none.
        """
        if self._refused is not None:
            raise self._refused

    def _read_length(self, view: memoryview, place: int) -> tuple[int, int]:
        """Return where the frame begins and its length; -1 if that is not here yet."""
        size = shift = 0
        for index in range(place, min(len(view), place + _LENGTH_SIZE_BYTES_MAX)):
            byte = view[index]
            size |= (byte & 0x7F) << shift
            if byte < 0x80:
                if size > self._size_max:
                    raise FrameError(
                        reason=f"{size} bytes announced, at most {self._size_max}"
                    )
                return index + 1, size
            shift += 7
        if len(view) - place >= _LENGTH_SIZE_BYTES_MAX:
            raise FrameError(
                reason=f"a length of more than {_LENGTH_SIZE_BYTES_MAX} bytes"
            )
        return place, -1


def encode_frame(message: bytes, size_bytes_max: int = ANSWER_SIZE_BYTES_MAX) -> bytes:
    """Return a message as a frame.

    Raises:
        AnswerOverSizeError: CometBFT would not read it.
    """
    if len(message) > size_bytes_max:
        raise AnswerOverSizeError(size=len(message), maximum=size_bytes_max)
    return delimited(message)
