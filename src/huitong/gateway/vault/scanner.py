"""What looks at documents before they are stored: a program, or a clamd.

A document is streamed to it while it is being encrypted. Without a verdict nothing is
stored: a scanner that is missing, breaks off, or takes too long refuses by default.
"""

from __future__ import annotations

import asyncio
import os
import re
from asyncio.subprocess import PIPE, STDOUT, Process
from contextlib import suppress
from typing import Final, Protocol, final

from huitong.gateway.vault.errors import ContentRefusedError, ScannerDownError
from huitong.gateway.vault.settings import (
    ClamdScannerSettings,
    CommandScannerSettings,
    ScannerSettings,
)

#: Bytes of a scanner's answer that are read.
_ANSWER_SIZE_BYTES_MAX: Final = 4_096
#: Bytes of one piece; clamd refuses pieces beyond its own limit, 25 MiB if not set.
_PIECE_SIZE_BYTES: Final = 1_048_576
_CLAMD_FOUND: Final = re.compile(r"stream: (.*) FOUND", re.DOTALL)
_CLAMD_CLEAN: Final = "stream: OK"
#: What a program is told of our environment.
_PASSED_ON: Final = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")
_EXIT_CLEAN: Final = 0
_EXIT_REFUSED: Final = 1


class Scan(Protocol):
    """One document that is being looked at."""

    async def write(self, piece: bytes) -> None:
        """Show a piece.

        Raises:
            ContentRefusedError: something was found already.
            ScannerDownError: the scanner broke off, or its time is over.
        """

    async def finish(self) -> None:
        """Wait for the verdict; return if it is *clean*.

        Raises:
            ContentRefusedError: something was found.
            ScannerDownError: there is no verdict.
        """

    async def close(self) -> None:
        """End, whatever state it is in."""


async def begin_scan(settings: ScannerSettings) -> Scan:
    """Begin to look at one document.

    Raises:
        ScannerDownError: the scanner cannot be started or reached.
    """
    try:
        async with asyncio.timeout(settings.timeout_s):
            if isinstance(settings, CommandScannerSettings):
                return await CommandScan.begin(settings)
            return await ClamdScan.begin(settings)
    except (OSError, TimeoutError) as error:
        raise ScannerDownError(reason=_reason(error)) from error


@final
class CommandScan:
    """A program reads the document from its standard input."""

    def __init__(self, process: Process, timeout_s: float) -> None:
        """Use ``begin``."""
        self._process = process
        self._deadline = asyncio.get_running_loop().time() + timeout_s
        # Read from the start, lest a program that says much stops to listen.
        self._answer = asyncio.create_task(_read_answer(process.stdout))

    @classmethod
    async def begin(cls, settings: CommandScannerSettings) -> CommandScan:
        """Start the program.

        Raises:
            OSError: it cannot be started.
        """
        # Not our whole environment: it may hold keys.
        given = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *settings.command, stdin=PIPE, stdout=PIPE, stderr=STDOUT, env=given
        )
        return cls(process, settings.timeout_s)

    async def write(self, piece: bytes) -> None:
        """See ``Scan``."""
        if self._process.stdin is None or self._process.stdin.is_closing():
            return
        try:
            async with asyncio.timeout_at(self._deadline):
                self._process.stdin.write(piece)
                await self._process.stdin.drain()
        except OSError:
            # It has seen enough; its exit code says what.
            self._process.stdin.close()
        except TimeoutError as error:
            raise ScannerDownError(reason=_reason(error)) from error

    async def finish(self) -> None:
        """See ``Scan``."""
        try:
            async with asyncio.timeout_at(self._deadline):
                if self._process.stdin is not None:
                    self._process.stdin.close()
                answer = await self._answer
                code = await self._process.wait()
        except TimeoutError as error:
            raise ScannerDownError(reason=_reason(error)) from error
        if code == _EXIT_REFUSED:
            raise ContentRefusedError(finding=answer or "no reason given")
        if code != _EXIT_CLEAN:
            raise ScannerDownError(reason=f"exit code {code}: {answer}")

    async def close(self) -> None:
        """See ``Scan``."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._answer.cancel()
        with suppress(asyncio.CancelledError):
            await self._answer


@final
class ClamdScan:
    """A server that speaks clamd's INSTREAM: pieces behind their sizes, then a size of 0."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        timeout_s: float,
    ) -> None:
        """Use ``begin``."""
        self._reader = reader
        self._writer = writer
        self._deadline = asyncio.get_running_loop().time() + timeout_s

    @classmethod
    async def begin(cls, settings: ClamdScannerSettings) -> ClamdScan:
        """Connect.

        Raises:
            OSError: nobody answers at the address.
        """
        kind, _, place = settings.address.partition(":")
        if kind == "unix":
            reader, writer = await asyncio.open_unix_connection(place)
        else:
            host, _, port = place.rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"zINSTREAM\0")
        return cls(reader, writer, settings.timeout_s)

    async def write(self, piece: bytes) -> None:
        """See ``Scan``."""
        try:
            async with asyncio.timeout_at(self._deadline):
                for at in range(0, len(piece), _PIECE_SIZE_BYTES):
                    part = piece[at : at + _PIECE_SIZE_BYTES]
                    self._writer.write(len(part).to_bytes(4, "big") + part)
                    await self._writer.drain()
        except OSError:
            # It has answered before the end, for example that the document is too large.
            await self.finish()
            raise ScannerDownError(reason="it broke off") from None
        except TimeoutError as error:
            raise ScannerDownError(reason=_reason(error)) from error

    async def finish(self) -> None:
        """See ``Scan``."""
        try:
            async with asyncio.timeout_at(self._deadline):
                with suppress(OSError):
                    self._writer.write(bytes(4))
                    await self._writer.drain()
                answer = await self._reader.read(_ANSWER_SIZE_BYTES_MAX)
        except (OSError, TimeoutError) as error:
            raise ScannerDownError(reason=_reason(error)) from error
        text = _shown(answer)
        if found := _CLAMD_FOUND.fullmatch(text):
            raise ContentRefusedError(finding=found[1])
        if text != _CLAMD_CLEAN:
            raise ScannerDownError(reason=text or "no answer")

    async def close(self) -> None:
        """See ``Scan``."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


async def _read_answer(stream: asyncio.StreamReader | None) -> str:
    """Return the beginning of what a program says, and let it say the rest to nobody."""
    answer = b""
    while stream and (piece := await stream.read(_ANSWER_SIZE_BYTES_MAX)):
        answer += piece[: _ANSWER_SIZE_BYTES_MAX - len(answer)]
    return _shown(answer)


def _shown(answer: bytes) -> str:
    return answer.rstrip(b"\0").decode("utf-8", "replace").strip()


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    return str(error) or type(error).__name__
