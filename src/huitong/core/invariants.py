"""Conditions whose failure means that the chain itself would be wrong.

A wrong chain is worse than a stopped one: a broken invariant stops the node before it
signs or answers. Python's ``assert`` is not used for this, because ``-O`` removes it.
"""

from __future__ import annotations

from typing import Any


class InvariantBrokenError(BaseException):
    """A condition that must always hold does not.

    It is not an ``Exception``, so that no handler of expected failures can swallow it.
    """

    def __init__(self, condition: str, facts: dict[str, Any]) -> None:
        shown = ", ".join(f"{name}={value!r}" for name, value in facts.items())
        super().__init__(f"{condition} ({shown})" if shown else condition)
        self.condition = condition
        self.facts = facts


def invariant(holds: bool, condition: str, **facts: Any) -> None:
    """Stop everything unless ``holds``.

    Args:
        holds: the condition, already evaluated.
        condition: the sentence that should be true, for the operator's log.
        facts: the values that show how it broke.

    Raises:
        InvariantBrokenError: the condition does not hold.
    """
    if not holds:
        raise InvariantBrokenError(condition, facts)
