"""``huitong proof verify``: verdicts, exit codes, and clear errors for bad input."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from huitong.cli.proof import proof
from tests.vectors import load_vector, shared_vector


def _run(*arguments: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(proof, ["verify", "--json", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, json.loads(result.stdout)


def _row() -> dict[str, Any]:
    version: dict[str, Any] = load_vector("iavl-v1.2.2/operations.json")["churn"][5]
    return version


def _arguments(exists: bool) -> dict[str, str]:
    version = _row()
    found = next(row for row in version["proofs"] if row["Exists"] is exists)
    arguments = {
        "--spec": "iavl",
        "--root": version["root"],
        "--key": found["Key"],
        "--proof": found["Proof"],
    }
    return arguments | ({"--value": found["Value"]} if exists else {})


def _flat(arguments: dict[str, str]) -> list[str]:
    return [word for pair in arguments.items() for word in pair]


@pytest.mark.parametrize("exists", [True, False])
def test_true_proof_is_confirmed(exists: bool) -> None:
    code, verdict = _run(*_flat(_arguments(exists)))
    assert (code, verdict["ok"], verdict["error"]) == (0, True, None)


@pytest.mark.parametrize("tree", ["iavl", "tendermint", "smt"])
@pytest.mark.parametrize("place", ["left", "middle", "right"])
@pytest.mark.parametrize("kind", ["exist", "nonexist"])
def test_proof_vectors_are_confirmed(tree: str, place: str, kind: str) -> None:
    row = shared_vector(f"ics23/{tree}/{kind}_{place}.json")
    arguments = [f"--{name}={row[name]}" for name in ("root", "key", "proof")]
    if kind == "exist":
        arguments.append(f"--value={row['value']}")
    code, verdict = _run("--spec", tree, *arguments)
    assert (code, verdict) == (0, verdict | {"ok": True, "error": None})


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("--value", "00", "commitment/2"),
        ("--value", "", "commitment/2"),
        ("--key", "00", "commitment/2"),
        ("--key", "", "commitment/2"),
        ("--root", "00" * 32, "commitment/2"),
        ("--spec", "tendermint", "commitment/2"),
        ("--spec", "btree", "sdk/18"),
        ("--root", "xyz", "sdk/18"),
        ("--value", "0", "sdk/18"),
        ("--key", "00 00", "sdk/18"),
        ("--proof", "zz", "sdk/18"),
        ("--proof", "ff", "codec/2"),
        ("--proof", "", "commitment/2"),
    ],
)
def test_anything_else_is_refused_with_a_code(
    option: str, value: str, error: str
) -> None:
    code, verdict = _run(*_flat(_arguments(exists=True) | {option: value}))
    assert (code, verdict["ok"], verdict["error"]) == (1, False, error)
    assert verdict["detail"]


def test_absence_is_not_shown_by_an_existence_proof() -> None:
    arguments = _arguments(exists=True)
    del arguments["--value"]
    code, verdict = _run(*_flat(arguments))
    assert (code, verdict["error"]) == (1, "commitment/2")


def test_people_get_one_line() -> None:
    arguments = _arguments(exists=True)
    good = CliRunner().invoke(proof, ["verify", *_flat(arguments)])
    bad = CliRunner().invoke(proof, ["verify", *_flat(arguments | {"--key": "00"})])
    assert (good.exit_code, good.stdout.count("\n")) == (0, 1)
    assert (bad.exit_code, bad.stderr.count("\n")) == (1, 1)
    assert "commitment/2" in bad.stderr
