"""An expression as a list of tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from huitong.core.cel.errors import ExpressionSyntaxError, ExpressionTooLargeError
from huitong.core.limits import EXPRESSION_BYTES_MAX

#: Kinds of tokens; an operator is its own kind.
NAME: Final = "name"
INTEGER: Final = "integer"
TEXT: Final = "text"
END: Final = "end"

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<integer>0x[0-9A-Fa-f]+|[0-9]+)(?![A-Za-z0-9_.])
    |(?P<text>"(?:[^"\\\x00-\x1f]|\\.)*"|'(?:[^'\\\x00-\x1f]|\\.)*')
    |(?P<operator>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]])""",
    re.VERBOSE | re.ASCII,
)
_ESCAPE: Final = re.compile(r"""\\(?:(["'\\])|u([0-9A-Fa-f]{4}))|(\\)""", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """One word, number, text or operator."""

    kind: str
    text: str
    """As it stands in the expression; of a text, what it stands for."""
    place: int
    """Where it begins, in characters from 0."""


def read_tokens(source: str) -> list[Token]:
    """Return the tokens of an expression, with one of kind ``END`` behind them.

    Raises:
        ExpressionTooLargeError: the text is too long.
        ExpressionSyntaxError: something in it is no token.
    """
    size = len(source.encode(errors="surrogatepass"))
    if size > EXPRESSION_BYTES_MAX:
        raise ExpressionTooLargeError(
            what="bytes", actual=size, maximum=EXPRESSION_BYTES_MAX
        )
    tokens: list[Token] = []
    place = 0
    while place < len(source):
        found = _TOKEN.match(source, place)
        if found is None:
            raise ExpressionSyntaxError(
                place=place, reason=f"{source[place]!r} begins nothing that is known"
            )
        kind, text = str(found.lastgroup), found[0]
        if kind == "text":
            tokens.append(Token(TEXT, _unescape(text[1:-1], place), place))
        elif kind != "space":
            tokens.append(Token(text if kind == "operator" else kind, text, place))
        place = found.end()
    tokens.append(Token(END, "", place))
    return tokens


def _unescape(text: str, place: int) -> str:
    def replaced(found: re.Match[str]) -> str:
        if found[1]:
            return found[1]
        code = int(found[2], 16) if found[2] else 0xD800
        if 0xD800 <= code <= 0xDFFF:
            raise ExpressionSyntaxError(
                place=place, reason="an escape is none of \\\" \\' \\\\ \\uXXXX"
            )
        return chr(code)

    made = _ESCAPE.sub(replaced, text) if "\\" in text else text
    if any("\ud800" <= char <= "\udfff" for char in made):
        raise ExpressionSyntaxError(place=place, reason="half a surrogate pair")
    return made
