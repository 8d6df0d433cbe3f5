"""Refusals that HTTP itself asks for; codespace http.

A class that needs another status than its family's has ``http_status``. ``problems`` reads
it, and ``http_headers`` where an answer needs a header.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from huitong.core.errors import BrokenError, RejectedError, UnavailableError


@dataclass(frozen=True, slots=True)
class FieldReason:
    """What is wrong with one part of a request."""

    field: str
    """Where it stands: ``body.fields.0``, ``query.limit``, ``header.Idempotency-Key``."""
    reason: str
    """What would be right, in words; never the value."""


class InvalidFieldsError(
    RejectedError,
    codespace="http",
    code=2,
    text="{count} field(s) of the request are not valid, first {field}: {reason}",
    next_step="Correct the fields that `errors` names.",
):
    """Fields are missing, unknown, of a wrong type or outside their range."""

    http_status: ClassVar[int] = 422

    def __init__(self, *reasons: FieldReason) -> None:
        first = reasons[0] if reasons else FieldReason("body", "not valid")
        super().__init__(count=len(reasons), field=first.field, reason=first.reason)
        self.reasons = reasons


class MalformedBodyError(
    RejectedError,
    codespace="http",
    code=3,
    text="the body cannot be read: {reason}",
):
    """The bytes are not one JSON value in UTF-8 without repeated names."""

    http_status: ClassVar[int] = 400


class PathNotFoundError(
    RejectedError,
    codespace="http",
    code=4,
    text="there is nothing at this path",
    next_step="The paths are listed at /openapi.json.",
):
    """No operation has this path."""

    http_status: ClassVar[int] = 404


class AbsentError(
    RejectedError, codespace="http", code=5, text="there is no such {kind}"
):
    """No such thing, or it is not the caller's to see; the answer is the same."""

    http_status: ClassVar[int] = 404


class MethodError(
    RejectedError,
    codespace="http",
    code=6,
    text="{method} is not possible here, possible is {allowed}",
):
    """The path takes other methods; the header ``Allow`` names them."""

    http_status: ClassVar[int] = 405

    def http_headers(self) -> dict[str, str]:
        """Tell the methods that are possible."""
        return {"Allow": str(self.fields["allowed"])}


class NotAcceptableError(
    RejectedError,
    codespace="http",
    code=7,
    text="the answer comes only as {available}",
    next_step="Leave out the header Accept, or name one of these.",
):
    """The header ``Accept`` excludes every form that the answer has."""

    http_status: ClassVar[int] = 406


class BodyTooSlowError(
    RejectedError,
    codespace="http",
    code=8,
    text="the body did not arrive within {seconds} s",
):
    """The sender is slower than the least speed that a body must have."""

    http_status: ClassVar[int] = 408


class BodyTooLargeError(
    RejectedError,
    codespace="http",
    code=9,
    text="the body passes {maximum} bytes",
):
    """A body, also one that is sent in parts of unknown length, passes its limit."""

    http_status: ClassVar[int] = 413


class MediaTypeError(
    RejectedError,
    codespace="http",
    code=10,
    text="content type {given}, taken is {taken}",
):
    """The header ``Content-Type`` is missing or names another form."""

    http_status: ClassVar[int] = 415


class ContentEncodingError(
    RejectedError,
    codespace="http",
    code=11,
    text="content encoding {given} is not taken",
    next_step="Send the body as it is, not compressed.",
):
    """Compressed bodies are refused: a few bytes may inflate to any size."""

    http_status: ClassVar[int] = 415

    def http_headers(self) -> dict[str, str]:
        """Tell the encodings that are taken (RFC 9110, section 12.5.3)."""
        return {"Accept-Encoding": "identity"}


class CursorError(
    RejectedError,
    codespace="http",
    code=12,
    text="the cursor {reason}",
    next_step="Read the list from its beginning again.",
):
    """Not a cursor of this gateway, of another list or filter, or too old."""

    http_status: ClassVar[int] = 400


class IdempotencyKeyError(
    RejectedError,
    codespace="http",
    code=13,
    text="Idempotency-Key: {reason}",
    next_step="Give 8 to 128 letters, digits, '-', '_', '.' or ':', for example a UUID.",
):
    """The key is missing where one is needed, or has another form."""

    http_status: ClassVar[int] = 400


class IdempotencyMismatchError(
    RejectedError,
    codespace="http",
    code=14,
    text="the Idempotency-Key was used before, for another request",
    next_step="Use a new key for a new request.",
):
    """Method, path or body differ from those that the key was first used with."""

    http_status: ClassVar[int] = 422


class IdempotencyRunningError(
    UnavailableError,
    codespace="http",
    code=15,
    text="the request with this Idempotency-Key is still being worked on",
    next_step="Wait a second and send the same request again.",
):
    """The first of two equal requests has not been answered yet."""

    http_status: ClassVar[int] = 409

    def http_headers(self) -> dict[str, str]:
        """Ask to come back."""
        return {"Retry-After": "1"}


class IdempotencyFullError(
    UnavailableError,
    codespace="http",
    code=16,
    text="{count} keys of this caller are remembered, at most {maximum}",
    next_step="Keys are forgotten after their time; send fewer requests with a key.",
):
    """The caller has used more keys than are remembered."""

    http_status: ClassVar[int] = 429


class AnswerNotKeptError(
    RejectedError,
    codespace="http",
    code=17,
    text="the request was carried out; its answer was not kept",
    next_step="Read the result at its own path; of an API key whose answer is lost, revoke it and make another.",
):
    """A request is repeated whose first answer was too large to be kept, or shows a secret."""

    http_status: ClassVar[int] = 409


class RateLimitError(
    UnavailableError,
    codespace="http",
    code=18,
    text="more than {rate} requests a second",
    next_step="Wait as long as the header Retry-After says.",
):
    """The caller asks faster than it may."""

    http_status: ClassVar[int] = 429

    def http_headers(self) -> dict[str, str]:
        """Tell when there is room for one more request, in whole seconds."""
        return {"Retry-After": str(self.fields["wait_s"])}


class QuotaError(
    UnavailableError,
    codespace="http",
    code=19,
    text="the {maximum} requests of this day are used",
    next_step="The quota begins anew at 00:00 UTC; who administers the gateway may raise it.",
):
    """The caller has used up its requests of the day."""

    http_status: ClassVar[int] = 429

    def http_headers(self) -> dict[str, str]:
        """Tell when the next day begins."""
        return {"Retry-After": str(self.fields["wait_s"])}


class TooBusyError(
    UnavailableError,
    codespace="http",
    code=20,
    text="too many bodies arrive at once",
    next_step="Send the same again in a few seconds.",
):
    """The bodies that are arriving fill the memory set aside for them."""

    def http_headers(self) -> dict[str, str]:
        """Ask to come back."""
        return {"Retry-After": "2"}


class BodyLengthError(
    RejectedError,
    codespace="http",
    code=21,
    text="Content-Length: {reason}",
):
    """The header is no number, or the body ended before it."""

    http_status: ClassVar[int] = 400


class InternalError(
    BrokenError,
    codespace="http",
    code=22,
    text="a bug of the gateway; it is logged under the request's id",
    next_step="Report the request id to whoever runs the gateway.",
):
    """An unexpected exception; always a bug of ours."""
