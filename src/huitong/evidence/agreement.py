"""Whether what two zones say about one exchange fits together, step by step.

Each check may rely on those before it in ``checks``, so every value is known to lie in
its zone's state, and every transaction in its block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from google.protobuf.message import Message

from huitong.core.codec import encode, unpack_any
from huitong.core.commitment import verify_disclosure
from huitong.core.errors import HuitongError
from huitong.core.tx import Transaction
from huitong.evidence import kinds, places
from huitong.evidence.case import Case
from huitong.evidence.entries import transaction_entry
from huitong.evidence.errors import (
    ContradictionError,
    EntryMissingError,
    StateProofError,
)
from huitong.evidence.kinds import PROVIDER, REQUESTER
from huitong.evidence.statement import get_state, name_of
from huitong.light.tendermint.consensus_state import (
    consensus_state_of,
    consensus_state_to_any,
)
from huitong.light.tendermint.header import BlockHeader, header_height
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
    a, b = case.subject.a, case.subject.other
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
    publish = case.statement.a.transactions[kinds.PUBLISH]
    for message in messages_of(
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
    a = statement.a.exchange
    agree_message("request", statement.b.exchange.request, a.request)
    agree(f"channel in {subject.a.chain_id}", subject.a.channel_id, a.channel_id)
    agree(f"sequence in {subject.a.chain_id}", subject.sequence, a.sequence)
    check_sent(case)
    agree_state(case, PROVIDER, kinds.REQUEST_RECEIPT, RECEIPT)
    return f"{a.request.requester} for {a.request.purpose}, sequence {subject.sequence}"


def check_sent(case: Case) -> exchange_pb2.MsgRequestExchange:
    """Check the request in the requester's zone; return the message that sent it."""
    subject, statement = case.subject, case.statement
    zone, exchange = subject.other, statement.b.exchange
    agree(f"channel in {zone.chain_id}", zone.channel_id, exchange.channel_id)
    agree(f"sequence in {zone.chain_id}", subject.sequence, exchange.sequence)
    request = exchange.request
    agree("requester", subject.requester, request.requester)
    agree("member that requests", subject.requester, statement.b.member.member_id)
    agree("requested issuer", subject.issuer, request.issuer)
    agree("requested record", subject.record_id, request.record_id)
    sent: exchange_pb2.MsgRequestExchange = find_message(
        statement.b.transactions[kinds.REQUEST],
        exchange_pb2.MsgRequestExchange,
        lambda message: (
            message.channel_id == zone.channel_id and message.request == request
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
    if kinds.REQUEST_COMMITMENT in case.evidence.zones[REQUESTER].states:
        agree_state(case, REQUESTER, kinds.REQUEST_COMMITMENT, commitment)
    return sent


def check_decision(case: Case) -> str:
    """Check the decision on both sides, its acknowledgement and the grant behind it."""
    subject, statement = case.subject, case.statement
    record, request = statement.record, statement.b.exchange.request
    decision = statement.a.exchange.decision
    agree_message("decision", decision, statement.b.exchange.decision)
    agree("outcome", exchange_pb2.OUTCOME_GRANTED, decision.outcome)
    agree("decided issuer", subject.issuer, decision.issuer)
    agree("decided record", subject.record_id, decision.record_id)
    agree("decided version", subject.version, decision.version)
    agree("decided digest", record.payload_digest, decision.payload_digest)
    if request.fields:
        agree_subset("granted fields", decision.fields, request.fields)
    acknowledgement = commit_acknowledgement(encode_decision(decision))
    agree_state(case, PROVIDER, kinds.REQUEST_ACKNOWLEDGEMENT, acknowledgement)
    _check_grant(case)
    if decision.decided_by != POLICY:
        check_officer(case, exchange_pb2.OUTCOME_GRANTED)
    by = f"grant {decision.grant_id}" if decision.grant_id else decision.reason_code
    return f"granted by {decision.decided_by} ({by}), {len(decision.fields)} fields"


def check_officer(case: Case, outcome: int) -> None:
    """Check that an officer of the issuer decided so, in a transaction of its own."""
    subject, said = case.subject, case.statement.a
    agree("member that decided", subject.issuer, said.exchange.decision.decided_by)
    if kinds.DECIDE not in said.transactions:
        raise EntryMissingError(entry=transaction_entry(PROVIDER, kinds.DECIDE))
    find_message(
        said.transactions[kinds.DECIDE],
        exchange_pb2.MsgDecideExchange,
        lambda message: (
            message.channel_id == subject.a.channel_id
            and message.sequence == subject.sequence
            and message.outcome == outcome
        ),
        "decision",
    )


def check_delivery(case: Case) -> str:
    """Check that the issuer stated what it handed over."""
    subject, exchange = case.subject, case.statement.a.exchange
    find_message(
        case.statement.a.transactions[kinds.DELIVER],
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
    agree_message("receipt", receipt, a.receipt)
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
    find_message(
        statement.b.transactions[kinds.CONFIRM],
        exchange_pb2.MsgConfirmReceipt,
        lambda message: (
            message.channel_id == subject.other.channel_id
            and message.sequence == subject.sequence
            and message.payload_digest == receipt.payload_digest
            and message.sealed_digest == receipt.sealed_digest
            and message.received_time == receipt.received_time
            and message.grade == receipt.grade
        ),
        "confirmation",
    )
    taken = commit_acknowledgement(_RECEIPT_TAKEN)
    agree_state(case, PROVIDER, kinds.RECEIPT_RECEIPT, RECEIPT)
    agree_state(case, PROVIDER, kinds.RECEIPT_ACKNOWLEDGEMENT, taken)
    return f"by {subject.requester}, grade {receipt.grade}, acknowledged"


def check_light_client(case: Case) -> str:
    """Check that zone b verified the very header that proves zone a's part."""
    header = newest_header_of_a(case)
    known = encode(consensus_state_to_any(consensus_state_of(header)))
    state = get_state(case.evidence, REQUESTER, kinds.CONSENSUS)
    expected = places.consensus_place(case.subject, str(header_height(header)))
    if (state.store, state.key) != expected:
        raise StateProofError(
            label=kinds.CONSENSUS,
            zone=case.chain_id(REQUESTER),
            reason=f"it is not about header {header.height} of {header.chain_id}",
        )
    agree_state(case, REQUESTER, kinds.CONSENSUS, known)
    return f"{case.chain_id(REQUESTER)} verified header {header.height} of {header.chain_id}"


def newest_header_of_a(case: Case) -> BlockHeader:
    """Return the header whose state all of zone a's values lie in."""
    zone = case.evidence.zones[PROVIDER]
    return zone.headers[zone.history.accumulator.height + 1].signed_header.header


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
            agree_subset(f"fields of the {what}", decided, permission.fields)


def messages_of(tx: Transaction, *classes: type[Message]) -> Iterator[Any]:
    """Yield the messages of a transaction that are of one of the classes."""
    for packed in tx.messages:
        try:
            yield unpack_any(packed, *classes)
        except HuitongError:
            continue  # a message of another kind may share the transaction


def find_message(
    tx: Transaction, cls: type[Message], fits: Callable[[Any], bool], what: str
) -> Any:
    """Return the message of a transaction that fits and whose signer signed it.

    Raises:
        ContradictionError: there is none.
    """
    for message in messages_of(tx, cls):
        if fits(message) and message.signer == tx.address:
            return message
    raise ContradictionError(
        what=what, expected="one that fits in its transaction", actual="none"
    )


def agree(what: str, expected: object, actual: object) -> None:
    """Raise ``ContradictionError`` unless both are equal."""
    if expected != actual:
        raise ContradictionError(what=what, expected=expected, actual=actual)


def agree_message(what: str, expected: Message, actual: Message) -> None:
    """Raise ``ContradictionError`` unless both zones have the same message."""
    left, right = encode(expected), encode(actual)
    if left != right or not left:
        raise ContradictionError(
            what=f"{what} of both zones", expected=left, actual=right
        )


def agree_subset(what: str, part: Any, whole: Any) -> None:
    """Raise ``ContradictionError`` unless every name of a part is in the whole."""
    known = list(whole)
    for name in part:
        if name not in known:
            raise ContradictionError(what=what, expected=", ".join(known), actual=name)


def agree_state(case: Case, side: str, label: str, expected: bytes) -> None:
    """Raise ``ContradictionError`` unless a proven value is the expected one."""
    actual = get_state(case.evidence, side, label).value
    agree(f"state {label} of {case.chain_id(side)}", expected, actual)


def _short(digest: bytes) -> str:
    return digest.hex()[:16] + "…"
