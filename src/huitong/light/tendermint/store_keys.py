"""Keys of one client in the ``ibc`` store (ICS-24 and ibc-go's 07-tendermint).

Client and consensus states stand where counterparties expect to prove them; the rest is
this chain's own bookkeeping, under the names that ibc-go uses.
"""

from __future__ import annotations

from huitong.core.height import Height


def client_state_key(client_id: str) -> bytes:
    """Key of the client state."""
    return f"clients/{client_id}/clientState".encode()


def consensus_state_key(client_id: str, height: Height) -> bytes:
    """Key of the consensus state at ``height``."""
    return f"clients/{client_id}/consensusStates/{height}".encode()


def processed_time_key(client_id: str, height: Height) -> bytes:
    """Key of this chain's time when the header arrived: 8 bytes, big-endian, ns."""
    return consensus_state_key(client_id, height) + b"/processedTime"


def processed_height_key(client_id: str, height: Height) -> bytes:
    """Key of this chain's height when the header arrived, as text ``1-42``."""
    return consensus_state_key(client_id, height) + b"/processedHeight"


def recovery_floor_key(client_id: str) -> bytes:
    """Key of the height up to which a recovery took all trust away, as text ``1-42``.

    Ours, not ibc-go's: absent unless the client was recovered.
    """
    return f"clients/{client_id}/recoveryFloor".encode()


def iteration_prefix(client_id: str) -> bytes:
    """Prefix of the keys that walk over a client's consensus states by height."""
    return f"clients/{client_id}/iterateConsensusStates".encode()


def iteration_key(client_id: str, height: Height) -> bytes:
    """Key that sorts by height; its value is the state's key below the client."""
    return iteration_prefix(client_id) + (
        height.revision_number.to_bytes(8, "big")
        + height.revision_height.to_bytes(8, "big")
    )


def iteration_value(height: Height) -> bytes:
    """What stands under an iteration key."""
    return f"consensusStates/{height}".encode()


def height_of_iteration_key(key: bytes) -> Height:
    """Return the height in the last 16 bytes of an iteration key."""
    return Height(int.from_bytes(key[-16:-8], "big"), int.from_bytes(key[-8:], "big"))
