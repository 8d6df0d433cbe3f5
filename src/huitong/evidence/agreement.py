"""Whether what two zones say about one exchange fits together.

The checks 6 to 13 of ``checks``; each may rely on those before it, so every value is
known to lie in its zone's state, and every transaction in its block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from google.protobuf.message import Message

from huitong.core.codec import encode, unpack_any
from huitong.core.commitment import verify_disclosure
from huitong.core.errors import HuitongError
from huitong.core.tx import Transaction
from huitong.evidence import places
from huitong.evidence.case import Case
from huitong.evidence.entries import transaction_entry
from huitong.evidence.errors import (
    ContradictionError,
    EntryMissingError,
    StateProofError,
)
from huitong.evidence.model import (
    PROVIDER,
    REQUESTER,
)
from huitong.evidence.statement import get_state, name_of
from huitong.light.tendermint.consensus_state import (
    consensus_state_of,
    consensus_state_to_any,
)
from huitong.light.tendermint.header import header_height
from huitong.modules.exchange.decisions import POLICY, encode_decision
from huitong.modules.exchange.keys import PORT_ID, VERSION
from huitong.modules.links.commitments import (
    RECEIPT,
    commit_acknowledgement,
    commit_fields,
)
from huitong.modules.links.keys import STORE_PREFIX
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2

#: How the application of the exchange acknowledges a receipt that it took.
_RECEIPT_TAKEN: Final = b'{"result":"AQ=="}'


def check_link(case: Case) -> str:
    """Check that both zones' ends of the link belong together."""
    for side, other in ((PROVIDER, REQUESTER), (REQUESTER, PROVIDER)):
        own, far = case.subject.zone(side), case.subject.zone(other)
        said = case.statement.zone(side)
        channel, connection, client = said.channel, said.connection, said.client
        name = own.chain_id
        for what, expected, actual in (
            ("channel state", channel_pb2.STATE_OPEN, channel.state),
            ("channel ordering", channel_pb2.ORDER_UNORDERED, channel.ordering),
            ("channel version", VERSION, channel.version),
            ("counterparty port", PORT_ID, channel.counterparty.port_id),
            ("counterparty channel", far.channel_id, channel.counterparty.channel_id),
            ("connection hops", [own.connection_id], list(channel.connection_hops)),
            ("connection state", connection_pb2.STATE_OPEN, connection.state),
            ("client", own.client_id, connection.client_id),
            ("counterparty client", far.client_id, connection.counterparty.client_id),
            (
                "counterparty connection",
                far.connection_id,
                connection.counterparty.connection_id,
            ),
            (
                "counterparty prefix",
                STORE_PREFIX,
                connection.counterparty.prefix.key_prefix,
            ),
            ("zone that the client follows", far.chain_id, client.chain_id),
            ("frozen height", 0, client.frozen_height.revision_height),
        ):
            agree(f"{what} in {name}", expected, actual)
    a, b = case.subject.a, case.subject.b
    return (
        f"{a.chain_id} {a.channel_id} and {b.chain_id} {b.channel_id}, port {PORT_ID}"
    )


def check_record(case: Case) -> str:
    """Check that the record is the one that the bundle is about."""
    subject, record = case.subject, case.statement.record
    agree("issuer of the record", subject.issuer, record.issuer)
    agree("id of the record", subject.record_id, record.record_id)
    agree("version of the record", subject.version, record.version)
    agree("member that issues", subject.issuer, case.statement.a.member.member_id)
    publish = case.statement.a.transactions[places.PUBLISH]
    for message in _messages(
        publish, records_pb2.MsgPublishRecord, records_pb2.MsgPublishVersion
    ):
        if (
            message.record_id == record.record_id
            and message.payload_digest == record.payload_digest
            and list(message.fields) == list(record.fields)
        ):
            break
    else:
        raise ContradictionError(
            what="publication",
            expected=f"one with digest {record.payload_digest.hex()}",
            actual="none in the transaction",
        )
    status = name_of(records_pb2.RecordStatus, record.status).removeprefix(
        "RECORD_STATUS_"
    )
    return (
        f"{record.issuer}/{record.record_id} version {record.version}, {status.lower()}"
    )


def check_payload(case: Case) -> str:
    """Check the given fields against the digest on chain."""
    statement = case.statement
    disclosure, record = statement.disclosure, statement.record
    verify_disclosure(disclosure, record.payload_digest)
    agree("names of the fields", list(record.fields), list(disclosure.names()))
    granted = list(statement.a.exchange.decision.fields) or list(record.fields)
    for name in disclosure.values():
        if name not in granted:
            raise ContradictionError(
                what="given fields", expected=", ".join(granted), actual=name
            )
    given, withheld = len(disclosure.given), len(disclosure.withheld)
    return f"{given} fields given, {withheld} withheld, digest {_short(record.payload_digest)}"


