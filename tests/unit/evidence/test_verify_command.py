"""``huitong verify`` and ``huitong evidence show``: what they print and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from huitong.cli.main import main
from huitong.evidence import kinds
from huitong.evidence.checks import checks_of
from huitong.evidence.container import encode_container
from huitong.evidence.trust import encode_trust
from tests.evidence_kit import bundle, finished_exchange


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.zip"
    path.write_bytes(bundle())
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.zip"
    data = bytearray(bundle())
    data[5_000] ^= 1
    path.write_bytes(data)
    return path


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    path = tmp_path / "trust.json"
    exchange = finished_exchange()
    path.write_bytes(
        encode_trust(
            {
                zone.chain_id_text: zone.header_at(2).header
                for zone in (exchange.a, exchange.b)
            }
        )
    )
    return path


def _run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_proven_bundle_ends_with_0_and_every_check(good: Path, trust: Path) -> None:
    result = _run("verify", "--trust", trust, good)
    assert result.exit_code == 0
    for name, _ in checks_of(kinds.FINISHED):
        assert f"✓ {name}" in result.output
    assert "proven" in result.output


def test_bundle_without_trust_ends_with_3(good: Path) -> None:
    result = _run("verify", good)
    assert result.exit_code == 3
    assert "unverified" in result.output
    report = json.loads(_run("verify", "--json", good).output)
    assert report["grade"] == "unverified"
    assert report["ok"] is False
    assert report["files"][0]["failed"] is None


def test_changed_bundle_ends_with_1_and_names_the_check(bad: Path, trust: Path) -> None:
    for arguments in ((bad,), ("--trust", trust, bad)):
        result = _run("verify", *arguments)
        assert result.exit_code == 1
        assert "✗ container" in result.output
    report = json.loads(_run("verify", "--json", bad).output)
    assert report["ok"] is False
    assert report["grade"] is None
    assert report["files"][0]["failed"] == "container"
    assert report["files"][0]["error"] == "evidence/4"


def test_several_files_end_as_the_worst_of_them(
    good: Path, bad: Path, trust: Path
) -> None:
    assert _run("verify", "--trust", trust, good, good).exit_code == 0
    assert _run("verify", good, good).exit_code == 3
    assert _run("verify", good, bad).exit_code == 1
    assert _run("verify", bad, good).exit_code == 1
    report = json.loads(_run("verify", "--json", "--trust", trust, good, bad).output)
    assert [entry["ok"] for entry in report["files"]] == [True, False]
    assert report["ok"] is False


def test_proven_bundle_in_json(good: Path, trust: Path) -> None:
    report = json.loads(_run("verify", "--json", "--trust", trust, good).output)
    assert report["ok"] is True
    assert report["grade"] == "proven"
    assert all(check["ok"] for check in report["files"][0]["checks"])


@pytest.mark.parametrize("content", [b"", b"x", b"PK\x03\x04", b"\0" * 5_000])
def test_file_that_is_no_bundle_ends_with_1(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    result = _run("verify", path)
    assert result.exit_code == 1
    assert "✗ container" in result.output


def test_archive_of_something_else_ends_with_1(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(encode_container({"a": b""}))
    assert "✗ manifest" in _run("verify", path).output


def test_files_that_cannot_be_read_end_with_1(tmp_path: Path, good: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        result = _run("verify", path)
        assert result.exit_code == 1
        assert "✗ file" in result.output
    result = _run("verify", "--trust", tmp_path / "absent", good)
    assert result.exit_code == 1
    assert "trust file" in result.output
    assert _run("verify").exit_code == 2


def test_report_and_entries_are_shown(good: Path, bad: Path) -> None:
    result = _run("evidence", "show", good)
    assert result.exit_code == 0
    assert "证据报告" in result.output
    assert "manifest.json" in result.output
    assert (
        '"total": 113' in _run("evidence", "show", good, "payload/document.json").output
    )
    assert _run("evidence", "show", good, "absent").exit_code == 1
    assert _run("evidence", "show", bad).exit_code == 1
