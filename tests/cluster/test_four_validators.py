"""Four validators of four organisations under load: killed, restarted, grown, followed.

One long story, because each part stands on what came before. Its timeline and figures are
printed as one JSON object.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from google.protobuf.message import Message

from huitong.client import Sender, ZoneClient
from huitong.client.voting import decide
from huitong.localnet.consortium import LocalZone
from huitong.localnet.node import LocalNode
from huitong.localnet.zone import AccountSpec
from huitong.node.home import GENESIS_POWER, Home
from huitong.proto.huitong.consensus.v1 import consensus_pb2
from huitong.proto.huitong.governance.v1 import governance_pb2
from huitong.proto.huitong.members.v1 import members_pb2
from tests.cluster.chain import (
    check_no_fork,
    follow,
    height_of,
    light_block,
    newest_height,
    stopped_height,
    wait_past,
    wait_until,
)
from tests.cluster.ledger import Load, check_all_there
from tests.cluster.timeline import Timeline

CHAIN_ID: Final = "cluster-1"
ORGANISATIONS: Final = tuple(f"org-{number}" for number in range(4))
#: The member of each key that publishes; delegates have keys of their own.
PUBLISHERS: Final = {f"{name}-publisher": name for name in ORGANISATIONS}
VOTING_PERIOD_S: Final = 20
#: Seconds within which blocks must go on after both are back.
RESUME_S: Final = 30.0
#: Seconds for anything else that must happen.
PATIENCE_S: Final = 60.0


@pytest.fixture
def zone(cometbft: Path, tmp_path: Path) -> Iterator[LocalZone]:
    """Return the zone, running; whatever happens, nothing of it runs afterwards."""
    made = LocalZone(
        tmp_path / "zone",
        CHAIN_ID,
        validators=4,
        voting_period_s=VOTING_PERIOD_S,
        snapshot_every_blocks=20,
        accounts=[
            AccountSpec(name=name, member_id=member, roles=("publisher",))
            for name, member in PUBLISHERS.items()
        ],
    )
    made.init()
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.fixture
def timeline(capsys: pytest.CaptureFixture[str]) -> Iterator[Timeline]:
    """Return the timeline; it is printed however the story ends."""
    made = Timeline()
    yield made
    with capsys.disabled():
        sys.stdout.write(f"\n{made.to_json()}\n")


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_consortium_survives_what_it_is_promised_to_survive(
    zone: LocalZone, timeline: Timeline
) -> None:
    zone.wait_height(4)
    trusted = asyncio.run(light_block(zone.nodes[0], 2))
    timeline.note("a light client trusts block 2")
    with Load(zone, PUBLISHERS) as load:
        wait_until(lambda: len(load.acknowledged()) > 50, PATIENCE_S, "load")
        _lose_one(zone, timeline)
        _wait_for_more(load, "with three of four")
        stopped = _lose_another(zone, timeline)
        assert max(load.acknowledged().values()) <= stopped
        _bring_both_back(zone, stopped, timeline)
        _wait_for_more(load, "with all four again")
        asyncio.run(_check_ledger(zone, load, timeline))
        fifth = _add_by_vote(zone, timeline)
        _wait_for_more(load, "with a fifth validator")
        _remove_by_vote(zone, zone.nodes[1], timeline)
        _wait_for_more(load, "after one was removed")
        replayed = _join(zone, "replay", timeline)
        _wait_for_more(load, "with a node that follows")
        target = newest_height([zone.nodes[0]])
        steps = asyncio.run(follow(zone.nodes[0], CHAIN_ID, trusted, target))
        timeline.note(
            "the light client verifies the newest header", height=target, steps=steps
        )
    final = newest_height(zone.nodes)
    wait_past(zone.nodes, final, PATIENCE_S)
    asyncio.run(_check_ledger(zone, load, timeline))
    first = asyncio.run(_first_height(fifth))
    assert first > 2, "the fifth validator began from a snapshot, not by replay"
    asyncio.run(check_no_fork(zone.nodes, first, final))
    asyncio.run(check_no_fork([*zone.nodes[:4], replayed], 1, final))
    timeline.note("all nodes have the same blocks and app hashes", height=final)
    timeline.figures["acknowledged"] = len(load.acknowledged())
    timeline.figures |= dict(load.failures)


def _wait_for_more(load: Load, when: str) -> None:
    """Fail unless records that are published now are acknowledged, from each member."""
    before = Counter(issuer for issuer, _ in load.acknowledged())

    def grew() -> bool:
        now = Counter(issuer for issuer, _ in load.acknowledged())
        return all(now[name] > before[name] for name in ORGANISATIONS)

    wait_until(grew, PATIENCE_S, f"more records of every member {when}")


def _lose_one(zone: LocalZone, timeline: Timeline) -> None:
    """Kill one of four: blocks go on."""
    killed_s = timeline.note("kill -9 node3", height=newest_height(zone.nodes))
    zone.nodes[3].kill()
    wait_past(zone.nodes[:3], newest_height(zone.nodes[:3]), PATIENCE_S)
    timeline.measure("next_block_with_three_s", killed_s)
    wait_past(zone.nodes[:3], newest_height(zone.nodes[:3]) + 5, PATIENCE_S)
    timeline.note("blocks go on", height=newest_height(zone.nodes[:3]))


def _lose_another(zone: LocalZone, timeline: Timeline) -> int:
    """Kill a second one: blocks stop; return the last height."""
    zone.nodes[2].kill()
    timeline.note("kill -9 node2")
    alive = zone.nodes[:2]
    height = stopped_height(alive)
    timeline.note("blocks have stopped", height=height)
    common = min(map(height_of, alive))
    asyncio.run(check_no_fork(alive, 1, common))
    return height


def _bring_both_back(zone: LocalZone, stopped: int, timeline: Timeline) -> None:
    """Start both again: blocks go on, with the same state everywhere."""
    restarted_s = timeline.note("restart node2 and node3")
    zone.nodes[2].launch()
    zone.nodes[3].launch()
    wait_past(zone.nodes[:2], stopped, RESUME_S)
    timeline.measure("blocks_after_restart_s", restarted_s)
    wait_past(zone.nodes, stopped + 1, PATIENCE_S)
    timeline.measure("all_four_after_restart_s", restarted_s)
    height = min(map(height_of, zone.nodes))
    asyncio.run(check_no_fork(zone.nodes, 1, height))
    timeline.note("all four have the same app hashes", height=height)


async def _check_ledger(zone: LocalZone, load: Load, timeline: Timeline) -> None:
    """Nothing that was acknowledged is missing on any node."""
    acknowledged = load.acknowledged()
    last = max(acknowledged.values())
    await asyncio.to_thread(wait_past, zone.nodes, last, PATIENCE_S)
    for node in zone.nodes:
        await check_all_there(node, acknowledged)
    timeline.note(
        "nothing acknowledged is lost", records=len(acknowledged), nodes=len(zone.nodes)
    )


def _join(zone: LocalZone, sync: str, timeline: Timeline) -> LocalNode:
    """Add a fresh node."""
    begun_s = timeline.note(f"a node joins by {sync}", height=newest_height(zone.nodes))
    node = zone.add_node(sync=sync)
    timeline.measure(f"join_by_{sync}_s", begun_s)
    timeline.note(f"{node.name} has caught up", height=node.find_height())
    return node


def _add_by_vote(zone: LocalZone, timeline: Timeline) -> LocalNode:
    """Let a fresh node of a new organisation become the fifth validator."""
    node = _join(zone, "snapshot", timeline)
    public_key = Home(node.home).load_key().public_key
    begun_s = timeline.note("propose a fifth validator")
    height = asyncio.run(
        _decide(
            zone,
            members_pb2.MsgAdmitMember(
                member_id="org-4",
                name="fifth organisation",
            ),
            consensus_pb2.MsgSetValidator(
                public_key=public_key,
                power=GENESIS_POWER,
                member_id="org-4",
                name=node.name,
            ),
        )
    )
    wait_until(
        lambda: public_key in asyncio.run(_signers(zone.nodes[0])),
        PATIENCE_S,
        "the fifth validator signs",
    )
    timeline.measure("fifth_validator_signs_s", begun_s)
    timeline.note("the fifth validator signs", decided_height=height)
    return node


def _remove_by_vote(zone: LocalZone, node: LocalNode, timeline: Timeline) -> None:
    """Let a validator leave; its node goes on without signing."""
    public_key = Home(node.home).load_key().public_key
    begun_s = timeline.note(f"propose to remove {node.name}")
    height = asyncio.run(
        _decide(
            zone,
            consensus_pb2.MsgRemoveValidator(public_key=public_key, reason="leaves"),
        )
    )
    wait_until(
        lambda: public_key not in asyncio.run(_validators(zone.nodes[0])),
        PATIENCE_S,
        "the removed validator is gone",
    )
    timeline.measure("removed_validator_is_gone_s", begun_s)
    wait_past(zone.nodes, newest_height(zone.nodes), PATIENCE_S)
    timeline.note(f"{node.name} validates no more", decided_height=height)


async def _decide(zone: LocalZone, *messages: Message) -> int:
    """Let all organisations agree; return the block that carried it out."""
    async with ZoneClient(zone.nodes[0].rpc_url) as client:
        delegates = [Sender(client, zone.private_key(name)) for name in ORGANISATIONS]
        proposal = await decide(delegates, *messages)
    assert proposal.status == governance_pb2.PROPOSAL_STATUS_PASSED, proposal
    return proposal.ended_height


async def _validators(node: LocalNode) -> set[bytes]:
    """Return the keys of the validators of the newest block."""
    block = await light_block(node, newest_height([node]))
    assert block.validators is not None
    return {each.public_key for each in block.validators.validators}


async def _signers(node: LocalNode) -> set[bytes]:
    """Return the keys of those whose signatures the newest commit has."""
    block = await light_block(node, newest_height([node]))
    assert block.validators is not None
    signed = {each.validator_address for each in block.signed_header.commit.signatures}
    return {
        each.public_key
        for each in block.validators.validators
        if each.address in signed
    }


async def _first_height(node: LocalNode) -> int:
    """Return the first block that the node has."""
    async with ZoneClient(node.rpc_url) as client:
        status = await client.status()
    return int(status["sync_info"]["earliest_block_height"])
