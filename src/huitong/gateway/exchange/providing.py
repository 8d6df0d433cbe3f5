"""The provider's steps of an exchange: publish a record, deliver what was granted.

Nothing of a payload is logged or put into a message.
"""

from __future__ import annotations

from dataclasses import dataclass

from huitong.client.answers import TxOutcome
from huitong.gateway.exchange.errors import ExchangeStateError
from huitong.gateway.exchange.party import Party, get_exchange, status_text
from huitong.gateway.vault.blocks import one_piece
from huitong.gateway.vault.model import SealedPayload
from huitong.gateway.vault.vault import Vault
from huitong.payload.sealing import SealingContext
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.records.v1 import records_pb2


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


async def publish_document(
    provider: Party, vault: Vault, document: bytes, terms: RecordTerms
) -> tuple[bytes, TxOutcome]:
    """Put a document into the vault and its record on chain; return its digest too.

    Raises:
        VaultStoreError: the vault cannot store it; nothing is published.
        TransactionFailedError: the zone refuses the record.
    """
    stored = await vault.put(one_piece(document), subject=terms.subject)
    outcome = await provider.sender.send(
        records_pb2.MsgPublishRecord(
            signer=provider.sender.address,
            record_id=terms.record_id,
            record_type=terms.record_type,
            subject=terms.subject,
            payload_digest=stored.digest,
            fields=stored.fields,
            level=terms.level,
            share_class=terms.share_class,
            title=terms.title,
            terms=terms.terms,
        )
    )
    return stored.digest, outcome


async def deliver(
    provider: Party, vault: Vault, channel_on_a: str, sequence: int
) -> Delivery:
    """Seal the granted fields to the reader and state on chain what is handed over.

    Who must not lose the sealed bytes between the two takes the steps one by one:
    ``seal_granted``, then ``state_delivery``; a payload is sealed differently each time,
    and stated once.

    Raises:
        What the two steps raise.
    """
    kept = await seal_granted(provider, vault, channel_on_a, sequence)
    digest = kept.sealed_digest
    outcome = await state_delivery(provider, channel_on_a, sequence, digest)
    pieces = [piece async for piece in await vault.open_sealed(digest)]
    await vault.drop_sealed(digest)
    return Delivery(sealed=b"".join(pieces), outcome=outcome)


async def seal_granted(
    provider: Party, vault: Vault, channel_on_a: str, sequence: int
) -> SealedPayload:
    """Seal the granted fields to the key that the request names; the vault keeps them.

    Raises:
        ExchangeStateError: the exchange is not granted.
        VaultEntryNotFoundError: the payload is not in this vault.
        SealingKeyError: the reader's key is unusable.
    """
    exchange = await get_exchange(
        provider, channel_on_a, sequence, exchange_pb2.EXCHANGE_SIDE_PROVIDER
    )
    if exchange.status != exchange_pb2.EXCHANGE_STATUS_GRANTED:
        raise ExchangeStateError(
            exchange=f"{channel_on_a}/{sequence}",
            expected="granted",
            actual=status_text(exchange),
        )
    decision, request = exchange.decision, exchange.request
    context = SealingContext(
        chain_id_of_a=await provider.zone.chain_id(),
        channel_on_a=channel_on_a,
        sequence=sequence,
        requester=request.requester,
        payload_digest=decision.payload_digest,
    )
    return await vault.seal(
        decision.payload_digest, decision.fields, request.reader_key, context
    )


async def state_delivery(
    provider: Party,
    channel_on_a: str,
    sequence: int,
    sealed_digest: bytes,
    *,
    gas_limit: int = 0,
) -> TxOutcome:
    """State on chain the SHA-256 of the sealed bytes that are handed over.

    Raises:
        TransactionFailedError: the zone refuses the statement.
    """
    return await provider.sender.send(
        exchange_pb2.MsgRecordDelivery(
            signer=provider.sender.address,
            channel_id=channel_on_a,
            sequence=sequence,
            sealed_digest=sealed_digest,
        ),
        gas_limit=gas_limit,
    )
