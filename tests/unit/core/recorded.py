"""Transactions and state values that peers written in Go and Rust produced."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf.message import Message

from huitong.core.codec import type_url_of, unpack_any
from huitong.core.tx import decode_transaction
from huitong.proto.google.protobuf import any_pb2
from huitong.proto.ibc.applications.transfer.v1 import tx_pb2 as transfer_tx_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2
from huitong.proto.ibc.core.connection.v1 import tx_pb2 as connection_tx_pb2
from huitong.proto.ibc.lightclients.tendermint.v1 import tendermint_pb2
from tests.vectors import load_vector

#: Each file with the chain that it was recorded on and the accounts that signed in it:
#: 1 is the relayer's, 9 the one that sends transfers.
FILES = {
    "client_history_b": ("simdb-1", 1),
    "flow_ack": ("simda-1", 1),
    "flow_chan_ack": ("simda-1", 1),
    "flow_chan_confirm": ("simdb-1", 1),
    "flow_chan_init": ("simda-1", 1),
    "flow_chan_try": ("simdb-1", 1),
    "flow_conn_ack": ("simda-1", 1),
    "flow_conn_confirm": ("simdb-1", 1),
    "flow_conn_init": ("simda-1", 1),
    "flow_conn_try": ("simdb-1", 1),
    "flow_create_client": ("simda-1", 1),
    "flow_recv": ("simdb-1", 1),
    "tx_search_send_packet": ("simda-1", 9),
}

CLASSES: dict[str, type[Message]] = {
    type_url_of(cls): cls
    for cls in (
        client_tx_pb2.MsgCreateClient,
        client_tx_pb2.MsgUpdateClient,
        connection_tx_pb2.MsgConnectionOpenInit,
        connection_tx_pb2.MsgConnectionOpenTry,
        connection_tx_pb2.MsgConnectionOpenAck,
        connection_tx_pb2.MsgConnectionOpenConfirm,
        channel_tx_pb2.MsgChannelOpenInit,
        channel_tx_pb2.MsgChannelOpenTry,
        channel_tx_pb2.MsgChannelOpenAck,
        channel_tx_pb2.MsgChannelOpenConfirm,
        channel_tx_pb2.MsgRecvPacket,
        channel_tx_pb2.MsgAcknowledgement,
        transfer_tx_pb2.MsgTransfer,
        tendermint_pb2.ClientState,
        tendermint_pb2.ConsensusState,
        tendermint_pb2.Header,
    )
}


@cache
def transactions() -> tuple[tuple[str, int, bytes], ...]:
    """Return ``(chain id, account number, bytes)`` of every recorded transaction."""
    return tuple(
        (chain_id, account_number, raw)
        for name, (chain_id, account_number) in FILES.items()
        for raw in _transactions_in(load_vector(f"simd-v8.8.0/{name}.json"))
    )


@cache
def packed_messages() -> tuple[any_pb2.Any, ...]:
    """Return every message of the transactions and what these carry, once each."""
    found: dict[tuple[str, bytes], any_pb2.Any] = {}
    for _, _, raw in transactions():
        for packed in decode_transaction(raw).messages:
            found[packed.type_url, packed.value] = packed
            for inner in anys_in(unpack_any(packed, CLASSES[packed.type_url])):
                found[inner.type_url, inner.value] = inner
    return tuple(found.values())


@cache
def state_values() -> dict[str, tuple[type[Message], bytes]]:
    """Return values in the store of a chain with their types, by their keys."""
    rows = load_vector("simd-v8.8.0/abci_query_proofs.json")["rows"]
    by_key = {row["key"]: row["answer"]["value"] for row in rows}
    kinds: dict[str, type[Message]] = {
        "clients/07-tendermint-0/clientState": any_pb2.Any,
        "connections/connection-0": connection_pb2.ConnectionEnd,
        "channelEnds/ports/transfer/channels/channel-0": channel_pb2.Channel,
    }
    return {key: (cls, base64.b64decode(by_key[key])) for key, cls in kinds.items()}


def anys_in(message: Message) -> Iterator[any_pb2.Any]:
    """Yield every non-empty ``Any`` in ``message``, at any depth."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for item in value if field.is_repeated else [value]:
            if isinstance(item, any_pb2.Any):
                if item.type_url:
                    yield item
            else:
                yield from anys_in(item)


def _transactions_in(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        if isinstance(value.get("tx"), str):
            yield base64.b64decode(value["tx"])
        for name, inner in value.items():
            if name not in {"block", "block_results"}:
                yield from _transactions_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _transactions_in(inner)
