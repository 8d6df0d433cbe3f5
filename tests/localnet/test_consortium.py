"""Four organisations on this machine: publish here, prove there, kill, restart, join."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from huitong.client import Sender, ZoneClient
from huitong.core.codec import decode
from huitong.core.store.ics23 import IAVL_SPEC, TENDERMINT_SPEC
from huitong.core.store.merkle_path import verify_chained_membership
from huitong.light.tendermint.verify import verify_commit
from huitong.localnet.consortium import LocalZone
from huitong.localnet.node import LocalNode
from huitong.localnet.serving import find_status
from huitong.modules.records.keys import record_key
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2
from tests.cluster.chain import newest_height, stopped_height

pytestmark = pytest.mark.heavy

SPECS = (IAVL_SPEC, TENDERMINT_SPEC)
CHAIN_ID = "hangzhou-1"


@pytest.fixture
def zone(tmp_path: Path) -> Iterator[LocalZone]:
    made = LocalZone(
        tmp_path / "zone", CHAIN_ID, validators=4, snapshot_every_blocks=20
    )
    made.init()
    with made:
        yield made


async def publish(zone: LocalZone, node: LocalNode, name: str, record_id: str) -> int:
    """Publish a record through a node; return the height of its block."""
    async with ZoneClient(node.rpc_url) as client:
        sender = Sender(client, zone.private_key(name))
        outcome = await sender.send(
            records_pb2.MsgPublishRecord(
                signer=sender.address,
                record_id=record_id,
                record_type="tax.invoice",
                payload_digest=bytes(range(32)),
                fields=["amount"],
                level=2,
                share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
            )
        )
    return outcome.height


async def prove_record(node: LocalNode, issuer: str, record_id: str, height: int):
    """Return a record as a node proves it against a header that its validators signed."""
    key = record_key(issuer, record_id)
    async with ZoneClient(node.rpc_url) as client:
        await client.wait_height(height + 2)
        block = await client.light_block(height + 1)
        (proven,) = await client.prove("records", [key], height)
    header = block.signed_header.header
    verify_commit(block.signed_header.commit, block.validators, CHAIN_ID)
    assert proven.value is not None
    verify_chained_membership(
        SPECS,
        header.app_hash,
        commitment_pb2.MerkleProof.FromString(proven.proof),
        (b"records", key),
        proven.value,
    )
    return decode(records_pb2.RecordHeader, proven.value)


async def app_hashes(zone: LocalZone) -> set[str]:
    """Return the app hashes that all running nodes have at one height."""
    running = [node for node in zone.nodes if node.is_running]
    height = newest_height(running)
    found = set()
    for node in running:
        node.wait_height(height)
        async with ZoneClient(node.rpc_url) as client:
            found.add((await client.header(height))["app_hash"])
    return found


async def test_what_one_organisation_publishes_another_proves_through_kill_and_join(
    zone: LocalZone,
) -> None:
    # A record published through one node is proven by another.
    height = await publish(zone, zone.nodes[1], "org-1", "invoice-1")
    record = await prove_record(zone.nodes[3], "org-1", "invoice-1", height)
    assert (record.issuer, record.record_id) == ("org-1", "invoice-1")

    # One of four killed: blocks go on. Restarted: it has what it missed.
    zone.nodes[2].kill()
    assert not zone.nodes[2].is_running
    await publish(zone, zone.nodes[0], "org-0", "invoice-2")
    zone.nodes[2].start()
    height = await publish(zone, zone.nodes[2], "org-2", "invoice-3")
    await prove_record(zone.nodes[2], "org-0", "invoice-2", height)
    assert len(await app_hashes(zone)) == 1

    # Nodes that join have the same state, by replay and from a snapshot.
    replayed = zone.add_node("replay")
    zone.wait_height(45)
    synced = zone.add_node("snapshot")
    assert [node.name for node in (replayed, synced)] == ["node4", "node5"]
    for joined in (replayed, synced):
        newest = newest_height([joined])
        record = await prove_record(joined, "org-1", "invoice-1", newest)
        assert record.issuer == "org-1"
        status = find_status(joined.rpc_url)
        assert status is not None
        assert status["validator_info"]["voting_power"] == "0"
    first = find_status(synced.rpc_url)
    assert first is not None
    assert int(first["sync_info"]["earliest_block_height"]) > 1
    assert len(await app_hashes(zone)) == 1


def test_zone_stops_whole_and_goes_on_where_it_was(zone: LocalZone) -> None:
    zone.wait_height(3)
    zone.stop()
    assert not zone.is_running
    zone.start()
    zone.wait_height(5)
    again = LocalZone.load(zone.folder)
    assert [node.pid for node in again.nodes] == [node.pid for node in zone.nodes]


async def test_two_of_four_killed_stop_the_zone_and_their_return_lets_it_go_on(
    zone: LocalZone,
) -> None:
    zone.wait_height(3)
    zone.kill()
    for node in zone.nodes[:2]:
        node.start()
    stuck = stopped_height(zone.nodes[:2])
    zone.nodes[2].start()
    zone.wait_height(stuck + 2)
    zone.nodes[3].start()
    zone.wait_height(stuck + 4)
    assert len(await app_hashes(zone)) == 1
