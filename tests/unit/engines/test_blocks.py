"""Blocks are CometBFT's, byte for byte; ours verify in our light client."""

from __future__ import annotations

import base64
from itertools import pairwise
from typing import Any

import pytest

from huitong.engines.embedded.blocks import TIME_STEP_NS, encode_block, median_time_ns
from huitong.engines.embedded.chain import CommittedBlock
from huitong.engines.embedded.schedule import Due
from huitong.light.tendermint.block_hashes import part_set_header
from huitong.light.tendermint.header import BlockHeader, header_hash
from huitong.light.tendermint.rpc_json import commit_from_json, header_from_json
from huitong.light.tendermint.signed_header import SignedHeader
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.light.tendermint.validator_set import ValidatorSet
from huitong.light.tendermint.verify import (
    TrustedHeader,
    TrustOptions,
    verify_light_header,
)
from huitong.testing.embedded import EmbeddedZone
from huitong.testing.headers import GENESIS_TIME_NS
from tests.unit.engines.messages import ACCOUNTS, publish
from tests.vectors import load_vector

DAY_NS = 86_400 * 10**9
OPTIONS = TrustOptions(
    trusting_period_ns=14 * DAY_NS,
    max_clock_drift_ns=10 * 10**9,
    trust_level=TrustLevel(numerator=2, denominator=3),
)
RECORDED = load_vector("cometbft-v0.38.25/light_blocks_4_validators.json")


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda item: str(item["height"]))
def test_recorded_block_encodes_to_its_part_set(recorded: dict[str, Any]) -> None:
    block = recorded["block"]["block"]
    encoded = encode_block(
        header_from_json(block["header"]),
        [base64.b64decode(tx) for tx in block["data"]["txs"]],
        commit_from_json(block["last_commit"]),
    )
    parts = recorded["block"]["block_id"]["parts"]
    made = part_set_header(encoded)
    assert (made.total, made.hash.hex().upper()) == (parts["total"], parts["hash"])


def test_first_recorded_block_has_an_empty_commit_on_the_wire() -> None:
    recorded = load_vector("simd-v8.8.0/light_blocks.json")[0]
    signed = recorded["commit"]["signed_header"]
    assert signed["header"]["height"] == "1"
    encoded = encode_block(header_from_json(signed["header"]), [], None)
    parts = signed["commit"]["block_id"]["parts"]
    assert part_set_header(encoded).hash.hex().upper() == parts["hash"]


def _verify(
    zone: EmbeddedZone, trusted: BlockHeader, committed: CommittedBlock
) -> None:
    validators: ValidatorSet = zone.chain.state.validators
    verify_light_header(
        chain_id=zone.chain_id,
        trusted=TrustedHeader(
            height=trusted.height,
            time_ns=trusted.time_ns,
            next_validators_hash=trusted.next_validators_hash,
        ),
        trusted_validators=validators,
        signed_header=SignedHeader(
            header=committed.block.header, commit=committed.commit
        ),
        validators=validators,
        options=OPTIONS,
        now_ns=zone.clock.now_ns,
    )


def test_our_blocks_verify_adjacent_and_skipping() -> None:
    zone = EmbeddedZone(accounts=ACCOUNTS)
    first = zone.engine.make_block(Due.HEARTBEAT)
    made = []
    for number in range(6):
        zone.send("tax", publish(zone, f"INV-{number}"))
        made += [zone.work(), zone.empty()]
    trusted = first.block.header
    for committed in made:
        _verify(zone, trusted, committed)
        trusted = committed.block.header
    _verify(zone, first.block.header, made[-1])


def test_headers_chain_and_commit_to_what_came_before() -> None:
    zone = EmbeddedZone(accounts=ACCOUNTS)
    zone.start()
    zone.send("tax", publish(zone, "INV-1"))
    work, proof = zone.work(), zone.empty()
    assert proof.block.header.last_block_id == work.block.block_id
    assert proof.block.last_commit == work.commit
    assert proof.block.header.app_hash == work.finalized.app_hash
    assert header_hash(work.block.header) == work.block.block_id.hash
    assert work.block.header.last_results_hash != proof.block.header.last_results_hash


def test_first_header_has_genesis_time_and_later_ones_the_last_votes() -> None:
    zone = EmbeddedZone()
    first, second = zone.empty(), zone.empty()
    assert first.block.header.time_ns == GENESIS_TIME_NS
    assert second.block.header.time_ns == first.commit.signatures[0].timestamp_ns
    assert second.block.header.time_ns == GENESIS_TIME_NS + 10**9


@pytest.mark.parametrize("step_ns", [0, -(10**12)])
def test_header_times_increase_when_the_clock_does_not(step_ns: int) -> None:
    zone = EmbeddedZone()
    zone.start()
    times = []
    for _ in range(5):
        zone.clock.advance(step_ns)
        block = zone.engine.make_block(Due.HEARTBEAT)
        times.append(block.block.header.time_ns)
    assert all(b - a >= TIME_STEP_NS for a, b in pairwise(times))


def test_median_time_is_weighted_by_power() -> None:
    recorded = RECORDED[1]["block"]["block"]
    commit = commit_from_json(recorded["last_commit"])
    state = EmbeddedZone().chain.state
    times = sorted(sig.timestamp_ns for sig in commit.signatures)
    # Nobody of the commit is in this set: every weight is zero, the first one counts.
    assert median_time_ns(commit, state) == times[0]
