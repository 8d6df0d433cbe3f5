"""Failures of proven reads; codespace reads."""

from __future__ import annotations

from typing import ClassVar

from huitong.core.errors import RejectedError, UnavailableError


class ReadFormError(
    RejectedError, codespace="reads", code=2, text="not a request to read: {reason}"
):
    """What the reader sent is malformed; nothing was looked up."""


class ReadNotOfferedError(
    RejectedError,
    codespace="reads",
    code=3,
    text="{issuer} offers no record {record_id} to be read without a request",
    next_step="Ask for it by a request: `huitong exchange request`.",
):
    """There is none, or it is not open to everybody; which of both is not told."""

    http_status: ClassVar[int] = 404


class ReadFieldError(
    RejectedError,
    codespace="reads",
    code=4,
    text="record {record_id} has no field {field}",
):
    """A field was asked for that the record does not have."""


class LineNotFoundError(
    RejectedError, codespace="reads", code=5, text="no line {line_id} in the log"
):
    """The access log has no such line."""

    http_status: ClassVar[int] = 404


class ReadAnswerError(
    RejectedError, codespace="reads", code=6, text="the answer of {zone}: {reason}"
):
    """The provider's answer does not fit what was asked; nothing of it is believed."""


class ReadGradeError(
    RejectedError,
    codespace="reads",
    code=7,
    text="the answer is {actual}, wanted is at least {minimum}: {reason}",
):
    """The answer is less well proven than the reader's policy wants."""


class ReadTooOldError(
    RejectedError,
    codespace="reads",
    code=8,
    text="the answer is as of {age_s} s ago, at most {maximum_s} are allowed",
    next_step="Read again; if it stays so, the provider's node lags behind its zone.",
):
    """The proof is right, and too old for this reader."""


class RecordNotInForceError(
    RejectedError,
    codespace="reads",
    code=9,
    text="record {record_id} of {issuer} is {status}",
):
    """It is proven that the record must not be relied on."""


class PeerRefusedError(
    RejectedError,
    codespace="reads",
    code=10,
    text="{peer} refuses: {reason} [{peer_code}]",
):
    """The provider's gateway said no, with its own code."""


class PeerSilentError(
    UnavailableError,
    codespace="reads",
    code=11,
    text="no answer from the gateway {peer}: {reason}",
):
    """The provider's gateway cannot be reached; the same may succeed later."""
