"""Upgrades: every message, every refusal, and who makes the blocks around the height."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.context import Context
from huitong.core.errors import HuitongError, InvalidRequestError
from huitong.core.genesis import GenesisError
from huitong.core.limits import UPGRADES_MAX
from huitong.modules import upgrades
from huitong.modules.upgrades import errors
from huitong.modules.zone import MODULES
from huitong.proto.huitong.upgrades.v1 import upgrades_pb2 as pb
from huitong.testing.contexts import MemoryZone

QUERY = "/huitong.upgrades.v1.Query"


def schedule(name: str = "v2", height: int = 5, **fields: Any) -> pb.MsgScheduleUpgrade:
    return pb.MsgScheduleUpgrade(name=name, height=height, **{"info": "2.0", **fields})


def cancel(name: str = "v2", reason: str = "a fault") -> pb.MsgCancelUpgrade:
    return pb.MsgCancelUpgrade(name=name, reason=reason)


def migrate(ctx: Context) -> None:
    """A migration that can be seen."""
    ctx.store("upgrade").set(b"seen", b"%d" % ctx.block.height.revision_height)


@pytest.fixture
def zone() -> MemoryZone:
    return MemoryZone([upgrades.MODULE])


@pytest.fixture
def knows_v2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(upgrades.MIGRATIONS, "v2", migrate)


def plan_of(zone: MemoryZone) -> pb.QueryPlanResponse:
    answer: pb.QueryPlanResponse = zone.query(f"{QUERY}/Plan", pb.QueryPlanRequest())
    return answer


def advance_to(zone: MemoryZone, height: int) -> None:
    while zone.height < height:
        zone.next_block()


def test_a_planned_upgrade_can_be_seen_and_cancelled(zone: MemoryZone) -> None:
    assert not plan_of(zone).HasField("plan")
    zone.decide(schedule())
    assert plan_of(zone).plan == pb.Plan(name="v2", height=5, info="2.0")
    assert zone.told("upgrade_scheduled")[0]["upgrade_height"] == "5"
    zone.decide(cancel())
    assert zone.told("upgrade_cancelled")[0]["reason"] == "a fault"
    assert not plan_of(zone).HasField("plan")
    advance_to(zone, 6)


def test_software_that_knows_no_upgrade_stops_at_its_height(zone: MemoryZone) -> None:
    zone.decide(schedule())
    advance_to(zone, 4)
    before = zone.state.dump()
    with pytest.raises(errors.UpgradeNeededError, match=r"upgrade v2: 2\.0"):
        zone.next_block()
    assert zone.state.dump() == before


@pytest.mark.usefixtures("knows_v2")
def test_software_made_for_an_upgrade_makes_no_block_before_it(
    zone: MemoryZone,
) -> None:
    zone.decide(schedule())
    with pytest.raises(errors.UpgradeTooEarlyError):
        zone.next_block()


@pytest.mark.usefixtures("knows_v2")
def test_at_its_height_the_upgrade_is_carried_out_once(zone: MemoryZone) -> None:
    zone.decide(schedule(height=2))
    zone.next_block()
    assert zone.told("upgrade_done") == [{"name": "v2", "upgrade_height": "2"}]
    assert not plan_of(zone).HasField("plan")
    advance_to(zone, 4)
    assert zone.state.store("upgrade").get(b"seen") == b"2"
    request = pb.QueryDoneUpgradeRequest(name="v2")
    done = zone.query(f"{QUERY}/DoneUpgrade", request).upgrade
    assert (done.name, done.height) == ("v2", 2)
    listed = zone.query(f"{QUERY}/DoneUpgrades", pb.QueryDoneUpgradesRequest())
    assert list(listed.upgrades) == [done]


@pytest.mark.usefixtures("knows_v2")
def test_software_with_migrations_runs_zones_that_plan_nothing(
    zone: MemoryZone,
) -> None:
    advance_to(zone, 3)


def test_upgrades_come_before_all_other_modules() -> None:
    assert MODULES[0] is upgrades.MODULE


def _nothing(zone: MemoryZone) -> None:
    return None


def _planned(zone: MemoryZone) -> None:
    zone.decide(schedule("v1"))


def _done(zone: MemoryZone) -> None:
    ctx = zone.context()
    upgrades.state.save_done(ctx, pb.DoneUpgrade(name="v2", height=1))
    zone.take(ctx)


def _full(zone: MemoryZone) -> None:
    ctx = zone.context()
    for index in range(UPGRADES_MAX):
        upgrades.state.save_done(ctx, pb.DoneUpgrade(name=f"u{index}", height=1))
    zone.take(ctx)


@pytest.mark.parametrize(
    ("prepare", "message", "error"),
    [
        (_nothing, schedule("V 2"), InvalidRequestError),
        (_nothing, schedule(info=""), InvalidRequestError),
        (_nothing, schedule(info="a\nb"), InvalidRequestError),
        (_nothing, schedule(height=1), errors.UpgradeHeightError),
        (_nothing, schedule(height=0), errors.UpgradeHeightError),
        (_planned, schedule(), errors.UpgradePlannedError),
        (_done, schedule(), errors.UpgradeDoneError),
        (_full, schedule(), errors.TooManyUpgradesError),
        (_planned, cancel("v1", reason=""), InvalidRequestError),
        (_planned, cancel("v2"), errors.UpgradeNotPlannedError),
        (_nothing, cancel("v2"), errors.UpgradeNotPlannedError),
    ],
)
def test_refusals(
    zone: MemoryZone, prepare: Any, message: Any, error: type[HuitongError]
) -> None:
    prepare(zone)
    before = zone.state.dump()
    with pytest.raises(error):
        zone.decide(message)
    assert zone.state.dump() == before


def test_the_next_block_is_early_enough(zone: MemoryZone) -> None:
    zone.decide(schedule(height=2))


def test_an_unknown_upgrade_is_not_found(zone: MemoryZone) -> None:
    with pytest.raises(errors.UpgradeNotFoundError):
        zone.query(f"{QUERY}/DoneUpgrade", pb.QueryDoneUpgradeRequest(name="v2"))


def test_every_message_is_governed() -> None:
    assert all(route.governed for route in upgrades.MODULE.messages)


def test_software_without_the_newest_upgrade_makes_no_block(zone: MemoryZone) -> None:
    _done(zone)
    with pytest.raises(errors.UpgradeNeededError, match="v2: it was carried out"):
        zone.next_block()


@pytest.mark.usefixtures("knows_v2")
def test_an_export_makes_the_same_state_again(zone: MemoryZone) -> None:
    zone.decide(schedule("v3", 9))
    _done(zone)
    exported = zone.export()
    again = MemoryZone([upgrades.MODULE], genesis=exported)
    assert again.export() == exported
    assert again.state.dump() == zone.state.dump()


PLAN = {"name": "v2", "height": "5", "info": "2.0"}


@pytest.mark.parametrize(
    "state",
    [
        {"unknown": 1},
        {"plan": {**PLAN, "height": "0"}},
        {"plan": {**PLAN, "name": "V"}},
        {"plan": {**PLAN, "info": ""}},
        {"plan": PLAN, "done": [{"name": "v2", "height": "1"}]},
        {"done": [{"name": ""}]},
        {"done": [{"name": "v1"}, {"name": "v1"}]},
        {"done": [{"name": "v1"}] * (UPGRADES_MAX + 1)},
    ],
)
def test_genesis_that_cannot_be_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(GenesisError):
        MemoryZone([upgrades.MODULE], genesis={"upgrades": state})
