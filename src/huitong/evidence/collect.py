"""Make a bundle of one exchange, out of what two zones hold.

The parts are asked of one node of each zone at one height each:

* in zone a, the height that zone b's light client verified last, so that the bundle can
  show that b's own client vouches for the header behind a's part;
* in zone b, the newest height that has a header above it.

Older blocks come in only where the parties' transactions lie, and where the caller wants
a header of a certain height to be in (``anchors``), for example one that verifiers are
known to trust. Every bundle is verified before it is handed out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from huitong.core.address import address_of_public_key
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.evidence import kinds
from huitong.evidence.container import encode_container
from huitong.evidence.entries import encode_evidence
from huitong.evidence.errors import CollectError
from huitong.evidence.gathering import Gatherer
from huitong.evidence.kinds import PROVIDER, REQUESTER, Kind
from huitong.evidence.link import Link, find_link
from huitong.evidence.manifest import seal_entries
from huitong.evidence.model import Evidence, Subject
from huitong.evidence.readable import readable_entries
from huitong.evidence.sources import ZoneSource
from huitong.evidence.statement import name_of, read_statement
from huitong.evidence.verify import verify_bundle
from huitong.modules.exchange.keys import PROVIDER as SIDE_PROVIDER
from huitong.modules.exchange.keys import REQUESTER as SIDE_REQUESTER
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Exchange

EXCHANGE_PATH: Final = "/huitong.exchange.v1.Query/Exchange"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which bundle is wanted."""

    channel_on_b: str
    """The channel on the requester's zone."""
    sequence: int
    """Sequence of the request packet."""
    disclosure: bytes
    """The given fields as they were delivered (``core.commitment``); only of a finished
    exchange, else empty."""
    maker_side: str
    """``provider`` or ``requester``: who makes the bundle."""
    private_key: bytes
    """The maker's key, 32 bytes; signs the manifest only."""
    anchors: Mapping[str, tuple[int, ...]]
    """Heights whose headers shall be in the bundle, by side."""


#: What a bundle is about, by the status of the exchange in the requester's zone.
_KINDS: Final[Mapping[int, Kind]] = MappingProxyType(
    {
        exchange_pb2.EXCHANGE_STATUS_RECEIVED: kinds.FINISHED,
        exchange_pb2.EXCHANGE_STATUS_GRANTED: kinds.DELIVERY,
        exchange_pb2.EXCHANGE_STATUS_REFUSED: kinds.REFUSAL,
        exchange_pb2.EXCHANGE_STATUS_TIMED_OUT: kinds.TIMEOUT,
        exchange_pb2.EXCHANGE_STATUS_FAILED: kinds.FAILURE,
    }
)


async def collect_bundle(
    a: ZoneSource, b: ZoneSource, order: Order, *, now_ns: int
) -> bytes:
    """Return the bytes of a bundle about one exchange, whatever became of it.

    Args:
        a: the provider's zone.
        b: the requester's zone.
        order: which exchange, what was given, who makes it.
        now_ns: the caller's clock, for the verification at the end.

    Raises:
        CollectError: the exchange is under way, or a zone no longer has a part.
        UnavailableError, QueryError: a node does not answer.
    """
    sources = {PROVIDER: a, REQUESTER: b}
    height_on_b = await b.latest_height() - 1
    link = await find_link(a, b, order.channel_on_b, height_on_b)
    state_heights = {PROVIDER: link.height_of_a_on_b - 1, REQUESTER: height_on_b}
    exchange = await _exchange(
        b, SIDE_REQUESTER, link.b.channel_id, order.sequence, height_on_b
    )
    kind = kind_of(exchange, link)
    if kind in (kinds.FINISHED, kinds.DELIVERY):
        await _check_on_a(a, link, order, state_heights[PROVIDER], kind)
    subject = _subject(kind, link, exchange, order)
    zones = {}
    for side in kind.sides:
        gatherer = Gatherer(sources[side], subject, side, state_heights[side])
        zones[side] = await gatherer.gather(exchange, order.anchors.get(side, ()), link)
    evidence = Evidence(
        subject=subject,
        disclosure=order.disclosure if kind.payload else b"",
        zones=MappingProxyType(zones),
    )
    return seal_bundle(evidence, order.private_key, now_ns)


def seal_bundle(evidence: Evidence, private_key: bytes, now_ns: int) -> bytes:
    """Write the readable entries, sign, and check the whole.

    Raises:
        CollectError: the bundle does not verify.
    """
    readable = readable_entries(evidence, read_statement(evidence))
    created_ns = max(
        block.signed_header.header.time_ns
        for zone in evidence.zones.values()
        for block in zone.headers.values()
    )
    entries = seal_entries(
        encode_evidence(evidence) | readable,
        created_ns=created_ns,
        private_key=private_key,
    )
    data = encode_container(entries)
    failed = verify_bundle(data, None, now_ns=max(now_ns, created_ns)).failed
    if failed is not None:
        raise CollectError(
            reason=f"the bundle fails its check {failed.name}: {failed.detail}"
        )
    return data


def kind_of(exchange: Exchange, link: Link) -> Kind:
    """Return what a bundle about an exchange shows, by its status in zone b."""
    name = f"exchange {exchange.sequence} on {link.b.channel_id} of {link.b.chain_id}"
    kind = _KINDS.get(exchange.status)
    if exchange.status == exchange_pb2.EXCHANGE_STATUS_REQUESTED:
        raise CollectError(reason=f"{name} waits for a decision")
    if kind is None:
        status = name_of(exchange_pb2.ExchangeStatus, exchange.status)
        raise CollectError(reason=f"{name} is {status}, of which no bundle is made")
    if kind is kinds.FINISHED and not exchange.receipt_acknowledged:
        raise CollectError(reason=f"{name} has no acknowledged receipt")
    return kind


async def _check_on_a(
    a: ZoneSource, link: Link, order: Order, height: int, kind: Kind
) -> None:
    """Raise unless zone a is as far as zone b, at the height that b verified last."""
    on_a = await _exchange(a, SIDE_PROVIDER, link.a.channel_id, order.sequence, height)
    finished = kind is kinds.FINISHED
    wanted = (
        exchange_pb2.EXCHANGE_STATUS_RECEIVED
        if finished
        else exchange_pb2.EXCHANGE_STATUS_DELIVERED
    )
    if on_a.status != wanted:
        raise CollectError(
            reason=f"{link.a.chain_id} has no {'receipt' if finished else 'delivery'} "
            f"at height {height}, the last that {link.b.chain_id} verified"
        )


async def _exchange(
    source: ZoneSource,
    side: exchange_pb2.ExchangeSide,
    channel_id: str,
    sequence: int,
    height: int,
) -> Exchange:
    request = exchange_pb2.QueryExchangeRequest(
        channel_id=channel_id, sequence=sequence, side=side
    )
    answer = await source.query(
        EXCHANGE_PATH, request, exchange_pb2.QueryExchangeResponse, height
    )
    return answer.exchange


def _subject(kind: Kind, link: Link, exchange: Exchange, order: Order) -> Subject:
    public_key = public_key_of_private_key(order.private_key)
    request = exchange.request
    return Subject(
        kind=kind,
        a=link.a,
        b=link.b,
        sequence=order.sequence,
        receipt_sequence=exchange.receipt_sequence,
        issuer=request.issuer,
        record_id=request.record_id,
        version=exchange.decision.version,
        number=0,
        requester=request.requester,
        maker_side=order.maker_side,
        maker=address_of_public_key(public_key),
    )
