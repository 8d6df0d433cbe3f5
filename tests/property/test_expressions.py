"""Expressions: what another implementation of CEL says, and the bound of their cost.

The other implementation counts the size of a string in bytes, lets the negation of the
least integer pass, and does not overlook errors within ``all`` and ``exists``; there CEL's
specification is followed, so the strings here are ASCII, the least integer is not
negated, and it is asked about the junction that a macro stands for.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import cel
from hypothesis import given, settings
from hypothesis import strategies as st

from huitong.core.cel import Kind, Value, Variable, compile_expression
from huitong.core.errors import RejectedError
from huitong.core.limits import INT64_MAX

INT, STRING, BOOL, STRINGS = Kind.INT, Kind.STRING, Kind.BOOL, Kind.STRINGS
COUNT_MAX, LENGTH_MAX = 4, 200
VARIABLES = {
    "now": Variable(kind=INT, meaning=""),
    "request.level": Variable(kind=INT, meaning=""),
    "request.emergency": Variable(kind=BOOL, meaning=""),
    "request.purpose": Variable(kind=STRING, meaning="", length_max=LENGTH_MAX),
    "request.fields": Variable(
        kind=STRINGS, meaning="", count_max=COUNT_MAX, length_max=LENGTH_MAX
    ),
    "grant.left": Variable(kind=INT, meaning="", optional=True),
    "consent.fields": Variable(
        kind=STRINGS,
        meaning="",
        optional=True,
        count_max=COUNT_MAX,
        length_max=LENGTH_MAX,
    ),
}
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([INT64_MAX, -INT64_MAX - 1, 2**32, -(2**32), 10**18]),
)
WORDS = st.one_of(
    st.sampled_from(["", "a", "amount", "buyer", "audit", "'\"\\"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=LENGTH_MAX),
)


@dataclass(frozen=True)
class Text:
    """An expression for us, and the same for the other implementation."""

    ours: str
    theirs: str

    @classmethod
    def same(cls, text: str) -> Text:
        return cls(text, text)


def joined(form: str, *parts: Text) -> Text:
    return Text(
        form.format(*(part.ours for part in parts)),
        form.format(*(part.theirs for part in parts)),
    )


def quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal_list(words: list[str]) -> Text:
    return Text.same("[" + ", ".join(map(quoted, words)) + "]")


def numbers(depth: int) -> st.SearchStrategy[Text]:
    leaves = st.one_of(
        NUMBERS.map(lambda n: Text.same(str(n))),
        st.sampled_from(["now", "request.level", "grant.left"]).map(Text.same),
    )
    if depth == 0:
        return leaves
    inner = numbers(depth - 1)
    return st.one_of(
        leaves,
        st.builds(joined, st.sampled_from(["({} + {})", "({} - {})"]), inner, inner),
        st.builds(
            joined,
            st.sampled_from(["({} * {})", "({} / {})", "({} % {})"]),
            inner,
            inner,
        ),
        st.builds(joined, st.just("size({})"), strings(depth - 1)),
        st.builds(joined, st.just("{}.size()"), lists()),
        st.builds(joined, st.just("({} ? {} : {})"), bools(depth - 1), inner, inner),
    )


def strings(depth: int) -> st.SearchStrategy[Text]:
    leaves = st.one_of(
        WORDS.map(lambda word: Text.same(quoted(word))),
        st.just(Text.same("request.purpose")),
    )
    if depth == 0:
        return leaves
    inner = strings(depth - 1)
    return st.one_of(
        leaves,
        st.builds(joined, st.just("({} + {})"), inner, inner),
        st.builds(joined, st.just("({} ? {} : {})"), bools(depth - 1), inner, inner),
    )


def lists() -> st.SearchStrategy[Text]:
    return st.one_of(
        st.lists(WORDS, min_size=1, max_size=3).map(literal_list),
        st.sampled_from(["request.fields", "consent.fields"]).map(Text.same),
    )


def macros(depth: int) -> st.SearchStrategy[Text]:
    """Return macros over a list that stands there; to the other, what they stand for."""
    name_of_item, hole = f"v{depth}", f"v{depth}@"

    def body(item: st.SearchStrategy[Text]) -> st.SearchStrategy[Text]:
        return st.one_of(
            st.builds(joined, st.just("{} == {}"), item, strings(depth)),
            st.builds(joined, st.just("{}.startsWith({})"), item, strings(depth)),
            st.builds(joined, st.just("10 / size({}) > {}"), item, numbers(depth)),
            st.builds(joined, st.just("({} in {} || {})"), item, lists(), bools(depth)),
        )

    def expanded(name: str, words: list[str], inside: Text) -> Text:
        sign = " || " if name == "exists" else " && "
        each = [inside.theirs.replace(hole, quoted(word)) for word in words]
        ours = inside.ours.replace(hole, name_of_item)
        return Text(
            f"{literal_list(words).ours}.{name}({name_of_item}, {ours})",
            "(" + sign.join(f"({text})" for text in each) + ")",
        )

    return st.builds(
        expanded,
        st.sampled_from(["all", "exists"]),
        st.lists(st.sampled_from(["", "a", "amount"]), min_size=2, max_size=3),
        body(st.just(Text.same(hole))),
    )


def bools(depth: int) -> st.SearchStrategy[Text]:
    leaves = st.sampled_from(
        ["true", "false", "request.emergency", "has(grant.left)", "has(consent.fields)"]
    ).map(Text.same)
    if depth == 0:
        return leaves
    inner, words, figures = bools(depth - 1), strings(depth - 1), numbers(depth - 1)
    relations = st.sampled_from(["==", "!=", "<", "<=", ">", ">="]).map(
        lambda sign: "({} " + sign + " {})"
    )
    return st.one_of(
        leaves,
        st.builds(joined, st.just("!{}"), inner),
        st.builds(joined, st.just("({} && {})"), inner, inner),
        st.builds(joined, st.just("({} || {} || {})"), inner, inner, inner),
        st.builds(joined, relations, figures, figures),
        st.builds(joined, relations, words, words),
        st.builds(joined, st.just("({} in {})"), words, lists()),
        st.builds(joined, st.just("({} == {})"), lists(), lists()),
        st.builds(joined, st.just("{}.contains({})"), words, words),
        st.builds(joined, st.just("{}.endsWith({})"), words, words),
        macros(depth - 1),
    )


ANY = st.one_of(bools(3), numbers(3), strings(3))
LISTS = st.lists(WORDS, max_size=COUNT_MAX).map(tuple)
VALUES = st.fixed_dictionaries(
    {
        "now": NUMBERS,
        "request.level": NUMBERS,
        "request.emergency": st.booleans(),
        "request.purpose": WORDS,
        "request.fields": LISTS,
    },
    optional={"grant.left": NUMBERS, "consent.fields": LISTS},
)


def nested(values: dict[str, Value]) -> dict[str, Any]:
    """Return the values as the other implementation takes them."""
    made: dict[str, Any] = {"request": {}, "grant": {}, "consent": {}}
    for path, value in values.items():
        group, _, name = path.partition(".")
        plain = list(value) if isinstance(value, tuple) else value
        if name:
            made[group][name] = plain
        else:
            made[group] = plain
    return made


def theirs(text: str, values: dict[str, Value]) -> Any:
    """Return the value that the other implementation finds; None for an error."""
    try:
        return cel.evaluate(text, nested(values))
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
        return None


@settings(max_examples=3_000, deadline=None)
@given(ANY, VALUES)
def test_value_is_the_one_of_another_implementation(
    text: Text, values: dict[str, Value]
) -> None:
    expression = compile_expression(text.ours, VARIABLES)
    outcome = expression.evaluate(values)
    expected = theirs(text.theirs, values)
    assert outcome.value == expected, (text, outcome)
    assert type(outcome.value) is type(expected)
    assert (outcome.value is None) == bool(outcome.error)


@settings(max_examples=1_000, deadline=None)
@given(ANY, VALUES)
def test_cost_stays_below_what_was_told_before(
    text: Text, values: dict[str, Value]
) -> None:
    expression = compile_expression(text.ours, VARIABLES)
    assert 0 < expression.evaluate(values).cost <= expression.cost_max


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from(list("ab(.)[]!-+*/%<>=&|?:, '\"\\u0123x\n")), max_size=60)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(RejectedError):
        compile_expression(text, {"a": VARIABLES["now"], "b.a": VARIABLES["now"]})
