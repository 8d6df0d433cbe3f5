"""Bundles of every kind: exchanges that ended otherwise, and what one zone says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import patch

from huitong.core.hashing import sha256
from huitong.core.time import NS_PER_SECOND
from huitong.evidence import kinds
from huitong.evidence.collect_state import StateOrder, collect_state_bundle
from huitong.evidence.kinds import KINDS, Kind
from huitong.modules.exchange import application
from huitong.modules.exchange.errors import MalformedPacketError
from huitong.modules.facts import fact_id_of
from huitong.modules.links.acknowledgements import error_acknowledgement
from huitong.modules.members.keys import STORE as MEMBERS_STORE
from huitong.modules.members.keys import member_key
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.facts.v1 import facts_pb2
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from tests.evidence_kit import (
    GIVEN,
    PURPOSE,
    Finished,
    MemorySource,
    _packet,
    address_of,
    begin_exchange,
    finished_exchange,
    key_of,
    make_payload,
    relay_request,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A bundle and the zones that it is about."""

    data: bytes
    zones: Finished
    maker: str
    """Name of the account that signed it."""

    @property
    def now_ns(self) -> int:
        """The time that both zones share."""
        return self.zones.now_ns

    def trust(self) -> dict[str, Any]:
        """Return trust in one header of each zone."""
        return self.zones.trust()


def made(kind: Kind) -> Made:
    """Return a bundle of a kind, made once."""
    return _made(kind.name)


@cache
def _made(name: str) -> Made:
    zones = finished_exchange(universe=name)
    end = _ENDS.get(name)
    by_issuer = not KINDS[name].is_linked or name == kinds.DELIVERY.name
    return Made(
        data=zones.collect() if end is None else end(zones),
        zones=zones,
        maker="bureau" if by_issuer else "bank",
    )


@cache
def made_in_one_pair_of_zones() -> tuple[dict[str, bytes], Finished]:
    """Return a bundle of each kind, all of the same two zones, and these zones."""
    zones = finished_exchange(universe="all in one")
    # In this order the record is delivered before it is revoked, and revoked once.
    ends = _ENDS | {kinds.RECORD_STATE.name: _record_as_it_is}
    bundles = {kinds.FINISHED.name: zones.collect()}
    return bundles | {name: end(zones) for name, end in ends.items()}, zones


def _settle(zones: Finished) -> None:
    """Make blocks, and let each zone see the other's newest header."""
    for zone in (zones.a, zones.b):
        zone.next_block()
        zone.next_block()
    zones.path.b.catch_up()
    zones.b.next_block()
    zones.b.next_block()


def _delivered(zones: Finished) -> bytes:
    sequence, timeout_ns, request = begin_exchange(zones.path, make_payload(), GIVEN)
    relay_request(zones.path, sequence, timeout_ns, request)
    zones.a.deliver(
        exchange_pb2.MsgRecordDelivery(
            signer=address_of("bureau"),
            channel_id=zones.path.a.channel_id,
            sequence=sequence,
            sealed_digest=sha256(b"sealed"),
        )
    )
    _settle(zones)
    return zones.collect(
        sequence, disclosure=b"", maker_side="provider", private_key=key_of("bureau")
    )


def _refused(zones: Finished) -> bytes:
    zones.a.deliver(
        records_pb2.MsgSetRecordStatus(
            signer=address_of("bureau"),
            record_id="INV-1",
            status=records_pb2.RECORD_STATUS_REVOKED,
            reason="issued in error",
        )
    )
    sequence, timeout_ns, request = begin_exchange(zones.path, make_payload(), GIVEN)
    relay_request(zones.path, sequence, timeout_ns, request)
    _settle(zones)
    return zones.collect(sequence, disclosure=b"")


def _timed_out(zones: Finished) -> bytes:
    sequence, timeout_ns, request = begin_exchange(zones.path, make_payload(), GIVEN)
    zones.a.clock.advance(3_601 * NS_PER_SECOND)
    _settle(zones)
    zones.path.b.time_out(_packet(zones.path.b, sequence, timeout_ns, request=request))
    _settle(zones)
    return zones.collect(sequence, disclosure=b"")


