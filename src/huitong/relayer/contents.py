"""Finding what is in packets and acknowledgements, of which the state holds only hashes.

They are looked for in this order, each place only for what the one before did not give:

1. the node's index of transactions, by the packet's attributes;
2. its index of blocks, for what was told outside of transactions;
3. for packets: the other zone, which tells a packet's contents where it received it;
4. the blocks themselves: old versions of the state show in which block a hash appeared,
   also on a node without any index.

What none of them gives, a node with more history may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from huitong.client import QueryError, RpcError, ZoneClient
from huitong.client.calls import all_answered
from huitong.modules.links import keys
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.relayer import packet_events
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.errors import PacketDataMissingError
from huitong.relayer.lane import ChannelEnd
from huitong.relayer.packet_events import PacketEvent

log = structlog.get_logger("relayer")

#: Searches in one round trip.
SEARCHES_PER_ROUND: Final = 10
#: Hashes whose block is sought in old versions of the state at one reading; each takes
#: about twenty questions, and its block mostly tells of many more.
HASHES_TRACED_MAX: Final = 20


@dataclass(slots=True)
class _Search:
    """What is looked for on one channel, and what was found."""

    client: ZoneClient
    end_on_a: ChannelEnd
    end_on_b: ChannelEnd
    absent: set[int]
    found: dict[int, PacketEvent] = field(default_factory=dict)

    def take(self, told: PacketEvent) -> None:
        """Keep an event if it tells of something that is looked for."""
        a, b = self.end_on_a, self.end_on_b
        is_of_channel = told.is_from(a.port_id, a.channel_id) and told.is_to(
            b.port_id, b.channel_id
        )
        if is_of_channel and told.sequence in self.absent:
            self.found[told.sequence] = told
            self.absent.discard(told.sequence)

    def query(self, kind: str, sequence: int) -> str:
        """Return the search for one packet's event."""
        terms = (
            ("packet_src_channel", self.end_on_a.channel_id),
            ("packet_src_port", self.end_on_a.port_id),
            ("packet_dst_channel", self.end_on_b.channel_id),
            ("packet_dst_port", self.end_on_b.port_id),
            ("packet_sequence", str(sequence)),
        )
        return " AND ".join(f"{kind}.{key} = '{value}'" for key, value in terms)


async def find_packets(
    a: Endpoint,
    b: Endpoint,
    end_on_a: ChannelEnd,
    end_on_b: ChannelEnd,
    sequences: Iterable[int],
    height_on_a: int,
) -> dict[int, channel_pb2.Packet]:
    """Return the packets with these sequences that ``a`` sent, as far as found.

    Args:
        a: the zone that sent them.
        b: the zone that they are for.
        end_on_a: the channel's end on a.
        end_on_b: the channel's end on b.
        sequences: of packets whose commitments stand on a.
        height_on_a: a version of a's state with these commitments.
    """
    search = _Search(a.client, end_on_a, end_on_b, set(sequences))

    def key_of(sequence: int) -> bytes:
        return keys.commitment(end_on_a.port_id, end_on_a.channel_id, sequence)

    await _search_indexes(search, packet_events.SEND_PACKET)
    if search.absent:
        across = _Search(b.client, end_on_a, end_on_b, search.absent, search.found)
        await _search_txs(across, packet_events.RECV_PACKET)
    await _trace(search, packet_events.SEND_PACKET, key_of, height_on_a)
    _tell_missing(a, end_on_a, search)
    with a.client.rpc.reading("tx_search"):
        return {sequence: told.packet() for sequence, told in search.found.items()}


async def find_answers(
    b: Endpoint,
    end_on_a: ChannelEnd,
    end_on_b: ChannelEnd,
    sequences: Iterable[int],
    height_on_b: int,
) -> dict[int, bytes]:
    """Return the acknowledgements that ``b`` wrote, by sequence, as far as found.

    Args:
        b: the zone that received the packets.
        end_on_a: the channel's end where they were sent.
        end_on_b: the channel's end on b.
        sequences: of packets whose acknowledgements stand on b.
        height_on_b: a version of b's state with these acknowledgements.
    """
    search = _Search(b.client, end_on_a, end_on_b, set(sequences))

    def key_of(sequence: int) -> bytes:
        return keys.acknowledgement(end_on_b.port_id, end_on_b.channel_id, sequence)

    kind = packet_events.WRITE_ACKNOWLEDGEMENT
    await _search_indexes(search, kind)
    await _trace(search, kind, key_of, height_on_b)
    _tell_missing(b, end_on_b, search)
    with b.client.rpc.reading("tx_search"):
        return {
            sequence: told.acknowledgement() for sequence, told in search.found.items()
        }


# --- indexes ----------------------------------------------------------------------------


