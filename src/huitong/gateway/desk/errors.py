"""Failures of the evidence desk; codespace desk."""

from __future__ import annotations

from typing import ClassVar

from huitong.core.errors import RejectedError, UnavailableError


class NotOnChainError(
    RejectedError,
    codespace="desk",
    code=2,
    text="the request of exchange {exchange_id} is not on chain",
    next_step="Look at the exchange; it may be stuck.",
):
    """There is nothing yet that evidence could show."""

    http_status: ClassVar[int] = 409


class DeskBusyError(
    UnavailableError,
    codespace="desk",
    code=3,
    text="{count} bundles are being worked on",
    next_step="Try again in some seconds.",
):
    """Bundles take time and memory, so only a few are worked on at once."""


class DeskTimeoutError(
    UnavailableError,
    codespace="desk",
    code=4,
    text="the zones gave no evidence within {seconds} s",
    next_step="See whether the nodes of both zones answer.",
):
    """Collecting was given up; nothing is left behind."""


class EvidencePayloadError(
    RejectedError,
    codespace="desk",
    code=5,
    text="the payload has {size} bytes, at most {maximum} go into evidence",
    next_step="Hand the document over beside its record's bundle.",
):
    """A bundle of a finished exchange holds what was disclosed."""

    http_status: ClassVar[int] = 409


class StateAbsentError(RejectedError, codespace="desk", code=8, text="{reason}"):
    """This zone does not have what evidence is wanted of, or no longer at such a height."""

    http_status: ClassVar[int] = 404


class UploadError(RejectedError, codespace="desk", code=6, text="{what}: {reason}"):
    """What was sent to be verified cannot be read."""


class PushedVersionError(
    RejectedError,
    codespace="desk",
    code=7,
    text="exchange {exchange_id} is a pushed version, of which no bundle is made",
    next_step="Make the bundle of the record, or of the consent or the grant.",
):
    """A bundle of an exchange is about a request of its own."""

    http_status: ClassVar[int] = 409
