"""Checking an answer against a verified header. Pure, and quick: it runs for every record.

All proofs of an answer lead to one header, and share the way from the root of the records
to its app hash; that way is checked once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from huitong.core.codec import DecodeError, decode
from huitong.core.commitment import (
    Disclosure,
    GivenField,
    WithheldField,
    verify_disclosure,
)
from huitong.core.errors import RejectedError
from huitong.core.fields import is_within_period
from huitong.core.store.ics23.verify import existence_root
from huitong.gateway.reads.errors import (
    PeerRefusedError,
    ReadAnswerError,
    RecordNotInForceError,
)
from huitong.gateway.reads.model import (
    ProvenRoot,
    ReadOrder,
    ReadProof,
    ReadResult,
)
from huitong.modules.records import STORE, record_key
from huitong.modules.records.state import status_name
from huitong.proto.huitong.reads.v1 import reads_pb2 as pb
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader

#: Trust grades of a record whose proof is right, and of one that nobody vouches for.
PROVEN: Final = "proven"
UNVERIFIED: Final = "unverified"
#: Layers of a proof: the tree of the records, then the tree of the stores.
_LAYERS: Final = 2


def check_answer(
    orders: Sequence[ReadOrder],
    answer: pb.ReadAnswer,
    root: ProvenRoot | None,
    *,
    chain_id: str,
    peer: str,
    now_s: int,
) -> list[ReadResult]:
    """Check every record of an answer; one that is wrong does not spoil the others.

    Args:
        orders: what was asked for.
        answer: what came.
        root: the header that the proofs must lead to; None if nobody vouches for one,
            and then the records are no better than ``unverified``.
        chain_id: the provider's zone.
        peer: the provider, for errors.
        now_s: seconds since the epoch, for the records' own validity.

    Returns:
        A result for each order, in their order.

    Raises:
        ReadAnswerError: the answer as a whole is none to what was asked.
    """
    if answer.chain_id != chain_id or (root and answer.height != root.height):
        raise ReadAnswerError(zone=chain_id, reason="it is for another zone or height")
    if len(answer.answered) != len(orders):
        raise ReadAnswerError(
            zone=chain_id,
            reason=f"{len(answer.answered)} records, asked for {len(orders)}",
        )
    checker = _Checker(answer, root, chain_id, now_s)
    results = []
    for order, answered in zip(orders, answer.answered, strict=True):
        try:
            if answered.code or answered.codespace:
                raise PeerRefusedError(
                    peer=peer,
                    reason=answered.reason,
                    peer_code=f"{answered.codespace}/{answered.code}",
                )
            results.append(checker.checked(order, answered))
        except RejectedError as refusal:
            results.append(ReadResult(order=order, refusal=refusal))
    return results


class _Checker:
    """Checks the records of one answer; remembers the root that was found right."""

    def __init__(
        self,
        answer: pb.ReadAnswer,
        root: ProvenRoot | None,
        chain_id: str,
        now_s: int,
    ) -> None:
        self._answer = answer
        self._root = root
        self._chain_id = chain_id
        self._now_s = now_s
        self._records_root = b""

    def checked(self, order: ReadOrder, answered: pb.Answered) -> ReadResult:
        root, proof = self._root, None
        if root is not None:
            proof = self._check_proof(root, order, answered)
        header = self._header(order, answered)
        return ReadResult(
            order=order,
            grade=UNVERIFIED if root is None else PROVEN,
            header=header,
            values=self._values(order, answered, header),
            height=0 if root is None else root.height,
            time_ns=0 if root is None else root.time_ns,
            proof=proof,
        )

    def _check_proof(
        self, root: ProvenRoot, order: ReadOrder, answered: pb.Answered
    ) -> ReadProof:
        if len(root.specs) != _LAYERS:
            reason = f"its zone proves through {len(root.specs)} trees, not {_LAYERS}"
            raise self._wrong(reason)
        if not answered.header:
            raise self._wrong("a record without a header")
        lower, upper = root.specs
        key = record_key(order.issuer, order.record_id)
        records_root = existence_root(lower, answered.proof, key, answered.header)
        if records_root != self._records_root:
            found = existence_root(
                upper, self._answer.store_proof, STORE.encode(), records_root
            )
            if found != root.root:
                raise self._wrong(f"a proof that leads to {found.hex()}")
            self._records_root = records_root
        return ReadProof(
            root=root,
            key=key,
            value=answered.header,
            layers=(answered.proof, self._answer.store_proof),
        )

    def _header(self, order: ReadOrder, answered: pb.Answered) -> RecordHeader:
        try:
            header = decode(RecordHeader, answered.header)
        except DecodeError as wrong:
            raise self._wrong(str(wrong)) from wrong
        if (header.issuer, header.record_id) != (order.issuer, order.record_id):
            raise self._wrong("the header of another record")
        if order.version not in (0, header.version):
            raise self._wrong(f"version {header.version}, asked for {order.version}")
        status = status_name(header.status)
        if header.status == records_pb2.RECORD_STATUS_ACTIVE and not is_within_period(
            header.valid_from, header.valid_until, self._now_s
        ):
            status = "not within its validity"
        if status != "active":
            raise RecordNotInForceError(
                record_id=order.record_id, issuer=order.issuer, status=status
            )
        return header

    def _values(
        self, order: ReadOrder, answered: pb.Answered, header: RecordHeader
    ) -> dict[str, bytes]:
        if not order.fields:
            return {}
        disclosure = Disclosure(
            given=tuple(
                GivenField(name=item.name, value=item.value, salt=item.salt)
                for item in answered.given
            ),
            withheld=tuple(
                WithheldField(name=item.name, leaf=item.leaf)
                for item in answered.withheld
            ),
        )
        given = tuple(item.name for item in disclosure.given)
        if given != order.fields or disclosure.names() != tuple(header.fields):
            raise self._wrong("other fields than asked for, or than the record has")
        verify_disclosure(disclosure, header.payload_digest)
        return disclosure.values()

    def _wrong(self, reason: str) -> ReadAnswerError:
        return ReadAnswerError(zone=self._chain_id, reason=reason)
