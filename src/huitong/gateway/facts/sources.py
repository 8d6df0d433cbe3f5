"""What the own zone knows of a fact, and what its source shows now.

Nothing that the other zone's node says is believed: it goes to the own zone with its
proof, or is a hint that a proof is worth bringing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from google.protobuf.message import Message

from huitong.client.errors import QueryError
from huitong.client.fact_proofs import SourceView, get_source_view, prove_for_fact
from huitong.client.zone import ZoneClient
from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.gateway.exchange.errors import OtherZoneUnknownError
from huitong.gateway.facts.errors import FactHeaderAwaitedError
from huitong.gateway.facts.model import FactPlace
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.modules.facts import fact_id_of
from huitong.modules.facts.errors import FactNotFoundError
from huitong.proto.huitong.facts.v1 import facts_pb2 as pb
from huitong.proto.ibc.core.client.v1.tx_pb2 import MsgUpdateClient
from huitong.relayer.headers import HeaderSource

_QUERY = "/huitong.facts.v1.Query/Fact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a source shows at a height."""

    digest: bytes
    """SHA-256 of the value; empty where nothing stands."""
    height: Height
    """Header that proves it."""


@final
class FactSources:
    """The own zone, and the others that facts come from."""

    def __init__(
        self, zone: ZoneClient, zones: Mapping[str, ZoneClient], *, updates: bool
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            zone: the own zone, whose node is believed.
            zones: nodes of others by chain id; none is believed.
            updates: whether newer headers are shown to the own zone's light clients.
        """
        self.zone = zone
        """The own zone."""
        self._zones = zones
        self._updates = updates

    async def find(self, fact_id: bytes) -> pb.FactView | None:
        """Return a fact of the own zone, or None."""
        try:
            answer = await self.zone.query(
                _QUERY, pb.QueryFactRequest(fact_id=fact_id), pb.QueryFactResponse
            )
        except QueryError as refusal:
            absent = (FactNotFoundError.codespace, FactNotFoundError.code)
            if (refusal.codespace, refusal.code) == absent:
                return None
            raise
        return answer.fact

    async def messages(self, place: FactPlace, signer: str) -> list[Message]:
        """Return what brings the newest state of a fact to the own zone.

        Returns:
            Headers for the light client, if they may be shown and are needed, then the
            import. Empty if the zone knows the fact as of a state that is as new.

        Raises:
            OtherZoneUnknownError: the settings name no node of the other zone.
            NotFoundError, NoProofHeightError, OtherChainError: see ``prove_for_fact``.
            UnavailableError: a node does not answer.
        """
        view = await get_source_view(self.zone, place.source)
        other = self._other(view)
        messages: list[Message] = []
        height = None
        if self._updates and not view.delay_period_ns:
            messages, height = await self._headers(view, other, signer)
        proven, height = await prove_for_fact(
            self.zone, other, place.source, place.store, place.key, height=height
        )
        known = await self.find(fact_id_of(place.source, place.store, place.key))
        if known and height <= Height.from_proto(known.fact.source_height):
            return []
        imported = pb.MsgImportFact(
            signer=signer,
            source=place.source,
            store=place.store,
            key=place.key,
            value=proven.value or b"",
            absent=proven.value is None,
            proof=proven.proof,
            proof_height=height.to_proto(),
        )
        return [*messages, imported]

    async def look(self, fact: pb.Fact) -> Shown:
        """Return what the source shows where the own zone could verify it now.

        Raises:
            OtherZoneUnknownError: the settings name no node of the other zone.
            NotFoundError, NoProofHeightError, OtherChainError: see ``prove_for_fact``.
            UnavailableError: a node does not answer.
        """
        view = await get_source_view(self.zone, fact.source)
        other = self._other(view)
        height = None
        if self._updates and not view.delay_period_ns:
            newest = await other.latest_height()
            if newest > view.latest_height.revision_height:
                height = Height(view.latest_height.revision_number, newest)
        proven, height = await prove_for_fact(
            self.zone, other, fact.source, fact.store, fact.key, height=height
        )
        return Shown(digest=_digest(proven.value), height=height)

    async def peek(self, fact: pb.Fact) -> bytes:
        """Return what the source's node says of now; nothing vouches for it.

        Returns:
            SHA-256 of the value; empty where nothing stands.
        """
        other = self._other(await get_source_view(self.zone, fact.source))
        newest = await other.latest_height()
        (proven,) = await other.prove(fact.store, [fact.key], newest - 1)
        return _digest(proven.value)

    def header_awaited(self, fact: pb.Fact) -> FactHeaderAwaitedError:
        """Return the failure that the own zone can verify nothing newer of a fact."""
        return FactHeaderAwaitedError(
            client_id=fact.client_id,
            chain_id=fact.chain_id,
            known=Height.from_proto(fact.source_height),
        )

    def _other(self, view: SourceView) -> ZoneClient:
        try:
            return self._zones[view.chain_id]
        except KeyError:
            raise OtherZoneUnknownError(chain_id=view.chain_id) from None

    @staticmethod
    async def _headers(
        view: SourceView, other: ZoneClient, signer: str
    ) -> tuple[list[Message], Height | None]:
        """Return what brings the light client to the newest header, and its height."""
        newest, known = await other.latest_height(), view.latest_height.revision_height
        if newest <= known:
            return [], None
        headers = HeaderSource(other, view.latest_height.revision_number)

        async def trust_level() -> TrustLevel:
            return view.trust_level

        messages: list[Message] = [
            MsgUpdateClient(
                client_id=view.client_id, client_message=each, signer=signer
            )
            for each in await headers.client_messages(newest, known, trust_level)
        ]
        return messages, Height(view.latest_height.revision_number, newest)


def _digest(value: bytes | None) -> bytes:
    return b"" if value is None else sha256(value)
