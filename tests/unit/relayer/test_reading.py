"""What is read from both zones' state, and what a node no longer has."""

from __future__ import annotations

from contextlib import nullcontext

from structlog.testing import capture_logs

from huitong.client import RpcError
from huitong.core.abci import QueryResult
from huitong.proto.ibc.core.channel.v1 import channel_pb2, query_pb2
from huitong.relayer.lane import Lane
from huitong.relayer.reading import PAGE_SIZE, read_lane
from tests.unit.relayer.models import END_ON_A, END_ON_B, packet


class FakeNode:
    """A zone's answers to questions about one channel; its own endpoint and client."""

    def __init__(
        self,
        *,
        sent=(),
        received=(),
        answered=(),
        indexed=(),
        packets_per_tx: int = 4,
        ordered: bool = False,
        has_index: bool = True,
        traceable=(),
    ) -> None:
        self.sent, self.received, self.answered = (
            list(sent),
            set(received),
            set(answered),
        )
        self.indexed = sorted(indexed)
        self.packets_per_tx = packets_per_tx
        self.ordering = (
            channel_pb2.ORDER_ORDERED if ordered else channel_pb2.ORDER_UNORDERED
        )
        self.searches = 0
        self.has_index = has_index
        self.traceable = set(traceable)
        self.looked_at: list[int] = []

    chain_id = "hangzhou-1"

    @property
    def client(self):
        return self

    @property
    def rpc(self):
        return self

    def reading(self, method: str):
        return nullcontext()

    async def latest_height(self) -> int:
        return 21

    async def query(self, path, request, response, height=0):
        assert height == 20, "what is read must be provable by the newest header"
        if path.endswith("/Channel"):
            channel = channel_pb2.Channel(
                state=channel_pb2.STATE_OPEN, ordering=self.ordering
            )
            return query_pb2.QueryChannelResponse(channel=channel)
        if path.endswith("/NextSequenceReceive"):
            number = max(self.received, default=0) + 1
            return query_pb2.QueryNextSequenceReceiveResponse(
                next_sequence_receive=number
            )
        assert path.endswith("/PacketCommitments")
        start = int(request.pagination.key or b"0")
        page = self.sent[start : start + PAGE_SIZE]
        answer = query_pb2.QueryPacketCommitmentsResponse(
            commitments=[channel_pb2.PacketState(sequence=number) for number in page]
        )
        if start + PAGE_SIZE < len(self.sent):
            answer.pagination.next_key = str(start + PAGE_SIZE).encode()
        return answer

    async def query_many(self, path, requests, response, height=0):
        return [self._answer(path, request) for request in requests]

    def _answer(self, path, request):
        asked = request.packet_commitment_sequences
        if path.endswith("/UnreceivedPackets"):
            unreceived = [number for number in asked if number not in self.received]
            return query_pb2.QueryUnreceivedPacketsResponse(sequences=unreceived)
        found = [number for number in asked if number in self.answered]
        return query_pb2.QueryPacketAcknowledgementsResponse(
            acknowledgements=[
                channel_pb2.PacketState(sequence=number) for number in found
            ]
        )

    async def status(self):
        return {"sync_info": {"earliest_block_height": "1"}}

    async def abci_query(self, path, key, height=0, prove=False):
        """Old versions of the state: packet n was written by block n."""
        self.looked_at.append(height)
        sequence = int(key.decode().rpartition("/")[2])
        stands = height >= sequence and sequence in self.traceable
        return QueryResult(
            code=0,
            codespace="",
            log="",
            key=key,
            value=b"hash" if stands else b"",
            height=height,
            proof_ops=(),
        )

    async def call(self, method, **params):
        assert method == "block_results"
        sequence = int(params["height"])
        kind = "send_packet" if sequence in self.sent else "write_acknowledgement"
        return {"txs_results": [{"events": [_event(kind, sequence)]}]}

    async def call_many(self, calls):
        if not self.has_index:
            refusal = RpcError(
                url="http://node", method="tx_search", reason="indexing is disabled"
            )
            return [refusal for _ in calls]
        self.searches += len(calls)
        return [self._search(method, params["query"]) for method, params in calls]

    def _search(self, method: str, text: str):
        if method == "block_search":
            return {"blocks": []}
        sequence = int(text.rsplit("'", 2)[1])
        if sequence not in self.indexed:
            return {"txs": []}
        place = self.indexed.index(sequence) // self.packets_per_tx
        start = place * self.packets_per_tx
        together = self.indexed[start : start + self.packets_per_tx]
        kind = text.split(".", 1)[0]
        events = [_event(kind, number) for number in together]
        return {"txs": [{"tx_result": {"events": events}}]}


