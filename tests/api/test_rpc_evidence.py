"""Evidence by RPC: what is taken, what a block shows, what subscribers are told."""

from __future__ import annotations

import base64
from contextlib import closing
from typing import Any

import pytest

from huitong.engines.embedded.evidence_pool import StoredRecord
from huitong.light.tendermint.evidence import LightClientAttackEvidence
from huitong.light.tendermint.signed_header import LightBlock
from huitong.node.rpc.evidence_json import evidence_to_json
from huitong.testing.double_signing import (
    attack_evidence,
    duplicate_vote_evidence,
    forged_header,
)
from tests.api.rpc_kit import RpcZone


def _block(rpc: RpcZone, height: int) -> LightBlock:
    with closing(rpc.zone.engine.snapshot()) as reader:
        record = StoredRecord(reader)
        signed, validators = (
            record.signed_header_at(height),
            record.validators_at(height),
        )
    assert signed is not None
    return LightBlock(signed_header=signed, validators=validators, next_validators=None)


def _attack(rpc: RpcZone) -> LightClientAttackEvidence:
    rpc.publish("INV-1")
    block = _block(rpc, 2)
    return attack_evidence(forged_header(block.signed_header, rpc.zone.key), block)


def as_hermes_sends_it(told: dict[str, Any]) -> dict[str, Any]:
    """Return evidence with the names that the library of stock Hermes writes."""
    value = dict(told["value"])
    block = dict(value["ConflictingBlock"])
    header = dict(block["signed_header"]["header"])
    header["version"] = {"block": "11", "app": "0"}
    block["signed_header"] = {**block["signed_header"], "header": header}
    block["validator_set"] = {**block["validator_set"], "proposer": None}
    return {
        "type": told["type"],
        "value": {
            "conflicting_block": block,
            "common_height": value["CommonHeight"],
            "byzantine_validators": value["ByzantineValidators"],
            "total_voting_power": value["TotalVotingPower"],
            "timestamp": value["Timestamp"],
        },
    }


@pytest.mark.parametrize("is_from_hermes", [False, True])
async def test_evidence_is_taken_and_shown(rpc: RpcZone, is_from_hermes: bool) -> None:
    evidence = _attack(rpc)
    told = evidence_to_json(evidence)
    sent = as_hermes_sends_it(told) if is_from_hermes else told
    answer = await rpc.call("broadcast_evidence", evidence=sent)
    assert base64.b64decode(answer["hash"]) == evidence.hash
    committed = rpc.zone.work()
    block = await rpc.call("block", height=str(committed.height))
    assert block["block"]["evidence"] == {"evidence": [told]}
    again = await rpc.call("broadcast_evidence", evidence=sent)
    assert again == answer


async def test_votes_of_two_blocks_are_evidence_too(rpc: RpcZone) -> None:
    evidence = duplicate_vote_evidence(_block(rpc, 2), rpc.zone.key, "hangzhou-1")
    told = evidence_to_json(evidence)
    answer = await rpc.call("broadcast_evidence", evidence=told)
    assert base64.b64decode(answer["hash"]) == evidence.hash
    (shown,) = rpc.zone.work().block.evidence
    assert evidence_to_json(shown) == told


async def test_subscribers_are_told_of_evidence(rpc: RpcZone) -> None:
    evidence = _attack(rpc)
    async with rpc.websocket() as socket:
        await socket.ask(1, "subscribe", query="tm.event = 'NewEvidence'")
        await rpc.call("broadcast_evidence", evidence=evidence_to_json(evidence))
        height = rpc.zone.work().height
        value = (await socket.receive())["result"]["data"]["value"]
        assert value["height"] == str(height)
        assert value["evidence"] == evidence_to_json(evidence)


async def test_refusal_says_why_and_names_the_evidence(rpc: RpcZone) -> None:
    evidence = _attack(rpc)
    told = evidence_to_json(evidence)
    told["value"]["TotalVotingPower"] = "7"
    error = await rpc.refusal("broadcast_evidence", evidence=told)
    assert error["code"] == -32603
    assert error["data"] == (
        "failed to add evidence: Invalid evidence: total voting power from the evidence "
        "and our validator set does not match (7 != 10). Evidence: "
        f"LightClientAttackEvidence{{Height: 2}}#{evidence.hash.hex().upper()}"
    )


@pytest.mark.parametrize(
    ("path", "value", "code", "text"),
    [
        (("CommonHeight",), 2, -32602, "invalid 64-bit integer encoding"),
        (("ConflictingBlock",), [], -32602, "cannot unmarshal array"),
        (("ByzantineValidators",), {}, -32602, "cannot unmarshal object"),
        (("Timestamp",), "now", -32602, "JSON time must be UTC"),
        (("Timestamp",), 5, -32602, "JSON time must be an RFC3339 string"),
        (("Timestamp",), "2026-13-01T00:00:00Z", -32602, "parsing time"),
        (
            ("ConflictingBlock", "signed_header", "header", "chain_id"),
            "x" * 60,
            -32603,
            "invalid conflicting light block",
        ),
        (
            ("ConflictingBlock", "signed_header", "header", "app_hash"),
            "00",
            -32603,
            "invalid conflicting light block: commit signs block",
        ),
        (
            ("ConflictingBlock", "validator_set", "validators"),
            [],
            -32603,
            "invalid conflicting light block",
        ),
        (("ConflictingBlock", "signed_header", "commit"), None, -32603, "commit"),
    ],
)
async def test_evidence_of_another_form_is_refused(
    rpc: RpcZone, path: tuple[str, ...], value: Any, code: int, text: str
) -> None:
    told = evidence_to_json(_attack(rpc))
    place = told["value"]
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    error = await rpc.refusal("broadcast_evidence", evidence=told)
    assert error["code"] == code
    assert text in error["data"]


async def test_consensus_state_is_that_between_two_blocks(rpc: RpcZone) -> None:
    rpc.publish("INV-1")
    height = rpc.zone.engine.height
    state = (await rpc.call("consensus_state"))["round_state"]
    assert state["height/round/step"] == f"{height + 1}/0/1"
    dump = (await rpc.call("dump_consensus_state"))["round_state"]
    assert dump["height"] == str(height + 1)
    assert (
        f" {height}/00/SIGNED_MSG_TYPE_PRECOMMIT(Precommit) "
        in (dump["last_commit"]["votes"][0])
    )
    assert dump["last_commit"]["votes_bit_array"] == "BA{1:x} 10/10 = 1.00"
