"""Failures between gateways; codespace peers."""

from __future__ import annotations

from typing import ClassVar

from huitong.core.errors import BrokenError, RejectedError, UnavailableError


class PeerDownError(
    UnavailableError,
    codespace="peers",
    code=2,
    text="the gateway of {member_id} at {url} does not answer: {reason}",
):
    """It cannot be reached, or the connection broke; it is tried again."""


class PeerBusyError(
    UnavailableError,
    codespace="peers",
    code=3,
    text="the gateway of {member_id} cannot take it now: {reason}",
):
    """It answered that it may later."""

    http_status: ClassVar[int] = 503


class PeerRefusedError(
    RejectedError,
    codespace="peers",
    code=4,
    text="the gateway of {member_id} refuses: {reason}",
    next_step="Ask the operator of that gateway; then retry or cancel.",
):
    """It does not want these bytes."""


class CertificateError(
    RejectedError,
    codespace="peers",
    code=5,
    text="certificate {place}: {reason}",
    next_step="Give a PEM file with one self-signed certificate, and its key if it is ours.",
):
    """It cannot be read, or is not one that stands for a single gateway."""


class StatementError(
    RejectedError, codespace="peers", code=6, text="statement of delivery: {reason}"
):
    """It is malformed, of another time, or says something else than the request does."""

    http_status: ClassVar[int] = 400


class StatementSignerError(
    RejectedError,
    codespace="peers",
    code=7,
    text="the statement is not signed by an account of {member_id} on {chain_id}",
):
    """The signature, the account, or the certificate is somebody else's."""

    http_status: ClassVar[int] = 403


class BodySizeError(
    RejectedError,
    codespace="peers",
    code=8,
    text="{size} bytes of sealed payload, announced {announced}, at most {maximum}",
):
    """The body is longer or shorter than it says, or than any sealed payload."""

    http_status: ClassVar[int] = 413


class BodyTimeoutError(
    UnavailableError,
    codespace="peers",
    code=9,
    text="nothing came for {seconds} s in the middle of a delivery",
):
    """The sender stopped; it begins again."""

    http_status: ClassVar[int] = 408


class PeerAnswerError(
    BrokenError,
    codespace="peers",
    code=11,
    text="the gateway of {member_id} answers with something unreadable: {reason}",
    next_step="Check that the URL is that of a gateway of this software.",
):
    """Something else answers at the URL."""
