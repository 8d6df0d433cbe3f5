"""Checking many deliveries of one channel against one verified header of the other zone.

What is proven of each: the record header, and what the issuer stated to hand over. Both
proofs end in the same header, which follows from the own zone's light client; so a hundred
deliveries cost one header. That is the newest that the other zone has, and the next one
for what is not to be proven yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from huitong.client.answers import ProvenValue
from huitong.client.zone import ZoneClient
from huitong.core.codec import decode
from huitong.core.errors import HuitongError
from huitong.core.store.merkle_path import verify_chained_membership
from huitong.gateway.exchange.errors import (
    AnswerMissingError,
    ExchangeUndecidedError,
)
from huitong.gateway.exchange.links import Links
from huitong.gateway.exchange.proven_read import ClientView
from huitong.gateway.exchange.requesting import check_record
from huitong.modules.exchange.keys import PROVIDER, exchange_key
from huitong.modules.exchange.keys import STORE as EXCHANGE_STORE
from huitong.modules.records.keys import STORE as RECORDS_STORE
from huitong.modules.records.keys import archive_key, record_key
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Decision, Exchange
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2

#: Proofs that are verified before others get their turn; each takes about 0.3 ms.
VERIFIED_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is to be proven of one delivery."""

    sequence: int
    """Of the request."""
    push_number: int = 0
    """Of a version that was pushed under it; 0 for none."""
    decision: Decision
    """As the own zone has it."""

    @property
    def place(self) -> tuple[int, int]:
        """Sequence and number."""
        return self.sequence, self.push_number


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenDelivery:
    """What the other zone's state says of one delivery."""

    record: RecordHeader
    """The record header, active or superseded by a newer one."""
    sealed_digest: bytes
    """What the issuer stated to hand over."""
    height: int
    """Header of the other zone that both are proven against."""


_Values: TypeAlias = Mapping[bytes, bytes | HuitongError]


async def prove_deliveries(
    links: Links, channel_id: str, claims: Sequence[Claim]
) -> list[ProvenDelivery | HuitongError]:
    """Return for each claim what is proven, or why it is not.

    What is proven is so in the state that the other zone's newest header commits to: that
    behind the block before it.

    Args:
        links: the other zones.
        channel_id: channel of all requests, on the own zone.
        claims: what is to be proven.

    Raises:
        HuitongError: nothing can be proven, such as without a header of the other zone.
    """
    end = await links.other_end(channel_id)
    zone = links.other_zone(end)
    view = await links.newest(channel_id)
    found = await _prove_claims(view, zone, end.channel_id, claims)
    late = [at for at, one in enumerate(found) if isinstance(one, HuitongError)]
    if not late:
        return found
    # What was stated in the newest block stands in the state that only the next header
    # commits to; a zone makes that at once.
    try:
        view = await links.verified(channel_id, view.height + 1)
    except HuitongError as failure:
        again: Sequence[ProvenDelivery | HuitongError] = [failure] * len(late)
    else:
        some = [claims[at] for at in late]
        again = await _prove_claims(view, zone, end.channel_id, some)
    for at, one in zip(late, again, strict=True):
        found[at] = one
    return found


async def _prove_claims(
    view: ClientView, zone: ZoneClient, channel_id: str, claims: Sequence[Claim]
) -> list[ProvenDelivery | HuitongError]:
    """Prove against one header; ``channel_id`` is the other zone's."""
    stated_keys = {
        claim.place: exchange_key(PROVIDER, channel_id, *claim.place)
        for claim in claims
    }
    stated = await _prove(view, zone, EXCHANGE_STORE, stated_keys.values())
    chain_id = view.state.chain_id
    digests = [
        _stated_digest(claim, stated[stated_keys[claim.place]], chain_id)
        for claim in claims
    ]
    ready = [
        claim
        for claim, digest in zip(claims, digests, strict=True)
        if isinstance(digest, bytes)
    ]
    heads = await _prove_records(view, zone, ready)
    return [
        digest
        if isinstance(digest, HuitongError)
        else _judge(claim, digest, heads, view)
        for claim, digest in zip(claims, digests, strict=True)
    ]


async def _prove_records(
    view: ClientView, zone: ZoneClient, claims: Sequence[Claim]
) -> _Values:
    """Prove the heads of the records, and older versions where a newer one is the head."""
    wanted = {
        record_key(claim.decision.issuer, claim.decision.record_id): claim
        for claim in claims
    }
    heads = await _prove(view, zone, RECORDS_STORE, wanted)
    older = {
        _archived(claim)
        for claim in claims
        if _version(heads[record_key(claim.decision.issuer, claim.decision.record_id)])
        > claim.decision.version
    }
    return {**heads, **await _prove(view, zone, RECORDS_STORE, older)}


async def _prove(
    view: ClientView, zone: ZoneClient, store: str, keys: Iterable[bytes]
) -> _Values:
    """Return what is proven under each key, or why nothing is."""
    asked = list(dict.fromkeys(keys))
    if not asked:
        return {}
    found: dict[bytes, bytes | HuitongError] = {}
    for number, proven in enumerate(await zone.prove(store, asked, view.height - 1)):
        if number % VERIFIED_AT_ONCE == 0:
            await asyncio.sleep(0)
        found[proven.key] = _verify(view, store, proven)
    return found


def _verify(view: ClientView, store: str, proven: ProvenValue) -> bytes | HuitongError:
    if proven.value is None:
        what = f"{store}/{proven.key.hex()}"
        return AnswerMissingError(zone=view.state.chain_id, what=what)
    try:
        verify_chained_membership(
            view.state.proof_specs,
            view.consensus.root,
            decode(commitment_pb2.MerkleProof, proven.proof),
            (store.encode(), proven.key),
            proven.value,
        )
    except HuitongError as refusal:
        return refusal
    return proven.value


def _stated_digest(
    claim: Claim, stated: bytes | HuitongError, chain_id: str
) -> bytes | HuitongError:
    """Return what the issuer stated to hand over, or why that is not known."""
    if isinstance(stated, HuitongError):
        return stated
    try:
        digest = decode(Exchange, stated).sealed_digest
    except HuitongError as refusal:
        return refusal
    if digest:
        return digest
    return ExchangeUndecidedError(
        exchange=f"{chain_id}/{claim.sequence}",
        status="granted, without a stated delivery,",
        seconds=0,
    )


def _judge(
    claim: Claim, digest: bytes, heads: _Values, view: ClientView
) -> ProvenDelivery | HuitongError:
    """Check the record that is proven with what was stated to be handed over."""
    head = heads[record_key(claim.decision.issuer, claim.decision.record_id)]
    shown = heads.get(_archived(claim), head)
    if isinstance(shown, HuitongError):
        return shown
    try:
        record = decode(RecordHeader, shown)
        check_record(record, claim.decision)
    except HuitongError as refusal:
        return refusal
    return ProvenDelivery(record=record, sealed_digest=digest, height=view.height)


def _archived(claim: Claim) -> bytes:
    decision = claim.decision
    return archive_key(decision.issuer, decision.record_id, decision.version)


def _version(head: bytes | HuitongError) -> int:
    if isinstance(head, HuitongError):
        return 0
    try:
        return decode(RecordHeader, head).version
    except HuitongError:
        return 0
