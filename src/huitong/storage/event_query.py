"""CometBFT's query language over events: conditions joined by ``AND``.

``key = 'text'``, ``key = 12``, ``<``, ``<=``, ``>``, ``>=``, ``CONTAINS 'text'``, ``EXISTS``;
also ``DATE 2013-05-03`` and ``TIME 2013-05-03T14:45:00Z`` in place of a number. A key is
``type.attribute``, or one of ``tm.event``, ``tx.hash``, ``tx.height``, ``block.height``.

Subscriptions and searches read the same text in two ways, as CometBFT does. To a
subscription a number is a number and a date a date, and each condition may be satisfied by
another event. A search compares texts where the operator is ``=``, knows no dates, and
wants one event that satisfies all conditions.
"""

from __future__ import annotations

import operator as compare
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from huitong.storage.query_scanner import QueryTextError, Scanner, Token
from huitong.storage.query_values import (
    TimeTextError,
    leading_number,
    parse_date,
    parse_time,
    whole_number,
)

#: Longest query text, as in CometBFT; Hermes' longest has five conditions and under 400
#: characters.
QUERY_SIZE_BYTES_MAX: Final = 512

_ORDER: Final[Mapping[Token, Callable[[Any, Any], bool]]] = {
    Token.EQ: compare.eq,
    Token.LT: compare.lt,
    Token.LEQ: compare.le,
    Token.GT: compare.gt,
    Token.GEQ: compare.ge,
}
_OPERATORS: Final = (
    Token.LEQ,
    Token.GEQ,
    Token.LT,
    Token.GT,
    Token.EQ,
    Token.CONTAINS,
    Token.EXISTS,
)
_ORDERED: Final = (Token.NUMBER, Token.TIME, Token.DATE)
_OPERANDS: Final = {
    Token.EQ: (*_ORDERED, Token.TEXT),
    Token.CONTAINS: (Token.TEXT,),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on the values of a key."""

    key: str
    """``type.attribute``."""
    operator: Token
    """A comparison, ``CONTAINS`` or ``EXISTS``."""
    operand: str = ""
    """What to compare with; empty for ``EXISTS``."""
    kind: Token = Token.TEXT
    """What the operand was written as: a text, number, date or time."""

    def holds(self, value: str) -> bool:
        """Tell whether a value satisfies the condition for a subscription."""
        if self.operator in _ORDER and self.kind is not Token.TEXT:
            actual, asked = _read(value, self.kind), _read(self.operand, self.kind)
            return None not in (actual, asked) and _ORDER[self.operator](actual, asked)
        return self._holds_as_text(value)

    def finds(self, value: str) -> bool:
        """Tell whether an indexed value satisfies the condition for a search."""
        if self.operator in _ORDER and self.operator is not Token.EQ:
            if self.kind is not Token.NUMBER:
                return False
            actual, asked = whole_number(value), whole_number(self.operand)
            return (
                actual is not None
                and asked is not None
                and _ORDER[self.operator](actual, asked)
            )
        return self._holds_as_text(value)

    def _holds_as_text(self, value: str) -> bool:
        if self.operator is Token.EXISTS:
            return True
        if self.operator is Token.CONTAINS:
            return self.operand in value
        return self.operand == value


def _read(text: str, kind: Token) -> Any:
    if kind is Token.NUMBER:
        return leading_number(text)
    try:
        return parse_date(text) if kind is Token.DATE else parse_time(text)
    except TimeTextError:
        return None


def parse_query(text: str) -> tuple[Condition, ...]:
    """Read a query.

    Raises:
        QueryTextError: not in the language, or too long.
    """
    if len(text.encode("utf-8", "replace")) > QUERY_SIZE_BYTES_MAX:
        raise QueryTextError(reason="maximum query length exceeded")
    scanner = Scanner(text)
    conditions = [_condition(scanner)]
    while scanner.goes_on():
        conditions.append(_condition(scanner))
    return tuple(conditions)


def _condition(scanner: Scanner) -> Condition:
    scanner.require(Token.TAG)
    key = scanner.value
    scanner.require(*_OPERATORS)
    operator = scanner.token
    if operator is Token.EXISTS:
        return Condition(key, operator)
    scanner.require(*_OPERANDS.get(operator, _ORDERED))
    return Condition(key, operator, scanner.value, scanner.token)


def matches(
    conditions: Sequence[Condition], values: Mapping[str, Sequence[str]]
) -> bool:
    """Tell whether all conditions hold for something with these values by key.

    A key that names a type only is satisfied by an empty text, if there is such an event:
    that is how ``EXISTS`` asks for a type.
    """
    return all(_is_held(item, values) for item in conditions)


def _is_held(condition: Condition, values: Mapping[str, Sequence[str]]) -> bool:
    if any(condition.holds(value) for value in values.get(condition.key, ())):
        return True
    return condition.holds("") and any(
        key.rpartition(".")[0] == condition.key for key in values
    )
