"""Typed reads and writes of one client's part of the ``ibc`` store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from huitong.core.codec import decode, encode
from huitong.core.height import Height
from huitong.core.store.kv import ReadStore, WriteStore, prefix_end
from huitong.light.errors import ClientNotFoundError, ConsensusStateNotFoundError
from huitong.light.tendermint.client_state import (
    ClientState,
    client_state_from_any,
    client_state_to_any,
)
from huitong.light.tendermint.consensus_state import (
    ConsensusState,
    consensus_state_from_any,
    consensus_state_to_any,
)
from huitong.light.tendermint.store_keys import (
    client_state_key,
    consensus_state_key,
    height_of_iteration_key,
    iteration_key,
    iteration_prefix,
    iteration_value,
    processed_height_key,
    processed_time_key,
    recovery_floor_key,
)
from huitong.proto.google.protobuf.any_pb2 import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """When a header reached this chain; delay periods count from here."""

    time_ns: int
    """This chain's block time, nanoseconds since the epoch, UTC."""
    height: Height
    """This chain's height."""


def find_client_state(store: ReadStore, client_id: str) -> ClientState | None:
    """Return the client state, if there is such a client."""
    data = store.get(client_state_key(client_id))
    return None if data is None else _client_state(data)


def get_client_state(store: ReadStore, client_id: str) -> ClientState:
    """Return the client state.

    Raises:
        ClientNotFoundError: there is no such client.
        InvalidClientTypeError: the client is of another kind.
    """
    state = find_client_state(store, client_id)
    if state is None:
        raise ClientNotFoundError(client_id=client_id)
    return state


def save_client_state(store: WriteStore, client_id: str, state: ClientState) -> None:
    """Write the client state."""
    store.set(client_state_key(client_id), encode(client_state_to_any(state)))


def find_consensus_state(
    store: ReadStore, client_id: str, height: Height
) -> ConsensusState | None:
    """Return the consensus state at ``height``, if the client has it."""
    data = store.get(consensus_state_key(client_id, height))
    return None if data is None else _consensus_state(data)


def get_consensus_state(
    store: ReadStore, client_id: str, height: Height
) -> ConsensusState:
    """Return the consensus state at ``height``, for whoever is going to rely on it.

    Raises:
        ConsensusStateNotFoundError: the client does not have it, or a recovery took all
            trust in it away.
    """
    floor = get_recovery_floor(store, client_id)
    state = find_consensus_state(store, client_id, height)
    if state is None or height <= floor:
        raise ConsensusStateNotFoundError(client_id=client_id, height=height)
    return state


def get_recovery_floor(store: ReadStore, client_id: str) -> Height:
    """Return the height up to which nothing is trusted; zero without a recovery."""
    data = store.get(recovery_floor_key(client_id))
    return Height.ZERO if data is None else Height.parse(data.decode())


def save_recovery_floor(store: WriteStore, client_id: str, floor: Height) -> None:
    """Write the height up to which nothing is trusted any more."""
    store.set(recovery_floor_key(client_id), str(floor).encode())


def save_consensus_state(
    store: WriteStore,
    client_id: str,
    height: Height,
    state: ConsensusState,
    arrival: Arrival,
) -> None:
    """Write a consensus state with its arrival and its place in the order of heights."""
    store.set(
        consensus_state_key(client_id, height), encode(consensus_state_to_any(state))
    )
    store.set(processed_time_key(client_id, height), arrival.time_ns.to_bytes(8, "big"))
    store.set(processed_height_key(client_id, height), str(arrival.height).encode())
    store.set(iteration_key(client_id, height), iteration_value(height))


def delete_consensus_state(store: WriteStore, client_id: str, height: Height) -> None:
    """Remove a consensus state and all that was written with it."""
    store.delete(consensus_state_key(client_id, height))
    store.delete(processed_time_key(client_id, height))
    store.delete(processed_height_key(client_id, height))
    store.delete(iteration_key(client_id, height))


def find_processed_time_ns(
    store: ReadStore, client_id: str, height: Height
) -> int | None:
    """Return this chain's time when the header at ``height`` arrived."""
    data = store.get(processed_time_key(client_id, height))
    return None if data is None else int.from_bytes(data, "big")


def find_processed_height(
    store: ReadStore, client_id: str, height: Height
) -> Height | None:
    """Return this chain's height when the header at ``height`` arrived."""
    data = store.get(processed_height_key(client_id, height))
    return None if data is None else Height.parse(data.decode())


def iterate_consensus_heights(
    store: ReadStore,
    client_id: str,
    *,
    start: Height = Height.ZERO,
    reverse: bool = False,
) -> Iterator[Height]:
    """Walk over the heights at which the client has a consensus state.

    Args:
        store: the ``ibc`` store.
        client_id: the client.
        start: lowest height of the walk, inclusive.
        reverse: from the highest down to ``start``.
    """
    end = prefix_end(iteration_prefix(client_id))
    first = iteration_key(client_id, start)
    for key, _ in store.iterate(first, end, reverse=reverse):
        yield height_of_iteration_key(key)


def find_next_consensus_state(
    store: ReadStore, client_id: str, height: Height
) -> ConsensusState | None:
    """Return the consensus state at the lowest height above ``height``."""
    first = iteration_key(client_id, height) + b"\x00"
    end = prefix_end(iteration_prefix(client_id))
    for key, _ in store.iterate(first, end):
        return find_consensus_state(store, client_id, height_of_iteration_key(key))
    return None


def find_previous_consensus_state(
    store: ReadStore, client_id: str, height: Height
) -> ConsensusState | None:
    """Return the consensus state at the highest height below ``height``.

    None if that height is so low that a recovery took all trust in it away.
    """
    floor = get_recovery_floor(store, client_id)
    start, end = iteration_key(client_id, floor), iteration_key(client_id, height)
    for key, _ in store.iterate(start + b"\x00", end, reverse=True):
        return find_consensus_state(store, client_id, height_of_iteration_key(key))
    return None


@lru_cache(maxsize=256)
def _client_state(data: bytes) -> ClientState:
    return client_state_from_any(decode(Any, data))


@lru_cache(maxsize=1_024)
def _consensus_state(data: bytes) -> ConsensusState:
    return consensus_state_from_any(decode(Any, data))
