"""ibc-go's own messages carried out here: same verdicts, same events, same bytes.

``client_history_b.json`` holds every transaction that touched a client of ``simdb-1``:
creating it, opening connection and channel, receiving packets. Our module takes the part
of ``simdb-1``.
"""

from __future__ import annotations

import base64
from itertools import pairwise
from typing import Any

import pytest

from huitong.core.codec import decode, encode
from huitong.core.context import BlockContext, Context
from huitong.core.events import Event
from huitong.core.gas import GasMeter
from huitong.core.height import Height
from huitong.core.time import parse_rfc3339
from huitong.core.tx import decode_transaction
from huitong.modules import links
from huitong.modules.links import keys, state
from huitong.modules.links.commitments import commit_packet
from huitong.proto.google.protobuf.any_pb2 import Any as AnyMessage
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx_pb2
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2
from huitong.testing.contexts import MemoryState
from huitong.testing.mock_application import MockApplication
from tests.vectors import load_vector

ROUTES = {
    f"/{route.request.DESCRIPTOR.full_name}": route for route in links.MODULE.messages
}
IBC_KINDS = (
    "create_client",
    "update_client",
    "connection_open_try",
    "connection_open_confirm",
    "channel_open_try",
    "channel_open_confirm",
    "recv_packet",
    "write_acknowledgement",
)


class Replayed:
    """The state of ``simdb-1`` after its history, and the events of each transaction."""

    def __init__(self) -> None:
        self.state = MemoryState()
        transfer = MockApplication("ics20-1", acknowledgement=b'{"result":"AQ=="}')
        self.ports = {"transfer": transfer}
        self.events: dict[int, list[Event]] = {}
        ctx = self._context(0, 1)
        links.MODULE.init_genesis(ctx, {})
        self.state.commit(ctx)
        for recorded in load_vector("simd-v8.8.0/client_history_b.json")["txs"]:
            time_ns = parse_rfc3339(recorded["block_time"])
            self._run(int(recorded["height"]), time_ns, recorded["tx"])

    def context(self) -> Context:
        return self._context(1_000, 1)

    def _context(self, height: int, time_ns: int) -> Context:
        block = BlockContext(
            chain_id="simdb-1",
            height=Height(1, height),
            time_ns=time_ns,
            header_hash=b"",
        )
        gas = GasMeter(None)
        return Context(block=block, source=self.state, gas=gas, ports=self.ports)

    def _run(self, height: int, time_ns: int, raw: str) -> None:
        ctx = self._context(height, time_ns)
        for packed in decode_transaction(base64.b64decode(raw)).messages:
            route = ROUTES[packed.type_url]
            message = decode(route.request, packed.value)
            route.check(ctx, message)
            route.apply(ctx, message)
        self.state.commit(ctx)
        self.events[height] = list(ctx.events)


@pytest.fixture(scope="module")
def simdb() -> Replayed:
    return Replayed()


def recorded_events(name: str) -> tuple[int, list[dict[str, Any]]]:
    """Return the height and the events of one recorded transaction."""
    tx = load_vector(f"simd-v8.8.0/{name}.json")["tx"]
    return int(tx["height"]), tx["tx_result"]["events"]


@pytest.mark.parametrize(
    "name",
    [
        "flow_conn_try",
        "flow_conn_confirm",
        "flow_chan_try",
        "flow_chan_confirm",
        "flow_recv",
    ],
)
def test_events_equal_those_of_ibc_go(simdb: Replayed, name: str) -> None:
    height, recorded = recorded_events(name)
    ours = [event for event in simdb.events[height] if event.kind in IBC_KINDS]
    theirs = [event for event in recorded if event["type"] in IBC_KINDS]
    assert [event.kind for event in ours] == [event["type"] for event in theirs]
    for mine, their in zip(ours, theirs, strict=True):
        told = dict(mine.attributes)
        wanted = {item["key"]: item["value"] for item in their["attributes"]}
        del wanted["msg_index"]
        assert {key: told.get(key) for key in wanted} == wanted


def test_every_ibc_event_is_followed_by_its_module(simdb: Replayed) -> None:
    for events in simdb.events.values():
        for event, after in pairwise(events):
            if event.kind in IBC_KINDS:
                assert after.kind == "message"
                assert after.find("module") in {
                    "ibc_client",
                    "ibc_connection",
                    "ibc_channel",
                }


def test_state_equals_what_ibc_go_proved(simdb: Replayed) -> None:
    store = simdb.context().store(keys.STORE)
    rows = load_vector("simd-v8.8.0/abci_query_proofs_b.json")["rows"]
    compared = 0
    for row in rows:
        if row["key"].startswith("clients/"):
            continue  # its latest height is that of a later update
        value = base64.b64decode(row["answer"]["value"] or "")
        assert (store.get(row["key"].encode()) or b"") == value, row["key"]
        compared += 1
    assert compared == 3


def test_proven_commitment_equals_the_formula() -> None:
    tx = load_vector("simd-v8.8.0/flow_recv.json")["tx"]["tx"]
    checked = 0
    for packed in decode_transaction(base64.b64decode(tx)).messages:
        if not packed.type_url.endswith("MsgRecvPacket"):
            continue
        message = decode(channel_tx_pb2.MsgRecvPacket, packed.value)
        proof = commitment_pb2.MerkleProof.FromString(message.proof_commitment)
        exist = proof.proofs[0].exist
        packet = message.packet
        assert exist.value == commit_packet(packet)
        assert exist.key == keys.commitment("transfer", "channel-0", packet.sequence)
        checked += 1
    assert checked > 0


@pytest.mark.parametrize(
    ("key", "cls"),
    [
        ("clients/07-tendermint-0/clientState", AnyMessage),
        ("connections/connection-0", connection_pb2.ConnectionEnd),
        ("channelEnds/ports/transfer/channels/channel-0", channel_pb2.Channel),
    ],
)
def test_values_written_by_ibc_go_encode_to_the_same_bytes(key: str, cls: Any) -> None:
    rows = load_vector("simd-v8.8.0/abci_query_proofs.json")["rows"]
    (value,) = (
        base64.b64decode(row["answer"]["value"]) for row in rows if row["key"] == key
    )
    assert encode(decode(cls, value)) == value


def test_ends_built_here_encode_as_ibc_go_encodes_them(simdb: Replayed) -> None:
    rows = {
        row["key"]: base64.b64decode(row["answer"]["value"] or "")
        for row in load_vector("simd-v8.8.0/abci_query_proofs.json")["rows"]
    }
    store = simdb.context().store(keys.STORE)
    # The two ends of one connection and channel mirror each other: turned round, ours
    # must be the other chain's, to the byte.
    connection = state.get_connection(store, "connection-0")
    assert encode(connection) == rows["connections/connection-0"]
    channel = state.get_channel(store, "transfer", "channel-0")
    assert encode(channel) == rows["channelEnds/ports/transfer/channels/channel-0"]


def test_sequences_are_stored_as_ibc_go_stores_them(simdb: Replayed) -> None:
    rows = {
        row["key"]: base64.b64decode(row["answer"]["value"] or "")
        for row in load_vector("simd-v8.8.0/abci_query_proofs.json")["rows"]
    }
    assert len(rows["nextSequenceSend/ports/transfer/channels/channel-0"]) == 8
    store = simdb.context().store(keys.STORE)
    for key in (
        "nextSequenceRecv/ports/transfer/channels/channel-0",
        "nextClientSequence",
    ):
        assert store.get(key.encode()) == rows[key]
