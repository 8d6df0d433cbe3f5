"""One connection of CometBFT's: requests in, answers out, in the same order."""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from huitong.engines.cometbft.abci.errors import FrameError
from huitong.engines.cometbft.abci.framing import FrameReader

_log: Final = structlog.get_logger("abci")
#: Bytes read at once: what a Unix socket holds.
_RECEIVE_SIZE_BYTES: Final = 262_144
#: Requests that are answered before the input is looked at again: about a millisecond.
_DRAIN_EVERY: Final = 16
#: Bytes of requests that are taken in before they are answered: more than is rechecked
#: after a block of a busy zone.
_AHEAD_SIZE_BYTES_MAX: Final = 16_777_216
#: Bytes of answers that are gathered before they are sent, though more was asked already.
_GATHERED_SIZE_BYTES_MAX: Final = 1_048_576

Answer = Callable[[bytes], tuple[bytes, bool]]
"""Takes a request; returns the framed answer and whether to send it at once."""


class Connection:
    """Serves one socket from a thread of its own until either side ends it."""

    def __init__(
        self,
        sock: socket.socket,
        name: str,
        answer: Answer,
        on_end: Callable[[Connection], None],
    ) -> None:
        """Take over an accepted socket.

        Args:
            sock: blocking; closed at the end.
            name: for the log.
            answer: answers one request; raises FrameError for what is none.
            on_end: called from the thread when it is done.
        """
        self._socket = sock
        self._name = name
        self._answer = answer
        self._on_end = on_end
        self._is_ending = threading.Event()
        self._ahead_bytes = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def end(self) -> None:
        """Let the request in hand be answered, and serve no further one."""
        self._is_ending.set()
        _shut(self._socket, socket.SHUT_RD)

    def join(self, timeout_s: float) -> None:
        """Wait until the thread is done; the call in hand may be writing a block.

        Args:
            timeout_s: after it, no more waiting for a peer that takes no answers.
        """
        if self._thread is threading.current_thread():
            return  # the failure that it has just told of stops the server
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            _shut(self._socket, socket.SHUT_RDWR)
            self._thread.join()

    def _run(self) -> None:
        try:
            self._serve()
        except FrameError as wrong:
            _log.warning("abci_frame_refused", connection=self._name, reason=str(wrong))
        except OSError as lost:
            _log.info("abci_connection_lost", connection=self._name, reason=str(lost))
        finally:
            self._socket.close()
            self._on_end(self)

    def _serve(self) -> None:
        reader = FrameReader()
        waiting: deque[bytes] = deque()
        while not self._is_ending.is_set():
            data = self._socket.recv(_RECEIVE_SIZE_BYTES)
            if not data:
                break
            self._ahead_bytes = len(data)
            waiting.extend(reader.feed(data))
            self._answer_all(waiting, reader)
            reader.check()
        if reader.is_inside_frame and not self._is_ending.is_set():
            raise FrameError(reason="the stream ends inside a frame")

    def _answer_all(self, waiting: deque[bytes], reader: FrameReader) -> None:
        """Answer, and send when the input is drained, at Flush, or when it gets much.

        What comes meanwhile is taken in every now and then: while CometBFT cannot write,
        a timer of its socket client spins and takes a whole processor.
        """
        gathered = bytearray()
        number = 0
        while waiting and not self._is_ending.is_set():
            request = waiting.popleft()
            self._ahead_bytes -= len(request)
            answer, is_urgent = self._answer_one(request, gathered)
            gathered += answer
            if is_urgent or len(gathered) > _GATHERED_SIZE_BYTES_MAX:
                self._socket.sendall(gathered)
                gathered = bytearray()
            number += 1
            if number % _DRAIN_EVERY == 0:
                self._take_in(waiting, reader)
        if gathered:
            self._socket.sendall(gathered)

    def _answer_one(self, request: bytes, gathered: bytearray) -> tuple[bytes, bool]:
        try:
            return self._answer(request)
        except FrameError:
            self._socket.sendall(gathered)  # what came before it is answered
            raise

    def _take_in(self, waiting: deque[bytes], reader: FrameReader) -> None:
        """Take in what has arrived, if there is room."""
        if self._ahead_bytes > _AHEAD_SIZE_BYTES_MAX:
            return
        try:
            data = self._socket.recv(_RECEIVE_SIZE_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        self._ahead_bytes += len(data)
        waiting.extend(reader.feed(data))


def _shut(sock: socket.socket, how: int) -> None:
    try:
        sock.shutdown(how)
    except OSError:
        return  # it is closed already
