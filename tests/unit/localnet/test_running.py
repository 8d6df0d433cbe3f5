"""Whoever keeps a zone running stops it when told, whatever it was just doing."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from huitong.localnet.consortium import LocalZone
from huitong.localnet.running import run_zone
from tests.programs import processes_of


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_that_falls_into_the_launch_of_a_node_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    class Told(subprocess.Popen[bytes]):
        """Starts the process; the signal is there before anybody has its handle."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            os.kill(os.getpid(), number)

    zone = LocalZone(tmp_path / "zone", "hangzhou-1", validators=1, engine="embedded")
    zone.init()
    monkeypatch.setattr(subprocess, "Popen", Told)
    try:
        run_zone(zone, lambda _: pytest.fail("it was told to stop"))
        assert processes_of(zone.folder) == []
    finally:
        for pid in processes_of(zone.folder):
            os.kill(pid, signal.SIGKILL)
