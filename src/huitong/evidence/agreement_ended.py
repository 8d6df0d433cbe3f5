"""Whether what two zones say about an exchange that did not finish fits together.

Refused, not delivered to the end, timed out, or failed: each leaves its marks in the
state of both zones, and what did not happen is shown by what lies there instead, or by
the proof that nothing does.
"""

from __future__ import annotations

from typing import Final

from huitong.core.height import Height
from huitong.evidence import kinds
from huitong.evidence.agreement import (
    agree,
    agree_message,
    agree_state,
    check_officer,
    check_sent,
    newest_header_of_a,
)
from huitong.evidence.case import Case
from huitong.evidence.errors import ContradictionError
from huitong.evidence.kinds import PROVIDER
from huitong.light.tendermint.header import header_height
from huitong.modules.exchange.decisions import (
    FAILURE_PREFIX,
    POLICY,
    encode_decision,
)
from huitong.modules.links.acknowledgements import error_acknowledgement_of
from huitong.modules.links.commitments import RECEIPT, commit_acknowledgement
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb

_REFUSED: Final = pb.EXCHANGE_STATUS_REFUSED


def check_refusal(case: Case) -> str:
    """Check the refusal on both sides, and that it is the acknowledgement."""
    subject, statement = case.subject, case.statement
    a, b = statement.a.exchange, statement.b.exchange
    decision = a.decision
    agree_message("decision", decision, b.decision)
    agree("outcome", pb.OUTCOME_REFUSED, decision.outcome)
    agree("refused issuer", subject.issuer, decision.issuer)
    agree("refused record", subject.record_id, decision.record_id)
    agree("refused version", subject.version, decision.version)
    agree(f"status in {subject.a.chain_id}", _REFUSED, a.status)
    agree(f"status in {subject.other.chain_id}", _REFUSED, b.status)
    acknowledgement = commit_acknowledgement(encode_decision(decision))
    agree_state(case, PROVIDER, kinds.REQUEST_ACKNOWLEDGEMENT, acknowledgement)
    if decision.decided_by != POLICY:
        check_officer(case, pb.OUTCOME_REFUSED)
    return f"refused by {decision.decided_by}: {decision.reason_code}"


def check_no_receipt(case: Case) -> str:
    """Check that the reader has confirmed nothing, in either zone."""
    subject, statement = case.subject, case.statement
    a, b = statement.a.exchange, statement.b.exchange
    for zone, exchange, status in (
        (subject.a.chain_id, a, pb.EXCHANGE_STATUS_DELIVERED),
        (subject.other.chain_id, b, pb.EXCHANGE_STATUS_GRANTED),
    ):
        agree(f"status in {zone}", status, exchange.status)
        agree(f"receipt in {zone}", False, exchange.HasField("receipt"))
    return "handed over, not confirmed"


def check_sent_request(case: Case) -> str:
    """Check the request in the zone that sent it."""
    request = check_sent(case).request
    return (
        f"{request.requester} for {request.purpose}, sequence {case.subject.sequence}"
    )


def check_timeout(case: Case) -> str:
    """Check that the request had not arrived when its time was over.

    That zone a has no receipt is among the states; here it matters that the header that
    shows it is past the deadline, so that the packet can arrive no more.
    """
    subject, statement = case.subject, case.statement
    sent, header = check_sent(case), newest_header_of_a(case)
    exchange = statement.b.exchange
    status = f"status in {subject.other.chain_id}"
    agree(status, pb.EXCHANGE_STATUS_TIMED_OUT, exchange.status)
    late = bool(sent.timeout_timestamp) and header.time_ns >= sent.timeout_timestamp
    if sent.timeout_height:
        due = Height(sent.timeout_height_revision, sent.timeout_height)
        late = late or header_height(header) >= due
    if not late:
        raise ContradictionError(
            what="header that shows no receipt",
            expected="one past the deadline of the request",
            actual=f"header {header.height}",
        )
    return f"not received by header {header.height} of {header.chain_id}"


def check_failure(case: Case) -> str:
    """Check that zone a received the packet and acknowledged it with an error."""
    subject, exchange = case.subject, case.statement.b.exchange
    status = f"status in {subject.other.chain_id}"
    agree(status, pb.EXCHANGE_STATUS_FAILED, exchange.status)
    agree_state(case, PROVIDER, kinds.REQUEST_RECEIPT, RECEIPT)
    if not exchange.failure.startswith(FAILURE_PREFIX):
        raise ContradictionError(
            what="failure", expected=f"{FAILURE_PREFIX}…", actual=exchange.failure
        )
    text = exchange.failure.removeprefix(FAILURE_PREFIX)
    told = commit_acknowledgement(error_acknowledgement_of(text))
    agree_state(case, PROVIDER, kinds.REQUEST_ACKNOWLEDGEMENT, told)
    return text
