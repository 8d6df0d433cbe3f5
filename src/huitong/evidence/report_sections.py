"""The sections of a report: tables of names and values, by kind of bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from huitong.core.commitment import DOCUMENT_FIELD
from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.core.time import NS_PER_SECOND, InvalidTimeError, format_rfc3339
from huitong.evidence import kinds
from huitong.evidence.kinds import PROVIDER
from huitong.evidence.model import FORMAT, Evidence
from huitong.evidence.statement import Statement, name_of
from huitong.light.tendermint.header import header_hash
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.facts.v1 import facts_pb2
from huitong.proto.huitong.grants.v1.grants_pb2 import Consent, Grant
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.proto.huitong.records.v1 import records_pb2

#: Characters of a field's value that the report shows.
VALUE_CHARACTERS_MAX: Final = 400

Row = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and a table of two columns below it."""

    heading: str
    """In both languages."""
    rows: tuple[Row, ...]
    """Name, in both languages, and value."""


Make = Callable[[Evidence, Statement], Section]


def sections_of(evidence: Evidence, statement: Statement) -> tuple[Section, ...]:
    """Return the sections of a report, in the order in which they are read."""
    kind = evidence.subject.kind
    makers = _SECTIONS[kind.name]
    return (
        *(make(evidence, statement) for make in makers),
        *(_zone(evidence, side) for side in kind.sides),
        _maker(evidence),
    )


def _parties(evidence: Evidence, statement: Statement) -> Section:
    subject = evidence.subject
    issuer, reader = statement.a.member, statement.b.member
    return Section(
        heading="各方 Parties",
        rows=(
            ("提供方 Provider", named(issuer.name, subject.issuer)),
            ("统一社会信用代码 Legal id", issuer.legal_id or "—"),
            ("提供方所在区 Zone of the provider", subject.a.chain_id),
            ("请求方 Requester", named(reader.name, subject.requester)),
            ("统一社会信用代码 Legal id", reader.legal_id or "—"),
            ("请求方所在区 Zone of the requester", subject.other.chain_id),
        ),
    )


def _record(evidence: Evidence, statement: Statement) -> Section:
    record = statement.record
    return Section(
        heading="记录 Record",
        rows=(
            ("编号 Id", record.record_id),
            ("类型 Type", record.record_type),
            ("版本 Version", str(record.version)),
            ("状态 Status", name_of(records_pb2.RecordStatus, record.status)),
            ("发布时间 Published", format_rfc3339(record.published_time)),
            ("数据级别 Level", str(record.level)),
            ("数据主体(假名) Subject (pseudonym)", record.subject.hex() or "—"),
            ("载荷摘要 Payload digest", record.payload_digest.hex()),
            ("全部字段 All fields", ", ".join(record.fields)),
        ),
    )


def _fields(evidence: Evidence, statement: Statement) -> Section:
    rows = [(f.name, _show(f.name, f.value)) for f in statement.disclosure.given]
    rows += [
        (f.name, f"未提供 withheld (sha256 {f.leaf.hex()})")
        for f in statement.disclosure.withheld
    ]
    return Section(heading="字段 Fields", rows=tuple(rows))


def _request(evidence: Evidence, statement: Statement) -> Section:
    exchange = statement.b.exchange
    request = exchange.request
    until = _seconds(request.term_until) if request.term_until else "一次 once"
    return Section(
        heading="请求 Request",
        rows=(
            ("时间 Time", format_rfc3339(exchange.requested_time)),
            ("目的 Purpose", request.purpose),
            ("依据 Legal basis", request.legal_basis or "—"),
            (
                "同意编号 Consent",
                str(request.consent_id) if request.consent_id else "—",
            ),
            ("请求字段 Fields asked for", ", ".join(request.fields) or "全部 all"),
            ("使用期限 Kept until", until),
            ("接收公钥 Reader's key", request.reader_key.hex()),
            ("序号 Sequence", str(evidence.subject.sequence)),
        ),
    )


def _decision(evidence: Evidence, statement: Statement) -> Section:
    decision = statement.a.exchange.decision
    refused = decision.outcome == exchange_pb2.OUTCOME_REFUSED
    fields = ", ".join(decision.fields) or ("—" if refused else "全部 all")
    return Section(
        heading="决定 Decision",
        rows=(
            ("结果 Outcome", name_of(exchange_pb2.Outcome, decision.outcome)),
            ("时间 Time", format_rfc3339(decision.decided_time)),
            ("决定者 Decided by", decision.decided_by),
            ("理由 Reason", f"{decision.reason_code} {decision.reason}".strip()),
            ("授权编号 Grant", str(decision.grant_id) if decision.grant_id else "—"),
            ("准予字段 Fields granted", fields),
        ),
    )


