"""Zones in memory that take a courier's transactions, as far as a courier can see."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from huitong.client import BlockSeen, ProvenValue, TransactionFailedError, TxSeen
from huitong.client.errors import UnreachableError
from huitong.core.codec import unpack_any
from huitong.proto.google.protobuf import any_pb2
from huitong.proto.ibc.core.channel.v1 import tx_pb2
from huitong.relayer.chain import ChainTerms
from huitong.relayer.config import LinkConfig
from huitong.relayer.handshake import Side
from huitong.relayer.lane import Lane, LaneReading
from huitong.relayer.plan import Head
from huitong.relayer.tracker import SideFacts, Tracker
from tests.unit.relayer.models import END_ON_A, END_ON_B, packet

LINK = LinkConfig(
    chain_a="hangzhou-1",
    chain_b="chongqing-1",
    client_on_a="07-tendermint-0",
    client_on_b="07-tendermint-1",
    channel_on_a=END_ON_A.channel_id,
    channel_on_b=END_ON_B.channel_id,
)


@dataclass
class FakeZone:
    """One zone: proves everything it is asked for, and refuses what it is told to."""

    chain_id: str
    poisoned: set[int] = field(default_factory=set)
    refusal: tuple[str, int] = ("channel", 16)
    refuse_at_door: list[tuple[str, int]] = field(default_factory=list)
    is_reachable: bool = True
    waiting: list[tuple[str, list[any_pb2.Any]]] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    broadcasts: list[int] = field(default_factory=list)
    forgotten: int = 0
    simulated: int | None = 0
    gas_limits: list[int] = field(default_factory=list)
    terms: ChainTerms = field(default_factory=ChainTerms)
    height: int = 10

    # An Endpoint has these apart; here they are one.
    @property
    def client(self):
        return self

    @property
    def sender(self):
        return self

    @property
    def headers(self):
        return self

    address = "ht1relayer"

    def next_sender(self, *, in_order: bool = False):
        return self

    def forget_sequences(self) -> None:
        self.forget_sequence()

    async def client_messages(self, height, trusted_height, get_trust_level):
        return [any_pb2.Any(type_url="/header", value=b"h")]

    async def prove(self, store: str, keys: list[bytes], height: int):
        if not self.is_reachable:
            raise UnreachableError(url="http://nowhere", reason="refused")
        return [
            ProvenValue(key=key, value=b"\x01" * 32, proof=b"proof", height=height)
            for key in keys
        ]

    async def estimate_gas(self, packed, margin_percent: int) -> int:
        if self.simulated is None:
            raise TransactionFailedError(codespace="ibc", code=9, log="too early")
        return self.simulated

    async def broadcast(self, packed, *, gas_limit: int) -> str:
        self.gas_limits.append(gas_limit)
        self.broadcasts.append(len(_sequences(packed)))
        if self.refuse_at_door:
            codespace, code = self.refuse_at_door.pop(0)
            raise TransactionFailedError(codespace=codespace, code=code, log="no")
        raw = base64.b64encode(f"{self.chain_id} {len(self.broadcasts)}".encode())
        self.waiting.append((raw.decode(), list(packed)))
        return hashlib.sha256(base64.b64decode(raw)).hexdigest().upper()

    def forget_sequence(self) -> None:
        self.forgotten += 1

    def make_block(self) -> BlockSeen:
        """Carry out what waits: a transaction with a poisoned packet fails as a whole."""
        self.height += 1
        txs = [self._carry_out(raw, packed) for raw, packed in self.waiting]
        self.waiting = []
        return BlockSeen(height=self.height, time_ns=self.height * 1_000, txs=txs)

    def _carry_out(self, raw: str, packed: list[any_pb2.Any]) -> TxSeen:
        sequences = _sequences(packed)
        fails = bool(self.poisoned & set(sequences))
        codespace, code = self.refusal if fails else ("", 0)
        if not fails:
            self.received += sequences
        return TxSeen(
            raw=raw,
            code=code,
            codespace=codespace,
            log="poisoned" if fails else "",
            data="",
            gas_used=0,
            events=[] if fails else [_received(sequence) for sequence in sequences],
        )


def _sequences(packed: list[any_pb2.Any]) -> list[int]:
    return [
        unpack_any(message, tx_pb2.MsgRecvPacket).packet.sequence
        for message in packed
        if message.type_url == "/ibc.core.channel.v1.MsgRecvPacket"
    ]


def _received(sequence: int) -> dict[str, object]:
    told = {
        "packet_sequence": str(sequence),
        "packet_src_port": END_ON_A.port_id,
        "packet_src_channel": END_ON_A.channel_id,
        "packet_dst_port": END_ON_B.port_id,
        "packet_dst_channel": END_ON_B.channel_id,
    }
    return {
        "type": "recv_packet",
        "attributes": [{"key": key, "value": value} for key, value in told.items()],
    }


def tracker_with(count: int) -> Tracker:
    """A link of which a has sent ``count`` packets that b has not received."""
    tracker = Tracker(link=LINK)
    onward = Lane(end_on_a=END_ON_A, end_on_b=END_ON_B)
    for sequence in range(1, count + 1):
        onward.add_sent(packet(sequence), 5)
    back = Lane(end_on_a=END_ON_B, end_on_b=END_ON_A)
    readings = {
        side: LaneReading(lane=lane, height_on_a=9, height_on_b=9, missing=())
        for side, lane in ((Side.A, onward), (Side.B, back))
    }
    head = Head(revision=1, height=10, time_ns=10_000)
    facts = {
        side: SideFacts(head=head, client_height=3, client_time_ns=3_000)
        for side in Side
    }
    tracker.take_readings(readings, facts)
    return tracker
