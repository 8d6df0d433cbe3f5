"""Links that fail, are begun again, and leave the others alone."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from huitong.client.errors import UnreachableError
from huitong.relayer import supervisor as supervisor_module
from huitong.relayer.settings import LinkConfig, RelayConfig, ZoneConfig
from huitong.relayer.status import status_of_problem
from huitong.relayer.supervisor import Supervisor

ZONES = tuple(
    ZoneConfig(chain_id=name, rpc="tcp://127.0.0.1:1")
    for name in ("hangzhou-1", "chongqing-1", "lhasa-1")
)


def link(chain_b: str) -> LinkConfig:
    return LinkConfig(
        chain_a="hangzhou-1",
        chain_b=chain_b,
        channel_on_a="channel-0",
        channel_on_b="channel-0",
    )


class FakeWorker:
    """Runs until it fails, as its link says."""

    failures: dict[str, list[Exception]]
    runs: dict[str, int]

    def __init__(self, told: LinkConfig, zone_a, zone_b) -> None:
        self.link = told

    async def run(self) -> None:
        name = self.link.chain_b
        self.runs[name] = self.runs.get(name, 0) + 1
        left = self.failures.get(name, [])
        if left:
            raise left.pop(0)
        await asyncio.Event().wait()

    def status(self):
        return status_of_problem("")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(supervisor_module, "LinkWorker", FakeWorker)
    monkeypatch.setattr(supervisor_module, "PAUSE_FIRST_S", 0.001)
    FakeWorker.failures, FakeWorker.runs = {}, {}


async def run_until(supervisor: Supervisor, condition) -> None:
    running = asyncio.create_task(supervisor.run())
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def supervisor_of(*links: LinkConfig, **options) -> Supervisor:
    config = RelayConfig(zones=ZONES, links=links)
    return Supervisor(config, lambda name: bytes([7]) * 32, **options)


@pytest.mark.parametrize(
    "failure",
    [UnreachableError(url="http://node", reason="refused"), KeyError("a bug")],
    ids=["node away", "bug"],
)
async def test_failed_link_is_begun_again_and_others_go_on(failure):
    FakeWorker.failures = {"lhasa-1": [failure, failure]}
    supervisor = supervisor_of(link("chongqing-1"), link("lhasa-1"))
    with capture_logs() as logs:
        await run_until(supervisor, lambda: FakeWorker.runs.get("lhasa-1") == 3)
    assert FakeWorker.runs == {"chongqing-1": 1, "lhasa-1": 3}
    failed = [entry for entry in logs if entry["event"] == "link_failed"]
    assert [entry["chain_b"] for entry in failed] == ["lhasa-1", "lhasa-1"]


async def test_link_that_cannot_be_made_is_told_with_its_problem(monkeypatch):
    async def refuse(a, b, wanted, **options):
        raise UnreachableError(url="http://node", reason="refused")

    monkeypatch.setattr(supervisor_module, "open_link", refuse)
    unmade = LinkConfig(chain_a="hangzhou-1", chain_b="lhasa-1")
    supervisor = supervisor_of(unmade, link("chongqing-1"))
    await run_until(supervisor, lambda: supervisor.status()[0][1].problem)
    (_, broken), (_, served) = supervisor.status()
    assert "refused" in broken.problem
    assert served.problem == ""


async def test_link_that_is_made_is_kept_at_once(monkeypatch):
    async def make(a, b, wanted, **options):
        return link("lhasa-1")

    monkeypatch.setattr(supervisor_module, "open_link", make)
    kept: list[RelayConfig] = []
    unmade = LinkConfig(chain_a="hangzhou-1", chain_b="lhasa-1")
    supervisor = supervisor_of(unmade, keep=kept.append)
    await run_until(supervisor, lambda: FakeWorker.runs)
    assert [config.links for config in kept] == [(link("lhasa-1"),)]


async def test_link_without_a_channel_has_nothing_to_relay():
    unmade = LinkConfig(chain_a="hangzhou-1", chain_b="lhasa-1")
    ((_, status),) = await supervisor_of(unmade).read()
    assert "has no channel yet" in status.problem
    assert "huitong relay link" in status.problem
