"""The connection to CometBFT: dialled again and again for as long as the service runs."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

from huitong.core.errors import HuitongError
from huitong.engines.cometbft.signer.errors import SignerAddressError
from huitong.engines.cometbft.signer.signer import ValidatorSigner, owned_sign_state
from huitong.engines.cometbft.signer.wire import answer, read_message
from huitong.engines.validator_key import ValidatorKey

#: Seconds between two attempts to reach CometBFT, which waits three for the first.
_REDIAL_S: Final = 0.05
_UNIX: Final = "unix://"
_log: Final = structlog.get_logger("signer")


class SignerService:
    """Answers the CometBFT at one address, from ``start`` to ``stop``."""

    def __init__(self, *, signer: ValidatorSigner, address: str) -> None:
        """Put the service together; nothing is dialled yet.

        Args:
            signer: decides and signs.
            address: where CometBFT listens, its ``priv_validator_laddr``; a Unix
                socket, because between machines the connection must be encrypted.

        Raises:
            SignerAddressError: the address is of another kind.
        """
        self._signer = signer
        self._path = socket_path(address)
        self._stopping = threading.Event()
        self._connection: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to dial."""
        self._thread = threading.Thread(target=self.run, name="signer", daemon=True)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Close the connection, also from a signal's handler; does not wait."""
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            with suppress(OSError):  # CometBFT was quicker
                connection.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Close the connection and wait; what is being signed is finished."""
        self.ask_to_stop()
        if self._thread is not None:
            self._thread.join()

    def run(self) -> None:
        """Dial and answer until ``stop`` is called, in this thread."""
        while not self._stopping.is_set():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                try:
                    connection.connect(self._path)
                except OSError:  # CometBFT does not listen, or not yet
                    self._stopping.wait(_REDIAL_S)
                    continue
                self._attend(connection)

    def _attend(self, connection: socket.socket) -> None:
        self._connection = connection
        if self._stopping.is_set():  # either this or ``ask_to_stop`` sees the other
            return
        _log.info("signer_connected", last=str(self._signer.last_place))
        try:
            while (request := read_message(connection)) is not None:
                connection.sendall(answer(self._signer, request))
        except OSError as error:
            _log.warning("signer_disconnected", reason=str(error))
        except HuitongError as wrong:
            _log.error("signer_refused_connection", reason=str(wrong))
        finally:
            self._connection = None


def socket_path(address: str) -> str:
    """Return the path in ``unix:///PATH``.

    Raises:
        SignerAddressError: it is no such address.
    """
    path = address.removeprefix(_UNIX)
    if not address.startswith(_UNIX) or not path.startswith("/"):
        raise SignerAddressError(address=address, reason="needs to be unix:///PATH")
    return path


@contextmanager
def running_signer(
    *, key: ValidatorKey, chain_id: str, state_file: Path, address: str
) -> Iterator[SignerService]:
    """Sign for the CometBFT that will listen at ``address``, until the end of the block.

    A socket that a CometBFT of before left there is removed, because it would keep the
    new one from listening: start that one afterwards.

    Raises:
        SignerRunsError: another process signs with this record.
        SignStateError: the record of what was signed is absent or malformed.
        SignerAddressError: the address is of another kind.
    """
    path = Path(socket_path(address))
    with owned_sign_state(state_file):
        signer = ValidatorSigner(key=key, chain_id=chain_id, state_file=state_file)
        service = SignerService(signer=signer, address=address)
        if path.is_socket():
            os.unlink(path)
        service.start()
        try:
            yield service
        finally:
            service.stop()
