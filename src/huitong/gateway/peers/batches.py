"""Taking many small sealed payloads of one peer and channel in one request.

``POST /peer/v1/deliveries/{zone}/{channel}``; the body is the manifest and then the bytes
of each payload, in its order. One signed statement binds all of it. The answer is
``{"items": […]}`` with one member for each payload, in the same order: ``{"state": "taken"}``
or ``{"state": "refused", "problem": {…}}``. So one that is refused holds up no other; a
request that fails as a whole has taken nothing that may not come again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from typing import Any, final

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from huitong.core.errors import HuitongError
from huitong.gateway.exchange.arrival_rows import reason_of
from huitong.gateway.exchange.arrivals import NOT_KNOWN_YET, Arrivals
from huitong.gateway.exchange.errors import NotAskedForError
from huitong.gateway.peers.answers import problem_of, read_body
from huitong.gateway.peers.errors import PeerBusyError, StatementError
from huitong.gateway.peers.limits import (
    BATCH_SIZE_BYTES_MAX,
    BATCHES_PER_PEER_MAX,
    MANIFEST_SIZE_BYTES_MAX,
)
from huitong.gateway.peers.manifest import ManifestItem, read_manifest
from huitong.gateway.peers.places import arrival_of, trace_of
from huitong.gateway.peers.senders import Senders
from huitong.gateway.peers.statement import (
    BatchStatement,
    SignedStatement,
    read_statement,
)
from huitong.gateway.tracing.spans import OpenSpan, SpanKind, Tracing, span_of

log = structlog.get_logger("gateway")


@final
class Batches:
    """Answers those who bring batches."""

    def __init__(
        self, *, member_id: str, arrivals: Arrivals, senders: Senders, tracing: Tracing
    ) -> None:
        """Prepare.

        Args:
            member_id: who takes.
            arrivals: what to do with what is brought.
            senders: whether it comes from whom it says.
            tracing: records what is brought.
        """
        self._member_id = member_id
        self._arrivals = arrivals
        self._senders = senders
        self._tracing = tracing
        self._under_way: Counter[str] = Counter()

    async def take(self, request: Request) -> Response:
        """Take a batch; see the module.

        Raises:
            StatementError: statement or manifest are malformed, or say something else
                than the path.
            NotAskedForError: it is not for this gateway.
            StatementSignerError: somebody else signed it, or holds the connection.
            PeerBusyError: this peer has too many batches under way.
            BodySizeError, BodyTimeoutError: the body is not as long as announced.
        """
        signed = read_statement(BatchStatement, request.headers, time.time_ns())
        statement = signed.statement
        path = request.path_params
        if (path["zone"], path["channel"]) != (
            statement.chain_id_of_b,
            statement.channel_on_b,
        ):
            raise StatementError(reason="it is about something else than the path")
        self._senders.check_connection(request, statement)
        peer = statement.provider
        if self._under_way[peer] >= BATCHES_PER_PEER_MAX:
            raise PeerBusyError(
                member_id=self._member_id, reason="too many batches at once"
            )
        self._under_way[peer] += 1
        try:
            return await self._take(request, signed)
        finally:
            self._under_way[peer] -= 1

    async def _take(
        self, request: Request, signed: SignedStatement[BatchStatement]
    ) -> Response:
        statement = signed.statement
        size = statement.manifest_size + statement.size
        maximum = MANIFEST_SIZE_BYTES_MAX + BATCH_SIZE_BYTES_MAX
        body = _Body(read_body(request, size, maximum))
        items = read_manifest(await body.read(statement.manifest_size), statement)
        arrivals = [arrival_of(statement, item) for item in items]
        # Before any work is done: was this peer asked for any of it?
        verdicts = await self._arrivals.look(arrivals)
        if all(isinstance(verdict, NotAskedForError) for verdict in verdicts):
            return _answer([reason_of(verdict) for verdict in verdicts])
        await self._senders.check_signer(signed)
        sealed = [await body.read(item.size) for item in items]
        await body.end()
        with ExitStack() as stack:
            spans = [stack.enter_context(self._span(statement, item)) for item in items]
            # What was not known then may be by now.
            is_old = any(isinstance(one, NOT_KNOWN_YET) for one in verdicts)
            failures = await self._arrivals.take_many(
                arrivals, sealed, () if is_old else verdicts
            )
            _note(spans, failures)
        for item, failure in zip(items, failures, strict=True):
            if failure is None:
                log.info(
                    "delivery_taken",
                    peer=statement.provider,
                    channel=statement.channel_on_b,
                    sequence=item.sequence,
                    push_number=item.push_number,
                    size_bytes=item.size,
                    request_id=item.request_id,
                )
        return _answer(failures)

    def _span(self, statement: BatchStatement, item: ManifestItem) -> Any:
        return span_of(
            self._tracing,
            "peer delivery taken",
            trace_of(statement, item, item.traceparent),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": "POST",
                "huitong.peer": statement.provider,
                "huitong.channel": statement.channel_on_b,
                "huitong.sequence": item.sequence,
                "huitong.size_bytes": item.size,
                "huitong.batch": statement.count,
                "huitong.request_id": item.request_id,
            },
        )


@final
class _Body:
    """A body that is read in parts of known sizes."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._held = bytearray()

    async def read(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            BodySizeError, BodyTimeoutError: see ``read_body``.
        """
        while len(self._held) < size:
            self._held += await anext(self._pieces)
        found = bytes(self._held[:size])
        del self._held[:size]
        return found

    async def end(self) -> None:
        """Make sure that nothing follows.

        Raises:
            BodySizeError: something does.
        """
        async for piece in self._pieces:
            self._held += piece


def _note(spans: Sequence[OpenSpan], failures: Sequence[HuitongError | None]) -> None:
    for span, failure in zip(spans, failures, strict=True):
        if failure is not None:
            span.failure = str(failure)


def _answer(failures: Sequence[HuitongError | None]) -> Response:
    items = [
        {"state": "taken"}
        if failure is None
        else {"state": "refused", "problem": problem_of(failure)}
        for failure in failures
    ]
    return JSONResponse({"items": items})
