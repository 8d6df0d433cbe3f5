"""One connection of CometBFT's: requests in, answers out, in the same order."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Final

import structlog

from huitong.engines.cometbft.abci.errors import FrameError
from huitong.engines.cometbft.abci.framing import FrameReader

_log: Final = structlog.get_logger("abci")
#: Bytes read at once: what a Unix socket holds.
_RECEIVE_SIZE_BYTES: Final = 262_144
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
        while True:
            data = self._socket.recv(_RECEIVE_SIZE_BYTES)
            if not data:
                break
            self._answer_all(reader.feed(data))
            if self._is_ending.is_set():
                return
        if reader.is_inside_frame and not self._is_ending.is_set():
            raise FrameError(reason="the stream ends inside a frame")

    def _answer_all(self, requests: list[bytes]) -> None:
        """Answer, and send when the input is drained, at Flush, or when it gets much."""
        gathered = bytearray()
        try:
            for request in requests:
                answer, is_urgent = self._answer(request)
                gathered += answer
                if is_urgent or len(gathered) > _GATHERED_SIZE_BYTES_MAX:
                    self._socket.sendall(gathered)
                    gathered = bytearray()
                if self._is_ending.is_set():
                    break
        finally:
            if gathered:
                self._socket.sendall(gathered)


def _shut(sock: socket.socket, how: int) -> None:
    try:
        sock.shutdown(how)
    except OSError:
        return  # it is closed already
