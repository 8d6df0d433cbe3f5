"""Light clients of any kind, as the module that keeps links calls them.

There is one kind today, so its functions stand here under the names that stay when a
second one comes. Callers turn bytes into types through ``decode_*`` once, hand the result
to the other functions, and need not know the kind.

The order of an update is the caller's to keep: ``verify_client_message``, then
``check_for_misbehaviour``, then either ``freeze`` or ``update_state``.
"""

from __future__ import annotations

from huitong.light.registry import kind_of_client, kind_of_client_state
from huitong.light.tendermint.client import (
    chain_id_of,
    check_for_misbehaviour,
    client_status,
    freeze,
    initialize,
    latest_height,
    recover_client,
    recovery_floor,
    timestamp_at_height,
    update_state,
    verify_client_message,
    verify_membership,
    verify_non_membership,
    verify_upgrade,
)
from huitong.light.tendermint.client_message import ClientMessage, Header, Misbehaviour
from huitong.light.tendermint.client_state import ClientState
from huitong.light.tendermint.client_store import (
    delete_consensus_state,
    iterate_consensus_heights,
)
from huitong.light.tendermint.consensus_state import ConsensusState
from huitong.light.tendermint.recovery import prune_below_recovery
from huitong.proto.google.protobuf.any_pb2 import Any

__all__ = [
    "ClientMessage",
    "ClientState",
    "ConsensusState",
    "Header",
    "Misbehaviour",
    "chain_id_of",
    "check_for_misbehaviour",
    "client_status",
    "decode_client_message",
    "decode_client_state",
    "decode_consensus_state",
    "delete_consensus_state",
    "freeze",
    "initialize",
    "iterate_consensus_heights",
    "latest_height",
    "prune_below_recovery",
    "recover_client",
    "recovery_floor",
    "timestamp_at_height",
    "update_state",
    "verify_client_message",
    "verify_membership",
    "verify_non_membership",
    "verify_upgrade",
]


def decode_client_state(any_message: Any) -> tuple[str, ClientState]:
    """Return the type of client and its state, values not yet checked.

    Raises:
        InvalidClientTypeError: no such kind of client.
        RejectedError: not the canonical encoding of its state.
    """
    kind = kind_of_client_state(any_message)
    return kind.client_type, kind.decode_client_state(any_message)


def decode_consensus_state(client_type: str, any_message: Any) -> ConsensusState:
    """Return a consensus state for a client of this type, values not yet checked.

    Raises:
        InvalidClientTypeError: no such kind of client.
        RejectedError: not the canonical encoding of its consensus state.
    """
    kind = kind_of_client(f"{client_type}-0")
    return kind.decode_consensus_state(any_message)


def decode_client_message(client_id: str, any_message: Any) -> ClientMessage:
    """Return what a relayer shows the client; nothing in it is verified.

    Raises:
        InvalidClientTypeError: no such kind of client, or a message of another kind.
        RejectedError: not the canonical encoding of it.
    """
    return kind_of_client(client_id).decode_client_message(any_message)
