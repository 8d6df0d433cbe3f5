"""The same transactions come to the same on both engines."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import Ran, RunOn
from tests.conformance.nodes import ENGINES
from tests.conformance.replayed import replay_node
from tests.conformance.script import OK

on_both = pytest.mark.parametrize("ran", ENGINES, indirect=True)


@on_both
def test_every_transaction_comes_to_its_code(ran: Ran) -> None:
    for outcome in ran.outcomes:
        step, codes = outcome.step, outcome.codes
        if step.done is None:
            assert codes[-1] != OK, step.name
            continue
        expected = [OK, step.done] if step.checked == OK else [step.checked]
        assert codes == expected, step.name


@on_both
def test_every_message_of_the_zone_is_among_them(ran: Ran) -> None:
    sent = {
        f"/{message.DESCRIPTOR.full_name}"
        for outcome in ran.outcomes
        for message in outcome.step.messages
    }
    assert sent == set(ran.node.zone.app.routes)


@on_both
def test_all_blocks_carried_out_again_give_hashes_results_and_events(ran: Ran) -> None:
    replayed = replay_node(ran.node.call)
    assert replayed.height >= ran.height - 1
    heights = [int(outcome.tx["height"]) for outcome in ran.outcomes if outcome.tx]
    assert replayed.txs >= sum(height <= replayed.height for height in heights)


@pytest.mark.heavy
def test_both_engines_tell_the_same_of_every_transaction(run_on: RunOn) -> None:
    embedded, cometbft = run_on("embedded"), run_on("cometbft")
    assert embedded.node.call("genesis") == cometbft.node.call("genesis")
    for ours, theirs in zip(embedded.outcomes, cometbft.outcomes, strict=True):
        assert ours.checked == theirs.checked, ours.step.name
        assert (ours.tx is None) == (theirs.tx is None), ours.step.name
        if ours.tx:
            assert ours.result == theirs.result, ours.step.name
            assert ours.tx["tx"] == theirs.tx["tx"]
