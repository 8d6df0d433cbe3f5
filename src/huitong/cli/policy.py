"""``huitong policy``: look a policy over before it is voted on; needs no zone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
import orjson

from huitong.cli.errors import cli_errors
from huitong.cli.policy_file import PolicyFileError, read_policy_file
from huitong.cli.zones import json_option, show, show_many
from huitong.core.cel import Kind, Value
from huitong.core.limits import POLICY_COST_MAX
from huitong.modules.policies import VARIABLES, judge_by_rules
from huitong.modules.policies.handlers import check_policy
from huitong.proto.huitong.policies.v1 import policies_pb2 as pb

_FACTS_BYTES_MAX: Final = 1_048_576
_TYPE: Final = "any"
_file = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.group()
def policy() -> None:
    """Check a policy, and try it, before members vote on it."""


@policy.command()
@_file
@json_option
@cli_errors
def check(file: Path, as_json: bool) -> None:
    """Check the policy in FILE as the zone will: form, types, cost."""
    message = read_policy_file(file, _TYPE)
    cost = check_policy(message)
    shown = {
        "ok": True,
        "rules": len(message.rules),
        "steps_at_most": cost,
        "steps_allowed": POLICY_COST_MAX,
    }
    show(shown, as_json=as_json)


@policy.command("try")
@_file
@click.option(
    "--facts",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="JSON object with values of the variables; the others are absent.",
)
@json_option
@cli_errors
def try_policy(file: Path, facts: Path, as_json: bool) -> None:
    """Show what the rules in FILE say of a request with these facts."""
    message = read_policy_file(file, _TYPE)
    check_policy(message)
    judgement = judge_by_rules(message.rules, _read_facts(facts))
    effect = pb.Effect.Name(judgement.effect).removeprefix("EFFECT_").lower()
    shown = {
        "effect": "silent" if effect == "unspecified" else effect,
        "reason_code": judgement.reason_code,
        "steps": judgement.cost,
        "error": judgement.error,
    }
    show(shown, as_json=as_json)


@policy.command()
@json_option
@cli_errors
def variables(as_json: bool) -> None:
    """List what conditions may name."""
    found = [
        {
            "name": name,
            "kind": variable.kind.value,
            "may_be_absent": variable.optional,
            "meaning": variable.meaning,
        }
        for name, variable in VARIABLES.items()
    ]
    show_many("variables", found, as_json=as_json)


def _read_facts(path: Path) -> dict[str, Value]:
    with path.open("rb") as opened:
        data = opened.read(_FACTS_BYTES_MAX + 1)
    try:
        facts = orjson.loads(data[:_FACTS_BYTES_MAX])
    except orjson.JSONDecodeError as wrong:
        raise PolicyFileError(path=path, reason=str(wrong)) from None
    if not isinstance(facts, dict):
        raise PolicyFileError(path=path, reason="expected an object")
    return {name: _value(name, value, path) for name, value in facts.items()}


def _value(name: str, value: Any, path: Path) -> Value:
    variable = VARIABLES.get(name)
    if variable is None:
        raise PolicyFileError(path=path, reason=f"no variable {name}")
    kind = variable.kind
    items = value if isinstance(value, list) else [value]
    item = {Kind.BOOL: bool, Kind.INT: int, Kind.INTS: int}.get(kind, str)
    is_list = kind in (Kind.INTS, Kind.STRINGS)
    if is_list != isinstance(value, list) or any(type(i) is not item for i in items):
        raise PolicyFileError(path=path, reason=f"{name}: expected {kind.value}")
    return tuple(value) if is_list else value
