"""What both clients share and nothing of it waits: calls, retries, answers."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar, final
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from huitong.sdk.errors import (
    AnswerFormError,
    NoAnswerError,
    ProblemError,
    read_problem,
    read_retry_after,
)

#: Seconds for one answer beyond what the call itself waits.
TIMEOUT_S: Final = 30.0
#: Attempts of one call.
ATTEMPTS_MAX: Final = 5
#: Seconds before the second attempt; each further one waits twice as long, up to the most.
RETRY_FIRST_S: Final = 0.5
RETRY_LONGEST_S: Final = 30.0
#: Statuses after which the same call may succeed.
_RETRIED: Final = frozenset({429, 503})
#: Bytes of a file that are sent or received at once.
PIECE_SIZE_BYTES: Final = 256 * 1024
#: Bytes of one event; ours have a few thousand.
EVENT_BYTES_MAX: Final = 4 * 1024 * 1024
_SAFE: Final = frozenset({"GET"})


class Model(BaseModel):
    """An answer; what a newer gateway says beyond is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


ModelT = TypeVar("ModelT", bound=Model)


@final
@dataclass(frozen=True, kw_only=True)
class Call:
    """One operation with its arguments."""

    method: str
    path: str
    query: Mapping[str, Any]
    body: Mapping[str, Any] | None = None
    """JSON."""
    content: bytes | Path | None = None
    """A document of any type; a file is read in pieces, anew for each attempt."""
    content_type: str = ""
    idempotency_key: str | None = None
    takes_key: bool = False

    def headers(self) -> dict[str, str]:
        """Return the headers, the same for every attempt."""
        headers = {}
        if self.takes_key:
            # Made here once, so that an order whose answer was lost is not given twice.
            headers["idempotency-key"] = self.idempotency_key or secrets.token_hex(16)
        if self.content is not None:
            headers["content-type"] = self.content_type
        if isinstance(self.content, Path):
            headers["content-length"] = str(self.content.stat().st_size)
        return headers

    def parameters(self) -> dict[str, Any]:
        """Return the query without what was not given."""
        return {name: value for name, value in self.query.items() if value is not None}

    def timeout_s(self, base_s: float) -> float:
        """Return for how long an answer is awaited."""
        return base_s + float(self.query.get("wait") or 0)

    def going_on(self, last_id: str) -> Call:
        """Return the call that goes on behind an event."""
        query = dict(self.query)
        if last_id:
            query["since"] = last_id
        return replace(self, query=query)

    @property
    def may_be_repeated(self) -> bool:
        """Whether it does no harm if it was carried out although no answer came."""
        return self.takes_key or self.method in _SAFE


@final
class Retries:
    """Decides whether and when a call is made again."""

    def __init__(self, call: Call, url: str, attempts_max: int) -> None:
        """Begin with the first attempt."""
        self._call = call
        self._url = url
        self._left = attempts_max - 1
        self._delay_s = RETRY_FIRST_S

    def after_answer(self, status: int, headers: Mapping[str, str]) -> float | None:
        """Return the seconds to wait before the next attempt; None if there is none."""
        wanted_s = read_retry_after(headers.get("retry-after"))
        if status not in _RETRIED and not (status == 409 and wanted_s is not None):
            return None
        return self._next(wanted_s)

    def after_failure(self, failure: httpx.HTTPError) -> float:
        """Return the seconds to wait before the next attempt.

        Raises:
            NoAnswerError: there is no further attempt.
        """
        is_unsent = isinstance(failure, httpx.ConnectError)
        if is_unsent or self._call.may_be_repeated:
            delay_s = self._next(None)
            if delay_s is not None:
                return delay_s
        reason = str(failure) or type(failure).__name__
        raise NoAnswerError(url=self._url, reason=reason) from failure

    def _next(self, wanted_s: float | None) -> float | None:
        if self._left <= 0:
            return None
        self._left -= 1
        # Some jitter, so that programs that were refused together do not return together.
        delay_s = self._delay_s * random.uniform(0.5, 1)
        self._delay_s = min(2 * self._delay_s, RETRY_LONGEST_S)
        return max(delay_s, min(wanted_s or 0, RETRY_LONGEST_S))


@final
class EventReader:
    """Takes server-sent events apart, piece by piece."""

    def __init__(self, last_id: str = "") -> None:
        """Begin at the start of a stream that goes on behind an event."""
        self.last_id = last_id
        """Where to go on after a break."""
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the data of the events that a piece completes.

        Raises:
            AnswerFormError: a line that is longer than any event.
        """
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > EVENT_BYTES_MAX:
            raise AnswerFormError(url="the stream", reason="an event has no end")
        for line in lines:
            name, _, value = line.rstrip(b"\r").partition(b":")
            value = value.removeprefix(b" ")
            if not name and not value and self._data:
                yield b"\n".join(self._data)
                self._data = []
            elif name == b"data":
                self._data.append(value)
            elif name == b"id":
                self.last_id = value.decode("ascii", "replace")


def read_event(data: bytes, model: type[ModelT]) -> ModelT:
    """Return the data of an event as what it says.

    Raises:
        AnswerFormError: it is of no form that is known here.
    """
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        reason = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise AnswerFormError(url="the stream", reason=reason) from error


def read_answer(answer: httpx.Response, model: type[ModelT]) -> ModelT:
    """Return a whole answer as what it says.

    Raises:
        AnswerFormError: it is of no form that is known here.
    """
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise AnswerFormError(
            url=str(answer.url), reason=f"{where}: {fault['msg']}".lstrip(": ")
        ) from error


def check_status(answer: httpx.Response) -> None:
    """Check that a whole answer is no refusal.

    Raises:
        ProblemError: it is one.
        AnswerFormError: it is one that no gateway gives.
    """
    if answer.is_success:
        return
    try:
        body = answer.json()
    except ValueError:
        body = None
    problem = read_problem(body, answer.headers, answer.status_code)
    if problem is None:
        raise AnswerFormError(
            url=str(answer.url), reason=f"status {answer.status_code} and no problem"
        )
    raise ProblemError(problem)


def given(**members: Any) -> dict[str, Any]:
    """Return a body without what was not given."""
    return {name: value for name, value in members.items() if value is not None}


def place(value: str | int) -> str:
    """Return a value as part of a path."""
    return quote(str(value), safe="")


def file_pieces(path: Path) -> Iterator[bytes]:
    """Yield a file in pieces."""
    with path.open("rb") as file:
        while piece := file.read(PIECE_SIZE_BYTES):
            yield piece
