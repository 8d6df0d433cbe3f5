"""Failures of webhooks; codespace webhook."""

from __future__ import annotations

from huitong.core.errors import RejectedError


class WebhookSecretError(
    RejectedError,
    codespace="webhook",
    code=2,
    text="secret of the webhook: {reason}",
    next_step="Give at least 24 characters that nobody can guess.",
):
    """The secret is too short to protect anything."""


class WebhookSignatureError(
    RejectedError,
    codespace="webhook",
    code=3,
    text="signature of the webhook: {reason}",
    next_step="Check that both sides have the same secret, and the clock.",
):
    """The message is not from who shares the secret, was changed, or is too old."""
