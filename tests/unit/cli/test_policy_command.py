"""Policies as files: checked, tried, proposed; mistakes are told where they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from huitong.cli.policy import policy
from huitong.cli.propose import propose_group
from huitong.modules.policies import VARIABLES

GOOD = """
title: Invoices
grade_min: signed
break_glass_roles: [publisher, officer]
rules:
  - refuse: request.purpose == "marketing"
    code: purpose
  - ask: request.level > 2
    code: sensitive
  - grant: true
    code: all
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(GOOD)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(policy, [str(item) for item in arguments])


def answered(*arguments: object) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_policy_that_is_right_is_told_its_cost(file: Path) -> None:
    said = answered("check", file)
    assert (said["ok"], said["rules"]) == (True, 3)
    assert 0 < said["steps_at_most"] < said["steps_allowed"]


def test_policy_is_tried_with_facts(file: Path, tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"

    def tried(**values: Any) -> tuple[str, str]:
        facts.write_text(json.dumps(values))
        said = answered("try", file, "--facts", facts)
        return said["effect"], said["reason_code"]

    assert tried(**{"request.purpose": "marketing"}) == ("refuse", "policy.purpose")
    known = {"request.purpose": "audit", "request.level": 1}
    assert tried(**known) == ("grant", "policy.all")
    assert tried(**{**known, "request.level": 3}) == ("ask", "policy.sensitive")
    assert tried() == ("refuse", "policy-error")


def test_policy_is_proposed_as_one_message(file: Path) -> None:
    command = ["set-policy", "tax.invoice", str(file), "--previous=3", "--print"]
    result = CliRunner().invoke(propose_group, [*command, "--from=tax"])
    assert result.exit_code == 0, result.output
    (message,) = json.loads(result.stdout)
    assert message["@type"] == "/huitong.policies.v1.MsgSetPolicy"
    assert (message["record_type"], message["previous_version"]) == ("tax.invoice", "3")
    assert message["break_glass_roles"] == ["officer", "publisher"]
    assert message["rules"][2] == {
        "effect": "EFFECT_GRANT",
        "condition": "true",
        "reason_code": "all",
    }


def test_other_decisions_about_exchange_are_proposed() -> None:
    for command, fields in (
        (["remove-policy", "tax.invoice"], {"record_type": "tax.invoice"}),
        (["review-term", "3600"], {"params": {"review_term": "3600"}}),
        (
            [
                *("exchange-params", "--no-officer", "--officer-term=60"),
                *("--level-max=2", "--client-level=07-tendermint-1=0"),
                "--client-level=07-tendermint-0=4",
            ],
            {
                "params": {
                    "officer_term": "60",
                    "level_max": 2,
                    "client_levels": [
                        {"client_id": "07-tendermint-0", "level_max": 4},
                        {"client_id": "07-tendermint-1"},
                    ],
                }
            },
        ),
    ):
        result = CliRunner().invoke(propose_group, [*command, "--print", "--from=tax"])
        assert result.exit_code == 0, result.output
        (message,) = json.loads(result.stdout)
        assert {name: message[name] for name in fields} == fields


@pytest.mark.parametrize("level", ["07-tendermint-0", "07-tendermint-0=5", "a=b"])
def test_level_of_a_client_that_is_none_is_refused(level: str) -> None:
    command = ["exchange-params", "--officer-term=60", "--level-max=2", "--from=tax"]
    result = CliRunner().invoke(
        propose_group, [*command, f"--client-level={level}", "--print"]
    )
    assert result.exit_code == 2
    assert "CLIENT=LEVEL" in result.output


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- a", "expected entries with names"),
        ("a: [", "cli/31"),
        ("unknown: 1", "unknown entries unknown"),
        ("title: 1", "title: expected a text"),
        ("rules: 1", "rules: expected a list"),
        ("break_glass_roles: [1]", "break_glass_roles: expected texts"),
        ("rules: [1]", "rule 0: expected code and one of grant, refuse, ask"),
        ("rules: [{grant: 'true'}]", "rule 0: expected code"),
        ("rules: [{grant: 'true', ask: 'true', code: x}]", "rule 0: expected code"),
        ("rules: [{grant: 1, code: x}]", "rule 0: expected texts"),
        ("rules: [{grant: now > 'a', code: x}]", "rule 0: at character"),
        ("rules: [{grant: now, code: x}]", "rule 0: the condition is int"),
        ("{}", "the policy says nothing"),
        ("title: !!python/object:os.system x", "cli/31"),
    ],
)
def test_mistake_in_a_policy_is_told(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(content)
    result = run("check", path)
    assert result.exit_code == 1
    assert said in result.output


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ("[", "cli/31"),
        ("[]", "expected an object"),
        ('{"request.price": 1}', "no variable request.price"),
        ('{"now": true}', "now: expected int"),
        ('{"now": 1.5}', "now: expected int"),
        ('{"request.fields": "a"}', "request.fields: expected list of string"),
    ],
)
def test_mistake_in_facts_is_told(
    file: Path, tmp_path: Path, facts: str, said: str
) -> None:
    path = tmp_path / "facts.json"
    path.write_text(facts)
    result = run("try", file, "--facts", path)
    assert result.exit_code == 1
    assert said in result.output


def test_every_variable_is_listed_with_its_meaning() -> None:
    listed = answered("variables")["variables"]
    assert [item["name"] for item in listed] == list(VARIABLES)
    assert all(item["meaning"] for item in listed)
