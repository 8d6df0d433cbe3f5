"""The 07-tendermint client: every question and order that a chain can put to it.

All functions take the whole ``ibc`` store and the client's id. Those that verify demand
an active client themselves, so that no caller can forget to ask: a frozen or expired
client verifies nothing.
"""

from __future__ import annotations

from dataclasses import replace

from huitong.core.height import Height
from huitong.core.store.kv import ReadStore, WriteStore
from huitong.light.errors import ClientNotActiveError
from huitong.light.status import Status
from huitong.light.tendermint.client_message import ClientMessage, Header
from huitong.light.tendermint.client_state import (
    FROZEN_HEIGHT,
    ClientState,
    check_client_state,
)
from huitong.light.tendermint.client_store import (
    Arrival,
    find_client_state,
    find_consensus_state,
    get_client_state,
    get_consensus_state,
    get_recovery_floor,
    save_client_state,
    save_consensus_state,
)
from huitong.light.tendermint.consensus_state import (
    ConsensusState,
    check_consensus_state,
)
from huitong.light.tendermint.misbehaviour import (
    contradict_each_other,
    contradicts_stored,
    verify_misbehaviour,
)
from huitong.light.tendermint.proofs import (
    ProofTerms,
    verify_client_membership,
    verify_client_non_membership,
)
from huitong.light.tendermint.recovery import apply_recovery, check_substitute
from huitong.light.tendermint.updates import save_header, verify_header
from huitong.light.tendermint.upgrade import apply_upgrade, verify_upgraded_states
from huitong.light.tendermint.verify import is_expired


def initialize(
    store: WriteStore,
    client_id: str,
    client_state: ClientState,
    consensus_state: ConsensusState,
    *,
    block_time_ns: int,
    block_height: Height,
) -> None:
    """Create a client that starts from ``consensus_state`` at its latest height.

    Raises:
        RejectedError: a value can never be right; see ``check_client_state``,
            ``check_consensus_state``.
        ClientNotActiveError: it would be frozen or expired at birth.
    """
    check_client_state(client_state)
    check_consensus_state(consensus_state)
    status = _status_of(client_state, consensus_state, block_time_ns)
    if status is not Status.ACTIVE:
        raise ClientNotActiveError(client_id=client_id, status=status)
    save_client_state(store, client_id, client_state)
    save_consensus_state(
        store,
        client_id,
        client_state.latest_height,
        consensus_state,
        Arrival(time_ns=block_time_ns, height=block_height),
    )


def client_status(store: ReadStore, client_id: str, *, now_ns: int) -> Status:
    """Return whether the client may be relied on at ``now_ns``."""
    client = find_client_state(store, client_id)
    if client is None:
        return Status.UNKNOWN
    latest = find_consensus_state(store, client_id, client.latest_height)
    return _status_of(client, latest, now_ns)


def latest_height(store: ReadStore, client_id: str) -> Height:
    """Return the highest height verified.

    Raises:
        ClientNotFoundError: there is no such client.
    """
    return get_client_state(store, client_id).latest_height


def chain_id_of(store: ReadStore, client_id: str) -> str:
    """Return the id of the chain that the client follows.

    Raises:
        ClientNotFoundError: there is no such client.
    """
    return get_client_state(store, client_id).chain_id


def recovery_floor(store: ReadStore, client_id: str) -> Height:
    """Return the height up to which nothing is trusted any more, since a recovery.

    Zero without one. What was proven at or below it before is to be given up as well.
    """
    return get_recovery_floor(store, client_id)


def timestamp_at_height(store: ReadStore, client_id: str, height: Height) -> int:
    """Return the other chain's time at ``height``, nanoseconds since the epoch, UTC.

    Raises:
        ConsensusStateNotFoundError: no header of this height is known.
    """
    return get_consensus_state(store, client_id, height).timestamp_ns


def verify_client_message(
    store: ReadStore, client_id: str, message: ClientMessage, *, now_ns: int
) -> None:
    """Raise unless what ``message`` shows was signed by validators that are trusted.

    Raises:
        ClientNotFoundError, ClientNotActiveError: the client cannot judge.
        RejectedError: see ``updates.verify_header``, ``misbehaviour``.
    """
    client = _get_active_client(store, client_id, now_ns)
    if isinstance(message, Header):
        verify_header(store, client_id, client, message, now_ns=now_ns)
    else:
        verify_misbehaviour(store, client_id, client, message, now_ns=now_ns)


def check_for_misbehaviour(
    store: ReadStore, client_id: str, message: ClientMessage
) -> bool:
    """Tell whether a message that was verified proves misbehaviour."""
    if isinstance(message, Header):
        return contradicts_stored(store, client_id, message)
    return contradict_each_other(message)


