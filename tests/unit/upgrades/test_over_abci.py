"""An upgrade as CometBFT sees it: an exception at the height, the same block again after."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from huitong.core.context import Context
from huitong.core.module import Module
from huitong.engines.cometbft import service
from huitong.modules import upgrades
from huitong.modules.upgrades.errors import UpgradeNeededError
from huitong.proto.huitong.upgrades.v1.upgrades_pb2 import Plan
from huitong.testing.consensus import AbciExceptionError
from tests.unit.engines.abci.served import ServedZone

HEIGHT = 3


def plan_in_the_first_block(ctx: Context) -> None:
    if ctx.block.height.revision_height == 1:
        upgrades.state.save_plan(ctx, Plan(name="v2", height=HEIGHT, info="2.0"))


@pytest.fixture
def lingered(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the service linger no time, and tell for how long it would have."""
    told: list[float] = []
    clock = SimpleNamespace(sleep=told.append, perf_counter=time.perf_counter)
    monkeypatch.setattr(service, "time", clock)
    return told


@pytest.fixture
def served(tmp_path: Path, lingered: list[float]) -> ServedZone:
    made = ServedZone(tmp_path)
    script = Module(name="script", store="", end_block=plan_in_the_first_block)
    made.app.modules = (*made.app.modules, script)
    return made


def test_the_block_of_the_upgrade_is_carried_out_by_the_next_version(
    served: ServedZone, lingered: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    with served.driven() as driver:
        driver.make_block()
        driver.make_block()
        driver.decide([])
        with pytest.raises(AbciExceptionError, match=r"runs the upgrade v2: 2\.0"):
            driver.finalize()
    assert [type(item) for item in served.failures] == [UpgradeNeededError]
    assert lingered == [service.UPGRADE_LINGER_S], "votes are passed on meanwhile"
    seen: list[int] = []
    monkeypatch.setitem(
        upgrades.MIGRATIONS,
        "v2",
        lambda ctx: seen.append(ctx.block.height.revision_height),
    )
    served.reopen()
    with served.driven() as driver:
        assert served.app.info().last_block_height == HEIGHT
        driver.make_block()
    assert seen == [HEIGHT]
