"""Headers, commits and validator sets refuse what no node makes, however they are built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from huitong.core.errors import RejectedError
from huitong.core.time import GO_ZERO_TIME_NS, TIME_NS_MAX
from huitong.light.tendermint.block_hashes import block_parts, part_set_header
from huitong.light.tendermint.block_types import block_id_from_proto
from huitong.light.tendermint.commit import CommitSig
from huitong.light.tendermint.errors import (
    InvalidHeaderError,
    MalformedCommitError,
    MalformedValidatorSetError,
)
from huitong.light.tendermint.header import header_hash, header_height
from huitong.light.tendermint.terms import client_state_for
from huitong.light.tendermint.validator_set import (
    Validator,
    ValidatorSet,
    sorted_validators,
)
from huitong.light.tendermint.wire import bytes_field
from huitong.proto.tendermint.types import types_pb2
from huitong.testing.headers import SimChain
from huitong.testing.validators import make_validators, validator_set_of

CHAIN = SimChain("chongqing-2", make_validators([3, 2, 1]))
BLOCK = CHAIN.advance(2)
HEADER = BLOCK.signed_header.header
VOTE = BLOCK.signed_header.commit.signatures[0]
SET = validator_set_of(BLOCK.validators)


def stranger(power: int = 1) -> Validator:
    (one,) = make_validators([power], label="stranger")
    return Validator(public_key=one.public_key, voting_power=power)


IMPOSSIBLE: dict[str, tuple[Callable[[], object], type[RejectedError]]] = {
    "app version above 64 bits": (
        lambda: replace(HEADER, app_version=2**64),
        InvalidHeaderError,
    ),
    "header before the year 1": (
        lambda: replace(HEADER, time_ns=GO_ZERO_TIME_NS - 1),
        InvalidHeaderError,
    ),
    "header after the year 9999": (
        lambda: replace(HEADER, time_ns=TIME_NS_MAX + 1),
        InvalidHeaderError,
    ),
    "block name without parts": (
        lambda: block_id_from_proto("block", types_pb2.BlockID()),
        InvalidHeaderError,
    ),
    "vote after the year 9999": (
        lambda: replace(VOTE, timestamp_ns=TIME_NS_MAX + 1),
        MalformedCommitError,
    ),
    "priority above 63 bits": (
        lambda: replace(SET.validators[0], proposer_priority=2**63),
        MalformedValidatorSetError,
    ),
    "501 validators": (
        lambda: ValidatorSet(validators=(stranger(),) * 501),
        MalformedValidatorSetError,
    ),
    "proposer who is a stranger": (
        lambda: SET.with_proposer(stranger().address),
        MalformedValidatorSetError,
    ),
}


@pytest.mark.parametrize(("build", "error"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_object_cannot_be_made(
    build: Callable[[], object], error: type[RejectedError]
) -> None:
    with pytest.raises(error):
        build()


def test_header_that_names_no_validators_has_no_hash() -> None:
    assert header_hash(replace(HEADER, validators_hash=b"")) == b""


def test_each_field_of_a_header_changes_its_hash() -> None:
    changes: dict[str, object] = {
        "app_version": 1,
        "chain_id": "x",
        "height": 9,
        "time_ns": 1,
        "last_block_id": BLOCK.signed_header.commit.block_id,
    }
    changes |= dict.fromkeys(
        (
            "last_commit_hash",
            "data_hash",
            "validators_hash",
            "next_validators_hash",
            "consensus_hash",
            "app_hash",
            "last_results_hash",
            "evidence_hash",
        ),
        b"\t" * 32,
    )
    changes["proposer_address"] = b"\x09" * 20
    hashes = {
        header_hash(replace(HEADER, **{name: value})) for name, value in changes.items()
    }
    assert len(hashes | {header_hash(HEADER)}) == 1 + len(changes) == 15


def test_validators_are_ordered_by_power_then_address() -> None:
    members = [stranger(2), *SET.validators]
    ordered = sorted_validators(members)
    assert [v.voting_power for v in ordered] == [3, 2, 2, 1]
    assert ordered[1].address < ordered[2].address


def test_validators_are_found_by_address() -> None:
    assert SET.find(SET.validators[1].address) == SET.validators[1]
    assert SET.find(stranger().address) is None


def test_priorities_are_not_part_of_the_sets_hash() -> None:
    moved = tuple(replace(v, proposer_priority=7) for v in SET.validators)
    assert ValidatorSet(validators=moved).hash == SET.hash


def test_absent_vote_is_the_default() -> None:
    absent = CommitSig(flag=VOTE.flag.ABSENT)
    assert absent.timestamp_ns == GO_ZERO_TIME_NS


def test_block_is_cut_into_parts_of_64_kib() -> None:
    for size, total in ((1, 1), (65_536, 1), (65_537, 2), (131_072, 2), (131_073, 3)):
        data = bytes(size)
        assert part_set_header(data).total == total
        assert b"".join(block_parts(data)) == data


def test_long_field_has_its_length_in_two_bytes() -> None:
    assert bytes_field(1, bytes(200)) == b"\x0a\xc8\x01" + bytes(200)


def test_terms_of_our_own_links_ask_for_two_thirds() -> None:
    state = client_state_for("chongqing-2", header_height(HEADER))
    level = state.trust_level
    assert (level.numerator, level.denominator) == (2, 3)
    assert str(state.latest_height) == "2-2"
