"""Headers shown to a light client: what it takes, and what it refuses with which code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huitong.core.codec import DecodeError
from huitong.core.errors import RejectedError
from huitong.core.height import Height
from huitong.core.time import NS_PER_SECOND, InvalidTimeError
from huitong.light import light_client
from huitong.light.errors import (
    ClientNotActiveError,
    ClientNotFoundError,
    ConsensusStateNotFoundError,
    InvalidClientHeaderError,
    InvalidClientTypeError,
    InvalidConsensusError,
)
from huitong.light.light_client import Header
from huitong.light.status import Status
from huitong.light.tendermint import errors
from huitong.light.tendermint.client_message import client_message_to_any
from huitong.light.tendermint.commit import BlockIdFlag, CommitSig
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.light.tendermint.verify import Votes, verify_commit
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.ibc.lightclients.tendermint.v1 import tendermint_pb2
from huitong.proto.tendermint.types import validator_pb2
from huitong.testing.headers import forge_signature, sign_commit
from huitong.testing.validators import (
    SimValidator,
    chain_order,
    make_validators,
    replace_validators,
    validator_set_of,
)
from tests.byzantine.client_of_chain import (
    CLIENT,
    START,
    World,
    equal_four,
    make_world,
)

THIRD = TrustLevel(numerator=1, denominator=3)
TWO_THIRDS = TrustLevel(numerator=2, denominator=3)
Build = Callable[[World], Header]


def with_commit(world: World, change: Callable[[list[CommitSig]], None]) -> Header:
    """Return the header at 9 with its votes changed and not signed again."""
    header = world.header(9)
    signed = header.signed_header
    votes = list(signed.commit.signatures)
    change(votes)
    commit = replace(signed.commit, signatures=tuple(votes))
    return replace(header, signed_header=replace(signed, commit=commit))


def swap_first_two(votes: list[CommitSig]) -> None:
    votes[0], votes[1] = votes[1], votes[0]


def repeat_first(votes: list[CommitSig]) -> None:
    votes[1] = votes[0]


def call_last_nil(votes: list[CommitSig]) -> None:
    votes[-1] = replace(votes[-1], flag=BlockIdFlag.NIL)


def stranger_instead(count: int) -> tuple[SimValidator, ...]:
    return replace_validators(equal_four(), count=count, label="stranger")


def forged_vote(world: World, index: int) -> Header:
    header = world.header(9)
    signed = header.signed_header
    (forger,) = make_validators([1], label="forger")
    commit = forge_signature(signed.commit, index, forger)
    return replace(header, signed_header=replace(signed, commit=commit))


# --- what is taken ----------------------------------------------------------------------

ACCEPTED: dict[str, Build] = {
    "adjacent": lambda w: w.header(6),
    "skipping": lambda w: w.header(15),
    "one absent vote": lambda w: w.header(15, absent=[2]),
    "one vote for nil": lambda w: w.header(15, nil=[0]),
    "adjacent with one absent vote": lambda w: w.header(6, absent=[0]),
    "one of four validators replaced": lambda w: w.header(
        15,
        signers=stranger_instead(1),
        validators_hash=validator_set_of(stranger_instead(1)).hash,
    ),
    "dated one nanosecond before the drift ends": lambda w: w.header(
        15, time_ns=w.now_ns + 10 * NS_PER_SECOND - 1
    ),
    "one nanosecond after the trusted time": lambda w: w.header(
        6, time_ns=w.chain.consensus_state(START).timestamp_ns + 1
    ),
    "decided in a later round": lambda w: w.header(15, signing={"round": 3}),
}


@pytest.mark.parametrize("build", ACCEPTED.values(), ids=ACCEPTED)
def test_header_that_follows_is_remembered(build: Build) -> None:
    world = make_world()
    header = build(world)
    assert world.update(header) == "updated"
    block = header.signed_header.header
    time_ns = light_client.timestamp_at_height(world.store, CLIENT, header.height)
    assert time_ns == block.time_ns
    assert light_client.latest_height(world.store, CLIENT) == header.height


def test_same_header_again_changes_nothing() -> None:
    world = make_world()
    header = world.header(9)
    world.update(header)
    before = world.store.pending()
    assert world.update(header, now_ns=world.now_ns + 1) == "updated"
    assert world.store.pending() == before


def test_header_between_known_ones_is_remembered_and_the_latest_stays() -> None:
    world = make_world()
    world.update(world.header(15))
    assert world.update(world.header(9)) == "updated"
    assert light_client.latest_height(world.store, CLIENT) == Height(2, 15)
    assert [
        height.revision_height
        for height in light_client.iterate_consensus_heights(world.store, CLIENT)
    ] == [5, 9, 15]


# --- what is refused --------------------------------------------------------------------

REFUSED: dict[str, tuple[Build, type[RejectedError]]] = {
    "nothing known of the trusted height": (
        lambda w: w.header(9, trusted=6),
        ConsensusStateNotFoundError,
    ),
    "trusted validators that are others": (
        lambda w: w.header(9, trusted_validators=stranger_instead(1)),
        errors.InvalidValidatorSetError,
    ),
    "trusted validators with other powers": (
        lambda w: w.header(9, trusted_validators=make_validators([10, 10, 10, 11])),
        errors.InvalidValidatorSetError,
    ),
    "adjacent but not the announced validators": (
        lambda w: w.header(
            6,
            signers=stranger_instead(1),
            validators_hash=validator_set_of(stranger_instead(1)).hash,
        ),
        errors.NextValidatorsError,
    ),
    "two of four validators replaced": (
        lambda w: w.header(
            15,
            signers=stranger_instead(2),
            validators_hash=validator_set_of(stranger_instead(2)).hash,
        ),
        errors.InsufficientTrustError,
    ),
    "all validators replaced": (
        lambda w: w.header(
            15,
            signers=stranger_instead(4),
            validators_hash=validator_set_of(stranger_instead(4)).hash,
        ),
        errors.InsufficientTrustError,
    ),
    "half of the votes absent, adjacent": (
        lambda w: w.header(6, absent=[0, 1]),
        errors.InsufficientPowerError,
    ),
    "half of the votes for nil, adjacent": (
        lambda w: w.header(6, nil=[0, 1]),
        errors.InsufficientPowerError,
    ),
    "height of the trusted header": (
        lambda w: w.header(START),
        errors.InvalidHeaderHeightError,
    ),
    "height below the trusted header": (
        lambda w: w.header(3),
        errors.InvalidHeaderHeightError,
    ),
    "previous revision": (
        lambda w: w.header(9, chain_id="chongqing-1"),
        errors.HeaderRevisionError,
    ),
    "future revision": (
        lambda w: w.header(9, chain_id="chongqing-3"),
        errors.HeaderRevisionError,
    ),
    "another chain": (
        lambda w: w.header(9, chain_id="beijing-2"),
        errors.HeaderChainIdError,
    ),
    "time of the trusted header": (
        lambda w: w.header(9, time_ns=w.chain.consensus_state(START).timestamp_ns),
        errors.HeaderTimeError,
    ),
    "time before the trusted header": (
        lambda w: w.header(9, time_ns=w.chain.consensus_state(START).timestamp_ns - 1),
        errors.HeaderTimeError,
    ),
    "dated where the drift ends": (
        lambda w: w.header(15, time_ns=w.now_ns + 10 * NS_PER_SECOND),
        errors.HeaderFromFutureError,
    ),
    "commit of another height": (
        lambda w: w.header(9, signing={"height": 10}),
        errors.CommitHeightError,
    ),
    "commit of another block": (
        lambda w: w.header(
            9, signing={"block_id": w.chain.block(8).signed_header.commit.block_id}
        ),
        errors.CommitBlockIdError,
    ),
    "validators that the header does not name": (
        lambda w: w.header(9, shown=stranger_instead(1)),
        errors.ValidatorsHashError,
    ),
    "votes for another chain": (
        lambda w: w.header(9, signing={"chain_id": "beijing-2"}),
        errors.InvalidSignatureError,
    ),
    "votes without the chain's revision": (
        lambda w: w.header(9, signing={"chain_id": "chongqing"}),
        errors.InvalidSignatureError,
    ),
    "first vote by somebody else": (
        lambda w: forged_vote(w, 0),
        errors.InvalidSignatureError,
    ),
    "last vote by somebody else, beyond the power needed": (
        lambda w: forged_vote(w, 3),
        errors.InvalidSignatureError,
    ),
    "vote for the block shown as one for nil": (
        lambda w: with_commit(w, call_last_nil),
        errors.InvalidSignatureError,
    ),
    "one validator votes twice": (
        lambda w: with_commit(w, repeat_first),
        errors.DoubleVoteError,
    ),
    "votes in each other's place": (
        lambda w: with_commit(w, swap_first_two),
        errors.ValidatorAddressError,
    ),
    "a vote is missing": (
        lambda w: with_commit(w, lambda votes: votes.pop()),
        errors.CommitSizeError,
    ),
    "a vote too many": (
        lambda w: with_commit(
            w, lambda votes: votes.append(CommitSig(flag=BlockIdFlag.ABSENT))
        ),
        errors.CommitSizeError,
    ),
    "no root of the state": (
        lambda w: w.header(9, app_hash=b""),
        InvalidConsensusError,
    ),
}


@pytest.mark.parametrize(("build", "error"), REFUSED.values(), ids=REFUSED)
def test_forged_header_is_refused_and_nothing_is_written(
    build: Build, error: type[RejectedError]
) -> None:
    world = make_world()
    before = world.store.pending()
    with pytest.raises(error) as raised:
        world.update(build(world))
    assert type(raised.value) is error
    assert world.store.pending() == before


def test_every_reason_has_its_own_code() -> None:
    codes = {(error.codespace, error.code) for _, error in REFUSED.values()}
    assert len(codes) == len({error for _, error in REFUSED.values()})


# --- the client's own state -------------------------------------------------------------


def test_header_for_a_client_that_does_not_exist_is_refused() -> None:
    world = make_world()
    with pytest.raises(ClientNotFoundError):
        light_client.verify_client_message(
            world.store, "07-tendermint-1", world.header(9), now_ns=world.now_ns
        )


def test_header_for_a_frozen_client_is_refused() -> None:
    world = make_world()
    light_client.freeze(world.store, CLIENT)
    with pytest.raises(ClientNotActiveError):
        world.update(world.header(9))


@pytest.mark.parametrize("late_ns", [0, 1])
def test_header_for_an_expired_client_is_refused(late_ns: int) -> None:
    world = make_world()
    state = world.chain.client_state(START)
    expiry_ns = (
        world.chain.consensus_state(START).timestamp_ns + state.trusting_period_ns
    )
    with pytest.raises(ClientNotActiveError):
        world.update(world.header(9), now_ns=expiry_ns + late_ns)


def test_client_is_active_until_one_nanosecond_before_expiry() -> None:
    world = make_world()
    state = world.chain.client_state(START)
    expiry_ns = (
        world.chain.consensus_state(START).timestamp_ns + state.trusting_period_ns
    )
    status = light_client.client_status
    assert status(world.store, CLIENT, now_ns=expiry_ns - 1) is Status.ACTIVE
    assert status(world.store, CLIENT, now_ns=expiry_ns) is Status.EXPIRED
    assert world.update(world.header(9), now_ns=expiry_ns - 1) == "updated"


def test_trusted_header_expires_although_the_client_is_active() -> None:
    world = make_world()
    world.update(world.header(15))
    state = world.chain.client_state(START)
    expiry_ns = (
        world.chain.consensus_state(START).timestamp_ns + state.trusting_period_ns
    )
    with pytest.raises(errors.TrustingPeriodExpiredError):
        world.update(world.header(18), now_ns=expiry_ns)
    assert world.update(world.header(18, trusted=15), now_ns=expiry_ns) == "updated"


def test_same_height_with_another_hash_freezes_the_client() -> None:
    world = make_world()
    world.update(world.header(9))
    assert world.update(world.header(9, app_hash=b"\7" * 32)) == "frozen"
    status = light_client.client_status(world.store, CLIENT, now_ns=world.now_ns)
    assert status is Status.FROZEN


@pytest.mark.parametrize(
    ("height", "of"),
    [(9, 15), (9, 16), (18, 15), (18, 14)],
    ids=["at the next", "after the next", "at the previous", "before the previous"],
)
def test_header_whose_time_is_out_of_order_freezes_the_client(
    height: int, of: int
) -> None:
    world = make_world()
    world.update(world.header(15))
    time_ns = world.chain.consensus_state(of).timestamp_ns
    assert world.update(world.header(height, time_ns=time_ns)) == "frozen"


def test_trust_level_that_overflows_is_refused() -> None:
    huge = 2**62
    world = make_world(trust_level=TrustLevel(numerator=huge, denominator=huge))
    assert world.update(world.header(6)) == "updated"
    with pytest.raises(errors.TrustLevelOverflowError):
        world.update(world.header(9))


# --- thresholds -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("powers", "absent", "level", "error"),
    [
        # Own power: 2/3 of 9 is 6.
        ([4, 3, 2], [2], THIRD, None),
        ([3, 3, 3], [2], THIRD, errors.InsufficientPowerError),
        ([4, 4, 1], [0], THIRD, errors.InsufficientPowerError),
        # Trusted power is asked for first: 2/3 of 9 is 6.
        ([3, 3, 3], [2], TWO_THIRDS, errors.InsufficientTrustError),
    ],
    ids=["7 of 9", "6 of 9", "5 of 9", "6 of 9 at level 2/3"],
)
def test_power_needs_to_exceed_two_thirds(
    powers: list[int],
    absent: list[int],
    level: TrustLevel,
    error: type[RejectedError] | None,
) -> None:
    world = make_world(make_validators(powers), trust_level=level)
    header = world.header(9, absent=absent)
    if error is None:
        assert world.update(header) == "updated"
    else:
        with pytest.raises(error):
            world.update(header)


@pytest.mark.parametrize(
    ("power_kept", "is_enough"), [(29, False), (30, False), (31, True)]
)
def test_trusted_power_needs_to_exceed_one_third(
    power_kept: int, is_enough: bool
) -> None:
    """The old set has power 90; of it one validator with ``power_kept`` still signs."""
    (kept,) = make_validators([power_kept], label="kept")
    (gone,) = make_validators([90 - power_kept], label="gone")
    (new,) = make_validators([1_000], label="new")
    world = make_world(chain_order([kept, gone]), trust_level=THIRD)
    signers = chain_order([kept, new])
    header = world.header(
        9, signers=signers, validators_hash=validator_set_of(signers).hash
    )
    if is_enough:
        assert world.update(header) == "updated"
    else:
        with pytest.raises(errors.InsufficientTrustError):
            world.update(header)


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=6),
    st.sets(st.integers(0, 5)),
    st.sampled_from([Fraction(1, 3), Fraction(1, 2), Fraction(2, 3), Fraction(1)]),
)
def test_thresholds_agree_with_exact_fractions(
    powers: list[int], absent: set[int], level: Fraction
) -> None:
    validators = make_validators(powers)
    world = make_world(validators)
    header = world.chain.block(9).signed_header.header
    commit = sign_commit(header, validators, absent=absent)
    members = validator_set_of(validators)
    signed = sum(v.voting_power for i, v in enumerate(validators) if i not in absent)
    fraction = Fraction(signed, sum(powers))
    trust_level = TrustLevel(numerator=level.numerator, denominator=level.denominator)

    def verdict(check: Callable[[], None]) -> bool:
        try:
            check()
        except (errors.InsufficientPowerError, errors.InsufficientTrustError):
            return False
        return True

    assert verdict(lambda: verify_commit(commit, members, header.chain_id)) == (
        fraction > Fraction(2, 3)
    )
    assert verdict(
        lambda: Votes(commit, header.chain_id).verify_trusting(members, trust_level)
    ) == (fraction > level)


# --- bytes ------------------------------------------------------------------------------

ProtoChange = Callable[[tendermint_pb2.Header], object]


def clear_first_vote(header: tendermint_pb2.Header, left: str) -> None:
    """Make the first vote an absent one that keeps the field ``left``."""
    vote = header.signed_header.commit.signatures[0]
    vote.block_id_flag = validator_pb2.BLOCK_ID_FLAG_ABSENT
    if left != "timestamp":
        vote.timestamp.seconds, vote.timestamp.nanos = -62_135_596_800, 0
    for field in ("signature", "validator_address"):
        if field != left:
            vote.ClearField(field)


def empower_first(header: tendermint_pb2.Header) -> None:
    """Give one validator all the power that a set may have, beside the others'."""
    header.trusted_validators.ClearField("proposer")
    header.trusted_validators.total_voting_power = 0
    header.trusted_validators.validators[0].voting_power = (2**63 - 1) // 8


