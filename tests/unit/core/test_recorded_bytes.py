"""Bytes of other software: everything decodes strictly and encodes to the same bytes."""

from __future__ import annotations

import base64

import pytest

from huitong.core.codec import decode, encode, unpack_any
from huitong.core.errors import UnauthorizedError
from huitong.core.gogoproto import with_required
from huitong.core.tx import decode_transaction, sign_bytes, verify_signature
from huitong.proto.cosmos.base.tendermint.v1beta1 import query_pb2
from huitong.proto.cosmos.tx.v1beta1 import tx_pb2
from huitong.proto.tendermint.abci import types_pb2 as abci_pb2
from tests.unit.core import recorded
from tests.vectors import load_vector


def test_every_recorded_transaction_decodes_and_its_signature_verifies() -> None:
    seen = recorded.transactions()
    assert len(seen) >= 20
    for chain_id, account_number, raw in seen:
        tx = decode_transaction(raw)
        verify_signature(tx, chain_id, account_number)
        with pytest.raises(UnauthorizedError):
            verify_signature(tx, chain_id, account_number + 1)
        other_chain = "simdb-1" if chain_id == "simda-1" else "simda-1"
        with pytest.raises(UnauthorizedError):
            verify_signature(tx, other_chain, account_number)


def test_recorded_transactions_encode_to_the_same_bytes() -> None:
    for _, _, raw in recorded.transactions():
        envelope = decode(tx_pb2.TxRaw, raw)
        assert encode(envelope) == raw
        body = decode(tx_pb2.TxBody, envelope.body_bytes)
        auth_info = decode(tx_pb2.AuthInfo, envelope.auth_info_bytes)
        assert encode(body) == envelope.body_bytes
        assert encode(auth_info) == envelope.auth_info_bytes


def test_every_recorded_message_and_what_it_carries_decodes_strictly() -> None:
    packed_messages = recorded.packed_messages()
    assert {packed.type_url for packed in packed_messages} == set(recorded.CLASSES)
    for packed in packed_messages:
        message = unpack_any(packed, recorded.CLASSES[packed.type_url])
        assert encode(message) == packed.value


def test_required_submessages_are_what_the_peers_wrote() -> None:
    for packed in recorded.packed_messages():
        message = unpack_any(packed, recorded.CLASSES[packed.type_url])
        assert encode(with_required(message)) == packed.value, packed.type_url


def test_without_its_empty_submessages_a_message_is_restored() -> None:
    shortened = 0
    for packed in recorded.packed_messages():
        message = unpack_any(packed, recorded.CLASSES[packed.type_url])
        drop_empty_submessages(message)
        shortened += encode(message) != packed.value
        assert encode(with_required(message)) == packed.value, packed.type_url
    assert shortened > 10  # otherwise the test says nothing


@pytest.mark.parametrize("key", recorded.state_values())
def test_values_in_the_store_of_a_peer_are_restored(key: str) -> None:
    cls, value = recorded.state_values()[key]
    message = decode(cls, value)
    drop_empty_submessages(message)
    assert encode(with_required(message)) == value


def test_sign_document_is_the_concatenation_of_its_fields() -> None:
    chain_id, account_number, raw = recorded.transactions()[0]
    tx = decode_transaction(raw)
    document = decode(tx_pb2.SignDoc, sign_bytes(tx, chain_id, account_number))
    assert document.body_bytes == tx.body_bytes
    assert document.auth_info_bytes == tx.auth_info_bytes
    assert document.chain_id == chain_id
    assert document.account_number == account_number


def drop_empty_submessages(message: recorded.Message) -> None:
    """Leave out what a naive encoder would not write."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.is_repeated:
            for item in value:
                drop_empty_submessages(item)
            continue
        drop_empty_submessages(value)
        if not value.ListFields():
            message.ClearField(field.name)


def test_recorded_abci_traffic_is_canonical_and_complete() -> None:
    frames = load_vector("cometbft-v0.38.25/abci_traffic.json")
    kinds = set()
    for frame in frames:
        data = bytes.fromhex(frame["hex"])
        cls = abci_pb2.Request if frame["dir"] == "request" else abci_pb2.Response
        message = decode(cls, data)
        kinds.add((frame["dir"], message.WhichOneof("value")))
        assert encode(with_required(message)) == data, frame
    assert ("request", "finalize_block") in kinds
    assert ("response", "finalize_block") in kinds


def test_recorded_node_info_is_canonical() -> None:
    answer = load_vector("simd-v8.8.0/node_info.json")["response"]
    data = base64.b64decode(answer["value"])
    info = decode(query_pb2.GetNodeInfoResponse, data)
    assert info.default_node_info.network == "simda-1"
    assert info.application_version.cosmos_sdk_version == "v0.50.9"
    assert encode(with_required(info)) == data
