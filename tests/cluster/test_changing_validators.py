"""Validators join, leave, change their power and misbehave; another zone follows.

Zone a has four validators on CometBFT, zone b is one process. A link stands between them;
after each change b's client of a is led to a's newest header, as the relayer does it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest
from google.protobuf.message import Message

from huitong.client import Sender, ZoneClient
from huitong.client.voting import decide
from huitong.engines.validator_key import ValidatorKey
from huitong.light.tendermint.block_hashes import consensus_hash
from huitong.localnet.consortium import LocalZone
from huitong.node.home import GENESIS_POWER, Home
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.governance.v1 import governance_pb2
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.proto.ibc.core.client.v1 import query_pb2
from huitong.relayer.config import LinkConfig, RelayConfig, ZoneConfig
from huitong.relayer.discovery import get_client_state, get_client_status
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.link import client_update, open_link
from huitong.relayer.supervisor import Supervisor
from tests.cluster.double_vote import show_double_vote

ORGANISATIONS: Final = tuple(f"org-{number}" for number in range(4))
VOTING_PERIOD_S: Final = 15
#: Blocks until a change that was told at a height signs, and one more to be sure.
DELAY_BLOCKS: Final = 3


class Zones:
    """Both zones, running, and their endpoints for a relayer."""

    def __init__(self, folder: Path) -> None:
        self.a = LocalZone(
            folder / "a", "hangzhou-1", validators=4, voting_period_s=VOTING_PERIOD_S
        )
        self.b = LocalZone(folder / "b", "chongqing-1", validators=1, engine="embedded")

    def endpoint(self, zone: LocalZone) -> Endpoint:
        config = ZoneConfig(chain_id=zone.chain_id, rpc=zone.nodes[0].rpc_url)
        return Endpoint(config, zone.private_key("relayer"))


@pytest.fixture
def zones(cometbft: Path, tmp_path: Path) -> Iterator[Zones]:
    made = Zones(tmp_path)
    made.a.init()
    made.b.init()
    with made.a, made.b:
        yield made


class Follower:
    """Zone b's client of zone a, and the relayer that leads it."""

    def __init__(
        self, zones: Zones, a: Endpoint, b: Endpoint, link: LinkConfig
    ) -> None:
        self.zones = zones
        self.a = a
        self.b = b
        self.link = link
        self.client_id = link.client_on_b

    def supervisor(self) -> Supervisor:
        """Return a relayer of the link, as the command runs it."""
        known = {zone.chain_id: zone for zone in (self.zones.a, self.zones.b)}
        config = RelayConfig(
            zones=tuple(
                ZoneConfig(chain_id=name, rpc=zone.nodes[0].rpc_url, key=name)
                for name, zone in known.items()
            ),
            links=(self.link,),
        )
        return Supervisor(config, lambda name: known[name].private_key("relayer"))

    async def decide(self, *messages: Message) -> None:
        """Let the four organisations of zone a decide, and the change take effect."""
        senders = [
            Sender(self.a.client, self.zones.a.private_key(name))
            for name in ORGANISATIONS
        ]
        proposal = await decide(senders, *messages)
        assert proposal.status == governance_pb2.PROPOSAL_STATUS_PASSED, proposal
        await self.a.client.wait_height(proposal.ended_height + DELAY_BLOCKS)

    async def lead(self) -> int:
        """Lead the client to zone a's newest header; return how many headers it took."""
        known = await get_client_state(self.b.client, self.client_id)
        await self.a.client.wait_height(known.latest_height.revision_height + 1)
        height = (await self.a.head()).height
        updates = await client_update(
            on=self.b, of=self.a, client_id=self.client_id, height=height
        )
        await self.b.sender.send(*updates)
        state = await get_client_state(self.b.client, self.client_id)
        assert state.latest_height.revision_height == height
        assert await get_client_status(self.b.client, self.client_id) == "Active"
        return len(updates)

    async def powers(self) -> dict[bytes, int]:
        """Return the powers that sign zone a's newest block."""
        height = await self.a.client.latest_height()
        block = await self.a.client.light_block(height)
        assert block.validators is not None
        return {
            item.public_key: item.voting_power for item in block.validators.validators
        }


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_another_zone_follows_whatever_happens_to_validators(zones: Zones) -> None:
    asyncio.run(_story(zones))


async def _story(zones: Zones) -> None:
    a, b = zones.endpoint(zones.a), zones.endpoint(zones.b)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(a.close)
        stack.push_async_callback(b.close)
        link = await open_link(
            a, b, LinkConfig(chain_a="hangzhou-1", chain_b="chongqing-1")
        )
        follower = Follower(zones, a, b, link)
        assert await follower.lead() == 1
        fifth = await _add_a_fifth(follower)
        await _remove_one(follower)
        await _change_much_at_once(follower, fifth)
        await _limit_blocks(follower)
        await _misbehave(follower)


def _key(zones: Zones, number: int) -> ValidatorKey:
    return Home(zones.a.nodes[number].home).load_key()


async def _add_a_fifth(follower: Follower) -> bytes:
    node = await asyncio.to_thread(follower.zones.a.add_node)
    public_key = Home(node.home).load_key().public_key
    await follower.decide(
        members_pb2.MsgAdmitMember(member_id="org-4", name="fifth organisation"),
        pb.MsgSetValidator(
            public_key=public_key, power=GENESIS_POWER, member_id="org-4"
        ),
    )
    assert len(await follower.powers()) == 5
    assert await follower.lead() == 1
    return public_key