def _failed(zones: Finished) -> bytes:
    """Let zone a refuse the packet, as a zone of another version would."""
    refusal = MalformedPacketError(reason="of another version")
    sequence, timeout_ns, request = begin_exchange(zones.path, make_payload(), GIVEN)
    packet = _packet(zones.path.b, sequence, timeout_ns, request=request)
    with patch.object(application, "decode_packet", side_effect=refusal):
        zones.path.a.receive(packet)
    zones.path.b.acknowledge(packet, error_acknowledgement(refusal))
    _settle(zones)
    return zones.collect(sequence, disclosure=b"")


def collect_state(
    zones: Finished, kind: Kind, maker: str = "bureau", **order: Any
) -> bytes:
    """Return a bundle of what zone a says."""
    source = MemorySource(zones.a)
    wanted = StateOrder(kind=kind, private_key=key_of(maker), anchors=(2,), **order)
    return asyncio.run(collect_state_bundle(source, wanted, now_ns=zones.now_ns))


def _record(zones: Finished) -> bytes:
    _refused(zones)
    return _record_as_it_is(zones)


def _record_as_it_is(zones: Finished) -> bytes:
    return collect_state(
        zones, kinds.RECORD_STATE, member_id="hz-tax-bureau", record_id="INV-1"
    )


def _grant(zones: Finished) -> bytes:
    zones.a.deliver(
        grants_pb2.MsgWithdrawGrant(
            signer=address_of("bureau"), grant_id=1, reason="no longer"
        )
    )
    _settle(zones)
    return collect_state(zones, kinds.GRANT_STATE, number=1)


def _consent(zones: Finished) -> bytes:
    zones.a.deliver(
        grants_pb2.MsgRecordConsent(
            signer=address_of("bureau"),
            subject=sha256(b"pseudonym"),
            reader=grants_pb2.Reader(
                channel_id=zones.path.a.channel_id, member_id="cq-bank"
            ),
            purpose=PURPOSE,
            evidence_digest=sha256(b"signed"),
        )
    )
    zones.a.deliver(
        grants_pb2.MsgWithdrawConsent(
            signer=address_of("bureau"), consent_id=1, reason="changed mind"
        )
    )
    _settle(zones)
    return collect_state(zones, kinds.CONSENT_STATE, number=1)


def _member(zones: Finished) -> bytes:
    return collect_state(zones, kinds.MEMBER_STATE, member_id="hz-tax-bureau")


def _fact(zones: Finished) -> bytes:
    """Prove to zone a that the reader is a member of zone b."""
    _settle(zones)
    zones.path.a.catch_up()
    key = member_key("cq-bank")
    proven = zones.b.prove(MEMBERS_STORE, key)
    zones.a.deliver(
        facts_pb2.MsgImportFact(
            signer=address_of("bureau"),
            source=zones.path.a.connection_id,
            store=MEMBERS_STORE,
            key=key,
            value=proven.value,
            proof=proven.proof,
            proof_height=proven.height.to_proto(),
        )
    )
    _settle(zones)
    fact_id = fact_id_of(zones.path.a.connection_id, MEMBERS_STORE, key)
    return collect_state(zones, kinds.FACT_STATE, record_id=fact_id.hex())


_ENDS: dict[str, Callable[[Finished], bytes]] = {
    kinds.DELIVERY.name: _delivered,
    kinds.REFUSAL.name: _refused,
    kinds.TIMEOUT.name: _timed_out,
    kinds.FAILURE.name: _failed,
    kinds.RECORD_STATE.name: _record,
    kinds.GRANT_STATE.name: _grant,
    kinds.CONSENT_STATE.name: _consent,
    kinds.MEMBER_STATE.name: _member,
    kinds.FACT_STATE.name: _fact,
}
