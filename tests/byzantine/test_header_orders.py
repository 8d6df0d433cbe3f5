"""Headers out of the usual order: around what is known, in another revision, reordered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from huitong.core.errors import RejectedError
from huitong.core.height import Height
from huitong.light import light_client
from huitong.light.errors import ConsensusStateNotFoundError, InvalidConsensusError
from huitong.light.light_client import Header
from huitong.light.status import Status
from huitong.light.tendermint import errors
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.testing.validators import make_validators
from tests.byzantine.client_of_chain import CLIENT, START, World, make_world

Build = Callable[[World], Header]
UNEQUAL = make_validators([40, 30, 20, 10])


def reversed_order(header: Header, field: str) -> Header:
    members = getattr(header, field)
    turned = replace(members, validators=members.validators[::-1], proposer=None)
    return replace(header, **{field: turned})


REFUSED: dict[str, tuple[Build, type[RejectedError]]] = {
    "trusted validators in another order": (
        lambda w: reversed_order(w.header(9), "trusted_validators"),
        errors.InvalidValidatorSetError,
    ),
    "own validators in another order": (
        lambda w: reversed_order(w.header(9), "validators"),
        errors.ValidatorsHashError,
    ),
    "trusted height of another revision": (
        lambda w: replace(w.header(9), trusted_height=Height(1, START)),
        ConsensusStateNotFoundError,
    ),
    "trusted height 0": (
        lambda w: replace(w.header(9), trusted_height=Height(2, 0)),
        ConsensusStateNotFoundError,
    ),
    "below a trusted height that is known": (
        lambda w: w.header(9, trusted=15),
        errors.InvalidHeaderHeightError,
    ),
    "at a trusted height that is known": (
        lambda w: w.header(15, trusted=15, data_hash=b"\5" * 32),
        errors.InvalidHeaderHeightError,
    ),
    "no next validators": (
        lambda w: w.header(9, next_validators_hash=b""),
        InvalidConsensusError,
    ),
    "only votes for nil": (
        lambda w: w.header(9, nil=range(4)),
        errors.InsufficientTrustError,
    ),
    "the weaker half has signed": (
        lambda w: w.header(16, trusted=15, absent=[0]),
        errors.InsufficientPowerError,
    ),
}


@pytest.mark.parametrize(("build", "error"), REFUSED.values(), ids=REFUSED)
def test_header_out_of_order_is_refused_and_nothing_is_written(
    build: Build, error: type[RejectedError]
) -> None:
    world = make_world(UNEQUAL)
    world.update(world.header(15))
    before = world.store.pending()
    with pytest.raises(error) as raised:
        world.update(build(world))
    assert type(raised.value) is error
    assert world.store.pending() == before


FREEZES: dict[str, Build] = {
    "another root at a known height": lambda w: w.header(15, app_hash=b"\4" * 32),
    "another time at a known height": lambda w: w.header(
        15, time_ns=w.chain.consensus_state(15).timestamp_ns + 1
    ),
    "another announcement at a known height": lambda w: w.header(
        15, next_validators_hash=b"\3" * 32
    ),
    "below the latest height, dated as it is": lambda w: w.header(
        9, time_ns=w.chain.consensus_state(15).timestamp_ns
    ),
    "above the latest height, dated as it is": lambda w: w.header(
        17, time_ns=w.chain.consensus_state(15).timestamp_ns
    ),
}


@pytest.mark.parametrize("build", FREEZES.values(), ids=FREEZES)
def test_signed_header_that_contradicts_what_is_known_freezes(build: Build) -> None:
    world = make_world(UNEQUAL)
    world.update(world.header(15))
    before = world.store.pending()
    assert world.update(build(world)) == "frozen"
    status = light_client.client_status(world.store, CLIENT, now_ns=world.now_ns)
    assert status is Status.FROZEN
    changed = [row for row in world.store.pending() if row not in before]
    assert [key for key, _ in changed] == [f"clients/{CLIENT}/clientState".encode()]


def test_other_block_of_the_same_state_is_seen_in_misbehaviour_only() -> None:
    """As in ibc-go: of a header a client keeps time, root and next validators."""
    world = make_world(UNEQUAL)
    world.update(world.header(15))
    before = world.store.pending()
    assert world.update(world.header(15, data_hash=b"\5" * 32)) == "updated"
    assert world.store.pending() == before


def test_trust_level_of_one_takes_adjacent_headers_only() -> None:
    """More than all cannot have signed, so nothing can be skipped."""
    world = make_world(UNEQUAL, trust_level=TrustLevel(numerator=1, denominator=1))
    with pytest.raises(errors.InsufficientTrustError):
        world.update(world.header(START + 2))
    assert world.update(world.header(START + 1)) == "updated"
