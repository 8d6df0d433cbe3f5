"""Why a call is refused, with JSON-RPC's codes and CometBFT's texts."""

from __future__ import annotations

from typing import Any, Final

from huitong.core.errors import HuitongError, RejectedError, UnavailableError

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603

_MESSAGES: Final = {
    PARSE_ERROR: "Parse error. Invalid JSON",
    INVALID_REQUEST: "Invalid Request",
    METHOD_NOT_FOUND: "Method not found",
    INVALID_PARAMS: "Invalid params",
    INTERNAL_ERROR: "Internal error",
}


def error_object(code: int, data: str = "") -> dict[str, Any]:
    """Return the ``error`` member of an answer."""
    shown: dict[str, Any] = {"code": code, "message": _MESSAGES[code]}
    if data:
        shown["data"] = data
    return shown


class InvalidParamError(RejectedError, codespace="rpc", code=5, text="{reason}"):
    """An argument cannot be read; answered with -32602."""


class HeightError(RejectedError, codespace="rpc", code=6, text="{reason}"):
    """No such height, or not here; the texts are CometBFT's."""


class PageError(
    RejectedError,
    codespace="rpc",
    code=7,
    text="page should be within [1, {pages}] range, given {page}",
):
    """No such page."""


class TxNotFoundError(
    RejectedError, codespace="rpc", code=8, text="tx ({tx_hash}) not found"
):
    """No committed transaction has this hash."""


class TxHashEmptyError(
    RejectedError, codespace="rpc", code=12, text="transaction hash cannot be empty"
):
    """A transaction is asked for without its hash."""


class HashQueryError(RejectedError, codespace="rpc", code=13, text="{reason}"):
    """A query asks for a hash that is none; the texts are CometBFT's."""


class EvidenceError(RejectedError, codespace="rpc", code=14, text="{reason}"):
    """Evidence is not taken; the texts are CometBFT's."""


class OrderError(
    RejectedError,
    codespace="rpc",
    code=9,
    text="expected order_by to be either `asc` or `desc` or empty",
):
    """Another order is not known."""


class SubscriptionError(RejectedError, codespace="rpc", code=10, text="{reason}"):
    """A subscription is refused; the texts are CometBFT's."""


class CommitTimeoutError(
    UnavailableError,
    codespace="rpc",
    code=11,
    text="timed out waiting for tx to be included in a block",
):
    """The transaction waits still."""


def refusal(error: HuitongError) -> dict[str, Any]:
    """Return the ``error`` member for an expected failure."""
    code = INVALID_PARAMS if isinstance(error, InvalidParamError) else INTERNAL_ERROR
    return error_object(code, words_of(error))


def words_of(error: HuitongError) -> str:
    """Return what a caller is told; words that are CometBFT's are told whole."""
    if isinstance(error, InvalidParamError | EvidenceError):
        return str(error.fields["reason"])
    return str(error)
