"""Refusals of callers; codespace access."""

from __future__ import annotations

from typing import ClassVar

from huitong.core.errors import BrokenError, RejectedError, UnavailableError


class CredentialsMissingError(
    RejectedError,
    codespace="access",
    code=2,
    text="no credentials",
    next_step="Send `Authorization: Bearer` with an API key or a token of the identity provider.",
):
    """The operation is not public and the request names no caller."""

    http_status: ClassVar[int] = 401

    def http_headers(self) -> dict[str, str]:
        """Tell how to authenticate (RFC 6750)."""
        return {"WWW-Authenticate": "Bearer"}


class CredentialsFormError(
    RejectedError,
    codespace="access",
    code=3,
    text="Authorization: {reason}",
    next_step="Send `Authorization: Bearer` with an API key or a token of the identity provider.",
):
    """The header ``Authorization`` is not one bearer token."""

    http_status: ClassVar[int] = 401

    def http_headers(self) -> dict[str, str]:
        """Tell how to authenticate (RFC 6750)."""
        return {"WWW-Authenticate": 'Bearer error="invalid_request"'}


class ApiKeyError(
    RejectedError,
    codespace="access",
    code=4,
    text="the API key is not valid",
    next_step="Ask who administers the gateway for a new key.",
):
    """Unknown, expired or revoked; which of them is not told."""

    http_status: ClassVar[int] = 401

    def http_headers(self) -> dict[str, str]:
        """Tell that the token is at fault (RFC 6750)."""
        return {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class TokenError(
    RejectedError,
    codespace="access",
    code=5,
    text="the token is not valid: {reason}",
    next_step="Get a new token for this gateway from the identity provider.",
):
    """Signature, issuer, audience, time or form of a token is not right."""

    http_status: ClassVar[int] = 401

    def http_headers(self) -> dict[str, str]:
        """Tell that the token is at fault (RFC 6750)."""
        return {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class IdentityProviderDownError(
    UnavailableError,
    codespace="access",
    code=6,
    text="the keys of the identity provider are unknown or older than {grace_s} s",
    next_step="Check that the identity provider runs and the gateway reaches it; API keys work meanwhile.",
):
    """Tokens cannot be checked: the provider did not answer for longer than the grace period."""


class RoleMissingError(
    RejectedError,
    codespace="access",
    code=7,
    text="operation {operation} needs one of the roles {needed}",
    next_step="Ask who administers the gateway for the role.",
):
    """The caller is known and may not do this."""

    http_status: ClassVar[int] = 403


class RolesTogetherError(
    RejectedError,
    codespace="access",
    code=8,
    text="one caller cannot be {roles}",
    next_step="Give the roles to different persons.",
):
    """Two roles that no one may have together: one could hide what the other did."""

    http_status: ClassVar[int] = 403


class RoleUnknownError(
    RejectedError,
    codespace="access",
    code=9,
    text="there is no role {role}; roles are {known}",
):
    """A name that is no role, or no role at all."""


class ApiKeyNotFoundError(
    RejectedError, codespace="access", code=10, text="there is no API key {key_id}"
):
    """No key has this id."""

    http_status: ClassVar[int] = 404


class ApiKeyTermError(
    RejectedError,
    codespace="access",
    code=11,
    text="an API key of {given_s} s, possible is 1 to {maximum_s} s",
):
    """A key without an end, or with one too far away."""


class ApiKeyEndedError(
    RejectedError,
    codespace="access",
    code=12,
    text="API key {key_id} is revoked or expired",
    next_step="Create a new key.",
):
    """A key that has ended cannot be rotated."""

    http_status: ClassVar[int] = 409


class AuditBrokenError(
    BrokenError,
    codespace="access",
    code=13,
    text="audit log, entry {sequence}: {reason}",
    next_step="Keep the database as it is for the investigation; compare with a back-up and the anchored heads.",
):
    """The log was changed outside of the gateway, or is damaged."""


class ProviderFormError(
    RejectedError,
    codespace="access",
    code=14,
    text="identity provider {issuer}: {reason}",
    next_step="Check `issuer` in the settings against the provider's own.",
):
    """The provider's description or its keys are not of the known form."""


class PermissionTableError(
    BrokenError,
    codespace="access",
    code=15,
    text="operations without a line in the permission table: {missing}; lines without an operation: {unused}",
):
    """The API and the table of permissions do not fit; the gateway does not start."""


class ApiKeyNameError(
    RejectedError,
    codespace="access",
    code=16,
    text="an API key's name has 1 to {maximum} printable characters",
):
    """The name is empty, too long, or cannot be shown."""


class AuditAnchorPendingError(
    UnavailableError,
    codespace="access",
    code=17,
    text="the anchor of the audit log is {state} (job {step_id})",
    next_step="It is tried again by itself; one that is stuck stands in `/v1/undelivered`.",
):
    """A head of the audit log does not stand on chain yet."""
