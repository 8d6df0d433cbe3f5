"""Refusals of the REST interface that no other room has; codespace api."""

from __future__ import annotations

from typing import ClassVar

from huitong.core.errors import RejectedError


class DisclosureTooLargeError(
    RejectedError,
    codespace="api",
    code=2,
    text="the document has {size} bytes, at most {maximum} go into evidence",
    next_step="Get the document itself.",
):
    """Evidence holds a document as a whole, so it must be small enough."""

    http_status: ClassVar[int] = 409
