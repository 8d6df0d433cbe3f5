"""``huitong gateway key`` and ``peer``: what a person does beside a running gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from huitong.cli.main import main as huitong_command
from huitong.gateway.settings import load_settings


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(huitong_command, [str(each) for each in arguments])


def _object(done: Result) -> dict[str, Any]:
    answer = orjson.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "gateway"
    zone = "hangzhou-1=tcp://127.0.0.1:9"
    made = _run("gateway", "init", "--home", folder, "--member", "a", "--zone", zone)
    assert made.exit_code == 0, made.output
    return folder


def test_key_is_shown_once_listed_without_its_secret_and_revoked(home: Path) -> None:
    at = f"--home={home}"
    made = _run("gateway", "key", "add", "erp", "--role=integrator", at, "--key-only")
    key = made.stdout.strip()
    key_id = key.split("_")[1]
    listed = _run("gateway", "key", "list", at, "--json")
    assert key not in listed.stdout
    (found,) = [each for each in _object(listed)["keys"] if each["id"] == key_id]
    assert found["roles"] == ["integrator"]
    assert found["revoked"] is None
    revoked = _object(_run("gateway", "key", "revoke", key_id, at, "--json"))
    assert revoked["revoked"] is not None


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["add", "x", "--role=officer", "--role=auditor"], "access/"),
        (["add", "x", "--role=officer", "--days=9999"], "access/"),
        (["revoke", "0123456789abcdef"], "access/"),
    ],
)
def test_key_that_cannot_be_is_refused(
    arguments: list[str], code: str, home: Path
) -> None:
    done = _run("gateway", "key", *arguments, f"--home={home}", "--json")
    assert done.exit_code == 1
    error = _object(done)["error"]
    assert f"{error['codespace']}/".startswith(code)


def test_peer_is_added_with_its_certificate_and_listed(home: Path) -> None:
    at, certificate = f"--home={home}", f"--certificate={home / 'peer.crt'}"
    url = "https://gateway.example:8481"
    added = _object(
        _run("gateway", "peer", "add", "b.c", url, certificate, at, "--json")
    )
    listed = _object(_run("gateway", "peer", "list", at, "--json"))["peers"]
    assert listed == [{"member": "b.c", "url": url, "key": added["key"]}]
    assert load_settings(home).peers["b.c"].url == url
    again = _run("gateway", "peer", "add", "b.c", url, certificate, at, "--json")
    assert _object(again)["error"]["code"] == 10


@pytest.mark.parametrize(
    ("member", "url", "code"),
    [
        ("B", "https://gateway.example", "service"),
        ("d", "http://gateway.example", "service"),
        ("d", "https://gateway.example/path", "service"),
        ("d", "ftp://gateway.example", "service"),
    ],
)
def test_peer_that_cannot_be_is_refused_and_nothing_is_written(
    member: str, url: str, code: str, home: Path
) -> None:
    before = (home / "gateway.toml").read_bytes()
    certificate = f"--certificate={home / 'peer.crt'}"
    done = _run(
        "gateway", "peer", "add", member, url, certificate, f"--home={home}", "--json"
    )
    assert done.exit_code == 1
    assert _object(done)["error"]["codespace"] == code
    assert (home / "gateway.toml").read_bytes() == before


def test_file_that_is_no_certificate_is_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "x.crt").write_text("no certificate")
    done = _run(
        "gateway",
        "peer",
        "add",
        "d",
        "https://gateway.example",
        f"--certificate={tmp_path / 'x.crt'}",
        f"--home={home}",
        "--json",
    )
    assert _object(done)["error"]["codespace"] == "peers"
