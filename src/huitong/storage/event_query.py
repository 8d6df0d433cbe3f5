"""CometBFT's query language over events: conditions joined by ``AND``.

``key = 'text'``, ``key = 12``, ``<``, ``<=``, ``>``, ``>=``, ``CONTAINS 'text'``, ``EXISTS``.
A key is ``type.attribute``, or one of ``tm.event``, ``tx.hash``, ``tx.height``,
``block.height``. A condition holds if one of the key's values satisfies it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from huitong.core.errors import RejectedError

#: Longest query text; Hermes' longest has five conditions and under 400 characters.
QUERY_CHARACTERS_MAX: Final = 4_096
#: Conditions of one query.
CONDITIONS_MAX: Final = 32

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'[^']*')"
    r"|(?P<operator><=|>=|=|<|>)"
    r"|(?P<number>-?\d+(?:\.\d+)?)(?![\w.])"
    r"|(?P<word>[A-Za-z_][\w.\-/]*))",
    re.ASCII,
)
_KEYWORDS: Final = frozenset({"AND", "CONTAINS", "EXISTS", "DATE", "TIME"})
_COMPARISONS: Final = frozenset({"=", "<", "<=", ">", ">="})


class QueryTextError(
    RejectedError, codespace="rpc", code=2, text="offset {offset}: {reason}"
):
    """The query is not in the language; the text begins as CometBFT's does."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on the values of a key."""

    key: str
    """``type.attribute``."""
    operator: str
    """``=``, ``<``, ``<=``, ``>``, ``>=``, ``CONTAINS`` or ``EXISTS``."""
    operand: str
    """What to compare with; empty for ``EXISTS``."""
    is_number: bool
    """Whether the operand was written as a number."""

    def holds(self, values: Sequence[str]) -> bool:
        """Tell whether one of the values satisfies the condition."""
        if self.operator == "EXISTS":
            return bool(values)
        if self.operator == "CONTAINS":
            return any(self.operand in value for value in values)
        if self.operator == "=" and not self.is_number:
            return self.operand in values
        return any(self._compares(value) for value in values)

    def _compares(self, value: str) -> bool:
        actual, asked = _decimal(value), _decimal(self.operand)
        if actual is None or asked is None:
            return False
        match self.operator:
            case "=":
                return actual == asked
            case "<":
                return actual < asked
            case "<=":
                return actual <= asked
            case ">":
                return actual > asked
            case _:
                return actual >= asked


def parse_query(text: str) -> tuple[Condition, ...]:
    """Read a query.

    Raises:
        QueryTextError: not in the language, or too long.
    """
    if len(text) > QUERY_CHARACTERS_MAX:
        raise QueryTextError(offset=QUERY_CHARACTERS_MAX, reason="query too long")
    tokens = _Tokens(text)
    conditions = [_condition(tokens)]
    while not tokens.is_at_end():
        kind, value = tokens.take()
        if kind != "keyword" or value != "AND":
            raise tokens.unexpected("AND")
        if len(conditions) == CONDITIONS_MAX:
            raise QueryTextError(offset=tokens.offset, reason="too many conditions")
        conditions.append(_condition(tokens))
    return tuple(conditions)


def matches(
    conditions: Sequence[Condition], values: Mapping[str, Sequence[str]]
) -> bool:
    """Tell whether all conditions hold for something with these values by key."""
    return all(item.holds(values.get(item.key, ())) for item in conditions)


def _condition(tokens: _Tokens) -> Condition:
    kind, key = tokens.take()
    if kind != "word":
        raise tokens.unexpected("a key")
    kind, operator = tokens.take()
    if kind == "keyword" and operator == "EXISTS":
        return Condition(key, "EXISTS", "", False)
    if kind == "keyword" and operator == "CONTAINS":
        kind, operand = tokens.take()
        if kind != "text":
            raise tokens.unexpected("a text in quotes")
        return Condition(key, "CONTAINS", operand, False)
    if operator not in _COMPARISONS:
        raise tokens.unexpected("an operator")
    kind, operand = tokens.take()
    if kind == "keyword" and operand in ("DATE", "TIME"):
        raise tokens.unexpected("a text or a number; dates are not kept")
    if kind == "number" or (kind == "text" and operator == "="):
        return Condition(key, operator, operand, kind == "number")
    if kind == "text" and _decimal(operand) is not None:
        return Condition(key, operator, operand, True)
    raise tokens.unexpected("a text in quotes or a number")


class _Tokens:
    """The words of a query, one after the other."""

    __slots__ = ("_text", "_value", "offset")

    def __init__(self, text: str) -> None:
        self._text = text
        self._value = ""
        self.offset = 0

    def is_at_end(self) -> bool:
        """Tell whether only white space is left."""
        return not self._text[self.offset :].strip()

    def take(self) -> tuple[str, str]:
        """Return the next token's kind and value."""
        found = _TOKEN.match(self._text, self.offset)
        if found is None:
            if self.is_at_end():
                raise QueryTextError(offset=len(self._text), reason="EOF")
            rest = self._text[self.offset :].lstrip()
            raise QueryTextError(
                offset=self.offset, reason=f"invalid character {rest[0]!r}"
            )
        self.offset = found.end()
        kind = found.lastgroup or ""
        self._value = found[kind]
        if kind == "text":
            return kind, self._value[1:-1]
        if kind == "word" and self._value in _KEYWORDS:
            return "keyword", self._value
        return kind, self._value

    def unexpected(self, wanted: str) -> QueryTextError:
        """Make the error of a token that cannot stand here."""
        return QueryTextError(
            offset=self.offset, reason=f"got {self._value!r}, wanted {wanted}"
        )


def _decimal(text: str) -> tuple[int, str] | None:
    """Return a number as something that compares rightly; None if it is none.

    Whole part and fraction are compared one after the other, never as floats.
    """
    found = re.fullmatch(r"(-?\d{1,40})(?:\.(\d{1,40}))?\D*", text, re.ASCII)
    if found is None or (found[1].startswith("-") and found[2]):
        return None
    return int(found[1]), (found[2] or "").rstrip("0")
