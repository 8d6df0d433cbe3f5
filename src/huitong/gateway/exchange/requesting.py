"""The requester's steps of an exchange: find, request, wait, check, confirm.

A delivery is believed only after the record header was proven against the newest header
of zone a that the requester's own zone has verified. Nothing of a payload is logged or
put into a message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from huitong.client.answers import TxOutcome
from huitong.client.zone import ZoneClient
from huitong.core.codec import decode
from huitong.core.commitment import (
    Disclosure,
    decode_disclosure,
    verify_disclosure,
)
from huitong.core.errors import HuitongError
from huitong.core.grades import GRADES
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.exchange.errors import (
    ExchangeRefusedError,
    ExchangeStateError,
    ExchangeUndecidedError,
    GradeTooLowError,
    RecordMismatchError,
)
from huitong.gateway.exchange.party import Party, get_exchange, status_text
from huitong.gateway.exchange.proven_read import (
    ClientView,
    follow_header,
    get_client_view,
    read_proven,
)
from huitong.modules.exchange.keys import PORT_ID, exchange_key
from huitong.modules.exchange.keys import STORE as EXCHANGE_STORE
from huitong.modules.links import keys as link_keys
from huitong.modules.records.keys import STORE as RECORDS_STORE
from huitong.modules.records.keys import archive_key, record_key
from huitong.payload.errors import (
    PayloadFieldsError,
    PayloadFormError,
)
from huitong.payload.sealing import (
    SealingContext,
    check_sealed_digest,
)
from huitong.payload.whole import open_sealed_whole
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.exchange.v1.exchange_pb2 import (
    Decision,
    Exchange,
    RequestPacket,
)
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.huitong.records.v1.records_pb2 import CatalogueEntry, RecordHeader
from huitong.proto.ibc.core.channel.v1.channel_pb2 import Channel

GRADE_PROVEN: Final = "proven"
#: How long a packet may be on its way before it times out.
PACKET_TIMEOUT_S: Final = 600
#: Headers of zone a to wait for before a delivery that nobody stated is given up: the
#: first may be older than the statement, the next one proves it.
STATEMENT_HEADERS_MAX: Final = 3
#: A record that was revoked or suspended is not taken any more.
_USABLE: Final = (
    records_pb2.RECORD_STATUS_ACTIVE,
    records_pb2.RECORD_STATUS_SUPERSEDED,
)
#: Seconds between two looks at an exchange that waits.
POLL_S: Final = 0.05
_CATALOGUE_PATH: Final = "/huitong.records.v1.Query/Catalogue"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedAnswer:
    """A delivery that passed every check."""

    disclosure: Disclosure
    """The given fields and the leaves of the withheld ones."""
    encoded: bytes
    """The same, as it was delivered."""
    record: RecordHeader
    """The record header, proven."""
    sealed_digest: bytes
    """SHA-256 of the sealed bytes."""
    grade: str
    """Trust grade of the answer."""
    height_on_a: int
    """Header of zone a, verified by b's light client, that proves the record."""


async def find_offers(zone: ZoneClient, record_type: str) -> list[CatalogueEntry]:
    """Return what a zone's catalogue offers of one type; not proven, only a hint."""
    answer = await zone.query(
        _CATALOGUE_PATH,
        records_pb2.QueryCatalogueRequest(record_type=record_type),
        records_pb2.QueryCatalogueResponse,
    )
    return list(answer.entries)


async def request_record(
    requester: Party, channel_on_b: str, request: RequestPacket
) -> tuple[int, TxOutcome]:
    """Ask for a record; return the sequence of the request.

    Raises:
        TransactionFailedError: the own zone refuses the request.
    """
    outcome = await requester.sender.send(
        exchange_pb2.MsgRequestExchange(
            signer=requester.sender.address,
            channel_id=channel_on_b,
            request=request,
            timeout_timestamp=_packet_timeout_ns(),
        )
    )
    response = outcome.response(exchange_pb2.MsgRequestExchangeResponse)
    return response.sequence, outcome


async def wait_decision(
    requester: Party, channel_on_b: str, sequence: int, *, timeout_s: float
) -> Exchange:
    """Return the exchange once it is granted.

    Raises:
        ExchangeRefusedError: it is refused.
        ExchangeStateError: it timed out or failed.
        ExchangeUndecidedError: no decision within ``timeout_s``.
    """
    exchange = await _wait(
        requester,
        channel_on_b,
        sequence,
        lambda found: found.status != exchange_pb2.EXCHANGE_STATUS_REQUESTED,
        timeout_s,
    )
    name = f"{channel_on_b}/{sequence}"
    if exchange.status == exchange_pb2.EXCHANGE_STATUS_REFUSED:
        decision = exchange.decision
        raise ExchangeRefusedError(
            exchange=name, reason_code=decision.reason_code, reason=decision.reason
        )
    if not exchange.HasField("decision"):
        raise ExchangeStateError(
            exchange=name, expected="a decision", actual=status_text(exchange)
        )
    return exchange


