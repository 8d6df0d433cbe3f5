"""Every operation called with what its description allows, and with what it does not.

By each role, with all checks of Schemathesis: no server error, no answer that the
description does not tell of, and no answer without credentials where they are needed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from huitong.gateway.access.roles import Role
from huitong.localnet.process import NodeProcess
from tests.api.gateway_kit import ROLES, Callers, running_gateway

#: Examples for each operation: of the everyday run, and of ``make fuzz``.
FEW = 4
MANY = int(os.environ.get("HUITONG_FUZZ_EXAMPLES", "500"))
HERE = Path(__file__).parent
#: One caller sends faster than any that is let; limits have tests of their own.
_LIMITS = """
[http]
requests_per_s = 1e6
requests_burst = 1_000_000
anonymous_per_s = 1e6
anonymous_burst = 1_000_000

[webhooks]
timeout_s = 2

# Else a stream would not end.
[events]
stream_s_max = 1
"""


@pytest.fixture(scope="module")
def callers(
    tmp_path_factory: pytest.TempPathFactory, node: NodeProcess
) -> Iterator[Callers]:
    home = tmp_path_factory.mktemp("fuzzed") / "home"
    with running_gateway(home, node, "gateway6", settings=_LIMITS) as made:
        yield made


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_some_examples_of_every_operation_get_what_is_described(
    callers: Callers, tmp_path: Path
) -> None:
    same_each_time = ("--phases=fuzzing", "--generation-deterministic")
    _fuzz(callers, Role.INTEGRATOR, FEW, tmp_path, *same_each_time)


@pytest.mark.heavy
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("role", ROLES)
def test_many_examples_of_every_operation_get_what_is_described(
    role: Role, callers: Callers, tmp_path: Path
) -> None:
    _fuzz(callers, role, MANY, tmp_path, "--phases=coverage,fuzzing")


def _fuzz(
    callers: Callers,
    role: Role,
    examples: int,
    folder: Path,
    *options: str,
) -> None:
    """Run Schemathesis in a process of its own, and show what it says if it fails."""
    key = callers[role].headers["authorization"]
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "schemathesis.cli"),
            f"--config-file={HERE / 'fuzzed.toml'}",
            "--no-color",
            "run",
            f"{callers.gateway.url}/openapi.json",
            f"--max-examples={examples}",
            *options,
            "--checks=all",
            "--continue-on-failure",
            "--request-timeout=60",
        ],
        cwd=folder,
        env=os.environ
        | {
            "SCHEMATHESIS_HOOKS": "tests.api.gateway.fuzzed_hooks",
            "PYTHONPATH": str(HERE.parents[2]),
            "HUITONG_FUZZ_KEY": key.removeprefix("Bearer "),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert callers.gateway.is_running, callers.gateway.log_tail()
    assert '"level": "error"' not in callers.gateway.log_tail(100_000)
