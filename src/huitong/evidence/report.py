"""The report in a bundle: what happened, for people, in Chinese and English.

It is made from the proven values alone, by this one function of them, in two layouts:
a self-contained page (no script, nothing loaded) and Markdown. Changing a word here
changes ``FORMAT``, because verifiers make the report anew and compare.

What the report shows is proven only as far as the bundle verifies; it says so itself.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from huitong.core.commitment import DOCUMENT_FIELD
from huitong.core.hashing import sha256
from huitong.core.time import NS_PER_SECOND, InvalidTimeError, format_rfc3339
from huitong.evidence.model import FORMAT, PROVIDER, SIDES, Evidence
from huitong.evidence.statement import Statement, name_of
from huitong.light.tendermint.header import header_hash
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.records.v1 import records_pb2

#: Characters of a field's value that the report shows.
VALUE_CHARACTERS_MAX: Final = 400
_TITLE: Final = "汇通数据交换证据报告 Huitong evidence report"
_STYLE: Final = (
    "body{font-family:'Noto Sans CJK SC','Microsoft YaHei','PingFang SC',sans-serif;"
    "max-width:60rem;margin:2rem auto;padding:0 1rem;line-height:1.6;color:#1c2430}"
    "h1{font-size:1.6rem}h2{font-size:1.15rem;border-bottom:2px solid #1f5fa8;"
    "padding-bottom:.2rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "td,th{border:1px solid #c9d2de;padding:.35rem .6rem;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}th{background:#eef3f9;width:17rem}"
    ".note{background:#fff8e1;border-left:4px solid #e0a800;padding:.6rem 1rem}"
)

Row = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and a table of two columns below it."""

    heading: str
    """In both languages."""
    rows: tuple[Row, ...]
    """Name, in both languages, and value."""


def render_html(evidence: Evidence, statement: Statement) -> bytes:
    """Return the report as one page that loads nothing."""
    parts = [
        '<!DOCTYPE html>\n<html lang="zh">\n<head>\n<meta charset="utf-8">',
        f"<title>{html.escape(_TITLE)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
        f"<h1>{html.escape(_TITLE)}</h1>",
    ]
    parts += [f"<p>{html.escape(line)}</p>" for line in _summary(statement)]
    parts += [f'<p class="note">{html.escape(line)}</p>' for line in _notes(evidence)]
    for section in _sections(evidence, statement):
        parts.append(f"<h2>{html.escape(section.heading)}</h2>\n<table>")
        parts += [
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in section.rows
        ]
        parts.append("</table>")
    parts.append("</body>\n</html>\n")
    return "\n".join(parts).encode()


def render_markdown(evidence: Evidence, statement: Statement) -> bytes:
    """Return the report as Markdown."""
    parts = [f"# {_TITLE}", ""]
    for line in _summary(statement):
        parts += [_escape(line), ""]
    for line in _notes(evidence):
        parts += [f"> {_escape(line)}", ""]
    for section in _sections(evidence, statement):
        parts += [f"## {_escape(section.heading)}", "", "| | |", "|---|---|"]
        parts += [
            f"| {_escape(name)} | {_escape(value)} |" for name, value in section.rows
        ]
        parts.append("")
    return "\n".join(parts).encode()


def _summary(statement: Statement) -> tuple[str, str]:
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


def _notes(evidence: Evidence) -> tuple[str, str]:
    zones = " 与 ".join(evidence.subject.zone(side).chain_id for side in SIDES)
    return (
        f"本报告由证据包内的证明生成,本身不是证明。请运行 huitong verify --trust 信任文件 "
        f"本文件;只要为 {zones} 各提供一个可信区块头(或创世文件),即可离线核验。",
        "This report is made from the proofs in the bundle and proves nothing by itself. "
        "Run: huitong verify --trust TRUST-FILE THIS-FILE. It needs one trusted header "
        "(or the genesis) of each zone, and no network.",
    )


def _sections(evidence: Evidence, statement: Statement) -> Sequence[Section]:
    return (
        _parties(evidence, statement),
        _record(statement),
        _fields(statement),
        _request(evidence, statement),
        _decision(statement),
        _receipt(statement),
        *(_zone(evidence, side) for side in SIDES),
        _maker(evidence),
    )


def _parties(evidence: Evidence, statement: Statement) -> Section:
    subject = evidence.subject
    issuer, reader = statement.a.member, statement.b.member
    return Section(
        heading="各方 Parties",
        rows=(
            ("提供方 Provider", f"{issuer.name} ({issuer.member_id})"),
            ("统一社会信用代码 Legal id", issuer.legal_id),
            ("提供方所在区 Zone of the provider", subject.a.chain_id),
            ("请求方 Requester", f"{reader.name} ({reader.member_id})"),
            ("统一社会信用代码 Legal id", reader.legal_id),
            ("请求方所在区 Zone of the requester", subject.b.chain_id),
        ),
    )


def _record(statement: Statement) -> Section:
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


def _fields(statement: Statement) -> Section:
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


def _decision(statement: Statement) -> Section:
    decision = statement.a.exchange.decision
    return Section(
        heading="决定 Decision",
        rows=(
            ("结果 Outcome", name_of(exchange_pb2.Outcome, decision.outcome)),
            ("时间 Time", format_rfc3339(decision.decided_time)),
            ("决定者 Decided by", decision.decided_by),
            ("理由 Reason", f"{decision.reason_code} {decision.reason}".strip()),
            ("授权编号 Grant", str(decision.grant_id) if decision.grant_id else "—"),
            ("准予字段 Fields granted", ", ".join(decision.fields) or "全部 all"),
        ),
    )


def _receipt(statement: Statement) -> Section:
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


def _zone(evidence: Evidence, side: str) -> Section:
    zone, pointer = evidence.zones[side], evidence.subject.zone(side)
    rows: list[Row] = [
        (
            "链接 Link",
            f"{pointer.client_id} / {pointer.connection_id} / {pointer.channel_id}",
        )
    ]
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
    place = (
        "提供方区 Provider's zone" if side == PROVIDER else "请求方区 Requester's zone"
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


def _escape(text: str) -> str:
    """Keep a text from being read as Markdown or breaking out of its cell."""
    one_line = " ".join(text.split())
    for character in "\\`*_[]<>|#":
        one_line = one_line.replace(character, "\\" + character)
    return one_line
