"""A program of this software as a child process: launched, asked to stop, or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

#: Seconds until a program must have stopped.
STOP_TIMEOUT_S: Final = 60.0
#: Lines of a log that an error shows.
_LOG_LINES: Final = 15


class ProcessError(Exception):
    """A program did not do what it was told; carries the end of its log."""


def huitong_arguments(*arguments: str) -> list[str]:
    """Return the command line that runs ``huitong`` with this interpreter."""
    return [sys.executable, "-m", "huitong", *arguments]


class Program(ABC):
    """One child process, whose output goes to a log."""

    def __init__(
        self,
        name: str,
        log_path: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            name: what it is, for errors.
            log_path: gets the output of all starts one after the other.
            environment: variables that it gets beside those of this process.
        """
        self.log_path = log_path
        """Its log, all starts one after the other."""
        self._name = name
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id; 0 if it does not run."""
        return self._process.pid if self.is_running and self._process else 0

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """What it ended with; None if it runs, or was never started."""
        return None if self._process is None else self._process.poll()

    def _launch(self, *arguments: str) -> None:
        """Start ``huitong`` with these arguments, and return at once."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                huitong_arguments(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | self._environment,
            )

    def ask_to_stop(self) -> None:
        """Send SIGTERM, and return at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Ask it to stop and return its exit code; 0 if it did not run.

        Raises:
            ProcessError: it had to be killed.
        """
        if self._process is None:
            return 0
        self.ask_to_stop()
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ProcessError(self._describe(f"ran on for {timeout_s} s")) from None

    def kill(self) -> None:
        """Kill it as a power cut would, without any chance to tidy up."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @abstractmethod
    def start(self) -> object:
        """Start it, and return once it serves."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.stop()
        else:
            self.kill()

    def log_tail(self, lines: int = _LOG_LINES) -> str:
        """Return the last lines of the log."""
        if not self.log_path.exists():
            return ""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _describe(self, what: str) -> str:
        return f"{self._name} {what}; its log ends with:\n{self.log_tail()}"
