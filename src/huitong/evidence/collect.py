"""Make a bundle of one finished exchange, out of what two zones hold.

The parts are asked of one node of each zone at one height each:

* in zone a, the height that zone b's light client verified last, so that the bundle can
  show that b's own client vouches for the header behind a's part;
* in zone b, the newest height that has a header above it.

Older blocks come in only where the parties' transactions lie, and where the caller wants
a header of a certain height to be in (``anchors``), for example one that verifiers are
known to trust. Every bundle is verified before it is handed out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from huitong.client.answers import ProvenValue
from huitong.client.errors import QueryError
from huitong.core.address import address_of_public_key
from huitong.core.codec import encode
from huitong.core.hashing import merkle_proof, sha256
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.core.tx import decode_transaction
from huitong.evidence import places
from huitong.evidence.container import encode_container
from huitong.evidence.entries import encode_evidence
from huitong.evidence.errors import CollectError
from huitong.evidence.link import Link, find_link
from huitong.evidence.manifest import seal_entries
from huitong.evidence.model import (
    PROVIDER,
    REQUESTER,
    SIDES,
    Evidence,
    HistoryEvidence,
    StateProof,
    Subject,
    TransactionProof,
    ZoneEvidence,
)
from huitong.evidence.places import Place
from huitong.evidence.readable import readable_entries
from huitong.evidence.sources import ZoneSource
from huitong.evidence.statement import read_statement
from huitong.evidence.verify import verify_bundle
from huitong.light.tendermint.block_hashes import encode_result
from huitong.light.tendermint.signed_header import LightBlock
from huitong.modules.exchange.decisions import POLICY
from huitong.modules.exchange.keys import PROVIDER as SIDE_PROVIDER
from huitong.modules.exchange.keys import REQUESTER as SIDE_REQUESTER
from huitong.modules.history.keys import ACCUMULATOR_KEY
from huitong.modules.history.keys import STORE as HISTORY_STORE
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Exchange
from huitong.proto.huitong.history.v1 import history_pb2
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader

EXCHANGE_PATH: Final = "/huitong.exchange.v1.Query/Exchange"
HISTORY_PATH: Final = "/huitong.history.v1.Query/HistoryProof"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which bundle is wanted."""

    channel_on_b: str
    """The channel on the requester's zone."""
    sequence: int
    """Sequence of the request packet."""
    disclosure: bytes
    """The given fields as they were delivered (``core.commitment``)."""
    maker_side: str
    """``provider`` or ``requester``: who makes the bundle."""
    private_key: bytes
    """The maker's key, 32 bytes; signs the manifest only."""
    anchors: Mapping[str, tuple[int, ...]]
    """Heights whose headers shall be in the bundle, by side."""


async def collect_bundle(
    a: ZoneSource, b: ZoneSource, order: Order, *, now_ns: int
) -> bytes:
    """Return the bytes of a bundle.

    Args:
        a: the provider's zone.
        b: the requester's zone.
        order: which exchange, what was given, who makes it.
        now_ns: the caller's clock, for the verification at the end.

    Raises:
        CollectError: the exchange is not finished, or a zone no longer has a part.
        UnavailableError, QueryError: a node does not answer.
    """
    sources = {PROVIDER: a, REQUESTER: b}
    height_on_b = await b.latest_height() - 1
    link = await find_link(a, b, order.channel_on_b, height_on_b)
    state_heights = {PROVIDER: link.height_of_a_on_b - 1, REQUESTER: height_on_b}
    exchange = await _finished_exchange(a, b, link, order, state_heights)
    subject = _subject(link, exchange, order)
    zones = {}
    for side in SIDES:
        collector = _Collector(sources[side], subject, side, state_heights[side])
        zones[side] = await collector.collect(
            exchange, order.anchors.get(side, ()), link
        )
    evidence = Evidence(
        subject=subject, disclosure=order.disclosure, zones=MappingProxyType(zones)
    )
    return _finish(evidence, order, now_ns)


def _finish(evidence: Evidence, order: Order, now_ns: int) -> bytes:
    """Write the readable entries, sign, and check the whole."""
    readable = readable_entries(evidence, read_statement(evidence))
    created_ns = max(
        block.signed_header.header.time_ns
        for zone in evidence.zones.values()
        for block in zone.headers.values()
    )
    entries = seal_entries(
        encode_evidence(evidence) | readable,
        created_ns=created_ns,
        private_key=order.private_key,
    )
    data = encode_container(entries)
    failed = verify_bundle(data, None, now_ns=max(now_ns, created_ns)).failed
    if failed is not None:
        raise CollectError(
            reason=f"the bundle fails its check {failed.name}: {failed.detail}"
        )
    return data


