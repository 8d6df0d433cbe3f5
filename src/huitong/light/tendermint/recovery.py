"""Reviving a frozen or expired client from another that follows the same chain.

Only governance asks for this. Rules (ibc-go 02-client ``RecoverClient``, 07-tendermint
``proposal_handle.go``): the subject is not active; the substitute is, and is ahead; both
have the same terms, but for chain id, heights and trusting period. The subject takes over
the substitute's newest consensus state with its arrival, and is no longer frozen.

Stricter than ibc-go: of what the subject knew before, nothing is trusted any more. A
client is frozen because validators signed two histories, and headers of the wrong one
may be among those that it remembers; members decide by the recovery which one is right.
So every older consensus state lies at or below a floor, and neither proves anything, nor
leads to new headers, nor is there to be contradicted. Some of them go at once, the others
one with each later header, because there may be a hundred thousand.
"""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import islice

from huitong.core.height import Height
from huitong.core.store.kv import ReadStore, WriteStore
from huitong.light.errors import (
    ClientNotActiveError,
    InvalidClientHeightError,
    InvalidRecoveryClientError,
    InvalidSubstituteError,
)
from huitong.light.status import Status
from huitong.light.tendermint.client_state import ClientState
from huitong.light.tendermint.client_store import (
    Arrival,
    delete_consensus_state,
    find_processed_height,
    find_processed_time_ns,
    get_consensus_state,
    get_recovery_floor,
    iterate_consensus_heights,
    save_client_state,
    save_consensus_state,
    save_recovery_floor,
)
from huitong.light.tendermint.errors import (
    ProcessedHeightNotFoundError,
    ProcessedTimeNotFoundError,
)

#: Terms that subject and substitute need not share.
_MAY_DIFFER = frozenset(
    (
        "chain_id",
        "latest_height",
        "frozen_height",
        "trusting_period_ns",
        "allow_update_after_expiry",
        "allow_update_after_misbehaviour",
    )
)


def check_substitute(
    subject: ClientState,
    subject_status: Status,
    substitute: ClientState,
    substitute_status: Status,
    *,
    substitute_id: str,
) -> None:
    """Raise unless ``substitute`` may revive ``subject``.

    Raises:
        InvalidRecoveryClientError: the subject is active.
        ClientNotActiveError: the substitute is not.
        InvalidClientHeightError: the substitute is not ahead.
        InvalidSubstituteError: their terms differ.
    """
    if subject_status is Status.ACTIVE:
        raise InvalidRecoveryClientError(reason="cannot recover an active client")
    if substitute_status is not Status.ACTIVE:
        raise ClientNotActiveError(client_id=substitute_id, status=substitute_status)
    if substitute.latest_height <= subject.latest_height:
        raise InvalidClientHeightError(
            actual=substitute.latest_height, limit=subject.latest_height
        )
    for term in fields(ClientState):
        name = term.name
        if name not in _MAY_DIFFER and getattr(subject, name) != getattr(
            substitute, name
        ):
            raise InvalidSubstituteError(field=name)


def apply_recovery(
    store: WriteStore,
    subject_id: str,
    subject: ClientState,
    substitute_id: str,
    substitute: ClientState,
) -> None:
    """Let the subject go on from the substitute's newest header, and from it alone."""
    height = substitute.latest_height
    state = get_consensus_state(store, substitute_id, height)
    arrival = _get_arrival(store, substitute_id, height)
    save_recovery_floor(store, subject_id, subject.latest_height)
    save_consensus_state(store, subject_id, height, state, arrival)
    save_client_state(
        store,
        subject_id,
        replace(
            subject,
            chain_id=substitute.chain_id,
            latest_height=height,
            frozen_height=Height.ZERO,
            trusting_period_ns=substitute.trusting_period_ns,
        ),
    )


def prune_below_recovery(store: WriteStore, client_id: str, count_max: int) -> int:
    """Remove the oldest of the consensus states that a recovery made useless.

    Args:
        store: the ``ibc`` store.
        client_id: a client that was recovered.
        count_max: how many to remove at most.

    Returns:
        How many were removed.
    """
    floor = get_recovery_floor(store, client_id)
    heights = islice(iterate_consensus_heights(store, client_id), count_max)
    useless = [height for height in heights if height <= floor]
    for height in useless:
        delete_consensus_state(store, client_id, height)
    return len(useless)


def _get_arrival(store: ReadStore, client_id: str, height: Height) -> Arrival:
    time_ns = find_processed_time_ns(store, client_id, height)
    if time_ns is None:
        raise ProcessedTimeNotFoundError(height=height)
    arrived_at = find_processed_height(store, client_id, height)
    if arrived_at is None:
        raise ProcessedHeightNotFoundError(height=height)
    return Arrival(time_ns=time_ns, height=arrived_at)
