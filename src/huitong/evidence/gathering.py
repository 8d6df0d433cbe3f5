"""Gather one zone's part of a bundle: proven values, transactions, headers, history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from huitong.client.answers import ProvenValue
from huitong.client.errors import QueryError
from huitong.core.codec import encode
from huitong.core.hashing import merkle_proof, sha256
from huitong.core.tx import decode_transaction
from huitong.evidence import kinds, places
from huitong.evidence.errors import CollectError
from huitong.evidence.kinds import PROVIDER, REQUESTER
from huitong.evidence.link import Link
from huitong.evidence.model import (
    HistoryEvidence,
    StateProof,
    Subject,
    TransactionProof,
    ZoneEvidence,
)
from huitong.evidence.places import Place
from huitong.evidence.sources import ZoneSource
from huitong.evidence.statement import needs_consent, needs_grant
from huitong.light.tendermint.block_hashes import encode_result
from huitong.light.tendermint.signed_header import LightBlock
from huitong.modules.exchange.decisions import POLICY
from huitong.modules.history.keys import ACCUMULATOR_KEY
from huitong.modules.history.keys import STORE as HISTORY_STORE
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Exchange
from huitong.proto.huitong.history.v1 import history_pb2
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader

HISTORY_PATH: Final = "/huitong.history.v1.Query/HistoryProof"


class Gatherer:
    """Gathers the part of one zone, for one bundle."""

    def __init__(
        self, source: ZoneSource, subject: Subject, side: str, height: int
    ) -> None:
        """Prepare.

        Args:
            source: the zone.
            subject: what the bundle is about.
            side: which part this is.
            height: block whose state is proven.
        """
        self._source = source
        self._subject = subject
        self._side = side
        self._part = subject.kind.parts[side]
        self._height = height
        self._chain_id = subject.zone(side).chain_id
        self._heights = {height + 1}
        self._states: dict[str, StateProof] = {}

    async def gather(
        self, exchange: Exchange, anchors: Iterable[int], link: Link | None
    ) -> ZoneEvidence:
        """Return everything from this zone.

        Args:
            exchange: as the requester's zone has it; empty for kinds without.
            anchors: heights whose headers shall be in the bundle too.
            link: between both zones; None for kinds of one zone.

        Raises:
            CollectError: the zone has no such value or transaction.
        """
        transactions = await self._transactions(exchange)
        await self._prove_all(self._places(exchange, transactions, link))
        if kinds.REQUEST in transactions:
            await self._prove_commitment(transactions[kinds.REQUEST].height)
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
        link: Link | None,
    ) -> dict[str, tuple[Place, ...]]:
        """Return where everything to prove stands; of several places one will do."""
        wanted = places.fixed_places(self._subject, self._side)
        wanted.pop(kinds.REQUEST_COMMITMENT, None)
        for label, proof in transactions.items():
            address = decode_transaction(proof.raw).address
            wanted[kinds.ACCOUNT_PREFIX + label] = (places.account_place(address),)
        if self._side == self._subject.maker_side:
            wanted[kinds.MAKER] = (places.account_place(self._subject.maker),)
        if self._side == REQUESTER and link is not None:
            place = places.consensus_place(self._subject, link.height_text_of_a_on_b)
            wanted[kinds.CONSENSUS] = (place,)
        if self._side == PROVIDER and link is not None:
            if needs_grant(self._subject.kind, exchange):
                wanted[kinds.GRANT] = (places.grant_place(exchange.decision.grant_id),)
            if needs_consent(self._subject.kind, exchange):
                place = places.consent_place(exchange.request.consent_id)
                wanted[kinds.CONSENT] = (place,)
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
                    reason=f"{self._chain_id} does not prove {label} as it should be "
                    f"at height {self._height}"
                )

    def _take(self, label: str, store: str, proven: ProvenValue) -> None:
        is_absent = label in self._subject.kind.parts[self._side].absent
        if (proven.value is None) != is_absent:
            return
        value = proven.value or b""
        if label == kinds.RECORD and not self._is_wanted_version(value):
            return
        self._states[label] = StateProof(
            store=store,
            key=proven.key,
            value=value,
            height=proven.height,
            proof=proven.proof,
        )

    def _is_wanted_version(self, value: bytes) -> bool:
        return RecordHeader.FromString(value).version == self._subject.version

    async def _prove_commitment(self, height: int) -> None:
        """Add the request packet's commitment, if the zone still keeps that state."""
        label = kinds.REQUEST_COMMITMENT
        ((store, key),) = places.fixed_places(self._subject, self._side)[label]
        try:
            (proven,) = await self._source.prove(store, [key], height)
        except QueryError:
            return  # pruned; the transaction in its block shows the request too
        self._take(label, store, proven)

    async def _transactions(self, exchange: Exchange) -> dict[str, TransactionProof]:
        found = {}
        for label, query in self._searches(exchange).items():
            if label not in self._part.transactions + self._part.optional:
                continue
            txs = await self._source.find_txs(query)
            if txs:
                found[label] = await self._transaction(txs[-1].hash, txs[-1].height)
            elif label in self._part.transactions:
                raise CollectError(
                    reason=f"{self._chain_id} finds no transaction {label}"
                )
        return found

    def _searches(self, exchange: Exchange) -> dict[str, str]:
        """Return how the index finds each transaction, by its event."""
        subject = self._subject
        if not subject.kind.is_linked:
            return {}
        channel_id = subject.zone(self._side).channel_id
        if self._side == REQUESTER:
            return {
                kinds.REQUEST: _event_query(
                    "exchange_requested", channel_id, subject.sequence, "requester"
                ),
                kinds.CONFIRM: _event_query(
                    "exchange_received", channel_id, subject.sequence, "requester"
                ),
            }
        searches = {
            kinds.PUBLISH: f"record_published.issuer = '{subject.issuer}' AND "
            f"record_published.record_id = '{subject.record_id}' AND "
            f"record_published.version = '{subject.version}'",
            kinds.DELIVER: _event_query(
                "exchange_delivered", channel_id, subject.sequence, "provider"
            ),
        }
        if exchange.decision.decided_by != POLICY:
            searches[kinds.DECIDE] = _event_query(
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
