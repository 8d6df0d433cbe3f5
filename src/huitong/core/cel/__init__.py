"""Conditions that members write: a subset of the Common Expression Language (CEL).

Integers of 64 bits, strings, booleans, and lists of integers or strings; no floats, no
times, no patterns, no conversions. What is read here is typed and its cost is bounded
before it is ever evaluated, and its value is the same on every machine: no library of
others takes part.

Spec: the CEL language definition (cel-spec, doc/langdef.md), as far as it goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from huitong.core.cel.check import check
from huitong.core.cel.errors import (
    EvaluationError,
    ExpressionSyntaxError,
    ExpressionTooLargeError,
    ExpressionTypeError,
)
from huitong.core.cel.evaluate import Evaluation
from huitong.core.cel.nodes import Node
from huitong.core.cel.parse import parse
from huitong.core.cel.types import Kind, Value, Variable, Variables

__all__ = [
    "EvaluationError",
    "Expression",
    "ExpressionSyntaxError",
    "ExpressionTooLargeError",
    "ExpressionTypeError",
    "Kind",
    "Outcome",
    "Value",
    "Variable",
    "Variables",
    "compile_expression",
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an evaluation came to."""

    value: Value | None
    """None if there is none."""
    cost: int
    """Steps that were taken."""
    error: str = ""
    """Why there is no value, for people."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was read and checked."""

    source: str
    kind: Kind
    cost_max: int
    """Steps that an evaluation takes at most, whatever the values."""
    root: Node

    def evaluate(self, values: Mapping[str, Value]) -> Outcome:
        """Return the value; a variable that is missing in ``values`` is absent.

        Args:
            values: of the kinds and within the bounds that the variables declare; lists
                are tuples.

        Cost: about 0.5 µs for each step.
        """
        run = Evaluation(values)
        try:
            return Outcome(run.value_of(self.root), run.cost)
        except EvaluationError as wrong:
            return Outcome(None, run.cost, str(wrong.fields["reason"]))


def compile_expression(source: str, variables: Variables) -> Expression:
    """Read and check an expression.

    Args:
        source: its text.
        variables: what it may name.

    Raises:
        ExpressionSyntaxError: it is none of the subset.
        ExpressionTypeError: operations on values that they are not for, unknown names.
        ExpressionTooLargeError: too long or too deep.

    Cost: about 10 µs for each word; who evaluates it often keeps what is returned.
    """
    root = parse(source)
    bound = check(root, variables)
    return Expression(source, bound.kind, bound.cost, root)
