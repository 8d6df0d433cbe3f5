"""``huitong light verify``: verdicts, exit codes, and bad input told in one line."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from huitong.cli.light import light, parse_duration
from huitong.core.errors import InvalidRequestError
from tests.vectors import load_vector

CHAIN_ID = "chain-6HQ089"
NOW = "2026-11-23T19:10:00Z"
BLOCKS = {
    entry["height"]: {k: v for k, v in entry.items() if k != "block"}
    for entry in load_vector("cometbft-v0.38.25/light_blocks_4_validators.json")
}
Json = dict[str, Any]
Change = Callable[[Json], object]


def run(
    folder: Path, trusted: object, untrusted: object, **options: str
) -> tuple[int, Json]:
    """Run the command on two light blocks, return its exit code and what it printed."""
    arguments = ["verify", "--json"]
    for name, value in (("trusted", trusted), ("untrusted", untrusted)):
        path = folder / f"{name}.json"
        path.write_bytes(value if isinstance(value, bytes) else orjson.dumps(value))
        arguments += [f"--{name}", str(path)]
    options = {"chain_id": CHAIN_ID, "now": NOW, "trust_level": "1/3"} | options
    for name, text in options.items():
        arguments += [f"--{name.replace('_', '-')}", text]
    result = CliRunner().invoke(light, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    verdict = orjson.loads(result.stdout)
    assert set(verdict) == {"ok", "error", "detail"}
    assert verdict["ok"] is (result.exit_code == 0) is (verdict["error"] is None)
    return result.exit_code, verdict


def changed(height: int, change: Change) -> Json:
    block = copy.deepcopy(BLOCKS[height])
    change(block)
    return block


def header(block: Json) -> Json:
    found: Json = block["commit"]["signed_header"]["header"]
    return found


def commit(block: Json) -> Json:
    found: Json = block["commit"]["signed_header"]["commit"]
    return found


@pytest.mark.parametrize("height", [3, 7, 38, 39])
def test_recorded_block_is_verified(tmp_path: Path, height: int) -> None:
    code, verdict = run(tmp_path, BLOCKS[2], BLOCKS[height])
    assert (code, verdict["error"]) == (0, None)
    assert str(height) in verdict["detail"]


def test_trusted_block_needs_no_validators(tmp_path: Path) -> None:
    for change in (
        lambda b: b.pop("validators"),
        lambda b: b.update(validators=None),
    ):
        assert run(tmp_path, changed(2, change), BLOCKS[39])[0] == 0


VERDICTS: dict[str, tuple[int, Change, dict[str, str], str]] = {
    "other chain id": (39, lambda b: None, {"chain_id": "x"}, "07-tendermint/101"),
    "expired": (
        39,
        lambda b: None,
        {"trusting_period": "11m38.688856619s"},
        "07-tendermint/11",
    ),
    "from the future": (
        39,
        lambda b: None,
        {"now": "2026-11-23T18:58:50Z", "clock_drift": "5s"},
        "07-tendermint/105",
    ),
    "height not above": (2, lambda b: None, {}, "07-tendermint/5"),
    "app hash changed": (
        39,
        lambda b: header(b).update(app_hash="00"),
        {},
        "07-tendermint/103",
    ),
    "power changed": (
        39,
        lambda b: b["validators"]["validators"][0].update(voting_power="2"),
        {},
        "07-tendermint/106",
    ),
    "two votes left out": (
        39,
        lambda b: commit(b)["signatures"].__setitem__(0, commit(b)["signatures"][1]),
        {},
        "07-tendermint/109",
    ),
    "vote's time changed": (
        39,
        lambda b: commit(b)["signatures"][3].update(timestamp="2026-11-23T18:58:56Z"),
        {},
        "07-tendermint/110",
    ),
    "other validators at level one": (
        39,
        lambda b: None,
        {"trust_level": "1/1"},
        "07-tendermint/108",
    ),
}


@pytest.mark.parametrize(
    ("height", "change", "options", "error"), VERDICTS.values(), ids=VERDICTS
)
def test_block_that_does_not_follow_is_refused(
    tmp_path: Path, height: int, change: Change, options: dict[str, str], error: str
) -> None:
    code, verdict = run(tmp_path, BLOCKS[2], changed(height, change), **options)
    assert (code, verdict["error"]) == (1, error)


def test_trusting_period_ends_to_the_nanosecond(tmp_path: Path) -> None:
    period = {"trusting_period": "11m38.68885662s"}
    assert run(tmp_path, BLOCKS[2], BLOCKS[39], **period)[0] == 0


def test_trusted_block_without_next_validators_is_refused(tmp_path: Path) -> None:
    trusted = changed(2, lambda b: b.pop("next_validators"))
    code, verdict = run(tmp_path, trusted, BLOCKS[39])
    assert (code, verdict["error"]) == (1, "sdk/18")
    assert "has no next_validators" in verdict["detail"]


def test_trusted_block_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    forged = changed(2, lambda b: header(b).update(app_hash="01"))
    code, verdict = run(tmp_path, forged, BLOCKS[39])
    assert (code, verdict["error"]) == (1, "07-tendermint/103")
    forged = changed(2, lambda b: b["next_validators"]["validators"].pop())
    code, verdict = run(tmp_path, forged, BLOCKS[39])
    assert (code, verdict["error"]) == (1, "07-tendermint/14")


BAD_FILES: dict[str, object] = {
    "empty": b"",
    "no JSON": b"\x89PNG",
    "no object": [],
    "null": None,
    "no commit": {"height": 2},
    "commit of text": {"commit": "x"},
    "header of a list": changed(39, lambda b: b["commit"].update(signed_header=[])),
    "header missing": changed(39, lambda b: b["commit"]["signed_header"].pop("header")),
    "no validators": changed(39, lambda b: b.pop("validators")),
    "validators of text": changed(39, lambda b: b.update(validators="x")),
    "validators of null": changed(
        39, lambda b: b["validators"].update(validators=None)
    ),
    "height of a float": changed(39, lambda b: header(b).update(height=39.0)),
    "height of a truth": changed(39, lambda b: header(b).update(height=True)),
    "height of words": changed(39, lambda b: header(b).update(height="thirty-nine")),
    "height of many digits": changed(39, lambda b: header(b).update(height="9" * 30)),
    "odd hex": changed(39, lambda b: header(b).update(app_hash="ABC")),
    "hex of a number": changed(39, lambda b: header(b).update(app_hash=7)),
    "hex beyond ASCII": changed(39, lambda b: header(b).update(app_hash="杭州")),
    "bad base64": changed(
        39, lambda b: commit(b)["signatures"][0].update(signature="!")
    ),
    "bad time": changed(39, lambda b: header(b).update(time="yesterday")),
    "negative parts": changed(
        39, lambda b: commit(b)["block_id"]["parts"].update(total=-1)
    ),
    "too many parts": changed(
        39, lambda b: commit(b)["block_id"]["parts"].update(total=2**32)
    ),
    "unknown flag": changed(
        39, lambda b: commit(b)["signatures"][0].update(block_id_flag=9)
    ),
    "other kind of key": changed(
        39,
        lambda b: b["validators"]["validators"][0]["pub_key"].update(type="secp256k1"),
    ),
    "address of another": changed(
        39, lambda b: b["validators"]["validators"][0].update(address="00" * 20)
    ),
    "too large": b" " * 4_194_305,
}


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES)
def test_bad_file_is_told_in_one_line(tmp_path: Path, content: object) -> None:
    for trusted, untrusted in ((BLOCKS[2], content), (content, BLOCKS[39])):
        if trusted is content and isinstance(content, dict) and "commit" in content:
            continue  # what is wrong there may be a part that a trusted block can lack
        code, verdict = run(tmp_path, trusted, untrusted)
        assert code == 1
        assert "\n" not in verdict["detail"]
        assert "Traceback" not in verdict["detail"]


@pytest.mark.parametrize("name", ["", "nowhere/file", ".", "a\0b"])
def test_file_that_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    result = CliRunner().invoke(
        light,
        [
            "verify",
            "--trusted",
            name,
            "--untrusted",
            name,
            "--chain-id",
            CHAIN_ID,
            "--now",
            NOW,
        ],
    )
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: cannot read")


def test_verdict_for_people_is_one_line(tmp_path: Path) -> None:
    for height in (2, 39):
        (tmp_path / f"{height}.json").write_bytes(orjson.dumps(BLOCKS[height]))
    result = CliRunner().invoke(
        light,
        [
            "verify",
            "--chain-id",
            CHAIN_ID,
            "--now",
            NOW,
            "--trusted",
            str(tmp_path / "2.json"),
            "--untrusted",
            str(tmp_path / "39.json"),
        ],
    )
    assert result.exit_code == 0
    assert result.stdout.startswith("ok: chain-6HQ089 height 39 of 2026-11-23T18:58:55")


@pytest.mark.parametrize(
    ("option", "text", "error"),
    [
        ("now", "yesterday", "core/3"),
        ("trust_level", "2", "sdk/18"),
        ("trust_level", "0.5", "sdk/18"),
        ("trust_level", "1/4", "07-tendermint/15"),
        ("trust_level", "4/3", "07-tendermint/15"),
        ("trust_level", "1/0", "07-tendermint/15"),
        ("trusting_period", "336", "sdk/18"),
        ("trusting_period", "0", "07-tendermint/3"),
        ("trusting_period", "-1h", "07-tendermint/3"),
        ("clock_drift", "ten", "sdk/18"),
        ("clock_drift", "-1ns", "07-tendermint/7"),
    ],
)
def test_bad_option_is_told(tmp_path: Path, option: str, text: str, error: str) -> None:
    code, verdict = run(tmp_path, BLOCKS[2], BLOCKS[39], **{option: text})
    assert (code, verdict["error"]) == (1, error)


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("336h", 336 * 3_600 * 10**9),
        ("1h30m", 5_400 * 10**9),
        ("1.5s", 1_500_000_000),
        (".5m", 30 * 10**9),
        ("1.m", 60 * 10**9),
        ("2ms3us4ns", 2_003_004),
        ("1µs1μs", 2_000),
        ("0.9ns", 0),
        ("0.0000000019s", 1),
        ("0", 0),
        ("+1s", 10**9),
        ("-1h", -3_600 * 10**9),
        ("9223372036854775807ns", 2**63 - 1),
    ],
)
def test_duration_is_read_exactly_as_go_does(text: str, expected_ns: int) -> None:
    assert parse_duration(text, "--period") == expected_ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "+",
        "h",
        ".s",
        "1",
        "1.5",
        "1 h",
        "1d",
        "1h ",
        "--1h",
        "1e3s",
        "٣s",
        "9223372036854775808ns",
        "99999999999999999999h",
    ],
)
def test_duration_in_another_form_is_rejected(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        parse_duration(text, "--period")