async def check_delivery(
    requester: Party,
    zone_a: ZoneClient,
    channel_on_b: str,
    sequence: int,
    sealed: bytes,
    *,
    private_key: bytes,
) -> CheckedAnswer:
    """Check everything about a delivery, and open it.

    The record header is proven against the newest header that the own zone's light
    client has verified; what the issuer stated to hand over against a newer one that
    follows from it. What cannot be proven is refused: there is no lower grade here.

    Args:
        requester: who asked; its own zone is trusted.
        zone_a: any node of the provider's zone; not trusted.
        channel_on_b: channel of the request.
        sequence: of the request.
        sealed: what arrived.
        private_key: the reader's X25519 key.

    Raises:
        SealedDigestError, SealedFormError, SealOpenError: not what was handed over, or
            not sealed to this reader for this exchange.
        DisclosureMismatchError: the fields are not those that the record commits to.
        PayloadFieldsError: not the fields that were granted.
        RecordMismatchError: the proven record is not the one that was granted.
        ExchangeUndecidedError: the issuer has not stated any delivery.
        InvalidProofError, InvalidHeaderError: zone a's node shows something unproven.
    """
    exchange = await get_exchange(
        requester, channel_on_b, sequence, exchange_pb2.EXCHANGE_SIDE_REQUESTER
    )
    decision = exchange.decision
    view = await get_client_view(
        requester.zone, PORT_ID, channel_on_b, now_ns=time.time_ns()
    )
    record = await _read_record(view, zone_a, decision)
    check_record(record, decision)
    channel_on_a = await _counterparty_channel(requester.zone, channel_on_b)
    stated = await _wait_statement(view, zone_a, channel_on_a, sequence)
    check_sealed_digest(sealed, stated)
    context = SealingContext(
        chain_id_of_a=view.state.chain_id,
        channel_on_a=channel_on_a,
        sequence=sequence,
        requester=requester.member_id,
        payload_digest=decision.payload_digest,
    )
    encoded = open_sealed_whole(sealed, private_key, context)
    return CheckedAnswer(
        disclosure=check_payload(encoded, record, decision.fields),
        encoded=encoded,
        record=record,
        sealed_digest=stated,
        grade=GRADE_PROVEN,
        height_on_a=view.height,
    )


def check_payload(
    encoded: bytes, record: RecordHeader, granted: Sequence[str]
) -> Disclosure:
    """Check an opened payload against the record header and the granted fields.

    Raises:
        PayloadFormError: the bytes hold no fields.
        DisclosureMismatchError: they are not those that the record commits to.
        PayloadFieldsError: not the fields of the record, or not those granted.
    """
    try:
        disclosure = decode_disclosure(encoded)
    except HuitongError as error:
        raise PayloadFormError(reason=str(error)) from error
    verify_disclosure(disclosure, record.payload_digest)
    if disclosure.names() != tuple(record.fields):
        raise PayloadFieldsError(reason="they are not those of the record header")
    wanted, given = set(granted) or set(record.fields), set(disclosure.values())
    if wanted != given:
        different = ", ".join(sorted(wanted ^ given))
        raise PayloadFieldsError(reason=f"granted and given differ in {different}")
    return disclosure


def check_grade(answer: CheckedAnswer, minimum: str) -> None:
    """Raise if an answer's trust grade is below what the reader's policy wants.

    Raises:
        GradeTooLowError: it is.
    """
    if GRADES.index(answer.grade) > GRADES.index(minimum):
        raise GradeTooLowError(actual=answer.grade, minimum=minimum)