def _receipt(evidence: Evidence, statement: Statement) -> Section:
    exchange = statement.a.exchange
    receipt = exchange.receipt
    return Section(
        heading="交付与回执 Delivery and receipt",
        rows=(
            ("加密载荷摘要 Digest of the sealed payload", exchange.sealed_digest.hex()),
            (
                "收到时间(接收方时钟) Received (reader's clock)",
                _seconds(receipt.received_time),
            ),
            ("收到的载荷摘要 Digest received", receipt.payload_digest.hex()),
            ("可信等级 Trust grade", receipt.grade),
        ),
    )


def _handover(evidence: Evidence, statement: Statement) -> Section:
    digest = statement.a.exchange.sealed_digest.hex()
    return Section(
        heading="交付 Delivery",
        rows=(
            ("加密载荷摘要 Digest of the sealed payload", digest),
            ("回执 Receipt", "未回执 not confirmed"),
        ),
    )


def _end(evidence: Evidence, statement: Statement) -> Section:
    exchange = statement.b.exchange
    status = name_of(exchange_pb2.ExchangeStatus, exchange.status)
    return Section(
        heading="结局 End",
        rows=(
            ("状态 Status", status),
            ("原因 Reason", exchange.failure or "—"),
        ),
    )


def _grant(evidence: Evidence, statement: Statement) -> Section:
    grant = statement.grant or Grant()
    scope = grant.record_id or f"{grant.record_type} *"
    return Section(
        heading="授权 Grant",
        rows=(
            ("编号 Id", str(grant.grant_id)),
            ("持有方 Holder", named(statement.a.member.name, grant.holder)),
            ("读者 Reader", f"{grant.reader.member_id} @ {grant.reader.channel_id}"),
            ("记录 Record", scope),
            ("目的 Purpose", grant.purpose),
            ("字段 Fields", ", ".join(grant.fields) or "全部 all"),
            ("期限 Valid", _period(grant.valid_from, grant.valid_until)),
            ("已用次数 Used", f"{grant.count_used} / {grant.count_max or '∞'}"),
            ("撤回 Withdrawn", _withdrawal(grant.withdrawn, grant.withdrawn_reason)),
        ),
    )


def _fact(evidence: Evidence, statement: Statement) -> Section:
    fact = statement.fact
    about = fact.record
    record = f"{about.issuer}/{about.record_id}" if about.record_id else "—"
    return Section(
        heading="外区事实 Fact of another zone",
        rows=(
            ("编号 Id", fact.fact_id.hex()),
            ("来源区 Zone", fact.chain_id),
            ("担保者 Source", f"{fact.source} ({fact.client_id})"),
            ("存储与键 Store and key", f"{fact.store} / {fact.key.hex()}"),
            ("记录 Record", record),
            ("版本 Version", str(about.version) if about.version else "—"),
            ("状态 Status", name_of(facts_pb2.FactStatus, fact.status)),
            ("值摘要 Value digest", fact.value_digest.hex() or "—"),
            ("所据区块头 Header", str(Height.from_proto(fact.source_height))),
            ("其时间 Its time", format_rfc3339(fact.source_time)),
            ("导入方 Owner", named(statement.a.member.name, fact.owner)),
            ("导入高度 Imported at", str(fact.imported_height)),
            ("可用至 Usable until", _seconds(fact.valid_until)),
        ),
    )


def _consent(evidence: Evidence, statement: Statement) -> Section:
    consent = statement.consent or Consent()
    reader = consent.reader
    return Section(
        heading="同意 Consent",
        rows=(
            ("编号 Id", str(consent.consent_id)),
            ("记录方 Recorder", named(statement.a.member.name, consent.recorder)),
            ("数据主体(假名) Subject (pseudonym)", consent.subject.hex()),
            ("读者 Reader", f"{reader.member_id} @ {reader.channel_id}"),
            ("目的 Purpose", consent.purpose),
            ("字段 Fields", ", ".join(consent.fields) or "全部 all"),
            ("期限 Valid", _period(consent.valid_from, consent.valid_until)),
            ("凭据摘要 Digest of the original", consent.evidence_digest.hex()),
            (
                "撤回 Withdrawn",
                _withdrawal(consent.withdrawn, consent.withdrawn_reason),
            ),
        ),
    )


