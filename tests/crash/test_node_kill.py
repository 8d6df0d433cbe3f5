"""kill −9 under load: a restart loses nothing acknowledged and gives the replay's hash.

Promises S1, S2 and L1 of docs/explanation/promises.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.node_under_load import KillRun, run_kills


def _check(run: KillRun, kills: int) -> None:
    assert run.kills == kills
    assert run.acknowledged >= kills, "the load was no load"
    assert run.lost == [], f"seed {run.seed}"
    assert run.heights == sorted(run.heights)
    assert run.report is not None
    assert run.report.height >= run.heights[-1]
    assert run.report.txs >= run.acknowledged


@pytest.mark.slow
def test_five_kills_lose_nothing(tmp_path: Path) -> None:
    _check(run_kills(tmp_path, kills=5, seed=1), 5)


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_fifty_kills_lose_nothing(tmp_path: Path) -> None:
    _check(run_kills(tmp_path, kills=50, seed=2), 50)