async def _remove_one(follower: Follower) -> None:
    leaving = _key(follower.zones, 1).public_key
    await follower.decide(pb.MsgRemoveValidator(public_key=leaving, reason="leaves"))
    assert leaving not in await follower.powers()
    await follower.lead()


async def _change_much_at_once(follower: Follower, fifth: bytes) -> None:
    """Power moves to a newcomer: those whom the client trusts no longer suffice."""
    await follower.decide(
        pb.MsgSetValidator(
            public_key=fifth, power=20 * GENESIS_POWER, member_id="org-4"
        ),
        pb.MsgRemoveValidator(
            public_key=_key(follower.zones, 2).public_key, reason="leaves"
        ),
    )
    powers = await follower.powers()
    assert powers[fifth] == 20 * GENESIS_POWER
    await follower.lead()
    await follower.decide(
        pb.MsgRemoveValidator(public_key=fifth, reason="leaves"),
        pb.MsgSetValidator(
            public_key=_key(follower.zones, 1).public_key,
            power=20 * GENESIS_POWER,
            member_id="org-1",
        ),
    )
    await _relay_a_packet(follower)
    await follower.lead()


async def _relay_a_packet(follower: Follower) -> None:
    """A request is carried to zone a and its answer back, over headers in between."""
    link, client_b = follower.link, follower.b.client
    before = await get_client_state(client_b, link.client_on_b)
    bank = Sender(client_b, follower.zones.b.private_key("org-0"))
    await bank.send(
        exchange_pb2.MsgRequestExchange(
            signer=bank.address,
            channel_id=link.channel_on_b,
            request=exchange_pb2.RequestPacket(
                requester="org-0",
                reader_key=bytes(range(32)),
                issuer="org-0",
                record_id="invoice-1",
                purpose="receivable-financing",
                legal_basis="contract",
            ),
            timeout_timestamp=time.time_ns() + 600 * 10**9,
        )
    )
    async with follower.supervisor() as supervisor:
        ((_, status),) = await supervisor.relay_once()
    assert status.failed_txs == 0
    follower.b.sender.forget_sequence()  # the relayer signed with the same key
    known = await get_client_state(client_b, link.client_on_b)
    assert known.latest_height > before.latest_height
    heights = await client_b.query(
        "/ibc.core.client.v1.Query/ConsensusStateHeights",
        query_pb2.QueryConsensusStateHeightsRequest(client_id=link.client_on_b),
        query_pb2.QueryConsensusStateHeightsResponse,
    )
    newer = [
        height
        for height in heights.consensus_state_heights
        if height.revision_height > before.latest_height.revision_height
    ]
    assert len(newer) > 1, "too few of those that were trusted have signed"
    kept = await client_b.query(
        "/huitong.exchange.v1.Query/Exchange",
        exchange_pb2.QueryExchangeRequest(channel_id=link.channel_on_b, sequence=1),
        exchange_pb2.QueryExchangeResponse,
    )
    assert kept.exchange.status == exchange_pb2.EXCHANGE_STATUS_REFUSED


async def _limit_blocks(follower: Follower) -> None:
    """Blocks get other limits; CometBFT takes them and headers commit to them."""
    limits = pb.BlockParams(size_bytes_max=3_000_000, gas_max=50_000_000)
    await follower.decide(pb.MsgUpdateBlockParams(params=limits))
    client = follower.a.client
    block = await client.light_block(await client.latest_height())
    header = block.signed_header.header
    assert header.consensus_hash == consensus_hash(3_000_000, 50_000_000)
    answer = await client.rpc.call("consensus_params", height=str(header.height))
    assert answer["consensus_params"]["block"] == {
        "max_bytes": "3000000",
        "max_gas": "50000000",
    }
    await follower.lead()


async def _misbehave(follower: Follower) -> None:
    """A validator signs twice: it is suspended, recorded, and signs no more."""
    culprit = _key(follower.zones, 3)
    client = follower.a.client
    height = await client.latest_height()
    await show_double_vote(client, culprit, height)
    answer = await _wait_until_suspended(client, culprit.public_key)
    assert answer.info.power_in_effect == 0
    (entry,) = answer.misbehaviours.entries
    assert entry.kind == pb.MISBEHAVIOUR_KIND_DUPLICATE_VOTE
    assert entry.height == height
    assert entry.power == GENESIS_POWER
    assert answer.misbehaviours.member_id == "org-3"
    await client.wait_height(entry.recorded_height + DELAY_BLOCKS)
    assert culprit.public_key not in await follower.powers()
    await follower.lead()


async def _wait_until_suspended(
    client: ZoneClient, public_key: bytes
) -> pb.QueryValidatorResponse:
    height = await client.latest_height()
    for _ in range(50):
        answer = await client.query(
            "/huitong.consensus.v1.Query/Validator",
            pb.QueryValidatorRequest(public_key=public_key),
            pb.QueryValidatorResponse,
        )
        if answer.info.validator.status == pb.VALIDATOR_STATUS_SUSPENDED:
            return answer
        height = await client.wait_height(height + 1)
    raise AssertionError("it is not suspended")
