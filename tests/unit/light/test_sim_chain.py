"""The test kit's chains are what real ones are: they verify, and their forks convict."""

from __future__ import annotations

from dataclasses import replace

from huitong.light.light_client import Misbehaviour
from huitong.light.tendermint.client_store import (
    Arrival,
    iterate_consensus_heights,
    save_client_state,
)
from huitong.light.tendermint.misbehaviour import contradict_each_other
from huitong.light.tendermint.rpc_json import (
    light_block_from_json,
    signed_header_to_json,
    validator_set_to_json,
)
from huitong.light.tendermint.updates import save_header
from huitong.light.tendermint.verify import verify_commit
from huitong.testing.headers import SimChain
from huitong.testing.validators import make_validators, replace_validators
from tests.unit.light.memory_store import empty_store

FOUR = make_validators([1, 1, 1, 1])


def test_same_labels_give_the_same_chain() -> None:
    first, second = (SimChain("chongqing-1", FOUR) for _ in range(2))
    assert first.advance(3) == second.advance(3)


def test_every_block_is_signed_by_its_validators() -> None:
    chain = SimChain("chongqing-1", FOUR, first_height=7)
    chain.advance(2)
    newcomers = replace_validators(FOUR, count=1, label="newcomer")
    chain.advance(2, next_validators=newcomers, absent=[0])
    assert chain.height == 10
    for height in range(7, 11):
        block = chain.light_block(height)
        assert block.validators is not None
        verify_commit(block.signed_header.commit, block.validators, "chongqing-1")
    assert chain.block(9).validators == FOUR
    assert chain.block(9).next_validators == newcomers
    assert chain.block(10).validators == newcomers


def test_fork_shares_the_past_and_contradicts_the_future() -> None:
    chain = SimChain("chongqing-1", FOUR)
    chain.advance(6)
    fork = chain.fork(3)
    fork.advance(3)
    assert fork.blocks[:3] == chain.blocks[:3]
    for height in (4, 5, 6):
        proof = Misbehaviour(
            header_1=chain.client_header(height, trusted_height=3),
            header_2=fork.client_header(height, trusted_height=3),
        )
        assert contradict_each_other(proof)
        mine, theirs = chain.block(height), fork.block(height)
        assert mine.signed_header.header.time_ns == theirs.signed_header.header.time_ns


def test_fork_at_the_newest_block_goes_on_from_there() -> None:
    chain = SimChain("chongqing-1", FOUR)
    chain.advance(3)
    fork = chain.fork(3)
    block = fork.advance()
    assert block.signed_header.header.time_ns == chain.next_time_ns
    assert fork.height == 4


def test_light_block_survives_the_json_of_a_node() -> None:
    chain = SimChain("chongqing-1", FOUR)
    chain.advance(2, nil=[1])
    block = chain.light_block(2)
    assert block.validators is not None
    assert block.next_validators is not None
    read = light_block_from_json(
        {
            "commit": {"signed_header": signed_header_to_json(block.signed_header)},
            "validators": validator_set_to_json(block.validators, 2),
            "next_validators": None,
        }
    )
    assert read.signed_header == block.signed_header
    assert read.validators is not None
    assert read.validators.hash == block.validators.hash
    assert read.next_validators is None


def test_first_header_of_a_client_without_any_is_remembered() -> None:
    """Governance may have removed every consensus state; nothing is left to prune."""
    chain = SimChain("chongqing-1", FOUR)
    chain.advance(3)
    store = empty_store()
    client = replace(chain.client_state(1), trusting_period_ns=1)
    save_client_state(store, "07-tendermint-0", client)
    header = chain.client_header(3, trusted_height=1)
    arrival = Arrival(time_ns=chain.next_time_ns, height=header.height)
    save_header(store, "07-tendermint-0", client, header, arrival)
    heights = iterate_consensus_heights(store, "07-tendermint-0")
    assert list(heights) == [header.height]
