"""A gateway as a real process: launch, wait until it answers, stop or kill."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from huitong.localnet.program import ProcessError, Program

#: Seconds until a gateway must answer.
START_TIMEOUT_S: Final = 60.0
_POLL_S: Final = 0.02


class GatewayProcess(Program):
    """One gateway, whose home was made by ``huitong gateway init``.

    A kill leaves further workers behind, which end by themselves.
    """

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
        super().__init__(f"gateway in {home}", home / "gateway.log", environment)
        self.home = home
        """The gateway's folder."""
        self.options = tuple(options)
        """Further options of ``huitong gateway start``."""
        self.url = ""
        """Where it answers, once it does."""

    def launch(self) -> None:
        """Start the process, and return at once."""
        self._address_file.unlink(missing_ok=True)
        self._launch("gateway", "start", f"--home={self.home}", *self.options)

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

    @property
    def _address_file(self) -> Path:
        return self.home / "run" / "address"
