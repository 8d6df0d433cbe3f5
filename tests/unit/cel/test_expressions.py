"""The subset of CEL: what it reads, what it refuses and where, what values come out."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.cel import (
    ExpressionSyntaxError,
    ExpressionTooLargeError,
    ExpressionTypeError,
    Kind,
    Variable,
    compile_expression,
)
from huitong.core.errors import HuitongError
from huitong.core.limits import EXPRESSION_BYTES_MAX, EXPRESSION_DEPTH_MAX, INT64_MAX

VARIABLES = {
    "now": Variable(kind=Kind.INT, meaning=""),
    "r.purpose": Variable(kind=Kind.STRING, meaning="", length_max=64),
    "r.fields": Variable(kind=Kind.STRINGS, meaning="", count_max=256, length_max=128),
    "r.levels": Variable(kind=Kind.INTS, meaning="", count_max=256),
    "g.left": Variable(kind=Kind.INT, meaning="", optional=True),
}
VALUES = {
    "now": 7,
    "r.purpose": "审计",
    "r.fields": ("amount", "buyer"),
    "r.levels": (1, 3),
}
VALUE: list[tuple[str, Any]] = [
    ("1 + 2 * 3 - 4", 3),
    ("(1 + 2) * 3 % 5", 4),
    ("-7 / 2", -3),
    ("-7 % 2", -1),
    ("7 % -2", 1),
    ("0x1F - now", 24),
    (f"{INT64_MAX}", INT64_MAX),
    (f"-{INT64_MAX + 1}", -INT64_MAX - 1),
    ("- -1", 1),
    ("!!true", True),
    ("true ? 1 : 1 / 0", 1),
    ("false ? 1 : true ? 2 : 3", 2),
    ("1 / 0 > 0 || true", True),
    ("g.left > 0 && false", False),
    ("has(g.left) ? g.left : -1", -1),
    ("size(r.purpose)", 2),
    ("r.fields.size() == size(r.levels)", True),
    ("r.purpose == '\\u5ba1\\u8ba1'", True),
    ("'it\\'s' + \" \\\"\\\\\" ", "it's \"\\"),
    ("'buyer' in r.fields && !('price' in r.fields)", True),
    ("3 in r.levels", True),
    ("'a' in []", False),
    ("r.fields == ['amount', 'buyer']", True),
    ("[] == r.fields", False),
    ("r.fields.all(f, f.startsWith('a') || f.endsWith('r'))", True),
    ("r.levels.exists(level, level > 2)", True),
    ("[0, 1].exists(n, 1 / n > 0)", True),
    ("[].size() == 0", True),
    ("'buyer'.contains('uye')", True),
    ("'a' < 'b' && 'b' >= 'b'", True),
    ("r.fields.exists(a, r.levels.exists(b, a == 'buyer' && b == 3))", True),
]


@pytest.mark.parametrize(("source", "value"), VALUE)
def test_expression_has_a_value(source: str, value: Any) -> None:
    outcome = compile_expression(source, VARIABLES).evaluate(VALUES)
    assert (outcome.value, outcome.error) == (value, "")
    assert type(outcome.value) is type(value)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("1 / 0", "division by zero"),
        ("now % 0", "division by zero"),
        (f"{INT64_MAX} + 1", "an integer of more than 64 bits"),
        (f"-{INT64_MAX + 1} - 1", "an integer of more than 64 bits"),
        (f"-(-{INT64_MAX} - 1)", "an integer of more than 64 bits"),
        (f"(-{INT64_MAX} - 1) / -1", "an integer of more than 64 bits"),
        (f"(-{INT64_MAX} - 1) % -1", "an integer of more than 64 bits"),
        ("g.left > 0", "g.left is absent"),
        ("g.left > 0 || false", "g.left is absent"),
        ("[1, 0].all(n, 1 / n > 0)", "division by zero"),
    ],
)
def test_expression_without_a_value_says_why(source: str, reason: str) -> None:
    outcome = compile_expression(source, VARIABLES).evaluate(VALUES)
    assert (outcome.value, outcome.error) == (None, reason)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "1 +",
        "1.5",
        "1u",
        "1 2",
        "'open",
        "'a\nb'",
        "'\\n'",
        "'\\ud800'",
        "b'bytes'",
        "r'raw'",
        "null",
        "{'a': 1}",
        "[1,]",
        "[1, 2][0]",
        "now.purpose.more",
        "1.size",
        "now // comment",
        "matches(r.purpose, 'a')",
        "r.purpose.matches('a')",
        "r.purpose.startsWith('a', 'b')",
        "int('1')",
        "size()",
        "has(now)",
        "has(has(r.purpose))",
        "r.fields.map(f, f)",
        "r.fields.filter(f, true)",
        "r.fields.all(in, true)",
        "!-1",
        "true ? 1",
        "a ? b ? c : d : e ? f",
        f"{INT64_MAX + 1}",
        f"- -{INT64_MAX + 1}",
        "@",
        "'\ud800'",
    ],
)
def test_other_text_is_refused_with_its_place(source: str) -> None:
    with pytest.raises(ExpressionSyntaxError) as refused:
        compile_expression(source, VARIABLES)
    assert 0 <= refused.value.fields["place"] <= len(source)


@pytest.mark.parametrize(
    "source",
    [
        "unknown",
        "r.unknown",
        "r",
        "has(r.unknown)",
        "1 == '1'",
        "1 < true",
        "true < false",
        "true + true",
        "'a' - 'b'",
        "!1",
        "-'a'",
        "1 && true",
        "true ? 1 : 'a'",
        "1 ? 2 : 3",
        "[1, 'a']",
        "[true]",
        "[[1]]",
        "1 in ['a']",
        "'a' in 'abc'",
        "r.fields + r.fields",
        "r.fields < r.fields",
        "size(1)",
        "r.levels.all(n, n)",
        "[].all(n, true)",
        "r.levels.all(now, true)",
        "r.levels.all(r, true)",
        "r.levels.all(n, r.levels.exists(n, true))",
        "r.levels.all(n, true) && n == 1",
        "now.startsWith('a')",
    ],
)
def test_operations_without_a_meaning_are_refused(source: str) -> None:
    with pytest.raises(ExpressionTypeError):
        compile_expression(source, VARIABLES)


@pytest.mark.parametrize(
    "source",
    [
        " " * EXPRESSION_BYTES_MAX + "1",
        "'" + "汉" * (EXPRESSION_BYTES_MAX // 3) + "'",
        "(" * (EXPRESSION_DEPTH_MAX + 1) + "1" + ")" * (EXPRESSION_DEPTH_MAX + 1),
        "[" * 1_000,
        "!" * 1_000 + "true",
        "1" + " + 1" * EXPRESSION_DEPTH_MAX,
        "(" * 20 + "1" + " + 1 + 1)" * 20,
        "true ? 1 : " * 100 + "1",
    ],
)
def test_what_is_too_long_or_too_deep_is_refused(source: str) -> None:
    with pytest.raises(ExpressionTooLargeError):
        compile_expression(source, VARIABLES)


def test_a_long_junction_is_not_deep() -> None:
    source = " || ".join(["false"] * 300)
    assert compile_expression(source, VARIABLES).evaluate({}).value is False


def test_cost_is_known_before_and_counted_then() -> None:
    expression = compile_expression("r.fields.all(f, f == 'amount')", VARIABLES)
    assert expression.cost_max > 256
    assert expression.evaluate(VALUES).cost < 20
    dear = "r.fields.all(a, r.fields.all(b, a == b))"
    assert compile_expression(dear, VARIABLES).cost_max > 65_536


def test_error_shows_the_place_and_the_word() -> None:
    with pytest.raises(HuitongError, match=r"at character 7: no variable r\.price"):
        compile_expression("true ||r.price == 1", VARIABLES)
