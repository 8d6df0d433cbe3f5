"""When a light client is refreshed, and what is said when it is of no use."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from huitong.client.errors import AccountUnknownError, UnreachableError
from huitong.core.errors import HuitongError
from huitong.light.tendermint.client_state import client_state_to_any
from huitong.light.tendermint.consensus_state import consensus_state_to_any
from huitong.proto.ibc.core.client.v1 import query_pb2
from huitong.relayer import client_care as subject
from huitong.relayer.client_care import REFRESH_AGAIN_S, ClientCare
from huitong.relayer.handshake import Side
from huitong.relayer.plan import Head
from huitong.relayer.problems import Problems
from huitong.testing.headers import SimChain
from huitong.testing.validators import make_validators
from tests.unit.relayer.fakes import tracker_with

PERIOD_NS = 900 * 10**9


class FailingWatch:
    """A comparison of headers that one node or zone lets fail."""

    found = 0

    def __init__(self, failure: HuitongError) -> None:
        self.failure = failure

    async def look_back(self) -> None:
        raise self.failure


class FakeZone:
    """A zone with one client of a simulated chain; its own endpoint and courier."""

    revision = 1
    is_updating = False

    def __init__(self, chain: SimChain, chain_id: str = "chongqing-1") -> None:
        self.chain = chain
        self.chain_id = chain_id
        self.url = f"http://{chain_id}:26657"
        self.status = "Active"
        self.refreshes = 0

    @property
    def client(self):
        return self

    async def query(self, path, request, response):
        if path.endswith("/ClientStatus"):
            return query_pb2.QueryClientStatusResponse(status=self.status)
        if path.endswith("/ClientState"):
            state = replace(self.chain.client_state(3), trusting_period_ns=PERIOD_NS)
            packed = client_state_to_any(state)
            return query_pb2.QueryClientStateResponse(client_state=packed)
        packed = consensus_state_to_any(self.chain.consensus_state(3))
        return query_pb2.QueryConsensusStateResponse(consensus_state=packed)

    async def head(self):
        return Head(revision=1, height=10, time_ns=time.time_ns())

    async def refresh(self):
        self.refreshes += 1


def setting(age_s: float, refresh_after: str = ""):
    """A client on b whose newest header has that age."""
    time_ns = time.time_ns() - int(age_s * 1e9)
    chain = SimChain("hangzhou-1", make_validators([1]), time_ns=time_ns)
    chain.advance(3, step_ns=0)
    tracker = tracker_with(0)
    tracker.link = replace(tracker.link, refresh_after=refresh_after)
    zone, problems = FakeZone(chain), Problems()
    zones = {Side.A: FakeZone(chain, "hangzhou-1"), Side.B: zone}
    return ClientCare(tracker, Side.B, zones, zone, problems), tracker, zone, problems


async def read(care: ClientCare, tracker) -> None:
    facts = await care.read()
    tracker.heads[Side.B] = facts.head
    tracker.client_times_ns[Side.B] = facts.client_time_ns
    tracker.client_heights[Side.B] = facts.client_height


@pytest.mark.parametrize(
    ("age_s", "refresh_after", "is_due"),
    [
        (290, "", False),
        (310, "", True),
        (310, "10m", False),
        (30, "20s", True),
    ],
)
async def test_client_is_refreshed_after(age_s, refresh_after, is_due):
    care, tracker, _, _ = setting(age_s, refresh_after)
    await read(care, tracker)
    assert care.is_refresh_due() is is_due


async def test_client_is_not_refreshed_twice_at_once():
    care, tracker, zone, _ = setting(400)
    assert not care.is_refresh_due()  # nothing is known yet
    await read(care, tracker)
    zone.is_updating = True
    assert not care.is_refresh_due()
    zone.is_updating = False
    assert care.is_refresh_due()
    await care.refresh()
    assert zone.refreshes == 1
    assert not care.is_refresh_due()  # not before REFRESH_AGAIN_S have passed
    assert REFRESH_AGAIN_S > 0


async def test_client_that_knows_the_newest_header_needs_no_other():
    care, tracker, _, _ = setting(400)
    await read(care, tracker)
    tracker.heads[Side.A] = Head(revision=1, height=3, time_ns=1)
    assert not care.is_refresh_due()


@pytest.mark.parametrize("status", ["Frozen", "Expired", "Unknown"])
async def test_client_of_no_use_is_told_once_with_what_to_do(status):
    care, tracker, zone, problems = setting(400)
    assert care.is_usable
    zone.status = status
    with capture_logs() as logs:
        await read(care, tracker)
        await read(care, tracker)
    assert [entry["event"] for entry in logs] == ["client_unusable"]
    assert "recover-client" in logs[0]["next_step"]
    assert not care.is_usable
    assert not care.is_refresh_due()
    assert status.lower() in problems.text()
    assert care.report().status == status.lower()
    zone.status = "Active"
    await read(care, tracker)
    assert care.is_usable
    assert problems.text() == ""


@pytest.mark.parametrize(
    ("failure", "chain_id"),
    [
        (UnreachableError(url="http://hangzhou-1:26657", reason="x"), "hangzhou-1"),
        (UnreachableError(url="http://chongqing-1:26657", reason="x"), "chongqing-1"),
        (AccountUnknownError(address="ht1", chain_id="chongqing-1"), "chongqing-1"),
    ],
)
async def test_failed_comparison_names_the_chain_that_failed(
    monkeypatch, failure, chain_id
):
    care, _, _, _ = setting(10)
    monkeypatch.setattr(care, "_watch", FailingWatch(failure))
    monkeypatch.setattr(subject, "COMPARE_PERIOD_S", 0.0)
    with capture_logs() as logs:
        watching = asyncio.create_task(care.watch(asyncio.Event()))
        while not logs:
            await asyncio.sleep(0)
        watching.cancel()
    told = {name: logs[0][name] for name in ("event", "chain", "on")}
    assert told == {"event": "watch_failed", "chain": chain_id, "on": "chongqing-1"}


def test_problems_are_told_with_their_time():
    problems = Problems()
    assert (problems.text(), problems.seconds(5.0)) == ("", 0)
    problems.note("reading", "no answer")
    problems.note("client a", "frozen")
    assert problems.seconds(10.0) == 0
    assert problems.seconds(75.0) == 65
    assert problems.text() == "no answer; frozen"
    problems.end("reading")
    problems.end("never noted")
    assert problems.seconds(80.0) == 70
    problems.end("client a")
    assert problems.seconds(90.0) == 0
