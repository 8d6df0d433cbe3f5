"""Headers shown to a client: verified against what it trusts, then remembered.

Rules (ibc-go 07-tendermint ``update.go``), before those of ``verify``:

* The client has a consensus state at the header's trusted height.
* The header is of the same revision as its trusted height: an update cannot cross an
  upgrade of the chain.

A known header is accepted and changes nothing. Each new one may let one consensus state
go, the oldest, if it has expired or comes from before a recovery, so that the store does
not grow for ever and no update pays for many. Not here: contradictions between headers (``misbehaviour``).
"""

from __future__ import annotations

from dataclasses import replace

from huitong.core.height import Height
from huitong.core.store.kv import ReadStore, WriteStore
from huitong.light.tendermint.client_message import Header
from huitong.light.tendermint.client_state import ClientState
from huitong.light.tendermint.client_store import (
    Arrival,
    delete_consensus_state,
    find_consensus_state,
    get_consensus_state,
    get_recovery_floor,
    iterate_consensus_heights,
    save_client_state,
    save_consensus_state,
)
from huitong.light.tendermint.consensus_state import (
    check_consensus_state,
    consensus_state_of,
)
from huitong.light.tendermint.errors import HeaderRevisionError
from huitong.light.tendermint.header import chain_id_at_revision
from huitong.light.tendermint.verify import (
    TrustedHeader,
    is_expired,
    verify_light_header,
)


def verify_header(
    store: ReadStore,
    client_id: str,
    client: ClientState,
    header: Header,
    *,
    now_ns: int,
) -> None:
    """Raise unless ``header`` follows from a header that the client trusts.

    Raises:
        ConsensusStateNotFoundError: nothing is trusted at the trusted height.
        HeaderRevisionError: the header is of another revision.
        InvalidValidatorSetError, TrustingPeriodExpiredError, InvalidHeaderHeightError,
        InvalidHeaderError: see ``verify``.
        InvalidConsensusError: the header commits to no state or no next validators.
    """
    trusted_height = header.trusted_height
    trusted = get_consensus_state(store, client_id, trusted_height)
    revision = header.height.revision_number
    if revision != trusted_height.revision_number:
        raise HeaderRevisionError(
            actual=revision, expected=trusted_height.revision_number
        )
    verify_light_header(
        chain_id=chain_id_at_revision(client.chain_id, revision),
        trusted=TrustedHeader(
            height=trusted_height.revision_height,
            time_ns=trusted.timestamp_ns,
            next_validators_hash=trusted.next_validators_hash,
        ),
        trusted_validators=header.trusted_validators,
        signed_header=header.signed_header,
        validators=header.validators,
        options=client.trust_options,
        now_ns=now_ns,
    )
    check_consensus_state(consensus_state_of(header.signed_header.header))


def save_header(
    store: WriteStore,
    client_id: str,
    client: ClientState,
    header: Header,
    arrival: Arrival,
) -> Height:
    """Remember a verified header; return its height."""
    height = header.height
    if find_consensus_state(store, client_id, height) is not None:
        return height
    _prune_oldest_if_useless(store, client_id, client, arrival.time_ns)
    if height > client.latest_height:
        save_client_state(store, client_id, replace(client, latest_height=height))
    state = consensus_state_of(header.signed_header.header)
    save_consensus_state(store, client_id, height, state, arrival)
    return height


def _prune_oldest_if_useless(
    store: WriteStore, client_id: str, client: ClientState, now_ns: int
) -> None:
    oldest = next(iterate_consensus_heights(store, client_id), None)
    if oldest is None:
        return
    if oldest <= get_recovery_floor(store, client_id):
        delete_consensus_state(store, client_id, oldest)
        return
    state = find_consensus_state(store, client_id, oldest)
    if state is None or is_expired(
        state.timestamp_ns, client.trusting_period_ns, now_ns
    ):
        delete_consensus_state(store, client_id, oldest)
