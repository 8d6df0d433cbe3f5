"""Heads of the own zone's records with proofs at the newest height, made in batches.

A proof belongs to one state, so proofs are kept until the next block; a record that many
read within a block is proven once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

from huitong.client.answers import ProvenValue
from huitong.client.errors import QueryError
from huitong.client.zone import ZoneClient
from huitong.core.codec import encode
from huitong.core.store.errors import StoreEmptyError
from huitong.core.time import TimeNs
from huitong.gateway.reads.model import ProvenHeads
from huitong.modules.records import STORE
from huitong.proto.ibc.core.commitment.v1.commitment_pb2 import MerkleProof

#: Layers of a proof: the tree of the records, then the tree of the stores.
_LAYERS: Final = 2
#: What a node says of a zone in which nobody has published anything yet.
_EMPTY: Final = (StoreEmptyError.codespace, StoreEmptyError.code)


@final
class HeadRoom:
    """The newest provable heads of records of one zone."""

    def __init__(self, zone: ZoneClient, proofs_kept: int) -> None:
        """Prepare; nothing is asked yet.

        Args:
            zone: the own zone; its node is believed.
            proofs_kept: proofs of the newest state kept in memory.
        """
        self._zone = zone
        self._proofs_kept = proofs_kept
        self._height = 0
        self._store_proof = b""
        self._known: dict[bytes, tuple[bytes, bytes] | None] = {}

    async def prove(self, keys: Sequence[bytes]) -> ProvenHeads:
        """Return the heads under ``keys`` with proofs that lead to the newest header.

        Raises:
            UnreachableError: the node does not answer.
        """
        height, time_ns = await self._zone.latest_block()
        if height != self._height:
            self._height, self._store_proof, self._known = height, b"", {}
        known = self._known
        missing = [key for key in dict.fromkeys(keys) if key not in known]
        if missing or not self._store_proof:
            return await self._ask(keys, missing or keys[:1], height, time_ns)
        return self._made(keys, known, self._store_proof, height, time_ns)

    async def _ask(
        self,
        keys: Sequence[bytes],
        missing: Sequence[bytes],
        height: int,
        time_ns: TimeNs,
    ) -> ProvenHeads:
        known = dict(self._known)
        store_proof = b""
        for proven in await self._prove(missing, height - 1):
            layers = MerkleProof.FromString(proven.proof).proofs
            if len(layers) == _LAYERS:
                store_proof = encode(layers[1])
            value = proven.value
            known[proven.key] = None if value is None else (value, encode(layers[0]))
        if height == self._height and len(known) <= self._proofs_kept:
            self._store_proof, self._known = store_proof, known
        return self._made(keys, known, store_proof, height, time_ns)

    async def _prove(self, keys: Sequence[bytes], version: int) -> list[ProvenValue]:
        try:
            return await self._zone.prove(STORE, keys, version)
        except QueryError as refusal:
            if (refusal.codespace, refusal.code) != _EMPTY:
                raise
        return [
            ProvenValue(key=key, value=None, proof=b"", height=version) for key in keys
        ]

    @staticmethod
    def _made(
        keys: Sequence[bytes],
        known: dict[bytes, tuple[bytes, bytes] | None],
        store_proof: bytes,
        height: int,
        time_ns: TimeNs,
    ) -> ProvenHeads:
        return ProvenHeads(
            height=height,
            time_ns=time_ns,
            store_proof=store_proof,
            found=[known[key] for key in keys],
        )
