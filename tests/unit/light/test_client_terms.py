"""Terms on which a client may be created, and the bytes of its states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.codec import decode, encode
from huitong.core.errors import RejectedError
from huitong.core.gogoproto import with_required
from huitong.core.height import Height
from huitong.core.ids import InvalidIdentifierError
from huitong.light import light_client
from huitong.light.errors import (
    ClientNotActiveError,
    ClientNotFoundError,
    InvalidClientError,
    InvalidClientTypeError,
    InvalidConsensusError,
)
from huitong.light.light_client import ClientState, ConsensusState
from huitong.light.registry import LIGHT_CLIENT_KINDS, kind_of_client
from huitong.light.status import Status
from huitong.light.tendermint import errors
from huitong.light.tendermint.client_state import client_state_to_any
from huitong.light.tendermint.consensus_state import consensus_state_to_any
from huitong.light.tendermint.header import chain_id_at_revision
from huitong.light.tendermint.trust_level import TrustLevel, check_trust_level
from huitong.proto.cosmos.ics23.v1 import proofs_pb2
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.ibc.lightclients.tendermint.v1 import tendermint_pb2
from huitong.testing.headers import SimChain
from huitong.testing.validators import make_validators
from tests.unit.light.memory_store import empty_store

CLIENT = "07-tendermint-0"
CHAIN = SimChain("chongqing-2", make_validators([1, 1, 1]))
CHAIN.advance(5)
STATE = CHAIN.client_state(3)
CONSENSUS = CHAIN.consensus_state(3)
NOW_NS = CHAIN.next_time_ns


def create(
    client: ClientState = STATE,
    consensus: ConsensusState = CONSENSUS,
    now_ns: int = NOW_NS,
) -> None:
    light_client.initialize(
        empty_store(),
        CLIENT,
        client,
        consensus,
        block_time_ns=now_ns,
        block_height=Height(1, 7),
    )


def spec(**changes: int) -> proofs_pb2.ProofSpec:
    changed = proofs_pb2.ProofSpec()
    changed.CopyFrom(STATE.proof_specs[0])
    for name, value in changes.items():
        setattr(changed.inner_spec, name, value)
    return changed


IMPOSSIBLE: dict[str, tuple[dict[str, object], type[RejectedError]]] = {
    "blank chain id": ({"chain_id": " \t"}, errors.InvalidChainIdError),
    "chain id of 51 bytes": ({"chain_id": "x" * 51}, errors.InvalidChainIdError),
    "revision above 64 bits": ({"chain_id": f"a-{2**64}"}, InvalidIdentifierError),
    "trust level below a third": (
        {"trust_level": TrustLevel(numerator=33, denominator=100)},
        errors.InvalidTrustLevelError,
    ),
    "no trusting period": (
        {"trusting_period_ns": 0},
        errors.InvalidTrustingPeriodError,
    ),
    "negative trusting period": (
        {"trusting_period_ns": -1},
        errors.InvalidTrustingPeriodError,
    ),
    "trusting period as long as unbonding": (
        {"trusting_period_ns": STATE.unbonding_period_ns},
        errors.InvalidTrustingPeriodError,
    ),
    "no unbonding period": (
        {"unbonding_period_ns": 0},
        errors.InvalidUnbondingPeriodError,
    ),
    "unbonding period above 63 bits": (
        {"unbonding_period_ns": 2**63},
        errors.InvalidUnbondingPeriodError,
    ),
    "no clock drift": ({"max_clock_drift_ns": 0}, errors.InvalidMaxClockDriftError),
    "height of another revision": (
        {"latest_height": Height(1, 3)},
        errors.InvalidHeaderHeightError,
    ),
    "height zero": ({"latest_height": Height(2, 0)}, errors.InvalidHeaderHeightError),
    "no proof specs": ({"proof_specs": ()}, errors.InvalidProofSpecsError),
    "five proof specs": (
        {"proof_specs": STATE.proof_specs[:1] * 5},
        errors.InvalidProofSpecsError,
    ),
    "empty proof spec": (
        {"proof_specs": (proofs_pb2.ProofSpec(),)},
        errors.InvalidProofSpecsError,
    ),
    "proof spec whose prefix hides a child": (
        {"proof_specs": (spec(max_prefix_length=4 + 33),)},
        errors.InvalidProofSpecsError,
    ),
    "blank part in the upgrade path": (
        {"upgrade_path": ("upgrade", " ")},
        InvalidClientError,
    ),
    "upgrade path of five parts": ({"upgrade_path": ("a",) * 5}, InvalidClientError),
    "long part in the upgrade path": (
        {"upgrade_path": ("a" * 129,)},
        InvalidClientError,
    ),
    "frozen at birth": ({"frozen_height": Height(0, 1)}, ClientNotActiveError),
}


@pytest.mark.parametrize(("changes", "error"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_client_on_impossible_terms_is_rejected(
    changes: dict[str, object], error: type[RejectedError]
) -> None:
    with pytest.raises(error):
        create(replace(STATE, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"trusting_period_ns": 1, "unbonding_period_ns": 2},
        {"unbonding_period_ns": 2**63 - 1},
        {"max_clock_drift_ns": 1},
        {"upgrade_path": ()},
        {"trust_level": TrustLevel(numerator=1, denominator=1)},
        {"trust_level": TrustLevel(numerator=1, denominator=3)},
        {"chain_id": "chongqing", "latest_height": Height(0, 3)},
    ],
    ids=repr,
)
def test_client_on_possible_terms_is_created(changes: dict[str, object]) -> None:
    create(
        replace(STATE, **changes),
        now_ns=CONSENSUS.timestamp_ns,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"root": b""},
        {"root": b"\1" * 65},
        {"next_validators_hash": b"\1" * 31},
        {"timestamp_ns": 0},
        {"timestamp_ns": -1},
    ],
    ids=repr,
)
def test_client_from_an_impossible_consensus_state_is_rejected(
    changes: dict[str, object],
) -> None:
    with pytest.raises(InvalidConsensusError):
        create(consensus=replace(CONSENSUS, **changes))


def test_client_that_would_be_born_expired_is_rejected() -> None:
    expiry_ns = CONSENSUS.timestamp_ns + STATE.trusting_period_ns
    create(now_ns=expiry_ns - 1)
    with pytest.raises(ClientNotActiveError):
        create(now_ns=expiry_ns)


@pytest.mark.parametrize(
    ("numerator", "denominator", "is_allowed"),
    [
        (1, 3, True),
        (333, 1_000, False),
        (334, 1_000, True),
        (1, 1, True),
        (1_001, 1_000, False),
        (0, 1, False),
        (0, 0, False),
        (1, 0, False),
        (2**64 - 1, 2**64 - 1, True),
    ],
)
def test_trust_level_is_within_a_third_and_one(
    numerator: int, denominator: int, is_allowed: bool
) -> None:
    level = TrustLevel(numerator=numerator, denominator=denominator)
    if is_allowed:
        check_trust_level(level)
    else:
        with pytest.raises(errors.InvalidTrustLevelError):
            check_trust_level(level)


# --- bytes ------------------------------------------------------------------------------


@given(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 2**64 - 1),
    st.lists(st.text(max_size=5), max_size=3),
    st.booleans(),
)
def test_client_state_survives_its_encoding_as_go_writes_it(
    trusting_ns: int, drift_ns: int, height: int, path: list[str], flag: bool
) -> None:
    state = replace(
        STATE,
        trusting_period_ns=trusting_ns,
        max_clock_drift_ns=drift_ns,
        latest_height=Height(0, height),
        upgrade_path=tuple(path),
        allow_update_after_expiry=flag,
    )
    packed = client_state_to_any(state)
    assert light_client.decode_client_state(packed) == ("07-tendermint", state)
    message = decode(tendermint_pb2.ClientState, packed.value)
    assert encode(with_required(message)) == packed.value


@given(
    st.integers(-62_135_596_800 * 10**9, 253_402_300_800 * 10**9 - 1),
    st.binary(max_size=40),
)
def test_consensus_state_survives_its_encoding_as_go_writes_it(
    time_ns: int, root: bytes
) -> None:
    state = ConsensusState(timestamp_ns=time_ns, root=root, next_validators_hash=b"")
    packed = consensus_state_to_any(state)
    assert light_client.decode_consensus_state("07-tendermint", packed) == state
    message = decode(tendermint_pb2.ConsensusState, packed.value)
    assert encode(with_required(message)) == packed.value


StateChange = Callable[[tendermint_pb2.ClientState], None]


@pytest.mark.parametrize(
    "field",
    [
        "trust_level",
        "trusting_period",
        "unbonding_period",
        "max_clock_drift",
        "frozen_height",
        "latest_height",
    ],
)
def test_client_state_without_a_part_is_rejected(field: str) -> None:
    packed = client_state_to_any(STATE)
    message = tendermint_pb2.ClientState.FromString(packed.value)
    message.ClearField(field)
    with pytest.raises(InvalidClientError):
        light_client.decode_client_state(
            Any(type_url=packed.type_url, value=encode(message))
        )


@pytest.mark.parametrize("field", ["timestamp", "root"])
def test_consensus_state_without_a_part_is_rejected(field: str) -> None:
    packed = consensus_state_to_any(CONSENSUS)
    message = tendermint_pb2.ConsensusState.FromString(packed.value)
    message.ClearField(field)
    with pytest.raises(InvalidConsensusError):
        light_client.decode_consensus_state(
            "07-tendermint", Any(type_url=packed.type_url, value=encode(message))
        )


# --- kinds ------------------------------------------------------------------------------


def test_states_of_other_kinds_are_rejected() -> None:
    solo = Any(type_url="/ibc.lightclients.solomachine.v3.ClientState")
    with pytest.raises(InvalidClientTypeError):
        light_client.decode_client_state(solo)
    with pytest.raises(InvalidConsensusError):
        light_client.decode_consensus_state("07-tendermint", solo)
    with pytest.raises(InvalidClientTypeError):
        light_client.decode_consensus_state("06-solomachine", solo)
    kind = LIGHT_CLIENT_KINDS["07-tendermint"]
    with pytest.raises(InvalidClientTypeError):
        kind.decode_client_state(solo)


@pytest.mark.parametrize(
    "client_id", ["", "nonsense", "07-tendermint", "09-localhost-0"]
)
def test_ids_that_name_no_kind_are_rejected(client_id: str) -> None:
    with pytest.raises(InvalidClientTypeError):
        kind_of_client(client_id)


def test_client_that_does_not_exist_is_unknown() -> None:
    store = empty_store()
    assert light_client.client_status(store, CLIENT, now_ns=NOW_NS) is Status.UNKNOWN
    with pytest.raises(ClientNotFoundError):
        light_client.latest_height(store, CLIENT)
    with pytest.raises(ClientNotFoundError):
        light_client.freeze(store, CLIENT)


@pytest.mark.parametrize(
    ("chain_id", "revision", "expected"),
    [
        ("chongqing-2", 3, "chongqing-3"),
        ("a-b-12", 1, "a-b-1"),
        ("chongqing", 3, "chongqing"),
        ("chongqing-0", 3, "chongqing-0"),
    ],
)
def test_chain_id_at_another_revision(
    chain_id: str, revision: int, expected: str
) -> None:
    assert chain_id_at_revision(chain_id, revision) == expected