MALFORMED: dict[str, tuple[ProtoChange, type[RejectedError]]] = {
    "no signed header": (
        lambda h: h.ClearField("signed_header"),
        InvalidClientHeaderError,
    ),
    "no validators": (
        lambda h: h.ClearField("validator_set"),
        InvalidClientHeaderError,
    ),
    "no trusted validators": (
        lambda h: h.ClearField("trusted_validators"),
        InvalidClientHeaderError,
    ),
    "no trusted height": (
        lambda h: h.ClearField("trusted_height"),
        InvalidClientHeaderError,
    ),
    "no header": (
        lambda h: h.signed_header.ClearField("header"),
        errors.InvalidHeaderError,
    ),
    "no commit": (
        lambda h: h.signed_header.ClearField("commit"),
        errors.InvalidHeaderError,
    ),
    "no version": (
        lambda h: h.signed_header.header.ClearField("version"),
        errors.InvalidHeaderError,
    ),
    "no time": (
        lambda h: h.signed_header.header.ClearField("time"),
        errors.InvalidHeaderError,
    ),
    "no last block": (
        lambda h: h.signed_header.header.ClearField("last_block_id"),
        errors.InvalidHeaderError,
    ),
    "block protocol 12": (
        lambda h: setattr(h.signed_header.header.version, "block", 12),
        errors.InvalidHeaderError,
    ),
    "chain id of 51 bytes": (
        lambda h: setattr(h.signed_header.header, "chain_id", "x" * 51),
        errors.InvalidHeaderError,
    ),
    "height zero": (
        lambda h: setattr(h.signed_header.header, "height", 0),
        errors.InvalidHeaderError,
    ),
    "negative height": (
        lambda h: setattr(h.signed_header.header, "height", -1),
        errors.InvalidHeaderError,
    ),
    "hash of 31 bytes": (
        lambda h: setattr(h.signed_header.header, "data_hash", b"\1" * 31),
        errors.InvalidHeaderError,
    ),
    "app hash of 65 bytes": (
        lambda h: setattr(h.signed_header.header, "app_hash", b"\1" * 65),
        errors.InvalidHeaderError,
    ),
    "proposer of 21 bytes": (
        lambda h: setattr(h.signed_header.header, "proposer_address", b"\1" * 21),
        errors.InvalidHeaderError,
    ),
    "a thousand million nanoseconds": (
        lambda h: setattr(h.signed_header.header.time, "nanos", 10**9),
        InvalidTimeError,
    ),
    "commit without a block": (
        lambda h: h.signed_header.commit.ClearField("block_id"),
        errors.MalformedCommitError,
    ),
    "commit for no block": (
        lambda h: setattr(h.signed_header.commit.block_id, "hash", b""),
        errors.MalformedCommitError,
    ),
    "commit of a negative round": (
        lambda h: setattr(h.signed_header.commit, "round", -1),
        errors.MalformedCommitError,
    ),
    "commit of height zero": (
        lambda h: setattr(h.signed_header.commit, "height", 0),
        errors.MalformedCommitError,
    ),
    "no votes": (
        lambda h: h.signed_header.commit.ClearField("signatures"),
        errors.MalformedCommitError,
    ),
    "501 votes": (
        lambda h: h.signed_header.commit.signatures.extend(
            [h.signed_header.commit.signatures[0]] * 497
        ),
        errors.MalformedCommitError,
    ),
    "unknown kind of vote": (
        lambda h: setattr(h.signed_header.commit.signatures[0], "block_id_flag", 4),
        errors.MalformedCommitError,
    ),
    "vote without a time": (
        lambda h: h.signed_header.commit.signatures[0].ClearField("timestamp"),
        errors.MalformedCommitError,
    ),
    "absent vote with a time": (
        lambda h: clear_first_vote(h, "timestamp"),
        errors.MalformedCommitError,
    ),
    "absent vote with a signature": (
        lambda h: clear_first_vote(h, "signature"),
        errors.MalformedCommitError,
    ),
    "absent vote with an address": (
        lambda h: clear_first_vote(h, "validator_address"),
        errors.MalformedCommitError,
    ),
    "vote with a short address": (
        lambda h: setattr(
            h.signed_header.commit.signatures[0], "validator_address", b"\1"
        ),
        errors.MalformedCommitError,
    ),
    "vote with a short signature": (
        lambda h: setattr(h.signed_header.commit.signatures[0], "signature", b"\1"),
        errors.MalformedCommitError,
    ),
    "empty validator set": (
        lambda h: h.validator_set.ClearField("validators"),
        errors.MalformedValidatorSetError,
    ),
    "validator twice": (
        lambda h: h.validator_set.validators.append(h.validator_set.validators[0]),
        errors.MalformedValidatorSetError,
    ),
    "501 validators": (
        lambda h: h.validator_set.validators.extend(
            [h.validator_set.validators[0]] * 497
        ),
        errors.MalformedValidatorSetError,
    ),
    "validator without a key": (
        lambda h: h.validator_set.validators[0].ClearField("pub_key"),
        errors.MalformedValidatorSetError,
    ),
    "validator with a key of another kind": (
        lambda h: setattr(
            h.validator_set.validators[0].pub_key, "secp256k1", b"\2" * 33
        ),
        errors.MalformedValidatorSetError,
    ),
    "validator with a short key": (
        lambda h: setattr(h.validator_set.validators[0].pub_key, "ed25519", b"\1"),
        errors.MalformedValidatorSetError,
    ),
    "validator under another address": (
        lambda h: setattr(h.validator_set.validators[0], "address", b"\1" * 20),
        errors.MalformedValidatorSetError,
    ),
    "validator without power": (
        lambda h: setattr(h.validator_set.validators[0], "voting_power", 0),
        errors.MalformedValidatorSetError,
    ),
    "validator with negative power": (
        lambda h: setattr(h.validator_set.validators[0], "voting_power", -1),
        errors.MalformedValidatorSetError,
    ),
    "too much power in one": (
        lambda h: setattr(h.validator_set.validators[0], "voting_power", 2**62),
        errors.MalformedValidatorSetError,
    ),
    "too much power in all": (empower_first, errors.MalformedValidatorSetError),
    "total power that is not the sum": (
        lambda h: setattr(h.validator_set, "total_voting_power", 41),
        errors.MalformedValidatorSetError,
    ),
    "proposer who is no member": (
        lambda h: setattr(h.validator_set.proposer, "voting_power", 11),
        errors.MalformedValidatorSetError,
    ),
}


