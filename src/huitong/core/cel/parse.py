"""The grammar of the subset: from tokens to a tree.

Precedence as in CEL, from the loosest: ``? :``, ``||``, ``&&``, relations, ``+ -``,
``* / %``, one kind of ``!`` or ``-``, then members and calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from huitong.core.cel.errors import ExpressionSyntaxError, ExpressionTooLargeError
from huitong.core.cel.nodes import (
    Binary,
    Call,
    Choice,
    Has,
    Junction,
    ListOf,
    Literal,
    Name,
    Node,
    Quantifier,
    Unary,
    parts_of,
)
from huitong.core.cel.tokens import END, INTEGER, NAME, TEXT, Token, read_tokens
from huitong.core.limits import EXPRESSION_DEPTH_MAX, INT64_MAX

_RELATIONS: Final = ("<", "<=", ">", ">=", "==", "!=")
#: Methods with the number of their arguments beside the target.
_METHODS: Final = {"size": 0, "startsWith": 1, "endsWith": 1, "contains": 1}
_QUANTIFIERS: Final = ("all", "exists")
#: Words that CEL keeps for itself; ``in`` is an operator.
_RESERVED: Final = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "package",
        "namespace",
        "null",
        "return",
        "true",
        "var",
        "void",
        "while",
    ]
)


def parse(source: str) -> Node:
    """Return the tree of an expression.

    Raises:
        ExpressionSyntaxError: it is none of the subset.
        ExpressionTooLargeError: too long, or too deep.
    """
    parser = _Parser(read_tokens(source))
    node = parser.expression()
    parser.expect(END)
    _check_depth(node)
    return node


def _check_depth(root: Node) -> None:
    """Refuse a tree on which the evaluator would go too deep."""
    level: list[Node] = [root]
    for _ in range(EXPRESSION_DEPTH_MAX):
        level = [part for node in level for part in parts_of(node)]
        if not level:
            return
    raise ExpressionTooLargeError(
        what="depth", actual=EXPRESSION_DEPTH_MAX + 1, maximum=EXPRESSION_DEPTH_MAX
    )


class _Parser:
    """Reads one token after the other; each method reads what it is named after."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > EXPRESSION_DEPTH_MAX:
            raise ExpressionTooLargeError(
                what="depth", actual=self._depth, maximum=EXPRESSION_DEPTH_MAX
            )
        node = self._junction("||", lambda: self._junction("&&", self._relation))
        if self._next.kind == "?":
            place = self._take().place
            yes = self._junction("||", lambda: self._junction("&&", self._relation))
            self.expect(":")
            node = Choice(place, node, yes, self.expression())
        self._depth -= 1
        return node

    def expect(self, kind: str) -> Token:
        if self._next.kind != kind:
            raise self._unexpected(f"expected {kind}")
        return self._take()

    def _junction(self, operator: str, operand: Callable[[], Node]) -> Node:
        place, operands = self._next.place, [operand()]
        while self._next.kind == operator:
            self._take()
            operands.append(operand())
        if len(operands) == 1:
            return operands[0]
        return Junction(place, operator, tuple(operands))

    def _relation(self) -> Node:
        def is_relation(token: Token) -> bool:
            return token.kind in _RELATIONS or (token.kind, token.text) == (NAME, "in")

        return self._chain(is_relation, self._sum)

    def _sum(self) -> Node:
        return self._chain(lambda token: token.kind in ("+", "-"), self._product)

    def _product(self) -> Node:
        return self._chain(lambda token: token.kind in ("*", "/", "%"), self._unary)

    def _chain(
        self, is_operator: Callable[[Token], bool], operand: Callable[[], Node]
    ) -> Node:
        """Read operands that are joined from the left."""
        node = operand()
        while is_operator(self._next):
            token = self._take()
            node = Binary(token.place, token.text, node, operand())
        return node

    def _unary(self) -> Node:
        token = self._next
        if token.kind not in ("!", "-"):
            return self._member()
        count = 0
        while self._next.kind == token.kind:
            self._take()
            count += 1
        if token.kind == "-" and self._next.kind == INTEGER and count == 1:
            return self._members_of(self._integer(-1, token.place))
        node = self._member()
        for _ in range(count):
            node = Unary(token.place, token.kind, node)
        return node

    def _member(self) -> Node:
        return self._members_of(self._primary())

    def _members_of(self, node: Node) -> Node:
        while self._next.kind == ".":
            self._take()
            name = self._word()
            if self._next.kind == "(":
                node = self._method(node, name)
            elif isinstance(node, Name) and "." not in node.path:
                node = Name(node.place, f"{node.path}.{name.text}")
            else:
                raise ExpressionSyntaxError(
                    place=name.place, reason=f"{name.text!r} is no method"
                )
        return node

    def _method(self, target: Node, name: Token) -> Node:
        self.expect("(")
        if name.text in _QUANTIFIERS:
            variable = self._word().text
            self.expect(",")
            body = self.expression()
            self.expect(")")
            return Quantifier(name.place, name.text, target, variable, body)
        arguments = self._items(")")
        if _METHODS.get(name.text) != len(arguments):
            raise ExpressionSyntaxError(
                place=name.place,
                reason=f"no method {name.text!r} with {len(arguments)} arguments",
            )
        return Call(name.place, name.text, (target, *arguments))

    def _primary(self) -> Node:
        token = self._next
        if token.kind == INTEGER:
            return self._integer(1, token.place)
        if token.kind == TEXT:
            return Literal(token.place, self._take().text)
        if token.kind == "(":
            self._take()
            node = self.expression()
            self.expect(")")
            return node
        if token.kind == "[":
            self._take()
            return ListOf(token.place, self._items("]"))
        if token.kind == NAME and token.text in ("true", "false"):
            return Literal(token.place, self._take().text == "true")
        name = self._word()
        return self._function(name) if self._next.kind == "(" else _name_of(name)

    def _function(self, name: Token) -> Node:
        self.expect("(")
        if name.text == "has":
            group = self._word()
            self.expect(".")
            path = f"{group.text}.{self._word().text}"
            self.expect(")")
            return Has(name.place, path)
        arguments = self._items(")")
        if name.text != "size" or len(arguments) != 1:
            raise ExpressionSyntaxError(
                place=name.place,
                reason=f"no function {name.text!r} with {len(arguments)} arguments",
            )
        return Call(name.place, "size", arguments)

    def _items(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while self._next.kind != end:
            if items:
                self.expect(",")
            items.append(self.expression())
        self._take()
        return tuple(items)

    def _integer(self, sign: int, place: int) -> Literal:
        digits = self.expect(INTEGER).text
        number = int(digits, 16) if digits.startswith("0x") else int(digits)
        if number > INT64_MAX + (sign < 0):
            raise ExpressionSyntaxError(
                place=place, reason="an integer of more than 64 bits"
            )
        return Literal(place, sign * number)

    def _word(self) -> Token:
        token = self._next
        if token.kind != NAME or token.text in _RESERVED:
            raise self._unexpected("expected a name")
        return self._take()

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        if token.kind != END:
            self._at += 1
        return token

    def _unexpected(self, wanted: str) -> ExpressionSyntaxError:
        token = self._next
        found = "the end" if token.kind == END else repr(token.text)
        return ExpressionSyntaxError(place=token.place, reason=f"{found}, {wanted}")


def _name_of(token: Token) -> Name:
    return Name(token.place, token.text)
