"""What goes wrong between a program and a gateway; codespace gateway_client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from huitong.core.errors import RejectedError, UnavailableError


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One part of a request that is not valid."""

    field: str
    """Where it is, such as ``body.fields.0``."""
    reason: str
    """Why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A refusal as the gateway tells it (RFC 9457)."""

    status: int
    """The HTTP status."""
    codespace: str
    """Family of the error code."""
    code: int
    """Error code within its family."""
    title: str
    """What the code means."""
    detail: str
    """What happened in this case."""
    next_step: str
    """What to do about it; may be empty."""
    request_id: str
    """Id of the request, as in the gateway's log."""
    errors: tuple[FieldError, ...]
    """The parts of the request that are not valid."""
    type: str
    """Page of the error code."""
    retry_after_s: float | None
    """When the gateway wants to be asked again; None if it did not say."""


class ProblemError(
    RejectedError,
    codespace="gateway_client",
    code=2,
    text="{detail} [{error}], request {request_id}",
):
    """The gateway refused a request; ``problem`` has all that it said."""

    def __init__(self, problem: Problem) -> None:
        """Tell of a problem."""
        self.problem = problem
        """What the gateway said."""
        super().__init__(
            detail=problem.detail,
            error=f"{problem.codespace}/{problem.code}",
            request_id=problem.request_id,
        )


class NoAnswerError(
    UnavailableError,
    codespace="gateway_client",
    code=3,
    text="no answer from {url}: {reason}",
    next_step="`huitong gateway status` on its machine tells whether it runs.",
):
    """The gateway cannot be reached; what was ordered may or may not have begun."""


class AnswerFormError(
    RejectedError,
    codespace="gateway_client",
    code=4,
    text="{url} gives no answer of a gateway: {reason}",
    next_step="Check the URL, and that the gateway is not older than this software.",
):
    """Something else answers there, or the answer lacks what this software needs."""


def read_problem(answer: Any, headers: Any, status: int) -> Problem | None:
    """Return the problem that a decoded body tells; None if it is none."""
    if not isinstance(answer, dict) or not isinstance(answer.get("code"), int):
        return None
    return Problem(
        status=status,
        codespace=str(answer.get("codespace", "")),
        code=answer["code"],
        title=str(answer.get("title", "")),
        detail=str(answer.get("detail", "")),
        next_step=str(answer.get("next_step") or ""),
        request_id=str(answer.get("instance", "")),
        errors=tuple(
            FieldError(field=str(each.get("field")), reason=str(each.get("reason")))
            for each in answer.get("errors") or ()
            if isinstance(each, dict)
        ),
        type=str(answer.get("type", "")),
        retry_after_s=read_retry_after(headers.get("retry-after")),
    )


def read_retry_after(text: str | None) -> float | None:
    """Return the seconds of a Retry-After header; None if there are none."""
    return float(text) if text and text.isascii() and text.isdigit() else None
