"""A client's store over time: keys, pruning, delays, proofs, upgrade and recovery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from huitong.core.codec import encode
from huitong.core.errors import RejectedError
from huitong.core.height import Height
from huitong.core.store.backend import MemoryBackend
from huitong.core.store.ics23 import InvalidProofError
from huitong.core.store.ics23.errors import InvalidMerkleProofError
from huitong.core.store.kv import OverlayStore
from huitong.core.store.multistore import MultiStore
from huitong.light import light_client
from huitong.light.errors import (
    ClientNotActiveError,
    ConsensusStateNotFoundError,
    InvalidClientHeightError,
    InvalidRecoveryClientError,
    InvalidSubstituteError,
    InvalidUpgradeClientError,
    ProofHeightError,
)
from huitong.light.status import Status
from huitong.light.tendermint import errors
from huitong.light.tendermint.client_message import Misbehaviour
from huitong.light.tendermint.client_state import ClientState, client_state_to_any
from huitong.light.tendermint.client_store import (
    Arrival,
    delete_consensus_state,
    find_next_consensus_state,
    find_previous_consensus_state,
    get_client_state,
    get_consensus_state,
    get_recovery_floor,
    save_client_state,
    save_consensus_state,
)
from huitong.light.tendermint.consensus_state import (
    SENTINEL_ROOT,
    ConsensusState,
    consensus_state_to_any,
)
from huitong.light.tendermint.store_keys import (
    consensus_state_key,
    processed_height_key,
    processed_time_key,
    recovery_floor_key,
)
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.light.tendermint.upgrade import committed_form, upgrade_path_of
from huitong.proto.cosmos.ics23.v1 import proofs_pb2
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2
from huitong.testing.headers import SimChain
from huitong.testing.validators import make_validators
from tests.unit.light.memory_store import empty_store

CLIENT = "07-tendermint-0"
OTHER = "07-tendermint-1"
SELF = Height(1, 100)


def chain_of(
    blocks: int = 10, chain_id: str = "chongqing-1", **options: Any
) -> SimChain:
    chain = SimChain(chain_id, make_validators([1, 1, 1, 1]))
    chain.advance(blocks, **options)
    return chain


def create(
    store: OverlayStore,
    chain: SimChain,
    height: int = 1,
    *,
    client_id: str = CLIENT,
    **terms: Any,
) -> None:
    state = chain.consensus_state(height)
    light_client.initialize(
        store,
        client_id,
        replace(chain.client_state(height), **terms),
        state,
        block_time_ns=state.timestamp_ns,
        block_height=SELF,
    )


def update(
    store: OverlayStore, chain: SimChain, height: int, *, trusted: int, now_ns: int
) -> None:
    header = chain.client_header(height, trusted_height=trusted)
    light_client.verify_client_message(store, CLIENT, header, now_ns=now_ns)
    light_client.update_state(store, CLIENT, header, now_ns=now_ns, self_height=SELF)


# --- keys and order ---------------------------------------------------------------------


def test_keys_are_those_of_ibc_go() -> None:
    store = empty_store()
    chain = chain_of()
    create(store, chain)
    time_ns = chain.consensus_state(1).timestamp_ns
    keys = dict(store.pending())
    assert list(keys) == [
        b"clients/07-tendermint-0/clientState",
        b"clients/07-tendermint-0/consensusStates/1-1",
        b"clients/07-tendermint-0/consensusStates/1-1/processedHeight",
        b"clients/07-tendermint-0/consensusStates/1-1/processedTime",
        b"clients/07-tendermint-0/iterateConsensusStates"
        + bytes(7)
        + b"\1"
        + bytes(7)
        + b"\1",
    ]
    values = list(keys.values())
    assert values[2] == b"1-100"
    assert values[3] == time_ns.to_bytes(8, "big")
    assert values[4] == b"consensusStates/1-1"


def test_consensus_states_are_found_by_their_neighbours() -> None:
    store = empty_store()
    chain = chain_of(300)
    create(store, chain)
    now_ns = chain.next_time_ns
    for height in (9, 256, 255):
        update(store, chain, height, trusted=1, now_ns=now_ns)
    heights = light_client.iterate_consensus_heights
    assert [h.revision_height for h in heights(store, CLIENT)] == [1, 9, 255, 256]
    assert [
        h.revision_height
        for h in heights(store, CLIENT, start=Height(1, 9), reverse=True)
    ] == [256, 255, 9]
    following = find_next_consensus_state(store, CLIENT, Height(1, 9))
    assert following == chain.consensus_state(255)
    before = find_previous_consensus_state(store, CLIENT, Height(1, 255))
    assert before == chain.consensus_state(9)
    assert find_next_consensus_state(store, CLIENT, Height(1, 256)) is None
    assert find_previous_consensus_state(store, CLIENT, Height(1, 1)) is None


def test_clients_whose_ids_begin_alike_keep_apart() -> None:
    store = empty_store()
    chain = chain_of()
    create(store, chain, 1)
    create(store, chain, 5, client_id="07-tendermint-00")
    heights = light_client.iterate_consensus_heights
    assert list(heights(store, CLIENT)) == [Height(1, 1)]
    assert list(heights(store, "07-tendermint-00")) == [Height(1, 5)]


# --- pruning ----------------------------------------------------------------------------


def test_each_update_lets_one_expired_consensus_state_go() -> None:
    day_ns = 86_400 * 10**9
    store = empty_store()
    chain = chain_of(20, step_ns=day_ns)
    create(store, chain)
    for height in (2, 3):
        update(
            store,
            chain,
            height,
            trusted=1,
            now_ns=chain.consensus_state(height).timestamp_ns,
        )
    # After 15 days, heights 1 and 2 have expired, 3 just so.
    now_ns = chain.consensus_state(3).timestamp_ns + 14 * day_ns - 1
    heights = light_client.iterate_consensus_heights
    update(store, chain, 16, trusted=3, now_ns=now_ns)
    assert [h.revision_height for h in heights(store, CLIENT)] == [2, 3, 16]
    assert not store.has(processed_time_key(CLIENT, Height(1, 1)))
    assert not store.has(processed_height_key(CLIENT, Height(1, 1)))
    update(store, chain, 15, trusted=3, now_ns=now_ns)
    assert [h.revision_height for h in heights(store, CLIENT)] == [3, 15, 16]
    update(store, chain, 14, trusted=3, now_ns=now_ns)
    assert [h.revision_height for h in heights(store, CLIENT)] == [3, 14, 15, 16]


def test_client_without_its_latest_consensus_state_is_expired() -> None:
    store = empty_store()
    chain = chain_of()
    create(store, chain)
    light_client.delete_consensus_state(store, CLIENT, Height(1, 1))
    now_ns = chain.next_time_ns
    assert light_client.client_status(store, CLIENT, now_ns=now_ns) is Status.EXPIRED


# --- proofs -----------------------------------------------------------------------------


class Counterparty:
    """A chain with a state, and a client of it."""

    def __init__(
        self, pairs: Mapping[str, Mapping[bytes, bytes]], **terms: Any
    ) -> None:
        backend = MemoryBackend()
        self.state = MultiStore(backend, sorted(pairs), versions_kept=0)
        pending = self.state.commit_changes(
            1, {name: sorted(inner.items()) for name, inner in pairs.items()}
        )
        self.state.persist(pending)
        self.chain = chain_of(4, app_hash=self.state.root_hash)
        self.store = empty_store()
        create(self.store, self.chain, 2, **terms)
        self.now_ns = self.chain.next_time_ns

    def proof(self, store: str, key: bytes) -> bytes:
        with self.state.at(1) as view:
            proven = view.prove(store, key)
        return encode(
            commitment_pb2.MerkleProof(
                proofs=[
                    proofs_pb2.CommitmentProof.FromString(op.data) for op in proven.ops
                ]
            )
        )

    def arguments(self, key: bytes, **changes: Any) -> dict[str, Any]:
        return {
            "proof_height": Height(1, 2),
            "delay_time_ns": 0,
            "delay_blocks": 0,
            "proof": self.proof("ibc", key),
            "path": (b"ibc", key),
            "now_ns": self.now_ns,
            "self_height": Height(1, 100),
        } | changes


@pytest.fixture
def counterparty() -> Counterparty:
    return Counterparty({"ibc": {b"a": b"1", b"c": b"3"}, "bank": {b"z": b"9"}})


def test_value_and_absence_are_proven(counterparty: Counterparty) -> None:
    store = counterparty.store
    light_client.verify_membership(
        store, CLIENT, value=b"1", **counterparty.arguments(b"a")
    )
    light_client.verify_non_membership(store, CLIENT, **counterparty.arguments(b"b"))


MEMBERSHIP: dict[str, tuple[bytes, dict[str, Any], type[RejectedError]]] = {
    "other value": (b"2", {}, InvalidProofError),
    "empty value": (b"", {}, InvalidProofError),
    "other key": (b"1", {"path": (b"ibc", b"c")}, InvalidProofError),
    "other store": (b"1", {"path": (b"bank", b"a")}, InvalidProofError),
    "path of one part": (b"1", {"path": (b"a",)}, InvalidProofError),
    "no path": (b"1", {"path": ()}, InvalidProofError),
    "no proof": (b"1", {"proof": b""}, InvalidMerkleProofError),
    "proof that is none": (b"1", {"proof": b"\xff"}, InvalidProofError),
    "proof beyond its limit": (b"1", {"proof": bytes(65_537)}, InvalidProofError),
    "height above the client's": (
        b"1",
        {"proof_height": Height(1, 3)},
        ProofHeightError,
    ),
    "height that is not known": (
        b"1",
        {"proof_height": Height(1, 1)},
        ConsensusStateNotFoundError,
    ),
}


@pytest.mark.parametrize(
    ("value", "changes", "error"), MEMBERSHIP.values(), ids=MEMBERSHIP
)
def test_proof_of_something_else_is_rejected(
    counterparty: Counterparty,
    value: bytes,
    changes: dict[str, Any],
    error: type[RejectedError],
) -> None:
    arguments = counterparty.arguments(b"a", **changes)
    with pytest.raises(error):
        light_client.verify_membership(
            counterparty.store, CLIENT, value=value, **arguments
        )


def test_presence_is_not_shown_as_absence_nor_back(counterparty: Counterparty) -> None:
    with pytest.raises(InvalidProofError):
        light_client.verify_non_membership(
            counterparty.store, CLIENT, **counterparty.arguments(b"a")
        )
    with pytest.raises(InvalidProofError):
        light_client.verify_membership(
            counterparty.store, CLIENT, value=b"1", **counterparty.arguments(b"b")
        )


def test_frozen_or_expired_client_proves_nothing(counterparty: Counterparty) -> None:
    store = counterparty.store
    late = counterparty.arguments(
        b"a", now_ns=counterparty.now_ns + 15 * 86_400 * 10**9
    )
    with pytest.raises(ClientNotActiveError):
        light_client.verify_membership(store, CLIENT, value=b"1", **late)
    light_client.freeze(store, CLIENT)
    with pytest.raises(ClientNotActiveError):
        light_client.verify_membership(
            store, CLIENT, value=b"1", **counterparty.arguments(b"a")
        )
    with pytest.raises(ClientNotActiveError):
        light_client.verify_non_membership(
            store, CLIENT, **counterparty.arguments(b"b")
        )


def test_proof_waits_for_the_delay_in_time(counterparty: Counterparty) -> None:
    arrived_ns = counterparty.chain.consensus_state(2).timestamp_ns
    arguments = counterparty.arguments(b"a", delay_time_ns=500, value=b"1")
    arguments["now_ns"] = arrived_ns + 499
    with pytest.raises(errors.DelayPeriodNotPassedError):
        light_client.verify_membership(counterparty.store, CLIENT, **arguments)
    arguments["now_ns"] += 1
    light_client.verify_membership(counterparty.store, CLIENT, **arguments)


def test_proof_waits_for_the_delay_in_blocks(counterparty: Counterparty) -> None:
    arguments = counterparty.arguments(b"a", delay_blocks=3, value=b"1")
    arguments["self_height"] = SELF.plus(2)
    with pytest.raises(errors.DelayPeriodNotPassedError):
        light_client.verify_membership(counterparty.store, CLIENT, **arguments)
    arguments["self_height"] = SELF.plus(3)
    light_client.verify_membership(counterparty.store, CLIENT, **arguments)


def test_delay_that_nobody_can_count_is_rejected(counterparty: Counterparty) -> None:
    counterparty.store.delete(processed_time_key(CLIENT, Height(1, 2)))
    counterparty.store.delete(processed_height_key(CLIENT, Height(1, 2)))
    with pytest.raises(errors.ProcessedTimeNotFoundError):
        light_client.verify_membership(
            counterparty.store,
            CLIENT,
            **counterparty.arguments(b"a", delay_time_ns=1, value=b"1"),
        )
    with pytest.raises(errors.ProcessedHeightNotFoundError):
        light_client.verify_membership(
            counterparty.store,
            CLIENT,
            **counterparty.arguments(b"a", delay_blocks=1, value=b"1"),
        )


# --- upgrade ----------------------------------------------------------------------------


class Upgrade:
    """A chain that commits, at its last height 2, to its next revision."""

    def __init__(self, upgraded: ClientState | None = None, **terms: Any) -> None:
        following = chain_of(3, "chongqing-2")
        self.upgraded = upgraded or following.client_state(3)
        self.consensus = following.consensus_state(3)
        path = ("upgrade", "upgradedIBCState")
        self.client_key = upgrade_path_of(path, Height(1, 2), "upgradedClient")[1]
        self.consensus_key = upgrade_path_of(path, Height(1, 2), "upgradedConsState")[1]
        self.counterparty = Counterparty(
            {
                "upgrade": {
                    self.client_key: encode(
                        client_state_to_any(committed_form(self.upgraded))
                    ),
                    self.consensus_key: encode(consensus_state_to_any(self.consensus)),
                }
            },
            **terms,
        )
        self.store = self.counterparty.store

    def run(
        self,
        upgraded: ClientState | None = None,
        consensus: ConsensusState | None = None,
        **changes: Any,
    ) -> Height:
        arguments: dict[str, Any] = {
            "client_proof": self.counterparty.proof("upgrade", self.client_key),
            "consensus_proof": self.counterparty.proof("upgrade", self.consensus_key),
            "now_ns": self.counterparty.now_ns,
            "self_height": SELF,
        }
        return light_client.verify_upgrade(
            self.store,
            CLIENT,
            upgraded or self.upgraded,
            consensus or self.consensus,
            **(arguments | changes),
        )


def test_client_follows_an_upgrade_that_the_chain_committed_to() -> None:
    upgrade = Upgrade()
    assert upgrade_path_of(("upgrade", "upgradedIBCState"), Height(1, 2), "x") == (
        b"upgrade",
        b"upgradedIBCState/2/x",
    )
    assert upgrade.run() == Height(2, 3)
    state = get_client_state(upgrade.store, CLIENT)
    assert state == replace(upgrade.upgraded, latest_height=Height(2, 3))
    time_ns = light_client.timestamp_at_height(upgrade.store, CLIENT, Height(2, 3))
    assert time_ns == upgrade.consensus.timestamp_ns
    data = encode(
        consensus_state_to_any(replace(upgrade.consensus, root=SENTINEL_ROOT))
    )
    assert upgrade.store.get(consensus_state_key(CLIENT, Height(2, 3))) == data


def test_relayer_cannot_choose_the_terms_of_an_upgraded_client() -> None:
    upgrade = Upgrade(trusting_period_ns=1_000 * 10**9)
    upgrade.run(replace(upgrade.upgraded, trusting_period_ns=1, max_clock_drift_ns=1))
    state = get_client_state(upgrade.store, CLIENT)
    assert state.trusting_period_ns == 1_000 * 10**9
    assert state.max_clock_drift_ns == 10 * 10**9


def test_shorter_unbonding_period_shortens_the_trusting_period() -> None:
    upgraded = replace(
        chain_of(3, "chongqing-2").client_state(3), unbonding_period_ns=7 * 10**14
    )
    upgrade = Upgrade(
        upgraded, trusting_period_ns=14 * 10**14, unbonding_period_ns=21 * 10**14
    )
    upgrade.run()
    state = get_client_state(upgrade.store, CLIENT)
    assert state.unbonding_period_ns == 7 * 10**14
    assert state.trusting_period_ns == 7 * 10**14 * 14 // 21


def test_upgrade_that_the_chain_did_not_commit_to_is_rejected() -> None:
    upgrade = Upgrade()
    before = upgrade.store.pending()
    with pytest.raises(InvalidProofError):
        upgrade.run(replace(upgrade.upgraded, chain_id="chongqing-3"))
    with pytest.raises(InvalidProofError):
        upgrade.run(consensus=replace(upgrade.consensus, timestamp_ns=1))
    with pytest.raises(InvalidProofError):
        upgrade.run(
            client_proof=upgrade.counterparty.proof("upgrade", upgrade.consensus_key)
        )
    assert upgrade.store.pending() == before


def test_upgrade_to_a_height_that_is_not_above_is_rejected() -> None:
    upgrade = Upgrade()
    with pytest.raises(InvalidUpgradeClientError):
        upgrade.run(replace(upgrade.upgraded, latest_height=Height(1, 2)))


def test_upgrade_of_a_client_without_a_path_is_rejected() -> None:
    with pytest.raises(InvalidUpgradeClientError):
        Upgrade(upgrade_path=()).run()


def test_upgrade_of_a_frozen_client_is_rejected() -> None:
    upgrade = Upgrade()
    light_client.freeze(upgrade.store, CLIENT)
    with pytest.raises(ClientNotActiveError):
        upgrade.run()


def test_committed_states_that_make_no_client_are_rejected() -> None:
    upgraded = replace(
        chain_of(3, "chongqing-2").client_state(3), latest_height=Height(3, 1)
    )
    with pytest.raises(errors.InvalidHeaderHeightError):
        Upgrade(upgraded).run()


# --- recovery ---------------------------------------------------------------------------


def two_clients(**terms: Any) -> tuple[OverlayStore, SimChain]:
    """Return a frozen client at height 1 and another at height 5."""
    store = empty_store()
    chain = chain_of()
    create(store, chain, 1)
    create(store, chain, 5, client_id=OTHER, **terms)
    light_client.freeze(store, CLIENT)
    return store, chain


@pytest.mark.parametrize("expired", [False, True])
def test_client_that_is_not_active_is_revived_from_another(expired: bool) -> None:
    store, chain = two_clients(trusting_period_ns=20 * 86_400 * 10**9)
    if expired:
        save_client_state(
            store,
            CLIENT,
            replace(
                get_client_state(store, CLIENT),
                frozen_height=Height.ZERO,
                trusting_period_ns=1,
            ),
        )
    now_ns = chain.next_time_ns
    light_client.recover_client(store, CLIENT, OTHER, now_ns=now_ns)
    status = light_client.client_status(store, CLIENT, now_ns=now_ns)
    assert status is Status.ACTIVE
    assert light_client.latest_height(store, CLIENT) == Height(1, 5)
    state = get_client_state(store, CLIENT)
    assert state.trusting_period_ns == 20 * 86_400 * 10**9
    update(store, chain, 9, trusted=5, now_ns=now_ns)


def test_active_client_is_not_recovered() -> None:
    store, chain = two_clients()
    with pytest.raises(InvalidRecoveryClientError):
        light_client.recover_client(store, OTHER, CLIENT, now_ns=chain.next_time_ns)


def test_substitute_that_is_not_active_is_rejected() -> None:
    store, chain = two_clients()
    light_client.freeze(store, OTHER)
    with pytest.raises(ClientNotActiveError):
        light_client.recover_client(store, CLIENT, OTHER, now_ns=chain.next_time_ns)


def test_substitute_that_is_not_ahead_is_rejected() -> None:
    store = empty_store()
    chain = chain_of()
    create(store, chain, 5)
    create(store, chain, 5, client_id=OTHER)
    light_client.freeze(store, CLIENT)
    with pytest.raises(InvalidClientHeightError):
        light_client.recover_client(store, CLIENT, OTHER, now_ns=chain.next_time_ns)


@pytest.mark.parametrize(
    "terms",
    [
        {"trust_level": TrustLevel(numerator=1, denominator=3)},
        {"unbonding_period_ns": 22 * 86_400 * 10**9},
        {"max_clock_drift_ns": 1},
        {"upgrade_path": ("elsewhere",)},
    ],
    ids=lambda terms: next(iter(terms)),
)
def test_substitute_on_other_terms_is_rejected(terms: dict[str, Any]) -> None:
    store, chain = two_clients(**terms)
    before = store.pending()
    with pytest.raises(InvalidSubstituteError):
        light_client.recover_client(store, CLIENT, OTHER, now_ns=chain.next_time_ns)
    assert store.pending() == before


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (processed_time_key, errors.ProcessedTimeNotFoundError),
        (processed_height_key, errors.ProcessedHeightNotFoundError),
    ],
)
def test_substitute_without_its_arrival_is_rejected(
    key: Any, error: type[RejectedError]
) -> None:
    store, chain = two_clients()
    store.delete(key(OTHER, Height(1, 5)))
    with pytest.raises(error):
        light_client.recover_client(store, CLIENT, OTHER, now_ns=chain.next_time_ns)


# --- what a recovery takes trust in away from ---------------------------------------------


def recovered() -> tuple[OverlayStore, SimChain, int]:
    """Return a client that knew heights 1 to 4 and was recovered at 6."""
    store = empty_store()
    chain = chain_of()
    create(store, chain, 1)
    now_ns = chain.next_time_ns
    for height in (2, 3, 4):
        update(store, chain, height, trusted=1, now_ns=now_ns)
    create(store, chain, 6, client_id=OTHER)
    light_client.freeze(store, CLIENT)
    light_client.recover_client(store, CLIENT, OTHER, now_ns=now_ns)
    return store, chain, now_ns


@pytest.mark.parametrize("height", [1, 2, 3, 4])
def test_headers_known_before_a_recovery_prove_nothing(height: int) -> None:
    store, _, _ = recovered()
    with pytest.raises(ConsensusStateNotFoundError):
        light_client.timestamp_at_height(store, CLIENT, Height(1, height))


@pytest.mark.parametrize("trusted", [1, 4])
def test_headers_known_before_a_recovery_lead_to_no_others(trusted: int) -> None:
    store, chain, now_ns = recovered()
    for header_height in (5, 8):
        with pytest.raises(ConsensusStateNotFoundError):
            update(store, chain, header_height, trusted=trusted, now_ns=now_ns)


def test_misbehaviour_from_before_a_recovery_freezes_no_more() -> None:
    store, chain, now_ns = recovered()
    fork = chain.fork(3)
    fork.advance(5, app_hash=b"\x02" * 32)
    evidence = Misbehaviour(
        header_1=chain.client_header(8, trusted_height=3),
        header_2=fork.client_header(8, trusted_height=3),
    )
    with pytest.raises(ConsensusStateNotFoundError, match="verifying header 1"):
        light_client.verify_client_message(store, CLIENT, evidence, now_ns=now_ns)


def test_times_from_before_a_recovery_contradict_nothing() -> None:
    store, chain, now_ns = recovered()
    forged = replace(
        get_consensus_state(store, OTHER, Height(1, 6)), timestamp_ns=now_ns * 2
    )
    arrival = Arrival(time_ns=now_ns, height=Height(1, 1))
    save_consensus_state(store, CLIENT, Height(1, 4), forged, arrival)
    delete_consensus_state(store, CLIENT, Height(1, 6))
    header = chain.client_header(8, trusted_height=6)
    assert not light_client.check_for_misbehaviour(store, CLIENT, header)
    store.delete(recovery_floor_key(CLIENT))
    assert light_client.check_for_misbehaviour(store, CLIENT, header)


def test_useless_headers_go_one_with_each_new_one() -> None:
    store, chain, now_ns = recovered()
    known = list(light_client.iterate_consensus_heights(store, CLIENT))
    assert [height.revision_height for height in known] == [1, 2, 3, 4, 6]
    for height in (7, 8, 9):
        update(store, chain, height, trusted=6, now_ns=now_ns)
    known = list(light_client.iterate_consensus_heights(store, CLIENT))
    assert [height.revision_height for height in known] == [4, 6, 7, 8, 9]


def test_many_useless_headers_go_at_once() -> None:
    store, _, _ = recovered()
    assert light_client.prune_below_recovery(store, CLIENT, 3) == 3
    assert light_client.prune_below_recovery(store, CLIENT, 3) == 1
    assert light_client.prune_below_recovery(store, CLIENT, 3) == 0
    assert light_client.latest_height(store, CLIENT) == Height(1, 6)


def test_a_second_recovery_raises_the_floor() -> None:
    store, chain, now_ns = recovered()
    light_client.freeze(store, CLIENT)
    create(store, chain, 9, client_id="07-tendermint-9")
    light_client.recover_client(store, CLIENT, "07-tendermint-9", now_ns=now_ns)
    assert get_recovery_floor(store, CLIENT) == Height(1, 6)
    with pytest.raises(ConsensusStateNotFoundError):
        light_client.timestamp_at_height(store, CLIENT, Height(1, 6))


def test_standard_keys_stay_as_they_are() -> None:
    store, _, _ = recovered()
    ours = [key for key, _ in store.pending() if b"recoveryFloor" in key]
    assert ours == [f"clients/{CLIENT}/recoveryFloor".encode()]
