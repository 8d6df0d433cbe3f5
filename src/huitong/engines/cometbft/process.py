"""CometBFT as a child of this process, which it never outlives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

from huitong.engines.cometbft.errors import (
    CometBftEndedError,
    CometBftProgramError,
    CometBftRunsError,
)
from huitong.engines.cometbft.home import CometBftHome

#: Seconds that it gets to stop by itself; it closes its databases meanwhile.
STOP_TIMEOUT_S: Final = 10.0
#: Seconds that one from before gets to be gone.
_GONE_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.02
#: A log of this size is put aside at the next start.
_LOG_SIZE_BYTES_MAX: Final = 67_108_864
#: End of the log that is looked through for the reason of an end.
_TAIL_SIZE_BYTES: Final = 16_384
_TAIL_LINES: Final = 12
#: What a line has that tells why CometBFT ended, most telling first.
_TELLING: Final = ("panic:", "CONSENSUS FAILURE", "ERROR:", "failed to", "E[")
#: Threads that Go code may run on at once, at least. v0.38.25 flushes what it sends to the
#: application by a timer of 20 ns, whose firings keep the sender from its turn for up to
#: 10 ms where no other thread takes it over. Measured on 2 cores: one transaction costs it
#: 4.4 ms with 1, 0.8 ms with 2, 0.65 ms with 4.
_GO_THREADS_MIN: Final = 4
#: Garbage is collected when the heap has grown by so much, percent. Go's 100 saves memory
#: that a node has: 400 costs 130 MiB and saves a third of the processor time.
_GO_GROWTH_PERCENT: Final = "400"
#: Becomes the program after asking the kernel (prctl 1, PR_SET_PDEATHSIG) to kill it when
#: our thread ends. It is a program of its own because code that runs in a fork of this
#: process, as by ``preexec_fn``, meets what other threads have left half done: gRPC's
#: handlers of forks then abort, measured in 3 of 100 starts. Arguments: our process id, a
#: pipe that tells why the program cannot be executed, the program and its arguments.
_LAUNCHER: Final = """
import ctypes, os, signal, sys
parent, pipe = map(int, sys.argv[1:3])
os.set_inheritable(pipe, False)
for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(ignored, signal.SIG_DFL)
ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
if os.getppid() != parent:
    os._exit(1)
try:
    os.execv(sys.argv[3], sys.argv[3:])
except OSError as failure:
    os.write(pipe, str(failure).encode())
    os._exit(1)
"""


class CometBftProcess:
    """One run of the program."""

    def __init__(self, binary: Path, home: CometBftHome) -> None:
        """Prepare; nothing is started yet.

        Args:
            binary: the program.
            home: its folder, prepared.
        """
        self._binary = binary
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start it. Call it from the main thread: it ends when the calling thread does.

        Raises:
            CometBftRunsError: one from before does not go.
            CometBftProgramError: the program cannot be executed.
        """
        self._wait_until_gone()
        self._put_log_aside()
        told, tell = os.pipe()
        command = [str(self._binary.absolute()), "start", f"--home={self._home.path}"]
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER]
        with open(told, "rb") as failure:
            try:
                with self._home.log_file.open("ab") as log:
                    process = subprocess.Popen(
                        [*launcher, str(os.getpid()), str(tell), *command],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        cwd=self._home.path,
                        env=go_environment(),
                        process_group=0,
                        pass_fds=(tell,),
                    )
            finally:
                os.close(tell)
            if reason := failure.read().decode():  # ends when the program has begun
                process.wait()
                raise CometBftProgramError(path=self._binary, reason=reason)
        self._process = process
        self._home.pid_file.write_text(f"{self._process.pid}\n")

    @property
    def is_running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def wait(self) -> None:
        """Return when it was stopped.

        Raises:
            CometBftEndedError: it ended by itself.
        """
        if self._process is None:
            return
        exit_code = self._process.wait()
        self._home.pid_file.unlink(missing_ok=True)
        if not self._stopping.is_set():
            raise CometBftEndedError(
                exit_code=exit_code, reason=self._reason(exit_code)
            )

    def stop(self) -> None:
        """Let it end, and kill it if it does not; calling it again does nothing."""
        self._stopping.set()
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._home.pid_file.unlink(missing_ok=True)

    def log_tail(self) -> list[str]:
        """Return the last lines of its log."""
        try:
            with self._home.log_file.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_SIZE_BYTES))
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return []
        return [line for line in text.splitlines() if line.strip()][-_TAIL_LINES:]

    def _reason(self, exit_code: int) -> str:
        if (
            exit_code == -signal.SIGKILL
        ):  # it could say nothing; its last line tells nothing
            return "it was killed, by somebody or by the system for want of memory"
        lines = self.log_tail()
        for sign in _TELLING:
            for line in lines:
                if sign in line:
                    return line[line.index(sign) :].strip()
        return lines[-1].strip() if lines else "it said nothing"

    def _wait_until_gone(self) -> None:
        """Wait for one of a node that was killed a moment ago."""
        deadline_s = time.monotonic() + _GONE_TIMEOUT_S
        while (pid := running_pid(self._home)) and time.monotonic() < deadline_s:
            time.sleep(_POLL_S)
        if pid:
            raise CometBftRunsError(path=self._home.path, pid=pid)

    def _put_log_aside(self) -> None:
        log = self._home.log_file
        if log.exists() and log.stat().st_size > _LOG_SIZE_BYTES_MAX:
            log.replace(log.with_suffix(".log.1"))


def go_environment() -> dict[str, str]:
    """Return our environment with what Go's runtime is told; what is set already stays."""
    threads = max(_GO_THREADS_MIN, os.cpu_count() or 1)
    return {"GOMAXPROCS": str(threads), "GOGC": _GO_GROWTH_PERCENT, **os.environ}


def running_pid(home: CometBftHome) -> int:
    """Return the process id of the CometBFT that has this home; 0 if none does."""
    try:
        pid = int(home.pid_file.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return 0
    return pid if f"--home={home.path}".encode() in command.split(b"\0") else 0