async def _finished_exchange(
    a: ZoneSource, b: ZoneSource, link: Link, order: Order, heights: Mapping[str, int]
) -> Exchange:
    """Return the exchange as zone b has it, if both zones agree that it is over."""
    on_b = await _exchange(
        b, SIDE_REQUESTER, link.b.channel_id, order.sequence, heights[REQUESTER]
    )
    if not on_b.receipt_acknowledged:
        raise CollectError(
            reason=f"exchange {order.sequence} on {link.b.channel_id} of "
            f"{link.b.chain_id} has no acknowledged receipt"
        )
    on_a = await _exchange(
        a, SIDE_PROVIDER, link.a.channel_id, order.sequence, heights[PROVIDER]
    )
    if on_a.status != exchange_pb2.EXCHANGE_STATUS_RECEIVED:
        raise CollectError(
            reason=f"{link.a.chain_id} has no receipt at height {heights[PROVIDER]}, "
            f"the last that {link.b.chain_id} verified"
        )
    return on_b


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


def _subject(link: Link, exchange: Exchange, order: Order) -> Subject:
    public_key = public_key_of_private_key(order.private_key)
    return Subject(
        a=link.a,
        b=link.b,
        sequence=order.sequence,
        receipt_sequence=exchange.receipt_sequence,
        issuer=exchange.decision.issuer,
        record_id=exchange.decision.record_id,
        version=exchange.decision.version,
        requester=exchange.request.requester,
        maker_side=order.maker_side,
        maker=address_of_public_key(public_key),
    )


