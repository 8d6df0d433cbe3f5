"""Proofs for facts: what another chain holds, proven at a height one's own zone knows.

The zone takes a proof if its light client has the header, and if the delay of the
connection has passed since that header arrived. So the newest such height is looked for
first, and the other chain's node is asked for a proof at exactly that height.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from huitong.client.answers import ProvenValue
from huitong.client.errors import NoProofHeightError, OtherChainError
from huitong.client.zone import ZoneClient
from huitong.core.codec import decode
from huitong.core.errors import NotFoundError
from huitong.core.height import Height
from huitong.light.tendermint.client_state import client_state_from_any
from huitong.light.tendermint.store_keys import (
    processed_height_key,
    processed_time_key,
)
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.modules.links import keys
from huitong.proto.cosmos.base.query.v1beta1.pagination_pb2 import PageRequest
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.ibc.core.client.v1 import query_pb2 as client_query_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2
from huitong.proto.ibc.core.connection.v1 import query_pb2 as connection_query_pb2

#: Heights in one question; the node bounds it.
_HEIGHTS_PAGE: Final = 10_000
#: Heights whose arrival is asked for at once.
_ARRIVALS_AT_ONCE: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """What one's own zone says of a source of facts."""

    client_id: str
    """The light client that vouches."""
    chain_id: str
    """The chain that the client follows."""
    latest_height: Height
    """The newest header that the client knows."""
    trust_level: TrustLevel
    """What share of the validators that it trusts it demands."""
    delay_period_ns: int
    """Time that must pass after a header arrived; 0 for none."""


async def get_source_view(zone: ZoneClient, source: str) -> SourceView:
    """Return what stands behind a source on one's own zone.

    Args:
        zone: one's own zone; its node is believed.
        source: id of a connection or of a light client there.

    Raises:
        NotFoundError: the zone has no such source.
    """
    delay_period_ns = 0
    client_id = source
    if source.startswith("connection-"):
        data = await _read(zone, keys.connection(source), f"connection {source}")
        connection = decode(connection_pb2.ConnectionEnd, data)
        client_id, delay_period_ns = connection.client_id, connection.delay_period
    data = await _read(zone, keys.client_state(client_id), f"client {client_id}")
    state = client_state_from_any(decode(Any, data))
    return SourceView(
        client_id=client_id,
        chain_id=state.chain_id,
        latest_height=state.latest_height,
        trust_level=state.trust_level,
        delay_period_ns=delay_period_ns,
    )


async def prove_for_fact(
    zone: ZoneClient,
    other: ZoneClient,
    source: str,
    store: str,
    key: bytes,
    *,
    height: Height | None = None,
) -> tuple[ProvenValue, Height]:
    """Return what another chain holds under a key, as one's own zone can check it now.

    Args:
        zone: one's own zone; its node is believed.
        other: a node of the other chain; it is not believed.
        source: id of a connection or of a light client on one's own zone.
        store: name of the other chain's store.
        key: key in that store.
        height: a header that the client will know when the proof comes; the newest that
            it can use now if None.

    Returns:
        The value, or its absence, with the proof; and the height of the header that the
        proof leads to.

    Raises:
        NotFoundError: the zone has no such source.
        OtherChainError: the node belongs to another chain than the source.
        NoProofHeightError: no header that the client knows is old enough.
        QueryError: the node does not keep that state any more.
    """
    view = await get_source_view(zone, source)
    actual = await other.chain_id()
    if actual != view.chain_id:
        raise OtherChainError(url=other.url, actual=actual, expected=view.chain_id)
    if height is None and view.delay_period_ns:
        height = await _newest_usable(zone, view)
    height = height or view.latest_height
    (proven,) = await other.prove(store, [key], height.revision_height - 1)
    return proven, height


async def _newest_usable(zone: ZoneClient, view: SourceView) -> Height:
    """Return the newest height whose header arrived long enough ago."""
    own_height, now_ns = await zone.latest_block()
    answer = await zone.query(
        "/ibc.core.connection.v1.Query/ConnectionParams",
        connection_query_pb2.QueryConnectionParamsRequest(),
        connection_query_pb2.QueryConnectionParamsResponse,
    )
    block_ns = max(answer.params.max_expected_time_per_block, 1)
    delay_blocks = -(-view.delay_period_ns // block_ns)
    heights = sorted(await _known_heights(zone, view.client_id), reverse=True)
    path = f"store/{keys.STORE}/key"
    for start in range(0, len(heights), _ARRIVALS_AT_ONCE):
        chunk = heights[start : start + _ARRIVALS_AT_ONCE]
        times = await zone.abci_query_many(
            path, [processed_time_key(view.client_id, height) for height in chunk]
        )
        blocks = await zone.abci_query_many(
            path, [processed_height_key(view.client_id, height) for height in chunk]
        )
        for height, time, block in zip(chunk, times, blocks, strict=True):
            if not time.value or not block.value:
                continue
            arrived_ns = int.from_bytes(time.value, "big")
            arrived_at = Height.parse(block.value.decode()).revision_height
            if (
                arrived_ns + view.delay_period_ns <= now_ns
                and arrived_at + delay_blocks <= own_height
            ):
                return height
    raise NoProofHeightError(
        client_id=view.client_id, delay_s=view.delay_period_ns // 1_000_000_000
    )


async def _known_heights(zone: ZoneClient, client_id: str) -> list[Height]:
    found: list[Height] = []
    page = PageRequest(limit=_HEIGHTS_PAGE)
    while True:
        answer = await zone.query(
            "/ibc.core.client.v1.Query/ConsensusStateHeights",
            client_query_pb2.QueryConsensusStateHeightsRequest(
                client_id=client_id, pagination=page
            ),
            client_query_pb2.QueryConsensusStateHeightsResponse,
        )
        found += [Height.from_proto(item) for item in answer.consensus_state_heights]
        if not answer.pagination.next_key:
            return found
        page = PageRequest(limit=_HEIGHTS_PAGE, key=answer.pagination.next_key)


async def _read(zone: ZoneClient, key: bytes, what: str) -> bytes:
    result = await zone.abci_query(f"store/{keys.STORE}/key", key)
    if result.code or not result.value:
        raise NotFoundError(what=what)
    return result.value
