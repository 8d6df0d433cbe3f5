"""The reference page of conditions, from the code that reads and evaluates them."""

from __future__ import annotations

from huitong.core.gas import GAS_POLICY_STEP
from huitong.core.limits import (
    EXPRESSION_BYTES_MAX,
    EXPRESSION_DEPTH_MAX,
    POLICY_COST_MAX,
    POLICY_RULES_MAX,
)
from huitong.modules.policies import VARIABLES

_LANGUAGE = [
    (
        "integers",
        "`12`, `-3`, `0x1F`",
        "64 bits; more is an error, never a wrap-around",
    ),
    (
        "strings",
        "`'a'`, `\"a\"`",
        "escapes `\\\\`, `\\'`, `\\\"`, `\\uXXXX`; no line ends",
    ),
    ("booleans", "`true`, `false`", ""),
    ("lists", "`['a', 'b']`, `[1, 2]`", "of strings or of integers"),
    ("variables", "`now`, `request.purpose`", "see below; there are no others"),
    ("choice", "`a ? b : c`", "both of one kind"),
    (
        "logic",
        "`\\|\\|`, `&&`, `!`",
        "an error on one side does not matter if the other side decides",
    ),
    ("equality", "`==`, `!=`", "two values of one kind, lists too"),
    ("order", "`<`, `<=`, `>`, `>=`", "integers, or strings by code point"),
    ("membership", "`x in list`", ""),
    (
        "arithmetic",
        "`+`, `-`, `*`, `/`, `%`",
        "of integers; division rounds towards zero and the remainder has the sign of the "
        "dividend; by zero is an error; `+` joins strings too",
    ),
    ("size", "`size(x)`, `x.size()`", "of a list; of a string in code points"),
    (
        "strings' methods",
        "`s.startsWith(t)`, `s.endsWith(t)`, `s.contains(t)`",
        "",
    ),
    (
        "macros",
        "`list.all(x, …)`, `list.exists(x, …)`",
        "joined by `&&` or `\\|\\|`; the name of the item must not be taken",
    ),
    ("presence", "`has(grant.until)`", "whether a variable has a value"),
]


def conditions_page(notice: str) -> str:
    """Return the language of conditions and their variables as Markdown."""
    rows = [
        "# Conditions of policies",
        "",
        notice,
        "A condition is an expression of the Common Expression Language (CEL) that yields a boolean; what is listed here is all that is taken.",
        "There are no floats, times, durations, patterns, maps, indexes, conversions and comments.",
        "[How a policy decides](../explanation/policy.md) is a page of its own.",
        "",
        "Every part has one kind, known before anything is evaluated; a condition that mixes kinds or names an unknown variable is refused when the policy is proposed.",
        "An absent value, an overflow or a division by zero leaves a condition without a value: the request is refused with `policy-error`.",
        "",
        "| what | how | remarks |",
        "| --- | --- | --- |",
        *(f"| {what} | {how} | {remark} |" for what, how, remark in _LANGUAGE),
        "",
        f"Each part that is evaluated takes a step, long strings and lists some more. All rules of a policy together may take {POLICY_COST_MAX} steps at most, whatever a request asks for; the zone computes that bound when the policy is proposed.",
        f"A step costs {GAS_POLICY_STEP} gas when it is taken. A condition has at most {EXPRESSION_BYTES_MAX} bytes and {EXPRESSION_DEPTH_MAX} levels; a policy at most {POLICY_RULES_MAX} rules.",
        "",
        "## Variables",
        "",
        "Times are seconds since the epoch, UTC.",
        "",
        "| variable | kind | may be absent | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for name, variable in VARIABLES.items():
        absent = "yes" if variable.optional else "no"
        rows.append(
            f"| `{name}` | {variable.kind.value} | {absent} | {variable.meaning} |"
        )
    return "\n".join(rows) + "\n"
