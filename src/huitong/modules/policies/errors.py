"""Refusals of the module ``policies``, codespace ``policies``.

What can never be right in a message is ``sdk`` 18, what is wrong with an expression is
``cel``.
"""

from __future__ import annotations

from huitong.core.errors import RejectedError


class PolicyNotFoundError(
    RejectedError,
    codespace="policies",
    code=2,
    text="no policy for {record_type}, version {version}",
):
    """Members have decided on none for this type of record, or not on this version."""


class StalePolicyError(
    RejectedError,
    codespace="policies",
    code=3,
    text="version {actual} is to be replaced, but the newest is version {expected}",
):
    """Another proposal changed the policy in between."""


class PolicyRemovedError(
    RejectedError,
    codespace="policies",
    code=4,
    text="the policy for {record_type} is removed",
):
    """There is nothing to remove; a new version puts one in force again."""


class TooManyPoliciesError(
    RejectedError,
    codespace="policies",
    code=5,
    text="{count} {what}, at most {maximum}",
):
    """No room for another record type, or for another version."""


class RuleError(
    RejectedError, codespace="policies", code=6, text="rule {index}: {reason}"
):
    """A rule without effect, code or condition, or whose condition is no yes or no."""


class PolicyCostError(
    RejectedError,
    codespace="policies",
    code=7,
    text="the rules take up to {actual} steps, at most {maximum}",
):
    """A request must not cost a zone more than that, whatever it asks for."""


class UseNotFoundError(
    RejectedError, codespace="policies", code=8, text="glass was not broken as {use_id}"
):
    """There is no such use."""


class ReviewedError(
    RejectedError,
    codespace="policies",
    code=9,
    text="use {use_id} was reviewed by {reviewed_by}",
):
    """A review is final."""


class ReviewerError(
    RejectedError, codespace="policies", code=10, text="use {use_id}: {reason}"
):
    """Who broke the glass does not judge it; a delegate of the issuer or a regulator does."""


class ReviewOverdueError(
    RejectedError,
    codespace="policies",
    code=11,
    text="{user} broke glass as {use_id}, and the review was due at {review_due}",
    next_step="Let the use be reviewed first: `huitong tx policy review`.",
):
    """Nobody breaks glass again before the last use has been looked at in time."""


class ReviewTermError(
    RejectedError,
    codespace="policies",
    code=12,
    text="review_term of {actual}, expected 1 to {maximum}",
):
    """No zone can work by such a term."""
