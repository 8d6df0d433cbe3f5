"""Refusals of expressions, codespace ``cel``."""

from __future__ import annotations

from huitong.core.errors import RejectedError


class ExpressionSyntaxError(
    RejectedError, codespace="cel", code=2, text="at character {place}: {reason}"
):
    """The text is no expression of the subset."""


class ExpressionTypeError(
    RejectedError, codespace="cel", code=3, text="at character {place}: {reason}"
):
    """An operation on values that it is not for, or a name that stands for nothing."""


class ExpressionTooLargeError(
    RejectedError,
    codespace="cel",
    code=4,
    text="{what} of the expression: {actual}, at most {maximum}",
):
    """The expression is longer, deeper or dearer than one may be."""


class EvaluationError(
    RejectedError, codespace="cel", code=5, text="the expression has no value: {reason}"
):
    """Overflow, division by zero, or a value that is absent."""