def _event(kind: str, sequence: int):
    sent = packet(sequence)
    attributes = {
        "packet_sequence": str(sequence),
        "packet_src_port": sent.source_port,
        "packet_src_channel": sent.source_channel,
        "packet_dst_port": sent.destination_port,
        "packet_dst_channel": sent.destination_channel,
        "packet_data_hex": sent.data.hex(),
        "packet_timeout_height": "0-0",
        "packet_timeout_timestamp": "0",
        "packet_ack_hex": b"answer".hex(),
    }
    told = [{"key": key, "value": value} for key, value in attributes.items()]
    return {"type": kind, "attributes": told}


async def read(a: FakeNode, b: FakeNode, known: Lane | None = None):
    return await read_lane(a, b, END_ON_A, END_ON_B, known)


async def test_packets_are_read_with_contents_receipts_and_answers():
    a = FakeNode(sent=range(1, 10), indexed=range(1, 10))
    b = FakeNode(received={1, 2, 3}, answered={1, 2}, indexed={1, 2})
    found = await read(a, b)
    lane = found.lane
    assert list(lane.sent) == list(range(1, 10))
    assert lane.sent[7].packet == packet(7)
    assert sorted(lane.received) == [1, 2, 3]
    assert sorted(lane.answers) == [1, 2]
    assert lane.answers[1].acknowledgement == b"answer"
    assert (found.height_on_a, found.height_on_b, found.missing) == (20, 20, ())


async def test_more_packets_than_a_page_are_all_read():
    count = 2 * PAGE_SIZE + 7
    a = FakeNode(
        sent=range(1, count + 1), indexed=range(1, count + 1), packets_per_tx=100
    )
    found = await read(a, FakeNode())
    assert len(found.lane.sent) == count


async def test_few_searches_find_many_packets():
    a = FakeNode(sent=range(1, 1001), indexed=range(1, 1001), packets_per_tx=50)
    await read(a, FakeNode())
    assert a.searches <= 40  # twenty transactions hold them all


async def test_known_contents_are_not_searched_again():
    a = FakeNode(sent=range(1, 10), indexed=range(1, 10))
    b = FakeNode(received={1}, answered={1}, indexed={1})
    first = await read(a, b)
    a.searches = b.searches = 0
    again = await read(a, b, first.lane)
    assert (a.searches, b.searches) == (0, 0)
    assert again.lane == first.lane


async def test_packets_that_the_node_forgot_are_told_and_left_out():
    a = FakeNode(sent=[1, 2, 3, 4], indexed=[3, 4])
    with capture_logs() as logs:
        found = await read(a, FakeNode())
    assert sorted(found.lane.sent) == [3, 4]
    assert found.missing == (1, 2)
    assert "[relayer/7]" in logs[0]["reason"]
    assert "complete transaction index" in logs[0]["reason"]


async def test_packets_without_any_index_are_found_in_their_blocks():
    a = FakeNode(sent=[3, 4, 17], has_index=False, traceable={3, 4, 17})
    found = await read(a, FakeNode(has_index=False))
    assert sorted(found.lane.sent) == [3, 4, 17]
    assert found.lane.sent[17].packet == packet(17)
    assert found.missing == ()
    assert len(a.looked_at) <= 3 * 7  # twenty blocks are halved five times


async def test_contents_that_only_the_receiving_zone_tells_are_taken_from_there():
    a = FakeNode(sent=[1, 2], indexed=[])
    b = FakeNode(received={1, 2}, answered={1}, indexed=[1, 2])
    found = await read(a, b)
    assert sorted(found.lane.sent) == [1, 2]
    assert found.lane.answers[1].acknowledgement == b"answer"
    assert found.missing == ()


async def test_state_that_is_forgotten_is_not_searched():
    a = FakeNode(sent=[5], has_index=False)
    found = await read(a, FakeNode())
    assert found.missing == (5,)
    assert a.looked_at == [20]


async def test_ordered_lane_knows_what_is_taken_next():
    a = FakeNode(sent=[3, 4], indexed=[3, 4], ordered=True)
    b = FakeNode(received={1, 2}, ordered=True)
    found = await read(a, b)
    assert found.lane.is_ordered
    assert found.lane.next_receive_on_b == 3
