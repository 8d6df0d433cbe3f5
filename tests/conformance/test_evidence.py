"""A validator that signs two blocks of one height, on both engines.

Whoever sees it tells ``broadcast_evidence``; the next block carries it, the application
records it, and a zone with that one validator goes on.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from huitong.client.zone import ZoneClient
from huitong.core.hashing import merkle_root
from huitong.light.tendermint.evidence import Evidence
from huitong.light.tendermint.signed_header import LightBlock
from huitong.node.rpc.evidence_json import evidence_from_json, evidence_to_json
from huitong.proto.huitong.consensus.v1 import consensus_pb2
from huitong.testing.double_signing import (
    attack_evidence,
    duplicate_vote_evidence,
    forged_header,
)
from tests.conformance.forms import form_of
from tests.conformance.nodes import (
    CHAIN_ID,
    ENGINES,
    INITIAL_HEIGHT,
    Node,
    running_node,
)
from tests.conformance.replayed import replay_node

COMMON = INITIAL_HEIGHT + 2


@dataclass
class Accused:
    """A node to which evidence was told, and what it made of it."""

    node: Node
    evidence: list[Evidence]
    answers: list[Any]
    blocks: list[Any]
    """What ``block`` tells of those that carry it."""

    @property
    def shown(self) -> list[Any]:
        """The evidence in these blocks, as JSON."""
        return [
            item
            for block in self.blocks
            for item in block["block"]["evidence"]["evidence"]
        ]

    @property
    def last_height(self) -> int:
        return int(self.blocks[-1]["block"]["header"]["height"])


@pytest.fixture(scope="module")
def accused_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a node of each engine, started when it is first asked for."""
    made: dict[str, Accused] = {}
    with ExitStack() as stack:

        def accused(engine: str) -> Accused:
            if engine not in made:
                folder = tmp_path_factory.mktemp(engine)
                made[engine] = _accuse(
                    stack.enter_context(running_node(folder, engine))
                )
            return made[engine]

        yield accused


@pytest.fixture
def accused(request: pytest.FixtureRequest, accused_nodes: Any) -> Accused:
    """The node of the engine that the test is parametrised with."""
    made: Accused = accused_nodes(request.param)
    return made


on_both = pytest.mark.parametrize("accused", ENGINES, indirect=True)


def _accuse(node: Node) -> Accused:
    node.wait_height(COMMON + 3)
    block = _light_block(node, COMMON)
    key = node.zone.key
    evidence: list[Evidence] = [
        attack_evidence(forged_header(block.signed_header, key), block),
        duplicate_vote_evidence(block, key, CHAIN_ID),
    ]
    answers = [
        node.answer("broadcast_evidence", evidence=evidence_to_json(item))
        for item in evidence
    ]
    return Accused(node, evidence, answers, list(_blocks_with_evidence(node)))


def _light_block(node: Node, height: int) -> LightBlock:
    async def ask() -> LightBlock:
        async with ZoneClient(node.url) as client:
            return await client.light_block(height)

    return asyncio.run(ask())


def _blocks_with_evidence(node: Node) -> Iterator[Any]:
    height, missing = COMMON, 2
    while missing:
        height += 1
        node.wait_height(height + 1)
        block = node.call("block", height=str(height))
        carried = len(block["block"]["evidence"]["evidence"])
        missing -= carried
        if carried:
            yield block


@on_both
def test_proven_evidence_is_answered_with_its_hash(accused: Accused) -> None:
    for answer, item in zip(accused.answers, accused.evidence, strict=True):
        assert base64.b64decode(answer["result"]["hash"]) == item.hash


@on_both
def test_the_block_carries_it_and_its_header_says_so(accused: Accused) -> None:
    shown = [evidence_from_json(item) for item in accused.shown]
    assert {item.hash for item in shown} == {item.hash for item in accused.evidence}
    for told in accused.blocks:
        block = told["block"]
        carried = [evidence_from_json(item) for item in block["evidence"]["evidence"]]
        root = merkle_root([item.encoded for item in carried])
        assert block["header"]["evidence_hash"] == root.hex().upper()


@on_both
def test_the_zone_records_it_and_goes_on(accused: Accused) -> None:
    node = accused.node
    node.wait_height(accused.last_height + 3)
    answer = node.call(
        "abci_query", path="/huitong.consensus.v1.Query/Misbehaviours", data=""
    )["response"]
    data = base64.b64decode(answer["value"])
    (record,) = consensus_pb2.QueryMisbehavioursResponse.FromString(data).records
    assert record.address == node.zone.key.address
    assert {entry.height for entry in record.entries} == {COMMON}


@on_both
def test_blocks_with_evidence_carried_out_again_give_the_same(accused: Accused) -> None:
    height = accused.last_height
    accused.node.wait_height(height + 2)
    assert replay_node(accused.node.call).height > height


@on_both
def test_evidence_that_proves_nothing_is_refused_in_the_same_words(
    accused: Accused,
) -> None:
    node = accused.node
    block = _light_block(node, COMMON + 1)
    told = evidence_to_json(
        attack_evidence(forged_header(block.signed_header, node.zone.key), block)
    )
    for changes, reason in (
        ({"TotalVotingPower": "9"}, "total voting power from the evidence"),
        ({"ByzantineValidators": None}, "expected 1 byzantine validators"),
        ({"Timestamp": "2026-01-01T00:00:00Z"}, "evidence has a different time"),
        ({"CommonHeight": "1"}, "don't have header #1"),
    ):
        refused = {**told, "value": {**told["value"], **changes}}
        error = node.answer("broadcast_evidence", evidence=refused)["error"]
        assert error["code"] == -32603
        words = "failed to add evidence: Invalid evidence: "
        assert error["data"].startswith(words + reason)


@pytest.mark.heavy
def test_both_engines_show_it_alike(accused_nodes: Any) -> None:
    ours, theirs = (
        [form_of(item) for item in sorted(told, key=lambda item: str(item["type"]))]
        for told in (accused_nodes(name).shown for name in ("embedded", "cometbft"))
    )
    assert ours == theirs
