"""The steps of an exchange, each as the party that takes it runs it.

::

    provider a                              requester b
    publish_document ──► record on a
                                            find_offers      (a's catalogue)
                                            request_record   ──► packet to a
    (policy or officer decides on a)        wait_decision    ◄── acknowledgement
    deliver ─── sealed payload, by any way ──► check_delivery
                                            confirm_receipt  ──► packet to a
                                            wait_settled     ◄── acknowledgement

Every function reads the zones anew, so a gateway that stops between two steps goes on
where the chain says. Nothing of a payload is logged or put into a message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from huitong.client.answers import TxOutcome
from huitong.client.sender import Sender
from huitong.client.zone import ZoneClient
from huitong.core.codec import decode
from huitong.core.commitment import (
    Disclosure,
    decode_disclosure,
    disclose,
    encode_disclosure,
    verify_disclosure,
)
from huitong.core.errors import HuitongError
from huitong.core.hashing import sha256
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.errors import (
    ExchangeRefusedError,
    ExchangeStateError,
    ExchangeUndecidedError,
    GradeTooLowError,
    PayloadFieldsError,
    PayloadFormError,
    RecordMismatchError,
)
from huitong.gateway.payload import make_payload
from huitong.gateway.proven_read import follow_header, get_client_view, read_proven
from huitong.gateway.sealing import (
    SealingContext,
    check_sealed_digest,
    open_sealed,
    seal,
)
from huitong.gateway.vault import Vault
from huitong.modules.exchange.keys import PORT_ID, exchange_key
from huitong.modules.exchange.keys import STORE as EXCHANGE_STORE
from huitong.modules.links import keys as link_keys
from huitong.modules.records.keys import STORE as RECORDS_STORE
from huitong.modules.records.keys import record_key
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Exchange, RequestPacket
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.huitong.records.v1.records_pb2 import CatalogueEntry, RecordHeader
from huitong.proto.ibc.core.channel.v1.channel_pb2 import Channel

GRADE_PROVEN: Final = "proven"
#: From the best to the worst.
GRADES: Final = ("proven", "attested", "signed", "unverified")
#: How long a packet may be on its way before it times out.
PACKET_TIMEOUT_S: Final = 600
#: Seconds between two looks at an exchange that waits.
POLL_S: Final = 0.05
_CATALOGUE_PATH: Final = "/huitong.records.v1.Query/Catalogue"
_EXCHANGE_PATH: Final = "/huitong.exchange.v1.Query/Exchange"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A member, its zone and the key that signs for it."""

    zone: ZoneClient
    """A node of its own zone; trusted by it."""
    sender: Sender
    """Signs and sends on that zone."""
    member_id: str
    """The member on that zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordTerms:
    """What the record header says beside the payload's digest."""

    record_id: str
    """Chosen by the issuer, unique under it."""
    record_type: str
    """For example ``tax.invoice``."""
    subject: bytes
    """Salted pseudonym of the data subject, 32 bytes or empty."""
    level: int
    """Data level, 1 (open) to 4."""
    share_class: records_pb2.ShareClass
    """Who may have it."""
    title: str
    """Line in the catalogue; empty keeps it out."""
    terms: str
    """Terms in the catalogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What the provider hands over, by whatever way."""

    sealed: bytes
    """Sealed to the reader's key; see ``sealing``."""
    outcome: TxOutcome
    """The transaction that states its digest."""


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


async def publish_document(
    provider: Party, vault: Vault, document: bytes, terms: RecordTerms
) -> tuple[bytes, TxOutcome]:
    """Put a document into the vault and its record on chain; return its digest too.

    Raises:
        VaultWriteError: the vault cannot store it; nothing is published.
        TransactionFailedError: the zone refuses the record.
    """
    payload = make_payload(document)
    digest = vault.put(payload)
    outcome = await provider.sender.send(
        records_pb2.MsgPublishRecord(
            signer=provider.sender.address,
            record_id=terms.record_id,
            record_type=terms.record_type,
            subject=terms.subject,
            payload_digest=digest,
            fields=payload.commit().names,
            level=terms.level,
            share_class=terms.share_class,
            title=terms.title,
            terms=terms.terms,
        )
    )
    return digest, outcome


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
            exchange=name, expected="a decision", actual=_status(exchange)
        )
    return exchange


async def deliver(
    provider: Party, vault: Vault, channel_on_a: str, sequence: int
) -> Delivery:
    """Seal the granted fields to the reader and state on chain what is handed over.

    Raises:
        ExchangeStateError: the exchange is not granted.
        VaultEntryNotFoundError: the payload is not in this vault.
        SealingKeyError: the reader's key is unusable.
        TransactionFailedError: the zone refuses the statement.
    """
    exchange = await get_exchange(
        provider, channel_on_a, sequence, exchange_pb2.EXCHANGE_SIDE_PROVIDER
    )
    if exchange.status != exchange_pb2.EXCHANGE_STATUS_GRANTED:
        raise ExchangeStateError(
            exchange=f"{channel_on_a}/{sequence}",
            expected="granted",
            actual=_status(exchange),
        )
    decision, request = exchange.decision, exchange.request
    payload = vault.get(decision.payload_digest)
    commitment = payload.commit()
    granted = set(decision.fields) or set(commitment.names)
    disclosure = disclose(commitment, payload.fields, payload.salts, granted)
    sealed = seal(
        encode_disclosure(disclosure),
        request.reader_key,
        SealingContext(
            chain_id_of_a=await provider.zone.chain_id(),
            channel_on_a=channel_on_a,
            sequence=sequence,
            requester=request.requester,
            payload_digest=decision.payload_digest,
        ),
    )
    outcome = await provider.sender.send(
        exchange_pb2.MsgRecordDelivery(
            signer=provider.sender.address,
            channel_id=channel_on_a,
            sequence=sequence,
            sealed_digest=sha256(sealed),
        )
    )
    return Delivery(sealed=sealed, outcome=outcome)


