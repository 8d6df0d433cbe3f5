"""What an expression yields and what it can cost at most, told without evaluating it.

The bound holds for every value that the variables may have: ``evaluate`` never counts
more than ``check`` has told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from huitong.core.cel.errors import ExpressionTypeError
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
)
from huitong.core.cel.types import Kind, Variable, Variables

#: Characters that are compared or copied in the time of one step.
CHARACTERS_PER_STEP: Final = 512
#: Items of a list that are looked at in the time of one step.
ITEMS_PER_STEP: Final = 16
_LISTS: Final = {
    Kind.INTS: Kind.INT,
    Kind.STRINGS: Kind.STRING,
}
_LISTS_OF: Final = {item: kind for kind, item in _LISTS.items()}


@dataclass(frozen=True, slots=True)
class Bound:
    """The kind of a part of an expression, and the most that it holds and costs."""

    kind: Kind
    cost: int
    """Steps, those of its parts included."""
    count: int = 0
    """Items of a list."""
    length: int = 0
    """Characters of a string, or of each string in a list."""


def check(
    node: Node, variables: Variables, local: Mapping[str, Bound] | None = None
) -> Bound:
    """Return what a part of an expression yields and costs at most.

    Args:
        node: the part.
        variables: what names stand for.
        local: variables of the macros around it.

    Raises:
        ExpressionTypeError: an operation is not for its operands, or an unknown name.
    """
    return _Checker(variables, dict(local or {})).check(node)


def text_cost(length: int) -> int:
    """Return the steps of going through a text, beside the one of its operation."""
    return length // CHARACTERS_PER_STEP


def search_cost(count: int, length: int) -> int:
    """Return the steps of going through a list, beside the one of its operation."""
    return (count + ITEMS_PER_STEP - 1) // ITEMS_PER_STEP + count * text_cost(length)


class _Checker:
    def __init__(self, variables: Variables, local: dict[str, Bound]) -> None:
        self._variables = variables
        self._local = local

    def check(self, node: Node) -> Bound:
        match node:
            case Literal():
                return _literal(node)
            case ListOf():
                return self._list(node)
            case Name():
                return self._name(node)
            case Has():
                self._variable(node.path, node.place)
                return Bound(Kind.BOOL, 1)
            case Unary():
                return self._unary(node)
            case Junction():
                bounds = [self._of(part, Kind.BOOL) for part in node.operands]
                return Bound(Kind.BOOL, 1 + sum(bound.cost for bound in bounds))
            case Choice():
                return self._choice(node)
            case Call():
                return self._call(node)
            case Quantifier():
                return self._quantifier(node)
            case Binary():
                return self._binary(node)

    def _of(self, node: Node, *kinds: Kind) -> Bound:
        bound = self.check(node)
        if bound.kind not in kinds:
            wanted = " or ".join(kind.value for kind in kinds)
            raise ExpressionTypeError(
                place=node.place, reason=f"{bound.kind.value}, expected {wanted}"
            )
        return bound

    def _variable(self, path: str, place: int) -> Variable:
        variable = self._variables.get(path)
        if variable is None:
            raise ExpressionTypeError(place=place, reason=f"no variable {path}")
        return variable

    def _name(self, node: Name) -> Bound:
        local = self._local.get(node.path)
        if local is not None:
            return local
        known = self._variable(node.path, node.place)
        return Bound(known.kind, 1, known.count_max, known.length_max)

    def _list(self, node: ListOf) -> Bound:
        if not node.items:
            return Bound(Kind.NOTHING, 1)
        items = [self._of(item, Kind.INT, Kind.STRING) for item in node.items]
        for item, bound in zip(node.items, items, strict=True):
            if bound.kind is not items[0].kind:
                raise ExpressionTypeError(
                    place=item.place, reason="a list of different kinds"
                )
        return Bound(
            _LISTS_OF[items[0].kind],
            1 + sum(bound.cost for bound in items),
            len(items),
            max(bound.length for bound in items),
        )

    def _unary(self, node: Unary) -> Bound:
        kind = Kind.BOOL if node.operator == "!" else Kind.INT
        return Bound(kind, 1 + self._of(node.operand, kind).cost)

    def _choice(self, node: Choice) -> Bound:
        condition = self._of(node.condition, Kind.BOOL)
        yes, no = self.check(node.yes), self.check(node.no)
        kind = _common(yes.kind, no.kind)
        if kind is None:
            raise ExpressionTypeError(
                place=node.place, reason=f"{yes.kind.value} or else {no.kind.value}"
            )
        return Bound(
            kind,
            1 + condition.cost + max(yes.cost, no.cost),
            max(yes.count, no.count),
            max(yes.length, no.length),
        )

    def _call(self, node: Call) -> Bound:
        if node.function == "size":
            target = self._of(
                node.arguments[0], Kind.STRING, Kind.STRINGS, Kind.INTS, Kind.NOTHING
            )
            return Bound(Kind.INT, 1 + target.cost)
        texts = [self._of(argument, Kind.STRING) for argument in node.arguments]
        cost = 1 + sum(text.cost for text in texts) + text_cost(texts[0].length)
        return Bound(Kind.BOOL, cost)

    def _quantifier(self, node: Quantifier) -> Bound:
        over = self._of(node.over, Kind.STRINGS, Kind.INTS)
        name = node.variable
        if name in self._local or any(
            path.split(".")[0] == name for path in self._variables
        ):
            raise ExpressionTypeError(
                place=node.place, reason=f"the name {name} is taken"
            )
        self._local[name] = Bound(_LISTS[over.kind], 1, 0, over.length)
        body = self._of(node.body, Kind.BOOL)
        del self._local[name]
        return Bound(Kind.BOOL, 1 + over.cost + over.count * (1 + body.cost))

    def _binary(self, node: Binary) -> Bound:
        left, right = self.check(node.left), self.check(node.right)
        cost = 1 + left.cost + right.cost
        operator = node.operator
        if operator == "in":
            if right.kind in (_LISTS_OF.get(left.kind), Kind.NOTHING):
                length = min(left.length, right.length)
                return Bound(Kind.BOOL, cost + search_cost(right.count, length))
        elif operator in ("==", "!="):
            if _common(left.kind, right.kind) is not None:
                return Bound(Kind.BOOL, cost + _comparison_cost(left, right))
        elif left.kind is right.kind:
            if operator in ("<", "<=", ">", ">="):
                if left.kind in (Kind.INT, Kind.STRING):
                    return Bound(Kind.BOOL, cost + _comparison_cost(left, right))
            elif left.kind is Kind.INT:
                return Bound(Kind.INT, cost)
            elif left.kind is Kind.STRING and operator == "+":
                length = left.length + right.length
                return Bound(Kind.STRING, cost + text_cost(length), 0, length)
        raise ExpressionTypeError(
            place=node.place,
            reason=f"{left.kind.value} {operator} {right.kind.value} means nothing",
        )


def _literal(node: Literal) -> Bound:
    if isinstance(node.value, bool):
        return Bound(Kind.BOOL, 1)
    if isinstance(node.value, int):
        return Bound(Kind.INT, 1)
    return Bound(Kind.STRING, 1, 0, len(node.value))


def _common(one: Kind, other: Kind) -> Kind | None:
    """Return the kind that both are, an empty list being any; None if there is none."""
    if one is other or (other is Kind.NOTHING and one in _LISTS):
        return one
    return other if one is Kind.NOTHING and other in _LISTS else None


def _comparison_cost(left: Bound, right: Bound) -> int:
    length = min(left.length, right.length)
    if left.kind is Kind.STRING:
        return text_cost(length)
    return search_cost(min(left.count, right.count), length)
