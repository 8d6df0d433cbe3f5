"""Refusals of queries in the words of gRPC.

A Cosmos SDK node answers module queries through gRPC and lets the status show in the log
of the answer. Relayers and wallets look for these words: with them a missing thing is an
answer, without them a failure.
"""

from __future__ import annotations

from huitong.core.errors import InvalidRequestError, NotFoundError


class StatusNotFoundError(NotFoundError):
    """Something is not there, told in the words of another service."""

    text = "rpc error: code = NotFound desc = {what}: key not found"


class StatusInvalidArgumentError(InvalidRequestError):
    """A request that can never be answered, told in the words of another service."""

    text = "rpc error: code = InvalidArgument desc = {reason}: invalid request"


def not_found_as(text: str) -> NotFoundError:
    """Return the error for something that is not there, in these words."""
    return StatusNotFoundError(what=text)


def not_found(what: str) -> NotFoundError:
    """Return the error for something that is not in the state."""
    return NotFoundError(what=f"rpc error: code = NotFound desc = {what}")


def invalid_argument(reason: str) -> InvalidRequestError:
    """Return the error for a request that can never be answered."""
    return StatusInvalidArgumentError(reason=reason)
