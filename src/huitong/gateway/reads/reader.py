"""Asking for open records, and believing only what the own zone vouches for.

Grades: *proven*, if the own zone's light client vouches for the header that the proofs
lead to; else *unverified*, and whether that is taken is the reader's policy. An answer
that does not fit its own proof is never taken, whatever the policy says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, final

from huitong.core.errors import RejectedError
from huitong.core.time import NS_PER_SECOND, TimeNs
from huitong.gateway.exchange.errors import AnswerMissingError, ClientUnusableError
from huitong.gateway.exchange.proven_read import ClientView
from huitong.gateway.reads.checking import UNVERIFIED, check_answer
from huitong.gateway.reads.errors import (
    ReadAnswerError,
    ReadGradeError,
    ReadTooOldError,
)
from huitong.gateway.reads.headers import HeaderRoom
from huitong.gateway.reads.model import (
    ProvenRoot,
    ReadOrder,
    ReadResult,
    ReadTransport,
)
from huitong.gateway.reads.settings import ReadsSettings
from huitong.light.tendermint.errors import TrustingPeriodExpiredError
from huitong.modules.exchange import GRADES
from huitong.proto.huitong.reads.v1 import reads_pb2 as pb

#: Answers asked for anew where the provider lags behind what the own zone knows.
ATTEMPTS_MAX: Final = 3
#: Records from which on checking goes to a thread: each takes about 0.15 ms.
_THREAD_FROM: Final = 32


@final
class ProvenReader:
    """Reads open records of one provider, on another zone."""

    def __init__(
        self,
        transport: ReadTransport,
        headers: HeaderRoom,
        settings: ReadsSettings,
        *,
        chain_id: str,
        peer: str,
        clock: Callable[[], TimeNs],
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            transport: the way to the provider's gateway.
            headers: headers of the provider's zone that the own zone vouches for.
            settings: minimum grade and age.
            chain_id: the provider's zone.
            peer: the provider's member id, for errors.
            clock: nanoseconds since the epoch, UTC.
        """
        self._transport = transport
        self._headers = headers
        self._settings = settings
        self._chain_id = chain_id
        self._peer = peer
        self._clock = clock

    async def read(
        self,
        orders: Sequence[ReadOrder],
        *,
        purpose: str,
        request_id: str,
        minimum_grade: str = "",
    ) -> list[ReadResult]:
        """Read records, and return a result or a refusal for each.

        Args:
            orders: up to 100 records.
            purpose: what they are read for; stands in the provider's log.
            request_id: of the call that led to it; stands in both logs.
            minimum_grade: lowest grade that is taken; empty for the setting.

        Raises:
            PeerSilentError, PeerRefusedError: there is no answer.
            ReadAnswerError: the answer is none to what was asked.
            ReadGradeError, ReadTooOldError: it is not proven well or lately enough.
            UnavailableError: a node does not answer.
        """
        request = pb.ReadRequest(
            request_id=request_id, chain_id=self._chain_id, purpose=purpose
        )
        for order in orders:
            request.asked.add(
                issuer=order.issuer,
                record_id=order.record_id,
                version=order.version,
                fields=order.fields,
            )
        answer, header = await self._ask(request)
        root = None
        if isinstance(header, ClientView):
            root = _root_of(header)
            self._check_age(root)
        else:
            self._check_unproven(header, minimum_grade)
        checking = (orders, answer, root)
        if len(orders) < _THREAD_FROM:
            return self._checked(*checking)
        return await asyncio.to_thread(self._checked, *checking)

    def _checked(
        self,
        orders: Sequence[ReadOrder],
        answer: pb.ReadAnswer,
        root: ProvenRoot | None,
    ) -> list[ReadResult]:
        return check_answer(
            orders,
            answer,
            root,
            chain_id=self._chain_id,
            peer=self._peer,
            now_s=self._clock() // NS_PER_SECOND,
        )

    def _check_age(self, root: ProvenRoot) -> None:
        age_s = (self._clock() - root.time_ns) // NS_PER_SECOND
        if age_s > self._settings.age_max_s:
            raise ReadTooOldError(age_s=age_s, maximum_s=self._settings.age_max_s)

    def _check_unproven(self, hindrance: RejectedError, minimum_grade: str) -> None:
        minimum = minimum_grade or self._settings.minimum_grade
        if GRADES.index(UNVERIFIED) > GRADES.index(minimum):
            raise ReadGradeError(
                actual=UNVERIFIED, minimum=minimum, reason=str(hindrance)
            ) from hindrance

    async def _ask(
        self, request: pb.ReadRequest
    ) -> tuple[pb.ReadAnswer, ClientView | RejectedError]:
        """Return the answer, and its verified header or why there is none."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            answer = await self._transport.ask(request)
            try:
                return answer, await self._headers.at(answer.height)
            except ReadAnswerError:
                if attempt == ATTEMPTS_MAX:
                    raise
            except (
                AnswerMissingError,
                ClientUnusableError,
                TrustingPeriodExpiredError,
            ) as hindrance:
                return answer, hindrance
        raise AssertionError


def _root_of(view: ClientView) -> ProvenRoot:
    return ProvenRoot(
        client_id=view.client_id,
        specs=view.state.proof_specs,
        height=view.height,
        time_ns=view.consensus.timestamp_ns,
        root=view.consensus.root,
    )
