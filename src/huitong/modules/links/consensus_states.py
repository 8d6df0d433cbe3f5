"""How many consensus states a client keeps.

A light client forgets headers when they expire, one for each new one. At a header every
second that is a million headers for a trusting period of two weeks, so there is a cap:
beyond it the oldest go early. Proofs are made against new headers, so no relayer misses
them; only a fork from before the oldest header can no longer be shown to the client.

The number kept stands beside the client, because counting would mean walking over all.
"""

from __future__ import annotations

from huitong.core.height import Height
from huitong.core.limits import CONSENSUS_STATES_PER_CLIENT_MAX, RECOVERY_PRUNE_MAX
from huitong.core.store.kv import ReadStore, WriteStore
from huitong.light import light_client
from huitong.modules.links import keys
from huitong.modules.links.commitments import decode_sequence, encode_sequence


def find_oldest_height(store: ReadStore, client_id: str) -> Height | None:
    """Return the lowest height that a client knows, None if it knows none."""
    return next(light_client.iterate_consensus_heights(store, client_id), None)


def get_consensus_state_count(store: ReadStore, client_id: str) -> int:
    """Return how many consensus states a client keeps."""
    stored = store.get(keys.consensus_state_count(client_id))
    return 0 if stored is None else decode_sequence(stored)


def note_consensus_state_added(
    store: WriteStore, client_id: str, *, oldest_before: Height | None
) -> None:
    """Count one more consensus state, and let the oldest go if they are too many.

    Args:
        store: the ``ibc`` store.
        client_id: the client.
        oldest_before: lowest height before the change. If it is gone now, the light
            client has let it go, expired or useless since a recovery.
    """
    count = get_consensus_state_count(store, client_id) + 1
    oldest = find_oldest_height(store, client_id)
    if oldest_before is not None and oldest is not None and oldest > oldest_before:
        count -= 1
    if count > CONSENSUS_STATES_PER_CLIENT_MAX and oldest is not None:
        light_client.delete_consensus_state(store, client_id, oldest)
        count -= 1
    store.set(keys.consensus_state_count(client_id), encode_sequence(count))


def prune_after_recovery(store: WriteStore, client_id: str) -> None:
    """Remove some of the consensus states that are useless since the recovery."""
    removed = light_client.prune_below_recovery(store, client_id, RECOVERY_PRUNE_MAX)
    count = get_consensus_state_count(store, client_id) - removed
    store.set(keys.consensus_state_count(client_id), encode_sequence(count))