def check_request(case: Case) -> str:
    """Check the request on both sides, its packet and its transaction."""
    subject, statement = case.subject, case.statement
    a, b = statement.a.exchange, statement.b.exchange
    _agree_message("request", b.request, a.request)
    for side, exchange in ((PROVIDER, a), (REQUESTER, b)):
        zone = subject.zone(side)
        agree(f"channel in {zone.chain_id}", zone.channel_id, exchange.channel_id)
        agree(f"sequence in {zone.chain_id}", subject.sequence, exchange.sequence)
    request = b.request
    agree("requester", subject.requester, request.requester)
    agree("member that requests", subject.requester, statement.b.member.member_id)
    agree("requested issuer", subject.issuer, request.issuer)
    agree("requested record", subject.record_id, request.record_id)
    sent = _find_message(
        statement.b.transactions[places.REQUEST],
        exchange_pb2.MsgRequestExchange,
        lambda message: (
            message.channel_id == subject.b.channel_id and message.request == request
        ),
        "request",
    )
    packet = encode(exchange_pb2.ExchangePacketData(request=request))
    commitment = commit_fields(
        sent.timeout_timestamp,
        sent.timeout_height_revision,
        sent.timeout_height,
        packet,
    )
    if places.REQUEST_COMMITMENT in case.evidence.zones[REQUESTER].states:
        _agree_state(case, REQUESTER, places.REQUEST_COMMITMENT, commitment)
    _agree_state(case, PROVIDER, places.REQUEST_RECEIPT, RECEIPT)
    return f"{request.requester} for {request.purpose}, sequence {subject.sequence}"


def check_decision(case: Case) -> str:
    """Check the decision on both sides, its acknowledgement and the grant behind it."""
    subject, statement = case.subject, case.statement
    record, request = statement.record, statement.b.exchange.request
    decision = statement.a.exchange.decision
    _agree_message("decision", decision, statement.b.exchange.decision)
    agree("outcome", exchange_pb2.OUTCOME_GRANTED, decision.outcome)
    agree("decided issuer", subject.issuer, decision.issuer)
    agree("decided record", subject.record_id, decision.record_id)
    agree("decided version", subject.version, decision.version)
    agree("decided digest", record.payload_digest, decision.payload_digest)
    if request.fields:
        _agree_subset("granted fields", decision.fields, request.fields)
    acknowledgement = commit_acknowledgement(encode_decision(decision))
    _agree_state(case, PROVIDER, places.REQUEST_ACKNOWLEDGEMENT, acknowledgement)
    _check_grant(case)
    if decision.decided_by != POLICY:
        _check_officer(case)
    by = f"grant {decision.grant_id}" if decision.grant_id else decision.reason_code
    return f"granted by {decision.decided_by} ({by}), {len(decision.fields)} fields"


def _check_officer(case: Case) -> None:
    """Check that an officer of the issuer decided, in a transaction of its own."""
    subject, said = case.subject, case.statement.a
    agree("member that decided", subject.issuer, said.exchange.decision.decided_by)
    if places.DECIDE not in said.transactions:
        raise EntryMissingError(entry=transaction_entry(PROVIDER, places.DECIDE))
    _find_message(
        said.transactions[places.DECIDE],
        exchange_pb2.MsgDecideExchange,
        lambda message: (
            message.channel_id == subject.a.channel_id
            and message.sequence == subject.sequence
            and message.outcome == exchange_pb2.OUTCOME_GRANTED
        ),
        "decision",
    )


def check_delivery(case: Case) -> str:
    """Check that the issuer stated what it handed over."""
    subject, exchange = case.subject, case.statement.a.exchange
    _find_message(
        case.statement.a.transactions[places.DELIVER],
        exchange_pb2.MsgRecordDelivery,
        lambda message: (
            message.channel_id == subject.a.channel_id
            and message.sequence == subject.sequence
            and message.sealed_digest == exchange.sealed_digest
        ),
        "delivery",
    )
    return f"sealed payload {_short(exchange.sealed_digest)}"