class _Collector:
    """Gathers the part of one zone."""

    def __init__(
        self, source: ZoneSource, subject: Subject, side: str, height: int
    ) -> None:
        self._source = source
        self._subject = subject
        self._side = side
        self._height = height
        self._chain_id = subject.zone(side).chain_id
        self._heights = {height + 1}
        self._states: dict[str, StateProof] = {}

    async def collect(
        self, exchange: Exchange, anchors: Iterable[int], link: Link
    ) -> ZoneEvidence:
        """Return everything from this zone."""
        transactions = await self._transactions(exchange)
        await self._prove_all(self._places(exchange, transactions, link))
        if self._side == REQUESTER:
            await self._prove_commitment(transactions[places.REQUEST].height)
        self._heights.update(height for height in anchors if 0 < height <= self._height)
        headers: dict[int, LightBlock] = {}
        for height in sorted(self._heights):
            headers[height] = await self._source.light_block(height)
        return ZoneEvidence(
            headers=MappingProxyType(headers),
            states=MappingProxyType(self._states),
            transactions=MappingProxyType(transactions),
            history=await prove_history(
                self._source, self._height, sorted(self._heights)[:-1]
            ),
        )

    def _places(
        self,
        exchange: Exchange,
        transactions: Mapping[str, TransactionProof],
        link: Link,
    ) -> dict[str, tuple[Place, ...]]:
        """Return where everything to prove stands; of several places one will do."""
        wanted: dict[str, tuple[Place, ...]] = {
            label: (place,)
            for label, place in places.fixed_places(self._subject, self._side).items()
            if label != places.REQUEST_COMMITMENT
        }
        for label, proof in transactions.items():
            address = decode_transaction(proof.raw).address
            wanted[places.ACCOUNT_PREFIX + label] = (places.account_place(address),)
        if self._side == self._subject.maker_side:
            wanted[places.MAKER] = (places.account_place(self._subject.maker),)
        if self._side == REQUESTER:
            place = places.consensus_place(self._subject, link.height_text_of_a_on_b)
            return wanted | {places.CONSENSUS: (place,)}
        wanted[places.RECORD] = places.record_places(self._subject)
        if grant_id := exchange.decision.grant_id:
            wanted[places.GRANT] = (places.grant_place(grant_id),)
        if consent_id := exchange.request.consent_id:
            wanted[places.CONSENT] = (places.consent_place(consent_id),)
        return wanted

    async def _prove_all(self, wanted: Mapping[str, tuple[Place, ...]]) -> None:
        by_store: dict[str, list[tuple[str, bytes]]] = {}
        for label, options in wanted.items():
            for store, key in options:
                by_store.setdefault(store, []).append((label, key))
        for store, labelled in sorted(by_store.items()):
            keys = [key for _, key in labelled]
            proven = await self._source.prove(store, keys, self._height)
            for (label, _), value in zip(labelled, proven, strict=True):
                self._take(label, store, value)
        for label in wanted:
            if label not in self._states:
                raise CollectError(
                    reason=f"{self._chain_id} has no {label} at height {self._height}"
                )

    def _take(self, label: str, store: str, proven: ProvenValue) -> None:
        if proven.value is None:
            return
        if label == places.RECORD and not self._is_wanted_version(proven.value):
            return
        self._states[label] = StateProof(
            store=store,
            key=proven.key,
            value=proven.value,
            height=proven.height,
            proof=proven.proof,
        )

    def _is_wanted_version(self, value: bytes) -> bool:
        return RecordHeader.FromString(value).version == self._subject.version

    async def _prove_commitment(self, height: int) -> None:
        """Add the request packet's commitment, if the zone still keeps that state."""
        label = places.REQUEST_COMMITMENT
        store, key = places.fixed_places(self._subject, self._side)[label]
        try:
            (proven,) = await self._source.prove(store, [key], height)
        except QueryError:
            return  # pruned; the transaction in its block shows the request too
        self._take(label, store, proven)

    async def _transactions(self, exchange: Exchange) -> dict[str, TransactionProof]:
        found = {}
        for label, query in self._searches(exchange).items():
            txs = await self._source.find_txs(query)
            if txs:
                found[label] = await self._transaction(txs[-1].hash, txs[-1].height)
            elif label in places.TRANSACTIONS[self._side]:
                raise CollectError(
                    reason=f"{self._chain_id} finds no transaction {label}"
                )
        return found

    def _searches(self, exchange: Exchange) -> dict[str, str]:
        """Return how the index finds each transaction, by its event."""
        subject = self._subject
        channel_id = subject.zone(self._side).channel_id
        if self._side == REQUESTER:
            return {
                places.REQUEST: _event_query(
                    "exchange_requested", channel_id, subject.sequence, "requester"
                ),
                places.CONFIRM: _event_query(
                    "exchange_received", channel_id, subject.sequence, "requester"
                ),
            }
        searches = {
            places.PUBLISH: f"record_published.issuer = '{subject.issuer}' AND "
            f"record_published.record_id = '{subject.record_id}' AND "
            f"record_published.version = '{subject.version}'",
            places.DELIVER: _event_query(
                "exchange_delivered", channel_id, subject.sequence, "provider"
            ),
        }
        if exchange.decision.decided_by != POLICY:
            searches[places.DECIDE] = _event_query(
                "exchange_decided", channel_id, subject.sequence, "provider"
            )
        return searches

    async def _transaction(self, tx_hash: str, height: int) -> TransactionProof:
        block = await self._source.block(height)
        hashes = [sha256(raw) for raw in block.txs]
        if bytes.fromhex(tx_hash) not in hashes:
            raise CollectError(
                reason=f"{self._chain_id} has no transaction {tx_hash} in block {height}"
            )
        index = hashes.index(bytes.fromhex(tx_hash))
        encoded = [
            encode_result((part.code, part.data, part.gas_wanted, part.gas_used))
            for part in block.results
        ]
        self._heights |= {height, height + 1}
        return TransactionProof(
            height=height,
            raw=block.txs[index],
            place=merkle_proof(hashes, index),
            result=block.results[index],
            result_place=merkle_proof(encoded, index),
        )


async def prove_history(
    source: ZoneSource, height: int, older: Iterable[int]
) -> HistoryEvidence:
    """Return what leads from the header of ``height + 1`` back to those of ``older``.

    Raises:
        QueryError: the zone no longer keeps this state.
        CollectError: it has no accumulator.
    """
    (accumulator,) = await source.prove(HISTORY_STORE, [ACCUMULATOR_KEY], height)
    if accumulator.value is None:
        raise CollectError(reason=f"no accumulator at height {height}")
    paths = []
    for past in older:
        answer = await source.query(
            HISTORY_PATH,
            history_pb2.QueryHistoryProofRequest(height=past),
            history_pb2.QueryHistoryProofResponse,
            height,
        )
        paths.append(encode(answer.proof))
    return HistoryEvidence(
        accumulator=StateProof(
            store=HISTORY_STORE,
            key=ACCUMULATOR_KEY,
            value=accumulator.value,
            height=height,
            proof=accumulator.proof,
        ),
        paths=tuple(paths),
    )


def _event_query(kind: str, channel_id: str, sequence: int, side: str) -> str:
    return (
        f"{kind}.channel_id = '{channel_id}' AND {kind}.sequence = '{sequence}' "
        f"AND {kind}.side = '{side}'"
    )
