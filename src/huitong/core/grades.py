"""Trust grades: how far an answer can be trusted."""

from __future__ import annotations

from typing import Final

from huitong.core.errors import InvalidRequestError

#: The best first; see the glossary.
GRADES: Final = ("proven", "attested", "signed", "unverified")


def check_grade_min(grade: str, field: str = "grade_min") -> None:
    """Check a least grade; empty means any.

    Raises:
        InvalidRequestError: it is no grade.
    """
    if grade and grade not in GRADES:
        raise InvalidRequestError(
            reason=f"{field} {grade[:80]!r} is none of {', '.join(GRADES)}"
        )


def is_enough(grade: str, grade_min: str) -> bool:
    """Return whether a grade is at least another one; nothing is too low for none."""
    return not grade_min or GRADES.index(grade) <= GRADES.index(grade_min)


def stricter(*grades: str) -> str:
    """Return the highest of some least grades; empty ones ask for nothing."""
    asked = [grade for grade in grades if grade]
    return min(asked, key=GRADES.index) if asked else ""
