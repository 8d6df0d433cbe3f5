"""One sentence in each language that says what a bundle shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from huitong.core.time import format_rfc3339
from huitong.evidence import kinds
from huitong.evidence.model import Evidence
from huitong.evidence.report_sections import named
from huitong.evidence.statement import Statement

Sentences = tuple[str, str]
"""Chinese, then English."""


def summarize(evidence: Evidence, statement: Statement) -> Sentences:
    """Return what the bundle shows, in Chinese and in English."""
    return _SUMMARIES[evidence.subject.kind.name](evidence, statement)


def _finished(evidence: Evidence, statement: Statement) -> Sentences:
    record, request = statement.record, statement.b.exchange.request
    issuer, reader = statement.a.member, statement.b.member
    decided = format_rfc3339(statement.a.exchange.decision.decided_time)
    given = len(statement.disclosure.given)
    return (
        f"{reader.name}({reader.member_id})以“{request.purpose}”为目的,向"
        f"{issuer.name}({issuer.member_id})请求记录 {record.record_id}"
        f"({record.record_type},第 {record.version} 版);{decided} 准予,"
        f"交付 {given} 个字段,对方已回执。",
        f"{reader.name} ({reader.member_id}) requested record {record.record_id} "
        f"({record.record_type}, version {record.version}) of {issuer.name} "
        f"({issuer.member_id}) for the purpose {request.purpose}; it was granted at "
        f"{decided}, {given} fields were given, and the reader confirmed them.",
    )


def _asked(evidence: Evidence, statement: Statement) -> Sentences:
    """Return the beginning that all exchanges share."""
    subject, request = evidence.subject, statement.b.exchange.request
    reader = named(statement.b.member.name, subject.requester)
    issuer = named(statement.a.member.name, subject.issuer)
    asked = format_rfc3339(statement.b.exchange.requested_time)
    return (
        f"{reader} 于 {asked} 以“{request.purpose}”为目的,向 {issuer} 请求记录 "
        f"{subject.record_id};",
        f"{reader} requested record {subject.record_id} of {issuer} for the purpose "
        f"{request.purpose} at {asked}; ",
    )


def _delivery(evidence: Evidence, statement: Statement) -> Sentences:
    chinese, english = _asked(evidence, statement)
    decided = format_rfc3339(statement.a.exchange.decision.decided_time)
    return (
        f"{chinese}{decided} 准予并已交付,对方尚未回执。",
        f"{english}it was granted at {decided} and handed over, and the reader has not "
        "confirmed it.",
    )


def _refusal(evidence: Evidence, statement: Statement) -> Sentences:
    chinese, english = _asked(evidence, statement)
    decision = statement.a.exchange.decision
    decided = format_rfc3339(decision.decided_time)
    why = f"{decision.reason_code} {decision.reason}".strip()
    return (
        f"{chinese}{decided} 由 {decision.decided_by} 拒绝:{why}。",
        f"{english}it was refused by {decision.decided_by} at {decided}: {why}.",
    )


def _timeout(evidence: Evidence, statement: Statement) -> Sentences:
    chinese, english = _asked(evidence, statement)
    zone = evidence.subject.a.chain_id
    return (
        f"{chinese}该请求在期限内未到达 {zone}。",
        f"{english}the request did not reach {zone} in time.",
    )


def _failure(evidence: Evidence, statement: Statement) -> Sentences:
    chinese, english = _asked(evidence, statement)
    zone = evidence.subject.a.chain_id
    return (
        f"{chinese}{zone} 收到该请求,但未予受理。",
        f"{english}{zone} received the request and did not accept it.",
    )


def _state(chinese_what: str, english_what: str) -> Callable[..., Sentences]:
    def summary(evidence: Evidence, statement: Statement) -> Sentences:
        subject = evidence.subject
        part = evidence.zones[kinds.PROVIDER]
        height = part.history.accumulator.height
        header = part.headers[height + 1].signed_header.header
        time = format_rfc3339(header.time_ns)
        name = subject.record_id or (str(subject.number) if subject.number else "")
        about = f"{subject.issuer} {name}".strip()
        zone = subject.a.chain_id
        return (
            f"截至 {time}(区 {zone} 高度 {height}),链上{chinese_what} {about} 的状态如下。",
            f"As of {time} (zone {zone}, height {height}), this is the state of "
            f"{english_what} {about} on chain.",
        )

    return summary


_SUMMARIES: Final[Mapping[str, Callable[[Evidence, Statement], Sentences]]] = (
    MappingProxyType(
        {
            kinds.FINISHED.name: _finished,
            kinds.DELIVERY.name: _delivery,
            kinds.REFUSAL.name: _refusal,
            kinds.TIMEOUT.name: _timeout,
            kinds.FAILURE.name: _failure,
            kinds.RECORD_STATE.name: _state("记录", "the record"),
            kinds.GRANT_STATE.name: _state("授权", "the grant"),
            kinds.CONSENT_STATE.name: _state("同意", "the consent"),
            kinds.MEMBER_STATE.name: _state("成员", "the member"),
            kinds.FACT_STATE.name: _state("外区事实", "the fact of another zone"),
        }
    )
)
