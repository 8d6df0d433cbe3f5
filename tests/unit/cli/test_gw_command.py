"""``huitong gw``: where it connects, what it says of refusals, and what it sends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from huitong.cli.main import main
from tests.unit.gateway.connectors.http_kit import Seen, serve

_PROBLEM = {
    "detail": "1 field(s) of the request are not valid",
    "instance": "r1",
    "codespace": "http",
    "code": 2,
    "next_step": "Correct the fields that `errors` names.",
    "errors": [{"field": "query.record_type", "reason": "Field required"}],
}
_PUBLICATION = {
    "id": "p1",
    "record": "INV-1",
    "record_type": "tax.invoice",
    "version": None,
    "payload_digest": "00" * 32,
    "fields": ["total"],
    "state": "stuck",
    "height": None,
    "transaction": None,
    "created": "2026-03-18T09:30:00Z",
    "changed": "2026-03-18T09:30:00Z",
    "job": 7,
    "problem": {"codespace": "records", "code": 3, "detail": "it exists"},
}


def _answering(status: int, value: Any) -> Any:
    return lambda _: (status, json.dumps(value).encode())


def _gw(*arguments: str, **environment: str) -> Result:
    hidden = ("URL", "KEY", "KEY_FILE", "PROFILE")
    base: dict[str, str | None] = {f"HUITONG_GW_{name}": None for name in hidden}
    return CliRunner().invoke(main, ["gw", *arguments], env={**base, **environment})


@pytest.fixture
def invoice(tmp_path: Path) -> Path:
    path = tmp_path / "invoice.json"
    path.write_text('{"total": 10.50}')
    return path


def test_profile_says_which_gateway_and_key(tmp_path: Path) -> None:
    (tmp_path / "tax.key").write_text("htk_secret\n")
    folder = tmp_path / "huitong"
    folder.mkdir()
    with serve(_answering(200, {"items": [], "next": None})) as server:
        (folder / "gw.toml").write_text(
            f'[tax]\nurl = "{server.url}"\nkey_file = "{tmp_path}/tax.key"\n'
        )
        home = {"XDG_CONFIG_HOME": str(tmp_path)}
        done = _gw("records", "list", "--profile=tax", "--json", **home)
        assert json.loads(done.stdout) == {"records": []}
        assert server.seen[0].headers["authorization"] == "Bearer htk_secret"
        done = _gw("records", "list", "--profile=bank", **home)
        assert (done.exit_code, "[bank]" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("url = ", "gw.toml"),
        ("[default]\nurl = 7\n", "[default] url"),
        ('[default]\nurl = "http://127.0.0.1:9"\npassword = "x"\n', "password"),
        ('[default]\nurl = "http://127.0.0.1:9"\n', "no API key"),
        ("", "no URL"),
    ],
)
def test_profile_that_is_wrong_is_told(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "huitong").mkdir()
    (tmp_path / "huitong" / "gw.toml").write_text(text)
    done = _gw("records", "list", XDG_CONFIG_HOME=str(tmp_path))
    assert done.exit_code == 1
    assert reason in done.stderr
    assert "Traceback" not in done.output


def test_refusal_names_fields_request_and_next_step(invoice: Path) -> None:
    with serve(_answering(422, _PROBLEM)) as server:
        options = {"HUITONG_GW_URL": server.url, "HUITONG_GW_KEY": "k"}
        order = ("records", "publish", "INV-1", str(invoice), "--type=t")
        told = _gw(*order, **options)
        told_json = _gw(*order, "--json", **options)
    assert told.exit_code == told_json.exit_code == 1
    for part in ("[http/2]", "query.record_type: Field required", "r1", "Correct"):
        assert part in told.stderr
    error = json.loads(told_json.stdout)["error"]
    assert (error["codespace"], error["code"], error["request_id"]) == ("http", 2, "r1")
    assert error["fields"][0]["field"] == "query.record_type"


def test_document_is_sent_as_it_is_and_what_is_stuck_fails(invoice: Path) -> None:
    def answer(seen: Seen) -> tuple[int, bytes]:
        assert seen.body == invoice.read_bytes()
        assert seen.headers["content-type"] == "application/json"
        assert seen.headers["idempotency-key"] == "mine"
        assert seen.path.startswith("/v1/records/INV-1/file?")
        return 202, json.dumps(_PUBLICATION).encode()

    with serve(answer) as server:
        done = _gw(
            "records",
            "publish",
            "INV-1",
            str(invoice),
            "--type=tax.invoice",
            "--idempotency-key=mine",
            "--json",
            HUITONG_GW_URL=server.url,
            HUITONG_GW_KEY="k",
        )
    assert json.loads(done.stdout)["problem"]["detail"] == "it exists"
    assert done.exit_code == 1


def test_new_version_keeps_what_the_record_says(invoice: Path) -> None:
    options = {"HUITONG_GW_URL": "http://127.0.0.1:9", "HUITONG_GW_KEY": "k"}
    order = ("records", "publish", "INV-1", str(invoice))
    done = _gw(*order, "--previous-version=1", "--title=x", **options)
    assert (done.exit_code, "keeps type" in done.stderr) == (2, True)
    done = _gw(*order, **options)
    assert (done.exit_code, "--type" in done.stderr) == (2, True)


def test_received_document_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "given.json"
    order = ("exchanges", "document", "e1", f"--out={out}", "--json")
    with serve(_answering(404, _PROBLEM)) as server:
        options = {"HUITONG_GW_URL": server.url, "HUITONG_GW_KEY": "k"}
        assert _gw(*order, **options).exit_code == 1
        assert list(tmp_path.iterdir()) == []
    with serve(lambda _: (200, b'{"total":10.50}')) as server:
        options["HUITONG_GW_URL"] = server.url
        assert json.loads(_gw(*order, **options).stdout)["size"] == 15
        assert out.read_bytes() == b'{"total":10.50}'
        again = _gw(*order, **options)
        assert again.exit_code == 1