def check_receipt(case: Case) -> str:
    """Check the receipt on both sides and its transaction."""
    subject, statement = case.subject, case.statement
    a, b = statement.a.exchange, statement.b.exchange
    receipt = b.receipt
    _agree_message("receipt", receipt, a.receipt)
    received = exchange_pb2.EXCHANGE_STATUS_RECEIVED
    for side, exchange in ((PROVIDER, a), (REQUESTER, b)):
        zone = subject.zone(side).chain_id
        agree(f"status in {zone}", received, exchange.status)
        agree(f"receipt in {zone}", subject.receipt_sequence, exchange.receipt_sequence)
    agree("receipt acknowledged", True, b.receipt_acknowledged)
    agree("request that is confirmed", subject.sequence, receipt.request_sequence)
    digest = statement.record.payload_digest
    agree("digest that is confirmed", digest, receipt.payload_digest)
    agree("sealed digest that is confirmed", a.sealed_digest, receipt.sealed_digest)
    _find_message(
        statement.b.transactions[places.CONFIRM],
        exchange_pb2.MsgConfirmReceipt,
        lambda message: (
            message.channel_id == subject.b.channel_id
            and message.sequence == subject.sequence
            and message.payload_digest == receipt.payload_digest
            and message.sealed_digest == receipt.sealed_digest
            and message.received_time == receipt.received_time
            and message.grade == receipt.grade
        ),
        "confirmation",
    )
    taken = commit_acknowledgement(_RECEIPT_TAKEN)
    _agree_state(case, PROVIDER, places.RECEIPT_RECEIPT, RECEIPT)
    _agree_state(case, PROVIDER, places.RECEIPT_ACKNOWLEDGEMENT, taken)
    return f"by {subject.requester}, grade {receipt.grade}, acknowledged"


def check_light_client(case: Case) -> str:
    """Check that zone b verified the very header that proves zone a's part."""
    zone = case.evidence.zones[PROVIDER]
    record = get_state(case.evidence, PROVIDER, places.RECORD)
    header = zone.headers[record.height + 1].signed_header.header
    known = encode(consensus_state_to_any(consensus_state_of(header)))
    state = get_state(case.evidence, REQUESTER, places.CONSENSUS)
    expected = places.consensus_place(case.subject, str(header_height(header)))
    if (state.store, state.key) != expected:
        raise StateProofError(
            label=places.CONSENSUS,
            zone=case.chain_id(REQUESTER),
            reason=f"it is not about header {header.height} of {header.chain_id}",
        )
    _agree_state(case, REQUESTER, places.CONSENSUS, known)
    return f"{case.chain_id(REQUESTER)} verified header {header.height} of {header.chain_id}"


def _check_grant(case: Case) -> None:
    """Check that the grant, and the consent, are for this reader and purpose."""
    subject, statement = case.subject, case.statement
    request, grant = statement.b.exchange.request, statement.grant
    found: list[tuple[str, Any]] = [("grant", grant), ("consent", statement.consent)]
    if grant is not None:
        agree("holder of the grant", subject.issuer, grant.holder)
        agree("grant", statement.a.exchange.decision.grant_id, grant.grant_id)
    if statement.consent is not None:
        agree(
            "subject of the consent",
            statement.record.subject,
            statement.consent.subject,
        )
    for what, permission in found:
        if permission is None:
            continue
        reader = permission.reader
        agree(f"channel of the {what}", subject.a.channel_id, reader.channel_id)
        agree(f"reader of the {what}", subject.requester, reader.member_id)
        agree(f"purpose of the {what}", request.purpose, permission.purpose)
        if permission.fields:
            decided = statement.a.exchange.decision.fields
            _agree_subset(f"fields of the {what}", decided, permission.fields)


def _messages(tx: Transaction, *classes: type[Message]) -> Iterator[Any]:
    for packed in tx.messages:
        try:
            yield unpack_any(packed, *classes)
        except HuitongError:
            continue  # a message of another kind may share the transaction


def _find_message(
    tx: Transaction, cls: type[Message], fits: Callable[[Any], bool], what: str
) -> Any:
    for message in _messages(tx, cls):
        if fits(message) and message.signer == tx.address:
            return message
    raise ContradictionError(
        what=what, expected="one that fits in its transaction", actual="none"
    )


def agree(what: str, expected: object, actual: object) -> None:
    if expected != actual:
        raise ContradictionError(what=what, expected=expected, actual=actual)


def _agree_message(what: str, expected: Message, actual: Message) -> None:
    left, right = encode(expected), encode(actual)
    if left != right or not left:
        raise ContradictionError(
            what=f"{what} of both zones", expected=left, actual=right
        )


def _agree_subset(what: str, part: Any, whole: Any) -> None:
    known = list(whole)
    for name in part:
        if name not in known:
            raise ContradictionError(what=what, expected=", ".join(known), actual=name)


def _agree_state(case: Case, side: str, label: str, expected: bytes) -> None:
    actual = get_state(case.evidence, side, label).value
    agree(f"state {label} of {case.chain_id(side)}", expected, actual)


def _short(digest: bytes) -> str:
    return digest.hex()[:16] + "…"
