"""Failures of webhooks; codespace webhook. Code 3 is the receiver's, in ``huitong.sdk``."""

from __future__ import annotations

from typing import ClassVar

from huitong.core.errors import BrokenError, RejectedError, UnavailableError


class WebhookSecretError(
    RejectedError,
    codespace="webhook",
    code=2,
    text="secret of the webhook: {reason}",
    next_step="Give at least 24 characters that nobody can guess.",
):
    """The secret is too short to protect anything."""


class WebhookUrlError(
    RejectedError,
    codespace="webhook",
    code=4,
    text="address of the webhook: {reason}",
    next_step="Give an https URL without user, password and fragment.",
):
    """The URL is none to which events may be sent."""

    http_status: ClassVar[int] = 422


class WebhookAddressError(
    RejectedError,
    codespace="webhook",
    code=5,
    text="{host} is at {address}, where no webhook may go",
    next_step="Add its network to `networks` in section [webhooks] of gateway.toml, if it is the right one.",
):
    """The receiver is in a network that the settings do not allow."""

    http_status: ClassVar[int] = 422


class WebhookDownError(
    UnavailableError,
    codespace="webhook",
    code=6,
    text="the receiver at {host} does not answer: {reason}",
    next_step="The event is sent again by itself.",
):
    """The receiver cannot be reached; what else waits for it is not tried meanwhile."""


class WebhookRefusedError(
    RejectedError,
    codespace="webhook",
    code=7,
    text="the receiver at {host} refused the event: {reason}",
    next_step="Mend the receiver, then retry the job; or skip it.",
):
    """The receiver answered that it does not want the event; redirects are not followed."""


class WebhooksFullError(
    RejectedError,
    codespace="webhook",
    code=8,
    text="there are {count} webhooks already, the most that may be",
    next_step="Remove one, or raise `webhooks_max` in section [webhooks] of gateway.toml.",
):
    """One more webhook would be too many."""

    http_status: ClassVar[int] = 409


class WebhookKeyError(
    BrokenError,
    codespace="webhook",
    code=9,
    text="the secret of webhook {webhook_id} cannot be opened",
    next_step="The account's key was changed: rotate the webhook's secret.",
):
    """The secret was sealed under another account's key."""


class WebhookBusyError(
    UnavailableError,
    codespace="webhook",
    code=10,
    text="the receiver at {host} did not take the event: HTTP {status}",
    next_step="The event is sent again by itself.",
):
    """The receiver answered that it cannot take the event now."""
