"""Proof of misbehaviour shown to a light client: when it freezes, and when it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any as AnyValue

import pytest

from huitong.core.errors import RejectedError
from huitong.core.height import Height
from huitong.light import light_client
from huitong.light.errors import (
    ClientNotActiveError,
    ClientNotFoundError,
    ConsensusStateNotFoundError,
    InvalidClientHeaderError,
)
from huitong.light.light_client import Header, Misbehaviour
from huitong.light.status import Status
from huitong.light.tendermint import errors
from huitong.light.tendermint.client_message import client_message_to_any
from huitong.light.tendermint.client_store import (
    Arrival,
    get_client_state,
    save_client_state,
    save_consensus_state,
)
from huitong.light.tendermint.signed_header import SignedHeader
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.ibc.lightclients.tendermint.v1 import tendermint_pb2
from huitong.testing.headers import SimChain, forge_signature
from huitong.testing.validators import (
    SimValidator,
    make_validators,
    replace_validators,
    validator_set_of,
)
from tests.byzantine.client_of_chain import (
    CLIENT,
    SELF_HEIGHT,
    START,
    World,
    equal_four,
    make_world,
)

Build = Callable[[World], Misbehaviour]


def two(first: Header, second: Header) -> Misbehaviour:
    return Misbehaviour(header_1=first, header_2=second)


def other(world: World, height: int, **changes: AnyValue) -> Header:
    """Return another block of the same height, signed by the same validators."""
    changes.setdefault("data_hash", b"\7" * 32)
    return world.header(height, **changes)


def strangers(count: int) -> tuple[SimValidator, ...]:
    return replace_validators(equal_four(), count=count, label="stranger")


def signed_by(world: World, height: int, count: int, **changes: AnyValue) -> Header:
    """Return a block whose set has ``count`` of its four members replaced."""
    signers = strangers(count)
    return other(
        world,
        height,
        signers=signers,
        validators_hash=validator_set_of(signers).hash,
        **changes,
    )


def time_of(world: World, height: int) -> int:
    return world.chain.consensus_state(height).timestamp_ns


def with_known(*heights: int) -> World:
    """Return the usual client after it was updated to ``heights``."""
    world = make_world()
    for height in heights:
        world.update(world.header(height))
    return world


def changed_commit(header: Header, **changes: AnyValue) -> Header:
    signed = header.signed_header
    return replace(
        header,
        signed_header=SignedHeader(
            header=signed.header, commit=replace(signed.commit, **changes)
        ),
    )


def forged(header: Header) -> Header:
    (forger,) = make_validators([1], label="forger")
    commit = forge_signature(header.signed_header.commit, 1, forger)
    return replace(header, signed_header=replace(header.signed_header, commit=commit))


def double_vote(header: Header) -> Header:
    votes = header.signed_header.commit.signatures
    return changed_commit(header, signatures=(votes[0], votes[0], *votes[2:]))


# --- what freezes -----------------------------------------------------------------------

FREEZES: dict[str, Build] = {
    "fork at one height": lambda w: two(w.header(12), other(w, 12)),
    "fork, the other way round": lambda w: two(other(w, 12), w.header(12)),
    "fork right after the trusted header": lambda w: two(w.header(6), other(w, 6)),
    "fork at a height that is known": lambda w: two(w.header(10), other(w, 10)),
    "fork below the latest height": lambda w: two(w.header(8), other(w, 8)),
    "fork above the latest height": lambda w: two(w.header(18), other(w, 18)),
    "fork from different trusted heights": lambda w: two(
        w.header(12, trusted=10), other(w, 12)
    ),
    "fork from different trusted heights, second newer": lambda w: two(
        w.header(12), other(w, 12, trusted=10)
    ),
    "fork with an absent vote in each": lambda w: two(
        w.header(12, absent=[0]), other(w, 12, absent=[3])
    ),
    "fork with one validator replaced in one": lambda w: two(
        w.header(12), signed_by(w, 12, 1)
    ),
    "fork with one validator replaced in both": lambda w: two(
        signed_by(w, 12, 1), signed_by(w, 12, 1, data_hash=b"\6" * 32)
    ),
    "fork at a future revision": lambda w: two(
        w.header(12, chain_id="chongqing-3"), other(w, 12, chain_id="chongqing-3")
    ),
    "time goes back": lambda w: two(
        w.header(14, time_ns=time_of(w, 12) - 1), w.header(12)
    ),
    "time stands still": lambda w: two(
        w.header(14, time_ns=time_of(w, 12)), w.header(12)
    ),
    "time goes back, from different trusted heights": lambda w: two(
        w.header(14, time_ns=time_of(w, 12) - 1, trusted=10), w.header(12)
    ),
    "time goes back in the next block": lambda w: two(
        w.header(13, time_ns=time_of(w, 12)), w.header(12)
    ),
    "time goes back to before the trusted header": lambda w: two(
        w.header(14, time_ns=time_of(w, START) - 1), w.header(12)
    ),
    "time goes back at a future revision": lambda w: two(
        w.header(14, chain_id="chongqing-3", time_ns=time_of(w, 12) - 1),
        w.header(12, chain_id="chongqing-3"),
    ),
    # Kinds of attack, in CometBFT's words.
    "equivocation: two blocks in one round": lambda w: two(
        w.header(12), w.header(12, data_hash=b"\5" * 32)
    ),
    "amnesia: another block in a later round": lambda w: two(
        w.header(12), other(w, 12, signing={"round": 1})
    ),
    "lunatic: a state and validators that are made up": lambda w: two(
        w.header(12),
        w.header(
            12,
            app_hash=b"\4" * 32,
            next_validators_hash=validator_set_of(strangers(4)).hash,
        ),
    ),
    "forward lunatic: a height that the chain has not reached": lambda w: two(
        w.header(12, height=1_000, time_ns=time_of(w, 15)), w.header(16)
    ),
}


@pytest.mark.parametrize("build", FREEZES.values(), ids=FREEZES)
def test_proven_misbehaviour_freezes_the_client(build: Build) -> None:
    world = with_known(10)
    proof = build(world)
    packed = client_message_to_any(proof)
    assert light_client.decode_client_message(CLIENT, packed) == proof
    assert world.update(proof) == "frozen"
    status = light_client.client_status(world.store, CLIENT, now_ns=world.now_ns)
    assert status is Status.FROZEN
    assert get_client_state(world.store, CLIENT).frozen_height == Height(0, 1)


def test_fork_at_a_previous_revision_freezes_the_client() -> None:
    chain = SimChain("chongqing-1", equal_four())
    chain.advance(20)
    world = World(chain=chain)
    world.create_client()
    upgraded = SimChain("chongqing-2", equal_four(), time_ns=chain.next_time_ns)
    upgraded.advance(3)
    world.now_ns = upgraded.next_time_ns
    save_client_state(world.store, CLIENT, upgraded.client_state(3))
    save_consensus_state(
        world.store,
        CLIENT,
        Height(2, 3),
        upgraded.consensus_state(3),
        Arrival(time_ns=world.now_ns, height=SELF_HEIGHT),
    )
    assert world.update(two(world.header(12), other(world, 12))) == "frozen"


# --- what is no misbehaviour ------------------------------------------------------------

HARMLESS: dict[str, Build] = {
    "identical headers": lambda w: two(w.header(12), w.header(12)),
    "one block, other votes": lambda w: two(
        w.header(12, absent=[0]), w.header(12, absent=[3])
    ),
    "one block, from different trusted heights": lambda w: two(
        w.header(12), w.header(12, trusted=10)
    ),
    "time goes forward": lambda w: two(w.header(14), w.header(12)),
}


@pytest.mark.parametrize("build", HARMLESS.values(), ids=HARMLESS)
def test_headers_that_do_not_contradict_leave_the_client_as_it_is(build: Build) -> None:
    world = with_known(10)
    before = world.store.pending()
    proof = build(world)
    assert world.update(proof) == "updated"
    assert world.store.pending() == before
    heights = light_client.update_state(
        world.store, CLIENT, proof, now_ns=world.now_ns, self_height=SELF_HEIGHT
    )
    assert heights == ()


# --- what is refused --------------------------------------------------------------------

REFUSED: dict[str, tuple[Build, type[RejectedError]]] = {
    "headers of two chains": (
        lambda w: two(w.header(12), other(w, 12, chain_id="beijing-2")),
        errors.MisbehaviourChainIdError,
    ),
    "headers of another chain": (
        lambda w: two(
            w.header(12, chain_id="beijing-2"), other(w, 12, chain_id="beijing-2")
        ),
        errors.HeaderChainIdError,
    ),
    "lower header first": (
        lambda w: two(w.header(12), other(w, 14)),
        errors.MisbehaviourOrderError,
    ),
    "first trusted height unknown": (
        lambda w: two(w.header(12, trusted=7), other(w, 12)),
        ConsensusStateNotFoundError,
    ),
    "second trusted height unknown": (
        lambda w: two(w.header(12), other(w, 12, trusted=7)),
        ConsensusStateNotFoundError,
    ),
    "trusted height zero": (
        lambda w: two(replace(w.header(12), trusted_height=Height(2, 0)), other(w, 12)),
        errors.InvalidHeaderHeightError,
    ),
    "header at its trusted height": (
        lambda w: two(w.header(10, trusted=10), other(w, 10)),
        errors.InvalidHeaderHeightError,
    ),
    "header below its trusted height": (
        lambda w: two(w.header(12), other(w, 8, trusted=10)),
        errors.InvalidHeaderHeightError,
    ),
    "first trusted validators are others": (
        lambda w: two(w.header(12, trusted_validators=strangers(1)), other(w, 12)),
        errors.InvalidValidatorSetError,
    ),
    "second trusted validators are others": (
        lambda w: two(w.header(12), other(w, 12, trusted_validators=strangers(1))),
        errors.InvalidValidatorSetError,
    ),
    "too many validators replaced in the first": (
        lambda w: two(signed_by(w, 12, 2), other(w, 12)),
        errors.InsufficientTrustError,
    ),
    "too many validators replaced in the second": (
        lambda w: two(w.header(12), signed_by(w, 12, 2)),
        errors.InsufficientTrustError,
    ),
    "too many validators replaced in both": (
        lambda w: two(signed_by(w, 12, 4), signed_by(w, 12, 3)),
        errors.InsufficientTrustError,
    ),
    "too few votes in the first": (
        lambda w: two(other(w, 12, absent=[0, 1]), w.header(12)),
        errors.InsufficientTrustError,
    ),
    "trusted ones signed, but too few of the header's own": (
        lambda w: two(
            w.header(12),
            other(
                w,
                12,
                signers=make_validators([10] * 5),
                validators_hash=validator_set_of(make_validators([10] * 5)).hash,
                absent=[
                    index
                    for index, v in enumerate(make_validators([10] * 5))
                    if v.address not in {m.address for m in equal_four()}
                ]
                + [
                    next(
                        index
                        for index, v in enumerate(make_validators([10] * 5))
                        if v.address == equal_four()[0].address
                    )
                ],
            ),
        ),
        errors.InsufficientPowerError,
    ),
    "forged vote in the first": (
        lambda w: two(forged(w.header(12)), other(w, 12)),
        errors.InvalidSignatureError,
    ),
    "forged vote in the second": (
        lambda w: two(w.header(12), forged(other(w, 12))),
        errors.InvalidSignatureError,
    ),
    "votes for another revision": (
        lambda w: two(w.header(12), other(w, 12, signing={"chain_id": "chongqing-3"})),
        errors.InvalidSignatureError,
    ),
    "one validator votes twice": (
        lambda w: two(w.header(12), double_vote(other(w, 12))),
        errors.DoubleVoteError,
    ),
    "validators that the header does not name": (
        lambda w: two(w.header(12), other(w, 12, shown=strangers(1))),
        errors.ValidatorsHashError,
    ),
    "commit of another height": (
        lambda w: two(w.header(12), other(w, 12, signing={"height": 13})),
        errors.CommitHeightError,
    ),
    "a real commit under a made-up header": (
        lambda w: two(
            w.header(12),
            other(
                w,
                12,
                signing={"block_id": w.chain.block(12).signed_header.commit.block_id},
            ),
        ),
        errors.CommitBlockIdError,
    ),
}


@pytest.mark.parametrize(("build", "error"), REFUSED.values(), ids=REFUSED)
def test_forged_misbehaviour_is_refused_and_the_client_lives_on(
    build: Build, error: type[RejectedError]
) -> None:
    world = with_known(10)
    before = world.store.pending()
    with pytest.raises(error) as raised:
        world.update(build(world))
    assert type(raised.value) is error
    assert world.store.pending() == before


@pytest.mark.parametrize("first_is_old", [True, False])
def test_misbehaviour_from_an_expired_trusted_header_is_refused(
    first_is_old: bool,
) -> None:
    world = with_known(10)
    period_ns = get_client_state(world.store, CLIENT).trusting_period_ns
    world.now_ns = time_of(world, START) + period_ns
    old, new = START, 10
    proof = two(
        world.header(12, trusted=old if first_is_old else new),
        other(world, 12, trusted=new if first_is_old else old),
    )
    with pytest.raises(errors.TrustingPeriodExpiredError) as raised:
        world.update(proof)
    name = "header 1" if first_is_old else "header 2"
    assert str(raised.value).startswith(f"verifying {name}: ")
    world.now_ns -= 1
    assert world.update(proof) == "frozen"


def test_misbehaviour_for_a_client_that_cannot_judge_is_refused() -> None:
    world = with_known(10)
    proof = two(world.header(12), other(world, 12))
    with pytest.raises(ClientNotFoundError):
        light_client.verify_client_message(
            world.store, "07-tendermint-1", proof, now_ns=world.now_ns
        )
    period_ns = get_client_state(world.store, CLIENT).trusting_period_ns
    with pytest.raises(ClientNotActiveError):
        world.update(proof, now_ns=time_of(world, 10) + period_ns)
    world.update(proof)
    with pytest.raises(ClientNotActiveError):
        world.update(proof)


@pytest.mark.parametrize("field", ["header_1", "header_2"])
def test_misbehaviour_with_one_header_is_refused(field: str) -> None:
    world = make_world()
    packed = client_message_to_any(two(world.header(12), other(world, 12)))
    message = tendermint_pb2.Misbehaviour.FromString(packed.value)
    message.ClearField(field)
    changed = Any(type_url=packed.type_url, value=message.SerializeToString())
    with pytest.raises(InvalidClientHeaderError):
        light_client.decode_client_message(CLIENT, changed)
