"""Lanes against programs of others: one line for each, and all of it as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.interop.kit.lanes import NOT_RUN, Lanes
from tests.interop.kit.peers import why_missing

_LANES: Final = pytest.StashKey[Lanes]()
_LANE: Final = "lane"


@pytest.fixture
def figure(record_property: Callable[[str, object], None]):
    """Keep a figure of the lane: ``figure("settled_per_s", 12.5)``."""
    return record_property


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--lanes-json", type=Path, help="Write what became of the lanes into this file."
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LANES] = Lanes()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Do not run a test whose lane lacks a peer."""
    marker = item.get_closest_marker(_LANE)
    assert marker is not None, f"{item.nodeid} belongs to no lane"
    item.user_properties.append((_LANE, marker.args[0]))
    peers = {
        peer
        for each in item.iter_markers(_LANE)
        for peer in each.kwargs.get("peers", ())
    }
    missing = [reason for peer in sorted(peers) if (reason := why_missing(peer))]
    if missing:
        pytest.skip(NOT_RUN + ", ".join(missing))


class _Reporter:
    """Counts what becomes of each test under its lane."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told: dict[str, Any] = dict(report.user_properties)
        if _LANE not in told:
            return
        lane = self._lanes.get(told.pop(_LANE))
        lane.seconds += report.duration
        name = report.nodeid.rpartition("::")[2]
        if report.failed and name not in lane.failed:
            lane.failed.append(name)
        elif report.skipped:
            reason = _reason(report).removeprefix(NOT_RUN)
            if reason not in lane.not_run:
                lane.not_run.append(reason)
        elif report.passed and report.when == "call":
            lane.passed += 1
        lane.figures.update(told)


def _reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return str(report.longrepr)


def pytest_sessionstart(session: pytest.Session) -> None:
    reporter = _Reporter(session.config.stash[_LANES])
    session.config.pluginmanager.register(reporter, "lanes-reporter")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    lanes = config.stash[_LANES].all()
    if not lanes:
        return
    terminalreporter.section("lanes")
    for lane in lanes:
        terminalreporter.write_line(lane.line())
    told = json.dumps({"lanes": [lane.as_dict() for lane in lanes]})
    terminalreporter.write_line(told)
    path = config.getoption("--lanes-json")
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(told + "\n", encoding="utf-8")