async def check_delivery(
    requester: Party,
    zone_a: ZoneClient,
    channel_on_b: str,
    sequence: int,
    sealed: bytes,
    *,
    private_key: bytes,
    minimum_grade: str = GRADE_PROVEN,
) -> CheckedAnswer:
    """Check everything about a delivery, and open it.

    The record header is proven against the newest header that the own zone's light
    client has verified; what the issuer stated to hand over against a newer one that
    follows from it.

    Args:
        requester: who asked; its own zone is trusted.
        zone_a: any node of the provider's zone; not trusted.
        channel_on_b: channel of the request.
        sequence: of the request.
        sealed: what arrived.
        private_key: the reader's X25519 key.
        minimum_grade: the lowest trust grade that the reader's policy takes.

    Raises:
        SealedDigestError, SealedFormError, SealOpenError: not what was handed over, or
            not sealed to this reader for this exchange.
        DisclosureMismatchError: the fields are not those that the record commits to.
        PayloadFieldsError: not the fields that were granted.
        RecordMismatchError: the proven record is not the one that was granted.
        GradeTooLowError: the policy wants a better grade than can be given.
    """
    exchange = await get_exchange(
        requester, channel_on_b, sequence, exchange_pb2.EXCHANGE_SIDE_REQUESTER
    )
    decision = exchange.decision
    now_ns = time.time_ns()
    view = await get_client_view(requester.zone, PORT_ID, channel_on_b, now_ns=now_ns)
    record = decode(
        RecordHeader,
        await read_proven(
            view, zone_a, RECORDS_STORE, record_key(decision.issuer, decision.record_id)
        ),
    )
    _check_record(record, exchange)
    channel_on_a = await _counterparty_channel(requester.zone, channel_on_b)
    newest = await zone_a.latest_height()
    ahead = await follow_header(view, zone_a, newest, now_ns=time.time_ns())
    key = exchange_key(exchange_pb2.EXCHANGE_SIDE_PROVIDER, channel_on_a, sequence)
    stated = decode(Exchange, await read_proven(ahead, zone_a, EXCHANGE_STORE, key))
    check_sealed_digest(sealed, stated.sealed_digest)
    context = SealingContext(
        chain_id_of_a=view.state.chain_id,
        channel_on_a=channel_on_a,
        sequence=sequence,
        requester=requester.member_id,
        payload_digest=decision.payload_digest,
    )
    encoded = open_sealed(sealed, private_key, context)
    disclosure = check_payload(encoded, record, decision.fields)
    if GRADES.index(GRADE_PROVEN) > GRADES.index(minimum_grade):
        raise GradeTooLowError(actual=GRADE_PROVEN, minimum=minimum_grade)
    return CheckedAnswer(
        disclosure=disclosure,
        encoded=encoded,
        record=record,
        sealed_digest=sha256(sealed),
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


async def confirm_receipt(
    requester: Party, channel_on_b: str, sequence: int, answer: CheckedAnswer
) -> TxOutcome:
    """Confirm what arrived; sends the receipt packet to zone a.

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
            timeout_timestamp=_packet_timeout_ns(),
        )
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


async def get_exchange(
    party: Party, channel_id: str, sequence: int, side: exchange_pb2.ExchangeSide
) -> Exchange:
    """Return an exchange as the party's own zone has it.

    Raises:
        QueryError: there is none.
    """
    request = exchange_pb2.QueryExchangeRequest(
        channel_id=channel_id, sequence=sequence, side=side
    )
    answer = await party.zone.query(
        _EXCHANGE_PATH, request, exchange_pb2.QueryExchangeResponse
    )
    return answer.exchange


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
            status=_status(exchange),
            seconds=timeout_s,
        ) from None
    return exchange


def _check_record(record: RecordHeader, exchange: Exchange) -> None:
    decision = exchange.decision
    for what, expected, actual in (
        ("issuer", decision.issuer, record.issuer),
        ("record", decision.record_id, record.record_id),
        ("version", decision.version, record.version),
        ("digest", decision.payload_digest.hex(), record.payload_digest.hex()),
        ("status", records_pb2.RECORD_STATUS_ACTIVE, record.status),
    ):
        if expected != actual:
            raise RecordMismatchError(what=what, expected=expected, actual=actual)


async def _counterparty_channel(zone: ZoneClient, channel_id: str) -> str:
    view = await zone.abci_query(
        "store/ibc/key", link_keys.channel(PORT_ID, channel_id)
    )
    return decode(Channel, view.value).counterparty.channel_id


def _status(exchange: Exchange) -> str:
    name = exchange_pb2.ExchangeStatus.Name(exchange.status)
    return name.removeprefix("EXCHANGE_STATUS_").lower()


def _packet_timeout_ns() -> int:
    return time.time_ns() + PACKET_TIMEOUT_S * NS_PER_SECOND