@pytest.mark.parametrize(("change", "error"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_header_is_refused_before_anything_is_verified(
    change: ProtoChange, error: type[RejectedError]
) -> None:
    packed = client_message_to_any(make_world().header(9))
    message = tendermint_pb2.Header.FromString(packed.value)
    change(message)
    changed = Any(type_url=packed.type_url, value=message.SerializeToString())
    with pytest.raises(error) as raised:
        light_client.decode_client_message(CLIENT, changed)
    assert type(raised.value) is error


def test_header_for_another_kind_of_client_is_refused() -> None:
    packed = client_message_to_any(make_world().header(9))
    with pytest.raises(InvalidClientTypeError):
        light_client.decode_client_message("06-solomachine-0", packed)
    packed.type_url = "/ibc.lightclients.solomachine.v3.Header"
    with pytest.raises(InvalidClientTypeError):
        light_client.decode_client_message(CLIENT, packed)


def test_header_beyond_its_size_limit_is_refused() -> None:
    packed = client_message_to_any(make_world().header(9))
    packed.value += bytes(262_144)
    with pytest.raises(DecodeError):
        light_client.decode_client_message(CLIENT, packed)


_WORLD = make_world()
_PACKED = client_message_to_any(_WORLD.header(9))


def is_taken(data: bytes) -> bool:
    """Tell whether a client takes these bytes as a header that follows."""
    changed = Any(type_url=_PACKED.type_url, value=data)
    try:
        message = light_client.decode_client_message(CLIENT, changed)
        light_client.verify_client_message(
            _WORLD.store, CLIENT, message, now_ns=_WORLD.now_ns
        )
    except RejectedError:
        return False
    return True


@pytest.mark.slow
def test_any_changed_bit_of_a_header_is_refused() -> None:
    """Header, votes, both validator sets and the trusted height: nothing is left over."""
    data = bytearray(_PACKED.value)
    assert is_taken(bytes(data))
    for position in range(len(data)):
        for bit in range(8):
            data[position] ^= 1 << bit
            assert not is_taken(bytes(data)), (position, bit)
            data[position] ^= 1 << bit


@settings(deadline=None)
@given(st.integers(0, len(_PACKED.value) - 1), st.integers(1, 255))
def test_any_changed_byte_of_a_header_is_refused(position: int, change: int) -> None:
    data = bytearray(_PACKED.value)
    data[position] ^= change
    assert not is_taken(bytes(data))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_bytes_that_are_no_header_are_refused(data: bytes) -> None:
    changed = Any(type_url=_PACKED.type_url, value=data)
    with pytest.raises(RejectedError):
        light_client.decode_client_message(CLIENT, changed)