def _member(evidence: Evidence, statement: Statement) -> Section:
    member = statement.a.member
    status = name_of(members_pb2.MemberStatus, member.status)
    freezes = (
        ("本机构冻结 Own freeze", member.own_freeze),
        ("监管冻结 Regulator's freeze", member.regulator_freeze),
        ("紧急冻结 Emergency freeze", member.emergency_freeze),
    )
    return Section(
        heading="成员 Member",
        rows=(
            ("名称 Name", named(member.name, member.member_id)),
            ("统一社会信用代码 Legal id", member.legal_id or "—"),
            ("角色 Roles", ", ".join(member.roles) or "不限 any"),
            ("状态 Status", status),
            *(
                (name, f"{freeze.reason} @ {freeze.height}" if freeze.height else "—")
                for name, freeze in freezes
            ),
        ),
    )


def _zone(evidence: Evidence, side: str) -> Section:
    zone, pointer = evidence.zones[side], evidence.subject.zone(side)
    rows: list[Row] = []
    if evidence.subject.kind.is_linked:
        link = f"{pointer.client_id} / {pointer.connection_id} / {pointer.channel_id}"
        rows.append(("链接 Link", link))
    for label, proof in sorted(zone.transactions.items()):
        rows.append(
            (
                f"交易 Transaction {label}",
                f"{sha256(proof.raw).hex().upper()} @ {proof.height}",
            )
        )
    for height, block in sorted(zone.headers.items()):
        header = block.signed_header.header
        rows.append(
            (
                f"区块头 Header {height}",
                f"{header_hash(header).hex().upper()}, {format_rfc3339(header.time_ns)}",
            )
        )
    labels = ", ".join(sorted(zone.states))
    rows.append(("已证明的状态 Proven values", labels))
    place = "区 Zone"
    if evidence.subject.kind.is_linked:
        place = (
            "提供方区 Provider's zone"
            if side == PROVIDER
            else "请求方区 Requester's zone"
        )
    return Section(heading=f"{place} {pointer.chain_id}", rows=tuple(rows))


def _maker(evidence: Evidence) -> Section:
    subject = evidence.subject
    zone = subject.zone(subject.maker_side).chain_id
    return Section(
        heading="制作 Made by",
        rows=(("账户 Account", f"{subject.maker} @ {zone}"), ("格式 Format", FORMAT)),
    )


def _show(name: str, value: bytes) -> str:
    """Return a field's value as text, cut where it is long."""
    described = f"{len(value)} bytes, sha256 {sha256(value).hex()}"
    if name == DOCUMENT_FIELD:
        return described
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return described
    if len(text) > VALUE_CHARACTERS_MAX:
        return f"{text[:VALUE_CHARACTERS_MAX]}… ({described})"
    return text


def _seconds(value: int) -> str:
    """Return a time in seconds as text; what is no time of ours as its number."""
    try:
        return format_rfc3339(value * NS_PER_SECOND)
    except InvalidTimeError:
        return str(value)


def named(name: str, member_id: str) -> str:
    """Return a member's name and id; the id alone where the name is not proven."""
    return f"{name} ({member_id})" if name else member_id


def _period(start_s: int, end_s: int) -> str:
    start = _seconds(start_s) if start_s else "…"
    return f"{start} – {_seconds(end_s) if end_s else '…'}"


def _withdrawal(withdrawn: bool, reason: str) -> str:
    return f"是 yes: {reason}" if withdrawn else "否 no"


_SECTIONS: Final[Mapping[str, tuple[Make, ...]]] = MappingProxyType(
    {
        kinds.FINISHED.name: (
            _parties,
            _record,
            _fields,
            _request,
            _decision,
            _receipt,
        ),
        kinds.DELIVERY.name: (_parties, _record, _request, _decision, _handover),
        kinds.REFUSAL.name: (_parties, _request, _decision),
        kinds.TIMEOUT.name: (_parties, _request, _end),
        kinds.FAILURE.name: (_parties, _request, _end),
        kinds.RECORD_STATE.name: (_member, _record),
        kinds.GRANT_STATE.name: (_grant,),
        kinds.CONSENT_STATE.name: (_consent,),
        kinds.MEMBER_STATE.name: (_member,),
        kinds.FACT_STATE.name: (_fact, _member),
    }
)
