"""Make a bundle of what one zone says: of a record, a grant, a consent, a member, a fact."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from huitong.core.address import address_of_public_key
from huitong.core.codec import decode
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.evidence import kinds
from huitong.evidence.collect import seal_bundle
from huitong.evidence.errors import CollectError
from huitong.evidence.gathering import Gatherer
from huitong.evidence.kinds import PROVIDER, Kind
from huitong.evidence.model import Evidence, Subject, ZonePointer
from huitong.evidence.places import Place, consent_place, fact_place, grant_place
from huitong.evidence.sources import ZoneSource
from huitong.modules.records.keys import STORE as RECORDS_STORE
from huitong.modules.records.keys import record_key
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Exchange
from huitong.proto.huitong.facts.v1.facts_pb2 import Fact
from huitong.proto.huitong.grants.v1.grants_pb2 import Consent, Grant
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader

_NO_EXCHANGE: Final = Exchange()


@dataclass(frozen=True, slots=True, kw_only=True)
class StateOrder:
    """Which bundle about one zone is wanted."""

    kind: Kind
    """One of the kinds of a single zone."""
    member_id: str = ""
    """Issuer of the record, or the member itself."""
    record_id: str = ""
    """The record under its issuer; the id of a fact, hexadecimal."""
    version: int = 0
    """The record's version; 0 takes the head."""
    number: int = 0
    """Id of the grant or consent."""
    private_key: bytes
    """The maker's key, 32 bytes; its account must belong to a member of the zone."""
    anchors: tuple[int, ...] = ()
    """Heights whose headers shall be in the bundle."""


async def collect_state_bundle(
    zone: ZoneSource, order: StateOrder, *, now_ns: int
) -> bytes:
    """Return the bytes of a bundle about one zone.

    Args:
        zone: the zone.
        order: what it is about, who makes it.
        now_ns: the caller's clock, for the verification at the end.

    Raises:
        CollectError: the zone does not have it.
        UnavailableError, QueryError: a node does not answer.
    """
    height = await zone.latest_height() - 1
    subject = await _subject(zone, order, height)
    gatherer = Gatherer(zone, subject, PROVIDER, height)
    part = await gatherer.gather(_NO_EXCHANGE, order.anchors, None)
    evidence = Evidence(
        subject=subject, disclosure=b"", zones=MappingProxyType({PROVIDER: part})
    )
    return seal_bundle(evidence, order.private_key, now_ns)


async def _subject(zone: ZoneSource, order: StateOrder, height: int) -> Subject:
    chain_id = await zone.chain_id()
    member_id, version = order.member_id, order.version
    if order.kind is kinds.GRANT_STATE:
        found = await _read(zone, grant_place(order.number), height, "grant")
        member_id = decode(Grant, found).holder
    elif order.kind is kinds.CONSENT_STATE:
        found = await _read(zone, consent_place(order.number), height, "consent")
        member_id = decode(Consent, found).recorder
    elif order.kind is kinds.FACT_STATE:
        place = fact_place(bytes.fromhex(order.record_id))
        member_id = decode(Fact, await _read(zone, place, height, "fact")).owner
    elif order.kind is kinds.RECORD_STATE and not version:
        place = RECORDS_STORE, record_key(member_id, order.record_id)
        found = await _read(zone, place, height, f"record {order.record_id!r}")
        version = decode(RecordHeader, found).version
    public_key = public_key_of_private_key(order.private_key)
    return Subject(
        kind=order.kind,
        a=ZonePointer(chain_id=chain_id, client_id="", connection_id="", channel_id=""),
        b=None,
        sequence=0,
        receipt_sequence=0,
        issuer=member_id,
        record_id=order.record_id,
        version=version,
        number=order.number,
        requester="",
        maker_side=PROVIDER,
        maker=address_of_public_key(public_key),
    )


async def _read(zone: ZoneSource, place: Place, height: int, what: str) -> bytes:
    store, key = place
    (proven,) = await zone.prove(store, [key], height)
    if proven.value is None:
        raise CollectError(reason=f"{await zone.chain_id()} has no such {what}")
    return proven.value
