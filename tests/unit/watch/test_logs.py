"""What a line of the log looks like."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest
import structlog

from huitong.node.logs import configure_logs


@pytest.fixture(autouse=True)
def _default_logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    structlog.get_logger("node").info("block_committed", height=7, name="税务\n")
    (line,) = capsys.readouterr().err.splitlines()
    told = orjson.loads(line)
    assert told.pop("timestamp").endswith("Z")
    assert told == {
        "event": "block_committed",
        "level": "info",
        "logger": "node",
        "height": 7,
        "name": "税务\n",
    }


def test_less_important_lines_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning", "json")
    log = structlog.get_logger("node")
    log.info("block_committed", height=7)
    assert capsys.readouterr().err == ""
    log.warning("snapshot_skipped", height=7)
    assert "snapshot_skipped" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["json", "console"])
def test_failure_is_told_without_the_values_of_variables(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    configure_logs("info", form)

    def fail() -> None:
        passphrase = "correct horse"
        raise ValueError(len(passphrase))

    try:
        fail()
    except ValueError as bug:
        structlog.get_logger("abci").error("abci_call_refused", exc_info=bug)
    told = capsys.readouterr().err
    assert "ValueError: 13" in told
    assert "in fail" in told
    assert "correct horse" not in told.replace('passphrase = "correct horse"', "")


def test_value_of_any_kind_does_not_break_the_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("info", "json")
    structlog.get_logger("node").info("node_stopped", why=ValueError("x"), who=b"\xff")
    assert orjson.loads(capsys.readouterr().err)["why"] == "x"
