"""Following a chain through an upgrade that breaks its headers (ICS-07, ICS-02).

Before such an upgrade the chain commits, at its last height, to the client state and the
consensus state that its clients shall go on with. Rules (ibc-go 07-tendermint
``upgrade.go``): both are proven against the consensus state at the client's latest
height, which therefore must be the chain's last; what the chain chose is taken from
there, what this side chose (trust level, trusting period, drift) stays; a shorter
unbonding period shortens the trusting period in proportion. The root is unknown until
the first header of the new revision, so a sentinel that proves nothing stands for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from huitong.core.codec import encode
from huitong.core.height import Height
from huitong.core.store.kv import ReadStore, WriteStore
from huitong.core.store.merkle_path import verify_chained_membership
from huitong.light.errors import InvalidUpgradeClientError
from huitong.light.tendermint.client_state import (
    ClientState,
    check_client_state,
    client_state_to_any,
)
from huitong.light.tendermint.client_store import (
    Arrival,
    get_consensus_state,
    save_client_state,
    save_consensus_state,
)
from huitong.light.tendermint.consensus_state import (
    SENTINEL_ROOT,
    ConsensusState,
    check_consensus_state,
    consensus_state_to_any,
)
from huitong.light.tendermint.proofs import decode_merkle_proof
from huitong.light.tendermint.trust_level import TrustLevel


def verify_upgraded_states(
    store: ReadStore,
    client_id: str,
    client: ClientState,
    upgraded: ClientState,
    consensus_state: ConsensusState,
    *,
    client_proof: bytes,
    consensus_proof: bytes,
) -> ClientState:
    """Return the client state to go on with.

    Raises:
        InvalidUpgradeClientError: the client has no upgrade path, or the upgraded
            height is not above its own.
        ConsensusStateNotFoundError: nothing is known of the latest height.
        InvalidProofError: or another of ``core.store``, the chain committed to others.
        RejectedError: what results could not be created as a client either.
    """
    if not client.upgrade_path:
        raise InvalidUpgradeClientError(reason="no upgrade path set")
    if upgraded.latest_height <= client.latest_height:
        raise InvalidUpgradeClientError(
            reason=f"upgraded height {upgraded.latest_height} needs to be above "
            f"{client.latest_height}"
        )
    last_height = client.latest_height
    root = get_consensus_state(store, client_id, last_height).root
    for kind, proof, value in (
        (
            "upgradedClient",
            client_proof,
            encode(client_state_to_any(committed_form(upgraded))),
        ),
        (
            "upgradedConsState",
            consensus_proof,
            encode(consensus_state_to_any(consensus_state)),
        ),
    ):
        verify_chained_membership(
            client.proof_specs,
            root,
            decode_merkle_proof(proof),
            upgrade_path_of(client.upgrade_path, last_height, kind),
            value,
        )
    check_consensus_state(consensus_state)
    merged = _merged_state(client, upgraded)
    check_client_state(merged)
    return merged


def apply_upgrade(
    store: WriteStore,
    client_id: str,
    client: ClientState,
    consensus_state: ConsensusState,
    arrival: Arrival,
) -> None:
    """Go on with the proven states."""
    save_client_state(store, client_id, client)
    save_consensus_state(
        store,
        client_id,
        client.latest_height,
        replace(consensus_state, root=SENTINEL_ROOT),
        arrival,
    )


def committed_form(upgraded: ClientState) -> ClientState:
    """Return the client state as a chain commits to it: without what others choose."""
    return ClientState(
        chain_id=upgraded.chain_id,
        trust_level=TrustLevel(numerator=0, denominator=0),
        trusting_period_ns=0,
        unbonding_period_ns=upgraded.unbonding_period_ns,
        max_clock_drift_ns=0,
        frozen_height=Height.ZERO,
        latest_height=upgraded.latest_height,
        proof_specs=upgraded.proof_specs,
        upgrade_path=upgraded.upgrade_path,
    )


def upgrade_path_of(
    path: Sequence[str], last_height: Height, kind: str
) -> tuple[bytes, ...]:
    """Return where a chain commits to an upgraded state of ``kind``.

    Example: ``upgrade``, ``upgradedIBCState/120/upgradedClient``.
    """
    leaf = f"{path[-1]}/{last_height.revision_height}/{kind}"
    return (*(key.encode() for key in path[:-1]), leaf.encode())


def _merged_state(client: ClientState, upgraded: ClientState) -> ClientState:
    trusting_ns = client.trusting_period_ns
    if upgraded.unbonding_period_ns < client.unbonding_period_ns:
        trusting_ns = (
            trusting_ns * upgraded.unbonding_period_ns // client.unbonding_period_ns
        )
    return replace(
        committed_form(upgraded),
        trust_level=client.trust_level,
        trusting_period_ns=trusting_ns,
        max_clock_drift_ns=client.max_clock_drift_ns,
    )
