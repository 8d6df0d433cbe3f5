"""Failures of hand-overs at a gateway; codespace hand_over.

What a zone refuses keeps its own codes.
"""

from __future__ import annotations

from typing import ClassVar

from huitong.core.errors import RejectedError, UnavailableError


class HandOverUnknownError(
    RejectedError, codespace="hand_over", code=2, text="no hand-over {hand_over_id}"
):
    """There is none, or it is not this gateway's."""

    http_status: ClassVar[int] = 404


class HandOverKeyReusedError(
    RejectedError,
    codespace="hand_over",
    code=3,
    text="the key {key} came with another order before",
):
    """The same key names one order for ever."""

    http_status: ClassVar[int] = 409


class HandOverStageError(
    RejectedError,
    codespace="hand_over",
    code=4,
    text="hand-over {hand_over_id} is {stage}: it cannot be {action}",
):
    """It is not at the stage for this, or this member is not to act."""

    http_status: ClassVar[int] = 409


class HandOverDocumentMissingError(
    RejectedError,
    codespace="hand_over",
    code=5,
    text="hand-over {hand_over_id} is {stage}: no document of it is here to look at",
):
    """It has not arrived yet, was returned, or is given by this member."""

    http_status: ClassVar[int] = 409


class HandOverAwaitedError(
    UnavailableError,
    codespace="hand_over",
    code=6,
    text="the zone has no offer {channel_id}/{sequence} yet",
):
    """The sealed bytes came before the relayer; they may come again."""


class HandOverDeliveryError(
    RejectedError,
    codespace="hand_over",
    code=7,
    text="offer {channel_id}/{sequence} is not of {peer}",
):
    """Somebody else brings bytes than who offers the record."""

    http_status: ClassVar[int] = 404


class HandOverSkippedError(
    RejectedError,
    codespace="hand_over",
    code=8,
    text="hand-over {hand_over_id}: {kind} cannot be done by other means",
    next_step="Offer the record again.",
):
    """A person skipped a job whose outcome only the gateway or the zone can give."""


class ReaderKeyAnswerError(
    RejectedError,
    codespace="hand_over",
    code=9,
    text="the gateway of {member_id} names no key to seal to",
):
    """What answers there is no gateway, or another version of one."""
