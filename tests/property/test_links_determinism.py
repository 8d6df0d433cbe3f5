"""Same blocks, same app hash, whatever the process around them looks like."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ENVIRONMENTS = [
    {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "4242", "TZ": "Asia/Shanghai", "LC_ALL": "C.UTF-8"},
    {"PYTHONHASHSEED": "random", "TZ": "America/St_Johns", "PYTHONOPTIMIZE": "2"},
]


@pytest.mark.slow
def test_app_hashes_do_not_depend_on_the_environment() -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.property.links_scenario"],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for environment in ENVIRONMENTS
    ]
    told = []
    for process in running:
        output, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
        told.append(output)
    assert told[0]
    assert told == [told[0]] * len(told)