def update_state(
    store: WriteStore,
    client_id: str,
    message: ClientMessage,
    *,
    now_ns: int,
    self_height: Height,
) -> tuple[Height, ...]:
    """Remember a header that was verified; return the heights it concerns.

    Two headers that contradict nothing teach nothing: no height.

    Raises:
        ClientNotFoundError: there is no such client.
    """
    if not isinstance(message, Header):
        return ()
    client = get_client_state(store, client_id)
    arrival = Arrival(time_ns=now_ns, height=self_height)
    return (save_header(store, client_id, client, message, arrival),)


def freeze(store: WriteStore, client_id: str) -> None:
    """Stop the client: from now on it verifies nothing.

    Raises:
        ClientNotFoundError: there is no such client.
    """
    client = get_client_state(store, client_id)
    save_client_state(store, client_id, replace(client, frozen_height=FROZEN_HEIGHT))


def verify_membership(
    store: ReadStore,
    client_id: str,
    *,
    proof_height: Height,
    delay_time_ns: int,
    delay_blocks: int,
    proof: bytes,
    path: tuple[bytes, ...],
    value: bytes,
    now_ns: int,
    self_height: Height,
) -> None:
    """Raise unless the other chain holds ``value`` at ``path`` (see ``proofs``)."""
    client = _get_active_client(store, client_id, now_ns)
    terms = ProofTerms(
        proof_height=proof_height,
        delay_time_ns=delay_time_ns,
        delay_blocks=delay_blocks,
        now_ns=now_ns,
        self_height=self_height,
    )
    verify_client_membership(
        store, client_id, client, terms, proof=proof, path=path, value=value
    )


def verify_non_membership(
    store: ReadStore,
    client_id: str,
    *,
    proof_height: Height,
    delay_time_ns: int,
    delay_blocks: int,
    proof: bytes,
    path: tuple[bytes, ...],
    now_ns: int,
    self_height: Height,
) -> None:
    """Raise unless the other chain holds nothing at ``path`` (see ``proofs``)."""
    client = _get_active_client(store, client_id, now_ns)
    terms = ProofTerms(
        proof_height=proof_height,
        delay_time_ns=delay_time_ns,
        delay_blocks=delay_blocks,
        now_ns=now_ns,
        self_height=self_height,
    )
    verify_client_non_membership(
        store, client_id, client, terms, proof=proof, path=path
    )


def verify_upgrade(
    store: WriteStore,
    client_id: str,
    upgraded: ClientState,
    consensus_state: ConsensusState,
    *,
    client_proof: bytes,
    consensus_proof: bytes,
    now_ns: int,
    self_height: Height,
) -> Height:
    """Go on with states that the other chain committed to before its upgrade.

    Returns:
        The client's new latest height.

    Raises:
        ClientNotFoundError, ClientNotActiveError: the client cannot judge.
        RejectedError: see ``upgrade.verify_upgraded_states``; nothing was written.
    """
    client = _get_active_client(store, client_id, now_ns)
    merged = verify_upgraded_states(
        store,
        client_id,
        client,
        upgraded,
        consensus_state,
        client_proof=client_proof,
        consensus_proof=consensus_proof,
    )
    arrival = Arrival(time_ns=now_ns, height=self_height)
    apply_upgrade(store, client_id, merged, consensus_state, arrival)
    return merged.latest_height


def recover_client(
    store: WriteStore, subject_id: str, substitute_id: str, *, now_ns: int
) -> None:
    """Revive a client that is not active from one that is.

    Raises:
        ClientNotFoundError: one of them does not exist.
        RejectedError: see ``recovery.check_substitute``; nothing was written.
    """
    subject = get_client_state(store, subject_id)
    substitute = get_client_state(store, substitute_id)
    check_substitute(
        subject,
        client_status(store, subject_id, now_ns=now_ns),
        substitute,
        client_status(store, substitute_id, now_ns=now_ns),
        substitute_id=substitute_id,
    )
    apply_recovery(store, subject_id, subject, substitute_id, substitute)


def _status_of(
    client: ClientState, latest: ConsensusState | None, now_ns: int
) -> Status:
    if not client.frozen_height.is_zero():
        return Status.FROZEN
    if latest is None:
        return Status.EXPIRED
    if is_expired(latest.timestamp_ns, client.trusting_period_ns, now_ns):
        return Status.EXPIRED
    return Status.ACTIVE


def _get_active_client(store: ReadStore, client_id: str, now_ns: int) -> ClientState:
    client = get_client_state(store, client_id)
    latest = find_consensus_state(store, client_id, client.latest_height)
    status = _status_of(client, latest, now_ns)
    if status is not Status.ACTIVE:
        raise ClientNotActiveError(client_id=client_id, status=status)
    return client
