"""A gateway as a real process: make its home, start, wait until it answers, stop or kill."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from huitong.localnet.process import ProcessError, huitong_arguments

#: Seconds until a gateway must answer, and until it must have stopped.
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 20.0
_POLL_S: Final = 0.02
_LOG_LINES: Final = 15


class GatewayProcess:
    """One gateway, whose home was made by ``huitong gateway init``."""

    def __init__(
        self,
        home: Path,
        *,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            home: the gateway's folder.
            options: further options of ``huitong gateway start``.
            environment: variables that it gets beside those of this process.
        """
        self.home = home
        """The gateway's folder."""
        self.options = tuple(options)
        """Further options of ``huitong gateway start``."""
        self._environment = dict(environment or {})
        self.url = ""
        """Where it answers, once it does."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log_path(self) -> Path:
        """Its log, all starts one after the other."""
        return self.home / "gateway.log"

    @property
    def pid(self) -> int:
        """Process id; 0 if it does not run."""
        return self._process.pid if self.is_running and self._process else 0

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        """Start the process, and return at once."""
        self._address_file.unlink(missing_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                huitong_arguments(
                    "gateway", "start", f"--home={self.home}", *self.options
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | self._environment,
            )

    def is_answering(self) -> bool:
        """Tell whether it answers; then ``url`` says where.

        Raises:
            ProcessError: it has ended; carries the log's end.
        """
        if not self.is_running:
            raise ProcessError(self._describe("ended"))
        try:
            url = self._address_file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return False
        try:
            with urllib.request.urlopen(f"{url}/health/live", timeout=2):
                self.url = url
                return True
        except (OSError, urllib.error.URLError):
            return False

    def start(self, timeout_s: float = START_TIMEOUT_S) -> str:
        """Start the gateway and return its URL once it answers.

        Raises:
            ProcessError: it ended, or does not answer in time; carries the log's end.
        """
        self.launch()
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            if self.is_answering():
                return self.url
            time.sleep(_POLL_S)
        self.kill()
        raise ProcessError(self._describe(f"does not answer after {timeout_s} s"))

    def ask_to_stop(self) -> None:
        """Send SIGTERM, and return at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Ask the gateway to stop and return its exit code; 0 if it did not run.

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
        """Kill it as a power cut would; its workers end by themselves."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()

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

    @property
    def _address_file(self) -> Path:
        return self.home / "run" / "address"

    def _describe(self, what: str) -> str:
        return f"gateway in {self.home} {what}; its log ends with:\n{self.log_tail()}"
