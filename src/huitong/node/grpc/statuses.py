"""How an error becomes a gRPC status: the one place.

Relayers and wallets read the texts and the codes, so where a Cosmos SDK node refuses the
same, both are its own. In ``abci_query`` the same errors keep their codespace and code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grpc import StatusCode

from huitong.core.codec import DecodeError
from huitong.core.errors import (
    BrokenError,
    HuitongError,
    InvalidAddressError,
    InvalidRequestError,
    NotFoundError,
    OutOfGasError,
    UnavailableError,
    UnknownAddressError,
)
from huitong.core.store.errors import VersionPrunedError, VersionUnknownError
from huitong.node.answers.errors import HeightError, ModuleUnknownError
from huitong.node.answers.source import SourceRefusalError, SourceTooLongError

#: What ``core.grpc_words`` puts around the text of a status for ``abci_query``.
_NOT_FOUND_HEAD: Final = "rpc error: code = NotFound desc = "
_NOT_FOUND_TAIL: Final = ": key not found"
_INVALID_HEAD: Final = "rpc error: code = InvalidArgument desc = "
_INVALID_TAIL: Final = ": invalid request"

_NOT_READY: Final = (
    "codespace sdk code 26: invalid height: huitong is not ready; please wait for "
    "first block"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a call ended."""

    code: StatusCode
    """gRPC's code."""
    text: str
    """What the client is told."""


#: From the special to the general; the first that fits decides.
_CODES: Final[tuple[tuple[type[HuitongError], StatusCode], ...]] = (
    (NotFoundError, StatusCode.NOT_FOUND),
    (UnknownAddressError, StatusCode.NOT_FOUND),
    (InvalidRequestError, StatusCode.INVALID_ARGUMENT),
    (InvalidAddressError, StatusCode.INVALID_ARGUMENT),
    # As grpc-go answers for a request that it cannot decode.
    (DecodeError, StatusCode.INTERNAL),
    # As a Cosmos SDK node answers before it asks a module; the text tells what it is. Not
    # NOT_FOUND: that reads as "there is no such connection", and is believed.
    (VersionUnknownError, StatusCode.UNKNOWN),
    (VersionPrunedError, StatusCode.UNKNOWN),
    (SourceRefusalError, StatusCode.INVALID_ARGUMENT),
    (SourceTooLongError, StatusCode.RESOURCE_EXHAUSTED),
    (OutOfGasError, StatusCode.RESOURCE_EXHAUSTED),
    (UnavailableError, StatusCode.UNAVAILABLE),
    (BrokenError, StatusCode.INTERNAL),
    # As a Cosmos SDK node answers for the errors of its modules.
    (HuitongError, StatusCode.UNKNOWN),
)


def status_of(error: HuitongError) -> Status:
    """Return the status for an expected failure."""
    if isinstance(error, VersionUnknownError) and not error.fields["latest"]:
        return Status(code=StatusCode.UNAVAILABLE, text=_NOT_READY)
    code = next(code for kind, code in _CODES if isinstance(error, kind))
    return Status(code=code, text=_text_of(error))


def _text_of(error: HuitongError) -> str:
    text = str(error)
    if isinstance(error, NotFoundError):
        return text.removeprefix(_NOT_FOUND_HEAD).removesuffix(_NOT_FOUND_TAIL)
    if isinstance(error, InvalidRequestError) and text.startswith(_INVALID_HEAD):
        return text.removeprefix(_INVALID_HEAD).removesuffix(_INVALID_TAIL)
    if isinstance(error, DecodeError):
        return f"grpc: error unmarshalling request: {text}"
    if isinstance(error, VersionUnknownError):
        return (
            f"codespace sdk code 26: invalid height: cannot query with height in the "
            f"future; please provide a valid height ({text})"
        )
    if isinstance(error, VersionPrunedError):
        version = error.fields["version"]
        return (
            f"codespace sdk code 18: invalid request: failed to load state at height "
            f"{version}; version does not exist ({text})"
        )
    if isinstance(error, HeightError | ModuleUnknownError):
        said, _, meaning = text.rpartition(": ")
        return f"codespace {error.codespace} code {error.code}: {meaning}: {said}"
    return text


def unknown_method(path: str, services: frozenset[str]) -> Status:
    """Return the status for a method that does not exist, in grpc-go's words."""
    service, slash, method = path.removeprefix("/").rpartition("/")
    if not slash or not path.startswith("/"):
        text = f'malformed method name: "{path}"'
    elif service in services:
        text = f"unknown method {method} for service {service}"
    else:
        text = f"unknown service {service}"
    return Status(code=StatusCode.UNIMPLEMENTED, text=text)
