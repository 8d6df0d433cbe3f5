"""Upgrades as tools of the Cosmos SDK ask for them."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.core.context import Context
from huitong.core.time import GO_ZERO_TIME_NS, ns_from_timestamp
from huitong.modules import upgrades
from huitong.proto.cosmos.upgrade.v1beta1 import query_pb2 as pb
from huitong.proto.huitong.upgrades.v1 import upgrades_pb2
from huitong.testing.contexts import MemoryZone

UPGRADE = "/cosmos.upgrade.v1beta1.Query/"


def do_nothing(_: Context) -> None:
    """A migration without anything to do."""


@pytest.fixture
def zone() -> MemoryZone:
    """A zone that plans an upgrade."""
    zone = MemoryZone([upgrades.MODULE])
    zone.decide(upgrades_pb2.MsgScheduleUpgrade(name="v2", height=5, info="2.0"))
    return zone


def ask(zone: MemoryZone, method: str, request: Message) -> Any:
    return zone.query(UPGRADE + method, request)


def test_plan_is_told_until_it_is_carried_out(
    zone: MemoryZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = ask(zone, "CurrentPlan", pb.QueryCurrentPlanRequest()).plan
    assert (plan.name, plan.height, plan.info) == ("v2", 5, "2.0")
    assert ns_from_timestamp(plan.time) == GO_ZERO_TIME_NS
    applied = pb.QueryAppliedPlanRequest(name="v2")
    assert ask(zone, "AppliedPlan", applied).height == 0
    while zone.height < 4:
        zone.next_block()
    monkeypatch.setitem(upgrades.MIGRATIONS, "v2", do_nothing)
    zone.next_block()
    told = ask(zone, "CurrentPlan", pb.QueryCurrentPlanRequest())
    assert not told.HasField("plan")
    assert ask(zone, "AppliedPlan", applied).height == 5


def test_no_upgraded_header_is_committed_to(zone: MemoryZone) -> None:
    request = pb.QueryUpgradedConsensusStateRequest(last_height=5)
    told = ask(zone, "UpgradedConsensusState", request)
    assert not told.upgraded_consensus_state


def test_members_decide_on_upgrades(zone: MemoryZone) -> None:
    told = ask(zone, "Authority", pb.QueryAuthorityRequest())
    assert told.address == GOVERNANCE_ADDRESS