async def confirm_receipt(
    requester: Party,
    channel_on_b: str,
    sequence: int,
    answer: CheckedAnswer,
    *,
    timeout_s: int = PACKET_TIMEOUT_S,
    gas_limit: int = 0,
) -> TxOutcome:
    """Confirm what arrived; sends the receipt packet to zone a.

    Args:
        requester: who asked.
        channel_on_b: channel of the request.
        sequence: of the request.
        answer: what arrived, checked.
        timeout_s: how long the receipt may be on its way.
        gas_limit: work allowed; 0 asks the zone.

    Raises:
        TransactionFailedError: the own zone refuses the receipt.
    """
    return await requester.sender.send(
        exchange_pb2.MsgConfirmReceipt(
            signer=requester.sender.address,
            channel_id=channel_on_b,
            sequence=sequence,
            payload_digest=answer.record.payload_digest,
            sealed_digest=answer.sealed_digest,
            received_time=time.time_ns() // NS_PER_SECOND,
            grade=answer.grade,
            timeout_timestamp=_packet_timeout_ns(timeout_s),
        ),
        gas_limit=gas_limit,
    )


async def wait_settled(
    requester: Party, channel_on_b: str, sequence: int, *, timeout_s: float
) -> Exchange:
    """Return the exchange once zone a has taken the receipt.

    Raises:
        ExchangeUndecidedError: not within ``timeout_s``.
    """
    return await _wait(
        requester,
        channel_on_b,
        sequence,
        lambda found: found.receipt_acknowledged,
        timeout_s,
    )


async def _wait(
    requester: Party,
    channel_on_b: str,
    sequence: int,
    is_done: Callable[[Exchange], bool],
    timeout_s: float,
) -> Exchange:
    side = exchange_pb2.EXCHANGE_SIDE_REQUESTER
    exchange = await get_exchange(requester, channel_on_b, sequence, side)
    try:
        async with asyncio.timeout(timeout_s):
            while not is_done(exchange):
                await asyncio.sleep(POLL_S)
                exchange = await get_exchange(requester, channel_on_b, sequence, side)
    except TimeoutError:
        raise ExchangeUndecidedError(
            exchange=f"{channel_on_b}/{sequence}",
            status=status_text(exchange),
            seconds=timeout_s,
        ) from None
    return exchange


async def _read_record(
    view: ClientView, zone_a: ZoneClient, decision: Decision
) -> RecordHeader:
    """Return the granted version of the record, proven: the head, or an older one."""
    key = record_key(decision.issuer, decision.record_id)
    value = await read_proven(view, zone_a, RECORDS_STORE, key)
    record = decode(RecordHeader, value)
    if record.version > decision.version:
        key = archive_key(decision.issuer, decision.record_id, decision.version)
        value = await read_proven(view, zone_a, RECORDS_STORE, key)
        record = decode(RecordHeader, value)
    return record


def check_record(record: RecordHeader, decision: Decision) -> None:
    """Check that a proven record header is of what was granted, and in force.

    Raises:
        RecordMismatchError: it is of something else, or was revoked or suspended.
    """
    for what, expected, actual in (
        ("issuer", decision.issuer, record.issuer),
        ("record", decision.record_id, record.record_id),
        ("version", decision.version, record.version),
        ("digest", decision.payload_digest.hex(), record.payload_digest.hex()),
    ):
        if expected != actual:
            raise RecordMismatchError(what=what, expected=expected, actual=actual)
    if record.status not in _USABLE:
        name = records_pb2.RecordStatus.Name(record.status)
        raise RecordMismatchError(what="status", expected="active", actual=name)


async def _wait_statement(
    view: ClientView, zone_a: ZoneClient, channel_on_a: str, sequence: int
) -> bytes:
    """Return the digest of what the issuer stated to hand over, proven.

    The statement may be newer than any header that the own zone has seen, and its block
    may still lack the header that proves it; that one is waited for.
    """
    key = exchange_key(exchange_pb2.EXCHANGE_SIDE_PROVIDER, channel_on_a, sequence)
    height = await zone_a.latest_height()
    for _ in range(STATEMENT_HEADERS_MAX):
        ahead = await follow_header(view, zone_a, height, now_ns=time.time_ns())
        value = await read_proven(ahead, zone_a, EXCHANGE_STORE, key)
        stated = decode(Exchange, value)
        if stated.sealed_digest:
            return stated.sealed_digest
        height += 1
    raise ExchangeUndecidedError(
        exchange=f"{channel_on_a}/{sequence}",
        status="granted, without a stated delivery,",
        seconds=0,
    )


async def _counterparty_channel(zone: ZoneClient, channel_id: str) -> str:
    view = await zone.abci_query(
        "store/ibc/key", link_keys.channel(PORT_ID, channel_id)
    )
    return decode(Channel, view.value).counterparty.channel_id


def _packet_timeout_ns(timeout_s: int = PACKET_TIMEOUT_S) -> int:
    return time.time_ns() + timeout_s * NS_PER_SECOND
