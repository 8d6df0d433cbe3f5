"""Genesis state of links: parameters, counters, and every key of the store as it is.

A fresh zone has parameters and three counters at 0: the tree is never empty, so that
absence can be proven from the first block. An exported zone has its whole store besides,
key by key, because counterparties prove exactly these bytes: import and export again
give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from huitong.core.codec import decode
from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.genesis import (
    GenesisError,
    check_known_keys,
    integer_from_json,
    message_from_json,
    message_to_json,
    messages_from_json,
)
from huitong.core.time import NS_PER_SECOND
from huitong.modules.links import keys, state
from huitong.modules.links.commitments import RECEIPT, encode_sequence
from huitong.modules.links.params import check_client_params, check_connection_params
from huitong.proto.google.protobuf.any_pb2 import Any as AnyMessage
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.client.v1 import client_pb2, genesis_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2

#: Longest time that a block is expected to take; delay periods in blocks follow from it.
MAX_EXPECTED_TIME_PER_BLOCK_NS: Final = 30 * NS_PER_SECOND
ALLOWED_CLIENTS: Final = ("07-tendermint",)

_COUNTERS: Final = {
    "next_client_sequence": keys.NEXT_CLIENT_SEQUENCE,
    "next_connection_sequence": keys.NEXT_CONNECTION_SEQUENCE,
    "next_channel_sequence": keys.NEXT_CHANNEL_SEQUENCE,
}
_OWN_ENTRIES: Final = (
    *_COUNTERS.values(),
    keys.CLIENT_PARAMS,
    keys.CONNECTION_PARAMS,
)
_KNOWN: Final = ("client_params", "connection_params", *_COUNTERS, "entries")


def default_client_params() -> client_pb2.Params:
    """Return the parameters of a zone that says nothing else."""
    return client_pb2.Params(allowed_clients=ALLOWED_CLIENTS)


def default_connection_params() -> connection_pb2.Params:
    """Return the parameters of a zone that says nothing else."""
    return connection_pb2.Params(
        max_expected_time_per_block=MAX_EXPECTED_TIME_PER_BLOCK_NS
    )


def init_genesis(ctx: Context, given: dict[str, Any]) -> None:
    """Write the state that a genesis file gives; what it leaves out has its default.

    Raises:
        GenesisError: unknown names, or values that this module could never have written.
    """
    check_known_keys(given, _KNOWN, "links")
    store = ctx.store(keys.STORE)
    client_params = default_client_params()
    if "client_params" in given:
        client_params = message_from_json(
            client_pb2.Params, given["client_params"], "links.client_params"
        )
    connection_params = default_connection_params()
    if "connection_params" in given:
        connection_params = message_from_json(
            connection_pb2.Params, given["connection_params"], "links.connection_params"
        )
    try:
        check_client_params(client_params)
        check_connection_params(connection_params)
    except RejectedError as wrong:
        raise GenesisError(where="links", reason=str(wrong)) from wrong
    state.save_client_params(store, client_params)
    state.save_connection_params(store, connection_params)
    for name, key in _COUNTERS.items():
        number = integer_from_json(given.get(name, 0), f"links.{name}")
        store.set(key, encode_sequence(number))
    _import_entries(ctx, given.get("entries", []))


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return what ``init_genesis`` needs to write the same state again."""
    store = ctx.store(keys.STORE)
    exported: dict[str, Any] = {
        "client_params": message_to_json(state.get_client_params(store)),
        "connection_params": message_to_json(state.get_connection_params(store)),
    }
    for name, key in _COUNTERS.items():
        exported[name] = str(state.get_counter(store, key))
    exported["entries"] = [
        message_to_json(genesis_pb2.GenesisMetadata(key=key, value=value))
        for key, value in store.iterate(b"", None)
        if key not in _OWN_ENTRIES
    ]
    return exported


def _import_entries(ctx: Context, given: object) -> None:
    store = ctx.store(keys.STORE)
    last = b""
    entries = messages_from_json(genesis_pb2.GenesisMetadata, given, "links.entries")
    for index, entry in enumerate(entries):
        where = f"links.entries[{index}]"
        if entry.key <= last:
            raise GenesisError(where=where, reason="keys must ascend")
        last = entry.key
        _check_entry(entry.key, entry.value, where)
        store.set(entry.key, entry.value)


def _check_entry(key: bytes, value: bytes, where: str) -> None:
    if not value:
        raise GenesisError(where=where, reason="the value is empty")
    for prefix, check in _CHECKS:
        if key.startswith(prefix):
            try:
                check(key, value)
            except RejectedError as wrong:
                raise GenesisError(where=where, reason=str(wrong)) from wrong
            return
    raise GenesisError(where=where, reason=f"unknown key {key!r}")


def _check_client_entry(key: bytes, value: bytes) -> None:
    if key.endswith(b"/clientState"):
        decode(AnyMessage, value)
    elif key.endswith(b"/connections"):
        decode(connection_pb2.ClientPaths, value)


def _check_connection_entry(_: bytes, value: bytes) -> None:
    decode(connection_pb2.ConnectionEnd, value)


def _check_channel_entry(_: bytes, value: bytes) -> None:
    decode(channel_pb2.Channel, value)


def _check_sequence_entry(_: bytes, value: bytes) -> None:
    _check_size(value, 8)


def _check_hash_entry(_: bytes, value: bytes) -> None:
    _check_size(value, 32)


def _check_receipt_entry(_: bytes, value: bytes) -> None:
    if value != RECEIPT:
        raise GenesisError(where="receipt", reason=f"holds {value.hex()}")


def _check_size(value: bytes, expected: int) -> None:
    if len(value) != expected:
        raise GenesisError(
            where="value", reason=f"{len(value)} bytes, expected {expected}"
        )


_CHECKS: Final[tuple[tuple[bytes, Callable[[bytes, bytes], None]], ...]] = (
    (b"clients/", _check_client_entry),
    (b"connections/", _check_connection_entry),
    (b"channelEnds/", _check_channel_entry),
    (b"nextSequenceSend/", _check_sequence_entry),
    (b"nextSequenceRecv/", _check_sequence_entry),
    (b"nextSequenceAck/", _check_sequence_entry),
    (b"commitments/", _check_hash_entry),
    (b"receipts/", _check_receipt_entry),
    (b"acks/", _check_hash_entry),
)
