"""The words of CometBFT's query language (``libs/pubsub/query/syntax``).

Offsets in errors count bytes, and texts are CometBFT's, because clients show them.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import Final

from huitong.core.errors import RejectedError
from huitong.storage.query_values import (
    TimeTextError,
    check_year,
    parse_date,
    parse_time,
)


class QueryTextError(RejectedError, codespace="rpc", code=2, text="{reason}"):
    """The query is not in the language; the text is CometBFT's."""


@unique
class Token(Enum):
    """Kinds of words, with the names that errors show."""

    INVALID = "invalid token"
    TAG = "tag"
    TEXT = "string"
    NUMBER = "number"
    TIME = "timestamp"
    DATE = "datestamp"
    AND = "AND operator"
    CONTAINS = "CONTAINS operator"
    EXISTS = "EXISTS operator"
    EQ = "= operator"
    LT = "< operator"
    LEQ = "<= operator"
    GT = "> operator"
    GEQ = ">= operator"


_COMPARISONS: Final = {
    "=": Token.EQ,
    "<": Token.LT,
    "<=": Token.LEQ,
    ">": Token.GT,
    ">=": Token.GEQ,
}
_KEYWORDS: Final = {
    "AND": Token.AND,
    "EXISTS": Token.EXISTS,
    "CONTAINS": Token.CONTAINS,
}
_TIME_CHARACTERS: Final = frozenset("-T:+Z0123456789")
_DATE_CHARACTERS: Final = frozenset("-0123456789")
_DIGITS: Final = frozenset("0123456789")
_END: Final = "EOF"


class _ScanError(Exception):
    """No word begins here, or it does not end; the message says why."""


class Scanner:
    """Reads a query word by word."""

    __slots__ = ("_at", "_began", "_text", "token", "value")

    token: Token
    """Kind of the present word."""
    value: str
    """The present word; of a text what stands between the quotes."""

    def __init__(self, text: str) -> None:
        """Stand before the first word."""
        self._text = text
        self._at = self._began = 0
        self.token, self.value = Token.INVALID, ""

    def require(self, *wanted: Token) -> None:
        """Go to the next word, which has to be of one of these kinds.

        Raises:
            QueryTextError: it is none, or of another kind.
        """
        try:
            self._next()
        except _ScanError as wrong:
            raise self._error(str(wrong)) from None
        if self.token not in wanted:
            names = [token.value for token in wanted]
            listed = ", ".join(names[:-1]) + " or " + names[-1]
            shown = names[0] if len(names) == 1 else listed
            raise self._error(f"got {self.token.value}, wanted {shown}")

    def goes_on(self) -> bool:
        """Go to the next word, which has to be ``AND``; tell whether there is one.

        Raises:
            QueryTextError: it is another.
        """
        try:
            self._next()
        except _ScanError as wrong:
            if str(wrong) == _END:
                return False
        if self.token is not Token.AND:
            # CometBFT prints the number of the token here, not its name.
            raise self._error(f"got {self.token.value}, want 6")
        return True

    def _error(self, reason: str) -> QueryTextError:
        return QueryTextError(reason=f"offset {self._bytes(self._began)}: {reason}")

    def _bytes(self, place: int) -> int:
        return len(self._text[:place].encode("utf-8", "replace"))

    # --- words ------------------------------------------------------------------------

    def _next(self) -> None:
        self.token, self.value = Token.INVALID, ""
        while self._peek().isspace():
            self._at += 1
        self._began = self._at
        first = self._peek()
        if first == "":
            raise _ScanError(_END)
        if first in _DIGITS:
            self._take_number()
        elif first == "_" or first.isalpha() or first.isdigit():
            self._take_tag()
        elif first == "'":
            self._take_text()
        elif first in _COMPARISONS:
            self._take_comparison(first)
        else:
            self._at += 1
            place = self._bytes(self._at)
            raise _ScanError(f"invalid input {first} at offset {place}")

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take_while(self, allowed: frozenset[str]) -> str:
        start = self._at
        while self._peek() in allowed and self._peek():
            self._at += 1
        return self._text[start : self._at]

    def _take_number(self) -> None:
        self.value = self._take_while(_DIGITS)
        if self._peek() == ".":
            self._at += 1
            self.value += "." + self._take_while(_DIGITS)
        self.token = Token.NUMBER

    def _take_text(self) -> None:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise _ScanError(_END)
        self.value = self._text[self._at + 1 : end]
        self._at = end + 1
        self.token = Token.TEXT

    def _take_comparison(self, first: str) -> None:
        both = self._text[self._at : self._at + 2]
        self.value = both if both in _COMPARISONS else first
        self._at += len(self.value)
        self.token = _COMPARISONS[self.value]

    def _take_tag(self) -> None:
        start = self._at
        while (char := self._peek()) and (
            char in "._-" or char.isalpha() or char.isdigit()
        ):
            self._at += 1
        self.value = self._text[start : self._at]
        if self.value in ("TIME", "DATE") and self._peek() == " ":
            self._at += 1
            self._take_moment(self.value)
        else:
            self.token = _KEYWORDS.get(self.value, Token.TAG)

    def _take_moment(self, label: str) -> None:
        is_time = label == "TIME"
        allowed = _TIME_CHARACTERS if is_time else _DATE_CHARACTERS
        self.value = self._take_while(allowed)
        token = Token.TIME if is_time else Token.DATE
        try:
            moment = (parse_time if is_time else parse_date)(self.value)
        except TimeTextError as wrong:
            raise _ScanError(f"invalid {label} value: {wrong}") from None
        try:
            check_year(moment, token.value)
        except TimeTextError as wrong:
            raise _ScanError(str(wrong)) from None
        self.token = token
