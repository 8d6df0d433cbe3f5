"""The whole life of a client that ran on ibc-go, replayed by ours."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, TypeVar

import pytest
from google.protobuf.message import Message

from huitong.core.codec import decode, encode, type_url_of
from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.core.store.ics23 import InvalidProofError
from huitong.core.store.kv import OverlayStore
from huitong.core.time import parse_rfc3339
from huitong.light import light_client
from huitong.light.status import Status
from huitong.light.tendermint import client_message, client_state, consensus_state
from huitong.light.tendermint.store_keys import client_state_key, consensus_state_key
from huitong.proto.cosmos.tx.v1beta1 import tx_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from tests.unit.light.memory_store import empty_store
from tests.vectors import load_vector

CLIENT = "07-tendermint-0"
HISTORY = "simd-v8.8.0/client_history_b.json"
MessageT = TypeVar("MessageT", bound=Message)


def messages_of(entry: dict[str, Any], cls: type[MessageT]) -> Iterator[MessageT]:
    """Yield the messages of one type in a recorded transaction."""
    raw = decode(tx_pb2.TxRaw, base64.b64decode(entry["tx"]))
    for message in decode(tx_pb2.TxBody, raw.body_bytes).messages:
        if message.type_url == type_url_of(cls):
            yield decode(cls, message.value)


def create(store: OverlayStore, entry: dict[str, Any]) -> None:
    for message in messages_of(entry, client_tx_pb2.MsgCreateClient):
        client_type, state = light_client.decode_client_state(message.client_state)
        light_client.initialize(
            store,
            CLIENT,
            state,
            light_client.decode_consensus_state(client_type, message.consensus_state),
            block_time_ns=parse_rfc3339(entry["block_time"]),
            block_height=Height(1, int(entry["height"])),
        )


def update(store: OverlayStore, entry: dict[str, Any]) -> list[tuple[Height, ...]]:
    heights = []
    now_ns = parse_rfc3339(entry["block_time"])
    for message in messages_of(entry, client_tx_pb2.MsgUpdateClient):
        header = light_client.decode_client_message(CLIENT, message.client_message)
        light_client.verify_client_message(store, CLIENT, header, now_ns=now_ns)
        assert not light_client.check_for_misbehaviour(store, CLIENT, header)
        heights.append(
            light_client.update_state(
                store,
                CLIENT,
                header,
                now_ns=now_ns,
                self_height=Height(1, int(entry["height"])),
            )
        )
    return heights


def replayed() -> OverlayStore:
    """Return a store in which the recorded client has lived its whole life."""
    store = empty_store()
    entries = load_vector(HISTORY)["txs"]
    create(store, entries[0])
    for entry in entries[1:]:
        update(store, entry)
    return store


def test_every_recorded_update_is_accepted_and_gives_the_recorded_height() -> None:
    store = empty_store()
    entries = load_vector(HISTORY)["txs"]
    create(store, entries[0])
    seen = 0
    for entry in entries[1:]:
        for heights, event in zip(
            update(store, entry), entry["update_events"], strict=True
        ):
            told = {a["key"]: a["value"] for a in event["attributes"]}
            assert [str(height) for height in heights] == [told["consensus_height"]]
            seen += 1
    assert seen == 7
    assert str(light_client.latest_height(store, CLIENT)) == "1-141"
    now_ns = parse_rfc3339(entries[-1]["block_time"])
    assert light_client.client_status(store, CLIENT, now_ns=now_ns) is Status.ACTIVE


def test_recorded_states_and_headers_encode_to_the_same_bytes() -> None:
    entries = load_vector(HISTORY)["txs"]
    for message in messages_of(entries[0], client_tx_pb2.MsgCreateClient):
        state = client_state.client_state_from_any(message.client_state)
        assert client_state.client_state_to_any(state) == message.client_state
        consensus = consensus_state.consensus_state_from_any(message.consensus_state)
        packed = consensus_state.consensus_state_to_any(consensus)
        assert packed == message.consensus_state
    for entry in entries[1:]:
        for update_message in messages_of(entry, client_tx_pb2.MsgUpdateClient):
            packed = update_message.client_message
            header = client_message.client_message_from_any(packed)
            assert client_message.client_message_to_any(header) == packed


def packet_commitment(packet: channel_pb2.Packet) -> bytes:
    return sha256(
        packet.timeout_timestamp.to_bytes(8, "big")
        + packet.timeout_height.revision_number.to_bytes(8, "big")
        + packet.timeout_height.revision_height.to_bytes(8, "big")
        + sha256(packet.data)
    )


def verify_packet(
    store: OverlayStore, message: channel_tx_pb2.MsgRecvPacket, **changes: Any
) -> None:
    packet = message.packet
    key = (
        f"commitments/ports/{packet.source_port}/channels/{packet.source_channel}"
        f"/sequences/{packet.sequence}"
    )
    entry = load_vector(HISTORY)["txs"][-1]
    arguments: dict[str, Any] = {
        "proof_height": Height.from_proto(message.proof_height),
        "delay_time_ns": 0,
        "delay_blocks": 0,
        "proof": message.proof_commitment,
        "path": (b"ibc", key.encode()),
        "value": packet_commitment(packet),
        "now_ns": parse_rfc3339(entry["block_time"]),
        "self_height": Height(1, int(entry["height"])),
    }
    light_client.verify_membership(store, CLIENT, **(arguments | changes))


def test_packet_proofs_of_the_last_transaction_verify() -> None:
    store = replayed()
    messages = list(
        messages_of(load_vector(HISTORY)["txs"][-1], channel_tx_pb2.MsgRecvPacket)
    )
    assert messages
    for message in messages:
        verify_packet(store, message)


def test_packet_proof_for_another_commitment_or_key_is_rejected() -> None:
    store = replayed()
    message = next(
        messages_of(load_vector(HISTORY)["txs"][-1], channel_tx_pb2.MsgRecvPacket)
    )
    with pytest.raises(InvalidProofError):
        verify_packet(store, message, value=sha256(b"other"))
    with pytest.raises(InvalidProofError):
        verify_packet(store, message, path=(b"ibc", b"commitments/other"))


def test_stored_states_have_the_bytes_that_ibc_go_proves() -> None:
    """A client of ours is proven to others by the same bytes as one of ibc-go."""
    store = replayed()
    stored = store.get(client_state_key(CLIENT))
    assert stored is not None
    state = light_client.decode_client_state(decode(client_state.Any, stored))[1]
    assert encode(client_state.client_state_to_any(state)) == stored
    assert store.has(consensus_state_key(CLIENT, Height(1, 141)))
