"""Failures of standing permissions; codespace subscription."""

from __future__ import annotations

from typing import ClassVar

from huitong.core.errors import RejectedError, UnavailableError


class SubscriptionUnknownError(
    RejectedError,
    codespace="subscription",
    code=2,
    text="no subscription {subscription_id}",
):
    """There is none, or it is not this gateway's."""

    http_status: ClassVar[int] = 404


class SubscriptionUndecidableError(
    RejectedError,
    codespace="subscription",
    code=3,
    text="subscription {subscription_id} is {stage} and waits for no decision",
):
    """Only what others ask of this member, and nobody has decided, can be decided on."""

    http_status: ClassVar[int] = 409


class SubscriptionNotActiveError(
    RejectedError,
    codespace="subscription",
    code=4,
    text="subscription {subscription_id} is {stage} and cannot be ended",
):
    """It has not begun, or it is over and the other zone knows."""

    http_status: ClassVar[int] = 409


class PushReturnedError(
    RejectedError,
    codespace="subscription",
    code=5,
    text="the other zone did not take a version after {count} times: {reason}",
    next_step="Check the relayer and the other zone, then retry the exchange.",
):
    """Pushes of one version came back again and again."""


class PushNotKnownYetError(
    UnavailableError,
    codespace="subscription",
    code=6,
    text="push {number} under {channel_id}/{sequence} is not known yet",
):
    """The sealed bytes came before this gateway heard that the version is on its zone."""

    http_status: ClassVar[int] = 503


class PushDiffersError(
    RejectedError,
    codespace="subscription",
    code=7,
    text="the zone granted other fields of the pushed version than were sealed",
):
    """The zone's rules changed between sealing and pushing; the next version is right."""


class EndUntoldError(
    RejectedError,
    codespace="subscription",
    code=8,
    text="the other zone was told {count} times that a subscription is over and took no "
    "notice",
    next_step="Check the relayer and the other zone, then end the subscription again.",
):
    """The packets that tell the end time out or are refused."""
