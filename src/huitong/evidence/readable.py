"""Entries that repeat for people what the proofs of a bundle say.

They follow from the proven values alone, so whoever verifies a bundle makes them again
and compares: a report cannot say anything else than the proofs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.message import Message

from huitong.evidence import kinds
from huitong.evidence.kinds import PROVIDER
from huitong.evidence.model import Evidence
from huitong.evidence.reading import encode_entry
from huitong.evidence.report import render_html, render_markdown
from huitong.evidence.statement import Statement
from huitong.payload.document import join_fields

PAYLOAD_FOLDER: Final = "payload/"
_EXCHANGE_FOLDER: Final = "exchange"
_STATE_FOLDER: Final = "state"
_REPORT_HTML: Final = "report.html"
_REPORT_MARKDOWN: Final = "report.md"


def readable_entries(evidence: Evidence, statement: Statement) -> dict[str, bytes]:
    """Return the readable entries of a bundle.

    Raises:
        PayloadFormError: a given field of a JSON payload is not canonical JSON.
    """
    entries = {
        f"{folder}/{name}.json": encode_entry(message_json(message))
        for folder, name, message in _messages(evidence, statement)
    }
    entries[_REPORT_HTML] = render_html(evidence, statement)
    entries[_REPORT_MARKDOWN] = render_markdown(evidence, statement)
    values = statement.disclosure.values()
    if values:
        name, data = join_fields(values)
        entries[PAYLOAD_FOLDER + name] = data
    return entries


def _messages(
    evidence: Evidence, statement: Statement
) -> Iterator[tuple[str, str, Message]]:
    """Yield folder, name and message of what people want to read."""
    states = evidence.subject.kind.parts[PROVIDER].states
    a, b = statement.a.exchange, statement.b.exchange
    if evidence.subject.kind.is_linked:
        yield _EXCHANGE_FOLDER, "request", b.request
        if a.HasField("decision"):
            yield _EXCHANGE_FOLDER, "decision", a.decision
        if a.HasField("receipt"):
            yield _EXCHANGE_FOLDER, "receipt", a.receipt
        if kinds.RECORD in states:
            yield _EXCHANGE_FOLDER, "record", statement.record
        return
    found: dict[str, Message | None] = {
        kinds.RECORD: statement.record,
        kinds.GRANT: statement.grant,
        kinds.CONSENT: statement.consent,
        kinds.MEMBER: statement.a.member,
        kinds.FACT: statement.fact,
    }
    for label in states:
        message = found[label]
        if message is not None:
            yield _STATE_FOLDER, label, message


def message_json(message: Message) -> dict[str, Any]:
    """Return every field of a message: bytes as hexadecimal, enumerations by name."""
    shown: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.is_repeated:
            shown[field.name] = [_value_json(field, part) for part in value]
        elif field.message_type is None or message.HasField(field.name):
            shown[field.name] = _value_json(field, value)
    return shown


def _value_json(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return message_json(value)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return named.name if named is not None else value
    if isinstance(value, bytes):
        return value.hex()
    return value
