"""A policy as people write it: a file in YAML or JSON.

::

    title: Invoices
    grade_min: signed
    break_glass_roles: [officer]
    rules:
      - refuse: request.purpose == "marketing"
        code: purpose
      - grant: consent.present && consent.signed
        code: own-consent
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from huitong.core.errors import RejectedError
from huitong.core.limits import PROPOSAL_SIZE_BYTES_MAX
from huitong.proto.huitong.policies.v1 import policies_pb2 as pb

_EFFECTS: Final = {
    "grant": pb.EFFECT_GRANT,
    "refuse": pb.EFFECT_REFUSE,
    "ask": pb.EFFECT_ASK,
}
_ENTRIES: Final = ("title", "grade_min", "break_glass_roles", "rules")


class PolicyFileError(
    RejectedError,
    codespace="cli",
    code=31,
    text="{path}: {reason}",
    next_step="docs/explanation/policy.md shows the form of a policy.",
):
    """The file is no policy."""


def read_policy_file(path: Path, record_type: str) -> pb.MsgSetPolicy:
    """Return what a file says about a type of record; its rules are not checked.

    Raises:
        PolicyFileError: too long, no YAML, unknown entries, or values of another kind.
    """
    with path.open("rb") as opened:
        data = opened.read(PROPOSAL_SIZE_BYTES_MAX + 1)
    if len(data) > PROPOSAL_SIZE_BYTES_MAX:
        raise PolicyFileError(
            path=path, reason=f"more than {PROPOSAL_SIZE_BYTES_MAX} bytes"
        )
    try:
        content = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError) as wrong:
        raise PolicyFileError(path=path, reason=str(wrong)) from None
    if not isinstance(content, dict):
        raise PolicyFileError(path=path, reason="expected entries with names")
    unknown = sorted(str(name) for name in content if name not in _ENTRIES)
    if unknown:
        raise PolicyFileError(path=path, reason=f"unknown entries {', '.join(unknown)}")
    return pb.MsgSetPolicy(
        record_type=record_type,
        title=_text(content, "title", path),
        grade_min=_text(content, "grade_min", path),
        break_glass_roles=sorted(_texts(content, "break_glass_roles", path)),
        rules=[
            _rule(entry, path, f"rule {index}")
            for index, entry in enumerate(_list(content, "rules", path))
        ],
    )


def _rule(entry: Any, path: Path, where: str) -> pb.Rule:
    effects = [name for name in _EFFECTS if isinstance(entry, dict) and name in entry]
    if len(effects) != 1 or set(entry) != {effects[0], "code"}:
        known = ", ".join(_EFFECTS)
        raise PolicyFileError(
            path=path, reason=f"{where}: expected code and one of {known}"
        )
    condition = entry[effects[0]]
    if isinstance(condition, bool):  # what YAML makes of true and false
        condition = "true" if condition else "false"
    if not isinstance(condition, str) or not isinstance(entry["code"], str):
        raise PolicyFileError(path=path, reason=f"{where}: expected texts")
    return pb.Rule(
        effect=_EFFECTS[effects[0]],
        condition=condition.strip(),
        reason_code=entry["code"],
    )


def _text(content: dict[str, Any], name: str, path: Path) -> str:
    value = content.get(name, "")
    if not isinstance(value, str):
        raise PolicyFileError(path=path, reason=f"{name}: expected a text")
    return value


def _list(content: dict[str, Any], name: str, path: Path) -> list[Any]:
    value = content.get(name, [])
    if not isinstance(value, list):
        raise PolicyFileError(path=path, reason=f"{name}: expected a list")
    return value


def _texts(content: dict[str, Any], name: str, path: Path) -> list[str]:
    values = _list(content, name, path)
    if not all(isinstance(value, str) for value in values):
        raise PolicyFileError(path=path, reason=f"{name}: expected texts")
    return values
