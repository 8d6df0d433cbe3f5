"""What the commands that propose put to the vote: a vote is given only if it is asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from huitong.cli.propose import propose_group
from huitong.testing.actors import address_of

ADMIT = ("admit-member", "customs", "--name=Customs")
DELEGATE = f"--delegate={address_of('customs')}"


def run(*arguments: str) -> Result:
    command = [*arguments, "--print", "--from=tax"]
    return CliRunner().invoke(propose_group, command)


def printed(*arguments: str) -> list[dict[str, Any]]:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    messages: list[dict[str, Any]] = json.loads(result.stdout)
    return messages


@pytest.mark.parametrize(
    ("options", "roles"),
    [
        ([DELEGATE], []),
        ([DELEGATE, "--role=publisher"], ["delegate", "publisher"]),
        ([DELEGATE, "--role=publisher", "--role=delegate"], ["delegate", "publisher"]),
    ],
)
def test_member_that_is_admitted_with_a_delegate_has_a_vote(
    options: list[str], roles: list[str]
) -> None:
    admission, account = printed(*ADMIT, *options)
    assert admission.get("roles", []) == roles
    assert account["roles"] == ["delegate"]


def test_member_that_is_admitted_without_a_delegate_has_no_vote() -> None:
    (admission,) = printed(*ADMIT, "--role=requester", "--role=publisher")
    assert admission["roles"] == ["publisher", "requester"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (ADMIT, "say --delegate ADDRESS"),
        ((*ADMIT, "--role=delegate"), "goes with --delegate ADDRESS"),
        (("member-roles", "customs"), "say either --role"),
        (("member-roles", "customs", "--role=officer", "--all-roles"), "say either"),
    ],
)
def test_vote_that_nobody_asked_for_is_not_given(
    arguments: tuple[str, ...], told: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in result.output


def test_roles_of_a_member_are_those_named_or_all() -> None:
    (some,) = printed("member-roles", "customs", "--role=officer")
    assert some["roles"] == ["officer"]
    (every,) = printed("member-roles", "customs", "--all-roles")
    assert every.get("roles", []) == []
