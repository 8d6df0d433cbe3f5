"""The value of an expression, and the steps that it took.

``&&`` and ``||`` do not care for an error of one operand if another decides, wherever it
stands; ``all`` and ``exists`` likewise. What is behind an operand that decides is not
evaluated and costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from huitong.core.cel.check import search_cost, text_cost
from huitong.core.cel.errors import EvaluationError
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
from huitong.core.cel.types import Value
from huitong.core.limits import INT64_MAX

_INT64_MIN: Final = -INT64_MAX - 1


class Evaluation:
    """One evaluation with one set of values."""

    __slots__ = ("_local", "_values", "cost")

    def __init__(self, values: Mapping[str, Value]) -> None:
        """Stand on the values of the variables; one that is missing is absent."""
        self.cost = 0
        """Steps so far."""
        self._values = values
        self._local: dict[str, Any] = {}

    def value_of(self, node: Node) -> Any:
        """Return the value of a part that ``check`` has passed.

        Raises:
            EvaluationError: it has none.
        """
        self.cost += 1
        match node:
            case Literal():
                return node.value
            case Name():
                return self._name(node.path)
            case Binary():
                return self._binary(node)
            case Junction():
                return self._junction(node)
            case Call():
                return self._call(node)
            case Quantifier():
                return self._quantifier(node)
            case Has():
                return node.path in self._values
            case Unary():
                return self._unary(node)
            case Choice():
                chosen = node.yes if self.value_of(node.condition) else node.no
                return self.value_of(chosen)
            case ListOf():
                return tuple(self.value_of(item) for item in node.items)

    def _name(self, path: str) -> Any:
        if path in self._local:
            return self._local[path]
        value = self._values.get(path)
        if value is None:
            raise EvaluationError(reason=f"{path} is absent")
        return value

    def _unary(self, node: Unary) -> Any:
        value = self.value_of(node.operand)
        return not value if node.operator == "!" else _in_range(-value)

    def _junction(self, node: Junction) -> bool:
        decisive = node.operator == "||"
        return self._first(decisive, (self._attempt(part) for part in node.operands))

    def _quantifier(self, node: Quantifier) -> bool:
        over = self.value_of(node.over)
        return self._first(node.function == "exists", self._each(node, over))

    def _each(
        self, node: Quantifier, over: tuple[Any, ...]
    ) -> Iterable[bool | EvaluationError]:
        try:
            for item in over:
                self.cost += 1
                self._local[node.variable] = item
                yield self._attempt(node.body)
        finally:
            self._local.pop(node.variable, None)

    def _attempt(self, node: Node) -> bool | EvaluationError:
        try:
            return bool(self.value_of(node))
        except EvaluationError as wrong:
            return wrong

    @staticmethod
    def _first(decisive: bool, results: Iterable[bool | EvaluationError]) -> bool:
        """Return ``decisive`` if one of the results is; raise the first error if none."""
        failure: EvaluationError | None = None
        for result in results:
            if isinstance(result, EvaluationError):
                failure = failure or result
            elif result is decisive:
                return decisive
        if failure is not None:
            raise failure
        return not decisive

    def _call(self, node: Call) -> Any:
        values = [self.value_of(argument) for argument in node.arguments]
        if node.function == "size":
            return len(values[0])
        text, part = values
        self.cost += text_cost(len(text))
        if node.function == "startsWith":
            return text.startswith(part)
        if node.function == "endsWith":
            return text.endswith(part)
        return part in text

    def _binary(self, node: Binary) -> Any:
        left, right = self.value_of(node.left), self.value_of(node.right)
        operator = node.operator
        if operator == "in":
            self.cost += search_cost(len(right), _length(left, right))
            return left in right
        if operator == "+" and isinstance(left, str):
            self.cost += text_cost(len(left) + len(right))
            return left + right
        if operator in _ARITHMETIC:
            return _in_range(_ARITHMETIC[operator](left, right))
        if isinstance(left, str):
            self.cost += text_cost(min(len(left), len(right)))
        elif isinstance(left, tuple):
            count = min(len(left), len(right))
            self.cost += search_cost(count, _length_of_lists(left, right))
        return _RELATIONS[operator](left, right)


def _length(item: Any, items: tuple[Any, ...]) -> int:
    if not isinstance(item, str):
        return 0
    return min(len(item), max(map(len, items), default=0))


def _length_of_lists(left: tuple[Any, ...], right: tuple[Any, ...]) -> int:
    if not left or not right or not isinstance(left[0], str):
        return 0
    return min(max(map(len, left)), max(map(len, right)))


def _in_range(number: int) -> int:
    if not _INT64_MIN <= number <= INT64_MAX:
        raise EvaluationError(reason="an integer of more than 64 bits")
    return number


def _divided(left: int, right: int) -> int:
    """Return the quotient, rounded towards zero."""
    if right == 0:
        raise EvaluationError(reason="division by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int, right: int) -> int:
    """Return what is left of a division that rounds towards zero."""
    quotient = _in_range(_divided(left, right))
    return left - quotient * right


_ARITHMETIC: Final = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divided,
    "%": _remainder,
}
_RELATIONS: Final = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