async def _search_indexes(search: _Search, kind: str) -> None:
    await _search_txs(search, kind)
    if search.absent:
        await _search_blocks(search, kind)


async def _search_txs(search: _Search, kind: str) -> None:
    """Look for the transactions that told ``kind`` of what is absent.

    A transaction usually holds many packets, so each round asks for a few sequences far
    apart and takes all that comes with them.
    """
    tried: set[int] = set()
    while open_ones := sorted(search.absent - tried):
        asked = _spread(open_ones, SEARCHES_PER_ROUND)
        tried |= set(asked)
        found = await _ask_index(search, "tx_search", kind, asked)
        if found is None:
            return
        with search.client.rpc.reading("tx_search"):
            for answer in found:
                for tx in answer["txs"]:
                    _take_events(search, kind, tx["tx_result"].get("events") or [])


async def _search_blocks(search: _Search, kind: str) -> None:
    """Look for blocks that told ``kind`` outside of their transactions."""
    tried: set[int] = set()
    while open_ones := sorted(search.absent - tried):
        asked = _spread(open_ones, SEARCHES_PER_ROUND)
        tried |= set(asked)
        found = await _ask_index(search, "block_search", kind, asked)
        if found is None:
            return
        with search.client.rpc.reading("block_search"):
            heights = {
                int(block["block"]["header"]["height"])
                for answer in found
                for block in answer["blocks"]
            }
        for height in sorted(heights):
            await _read_block(search, kind, height)


async def _ask_index(
    search: _Search, method: str, kind: str, sequences: Sequence[int]
) -> list[Any] | None:
    """Return an answer for each sequence; None if the node has no such index."""
    calls = [
        (
            method,
            {"query": search.query(kind, sequence), "per_page": "1", "page": "1"},
        )
        for sequence in sequences
    ]
    try:
        return all_answered(await search.client.rpc.call_many(calls))
    except RpcError:
        return None


# --- blocks and old versions of the state -----------------------------------------------


async def _trace(
    search: _Search, kind: str, key_of: Callable[[int], bytes], height: int
) -> None:
    """Find the blocks in which hashes appeared, and read what those blocks told."""
    if not search.absent:
        return
    status = await search.client.status()
    with search.client.rpc.reading("status"):
        earliest = int(status["sync_info"].get("earliest_block_height") or 1)
    tried: set[int] = set()
    for _ in range(HASHES_TRACED_MAX):
        open_ones = sorted(search.absent - tried)
        if not open_ones:
            return
        tried.add(open_ones[0])
        found = await _first_height(
            search.client, key_of(open_ones[0]), max(earliest, 1), height
        )
        if found:
            await _read_block(search, kind, found)


async def _first_height(
    client: ZoneClient, key: bytes, lowest: int, highest: int
) -> int:
    """Return the block that wrote ``key``, by halving; 0 if its state is forgotten."""
    if not await _holds(client, key, highest):
        return 0
    while lowest < highest:
        middle = (lowest + highest) // 2
        if await _holds(client, key, middle):
            highest = middle
        else:
            lowest = middle + 1
    return highest


async def _holds(client: ZoneClient, key: bytes, height: int) -> bool:
    """Return whether a version holds a key; one that is forgotten counts as one without."""
    answer = await client.abci_query(f"store/{keys.STORE}/key", key, height)
    return not answer.code and bool(answer.value)


async def _read_block(search: _Search, kind: str, height: int) -> None:
    try:
        answer = await search.client.rpc.call("block_results", height=str(height))
    except (RpcError, QueryError):
        return  # the node has forgotten the block
    with search.client.rpc.reading("block_results"):
        for result in answer["txs_results"] or []:
            if not result.get("code"):
                _take_events(search, kind, result.get("events") or [])
        _take_events(search, kind, answer.get("finalize_block_events") or [])


# --- common -----------------------------------------------------------------------------


def _take_events(
    search: _Search, kind: str, events: Iterable[Mapping[str, Any]]
) -> None:
    for told in _packet_events(events, kind):
        search.take(told)


def _packet_events(
    events: Iterable[Mapping[str, Any]], kind: str
) -> Iterator[PacketEvent]:
    for told in packet_events.read_relay_events(events):
        if isinstance(told, PacketEvent) and told.kind == kind:
            yield told


def _tell_missing(zone: Endpoint, end: ChannelEnd, search: _Search) -> None:
    if not search.absent:
        return
    missing = PacketDataMissingError(
        chain_id=zone.chain_id,
        sequence=min(search.absent),
        channel_id=end.channel_id,
    )
    log.warning(
        "packet_contents_missed",
        count=len(search.absent),
        reason=missing.diagnostics(),
    )


def _spread(sequences: list[int], count: int) -> list[int]:
    """Return at most ``count`` of the sequences, evenly far apart."""
    step = -(-len(sequences) // count)
    return sequences[::step]
