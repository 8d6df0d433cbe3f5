"""Blocks of real networks: every hash, every signature, every way from one to another."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from huitong.core.codec import encode
from huitong.light.tendermint.block_hashes import (
    commit_hash,
    consensus_hash,
    data_hash,
    evidence_hash,
    last_results_hash,
    part_set_header,
)
from huitong.light.tendermint.commit import BlockIdFlag, commit_to_proto
from huitong.light.tendermint.header import (
    header_from_proto,
    header_hash,
    header_to_proto,
)
from huitong.light.tendermint.rpc_json import (
    commit_from_json,
    light_block_from_json,
    signed_header_to_json,
    validator_set_to_json,
)
from huitong.light.tendermint.signed_header import (
    LightBlock,
    signed_header_from_proto,
    signed_header_to_proto,
)
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.light.tendermint.verify import (
    TrustedHeader,
    TrustOptions,
    verify_commit,
    verify_light_header,
)
from huitong.proto.tendermint.types import block_pb2
from tests.vectors import load_vector

FILES = (
    "simd-v8.8.0/light_blocks.json",
    "cometbft-v0.38.25/light_blocks_4_validators.json",
)
DAY_NS = 86_400 * 10**9


def entries() -> list[Any]:
    return [
        pytest.param(entry, id=f"{name.split('-')[0]}-{entry['height']}")
        for name in FILES
        for entry in load_vector(name)
    ]


def pairs() -> list[Any]:
    return [
        pytest.param(
            old, new, id=f"{name.split('-')[0]}-{old['height']}-{new['height']}"
        )
        for name in FILES
        for old, new in itertools.combinations(load_vector(name), 2)
    ]


def verify(old: LightBlock, new: LightBlock, level: TrustLevel) -> None:
    header = old.signed_header.header
    assert old.next_validators is not None
    assert new.validators is not None
    verify_light_header(
        chain_id=header.chain_id,
        trusted=TrustedHeader(
            height=header.height,
            time_ns=header.time_ns,
            next_validators_hash=header.next_validators_hash,
        ),
        trusted_validators=old.next_validators,
        signed_header=new.signed_header,
        validators=new.validators,
        options=TrustOptions(
            trusting_period_ns=DAY_NS, max_clock_drift_ns=1, trust_level=level
        ),
        now_ns=new.signed_header.header.time_ns,
    )


@pytest.mark.parametrize(("old", "new"), pairs())
def test_every_recorded_block_follows_from_every_earlier_one(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    for level in (
        TrustLevel(numerator=1, denominator=3),
        TrustLevel(numerator=2, denominator=3),
    ):
        verify(light_block_from_json(old), light_block_from_json(new), level)


def test_some_recorded_commits_have_absent_votes() -> None:
    flags = {
        sig.flag
        for entry in load_vector(FILES[1])
        for sig in light_block_from_json(entry).signed_header.commit.signatures
    }
    assert flags == {BlockIdFlag.COMMIT, BlockIdFlag.ABSENT}


@pytest.mark.parametrize("entry", entries())
def test_recorded_block_hashes_and_signatures_come_out_the_same(
    entry: dict[str, Any],
) -> None:
    block = light_block_from_json(entry)
    header, commit = block.signed_header.header, block.signed_header.commit
    assert header_hash(header) == commit.block_id.hash
    assert block.validators is not None
    assert block.next_validators is not None
    assert block.validators.hash == header.validators_hash
    assert block.next_validators.hash == header.next_validators_hash
    assert consensus_hash(22_020_096, -1) == header.consensus_hash
    verify_commit(commit, block.validators, header.chain_id)


@pytest.mark.parametrize("entry", entries())
def test_recorded_block_survives_json_and_protobuf(entry: dict[str, Any]) -> None:
    block = light_block_from_json(entry)
    signed = block.signed_header
    assert signed_header_to_json(signed) == entry["commit"]["signed_header"]
    assert block.validators is not None
    shown = validator_set_to_json(block.validators, entry["height"])
    assert shown == entry["validators"]
    assert signed_header_from_proto(signed_header_to_proto(signed)) == signed
    assert header_from_proto(header_to_proto(signed.header)) == signed.header


@pytest.mark.parametrize("entry", load_vector(FILES[1]), ids=lambda e: e["height"])
def test_recorded_block_contents_hash_to_the_header(entry: dict[str, Any]) -> None:
    header = light_block_from_json(entry).signed_header.header
    block = entry["block"]["block"]
    last_commit = commit_from_json(block["last_commit"])
    assert commit_hash(last_commit) == header.last_commit_hash
    assert data_hash([]) == header.data_hash
    assert last_results_hash([]) == header.last_results_hash
    assert evidence_hash([]) == header.evidence_hash
    message = block_pb2.Block(
        header=header_to_proto(header), last_commit=commit_to_proto(last_commit)
    )
    message.data.SetInParent()
    message.evidence.SetInParent()
    parts = light_block_from_json(entry).signed_header.commit.block_id.parts
    assert part_set_header(encode(message)) == parts


def test_commit_of_no_block_hashes_as_no_votes() -> None:
    assert commit_hash(None) == data_hash([])
