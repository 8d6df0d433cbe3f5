"""Whatever members decide about validators, a light client that is led finds its way."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from huitong.core.abci import (
    GenesisRequest,
    Misbehaviour,
    MisbehaviourKind,
    ValidatorUpdate,
)
from huitong.core.errors import RejectedError
from huitong.core.height import Height
from huitong.core.store.kv import EmptyStore, OverlayStore
from huitong.light import light_client
from huitong.light.tendermint.client_message import client_message_from_any
from huitong.light.tendermint.rpc_json import commit_to_json, header_to_json
from huitong.light.tendermint.signed_header import LightBlock
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.modules import consensus, members
from huitong.modules.consensus import ZoneConsensus
from huitong.modules.consensus.evidence import suspend_misbehaving
from huitong.modules.members.state import get_member, save_member
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.relayer.headers import HeaderSource
from huitong.testing.contexts import MemoryZone
from huitong.testing.headers import GENESIS_TIME_NS, SimChain
from huitong.testing.validators import SimValidator, chain_order

CHAIN = "hangzhou-1"
CLIENT = "07-tendermint-0"
NAMES = tuple(f"org-{index}" for index in range(6))
SECRETS = {name: bytes([index + 1]) * 32 for index, name in enumerate(NAMES)}
KEYS = {
    name: SimValidator(secret=secret, voting_power=1).public_key
    for name, secret in SECRETS.items()
}
GENESIS_POWERS = dict.fromkeys(NAMES[:4], 10)
#: What can happen in a block: a kind, whose validator it concerns, and a power.
happening = st.tuples(
    st.sampled_from(["set", "remove", "freeze", "thaw", "suspend", "reinstate"]),
    st.sampled_from(NAMES),
    st.integers(1, 30),
)
block = st.tuples(st.lists(happening, max_size=3), st.sets(st.integers(0, 5)))


@dataclass
class Zone:
    """Members who decide about validators, and the chain that these sign."""

    zone: MemoryZone = field(init=False)
    chain: SimChain = field(init=False)

    def __post_init__(self) -> None:
        entries = [{"member_id": name, "name": name} for name in NAMES]
        self.zone = MemoryZone(
            [members.MODULE, consensus.MODULE],
            chain_id=CHAIN,
            genesis={"members": {"members": entries}},
        )
        self.powers = {KEYS[name]: power for name, power in GENESIS_POWERS.items()}
        request = GenesisRequest(
            chain_id=CHAIN,
            time_ns=GENESIS_TIME_NS,
            initial_height=1,
            validators=tuple(
                ValidatorUpdate(public_key=key, power=power)
                for key, power in self.powers.items()
            ),
            app_state={},
            block_gas_max=100_000_000,
            block_bytes_max=4_194_304,
        )
        ctx = self.zone.context()
        ZoneConsensus().begin(ctx, request)
        self.zone.take(ctx)
        self.chain = SimChain(CHAIN, self._signers())
        self.following = self._signers()

    def _signers(self) -> tuple[SimValidator, ...]:
        secrets = {KEYS[name]: secret for name, secret in SECRETS.items()}
        return chain_order(
            SimValidator(secret=secrets[key], voting_power=power)
            for key, power in self.powers.items()
        )

    def make_block(self, happenings: list[Any], absent: set[int]) -> None:
        """Let things happen in a block that not all validators sign."""
        for happened in happenings:
            try:
                self._let(*happened)
            except RejectedError:
                continue  # members may not decide this
        ctx = self.zone.context()
        for update in ZoneConsensus().take_changes(ctx).validator_updates:
            if update.power:
                self.powers[update.public_key] = update.power
            else:
                del self.powers[update.public_key]
        self.zone.take(ctx)
        assert self.powers, "the set is never empty"
        signers = self.chain.validators
        total = sum(item.voting_power for item in signers)
        signed = sum(
            item.voting_power
            for index, item in enumerate(signers)
            if index not in absent
        )
        self.chain.advance(
            next_validators=self.following,
            absent=absent if 3 * signed > 2 * total else (),
        )
        self.following = self._signers()
        self.zone.next_block()

    def _let(self, kind: str, name: str, power: int) -> None:
        key = KEYS[name]
        if kind in ("set", "reinstate"):
            message = pb.MsgSetValidator(public_key=key, power=power, member_id=name)
            message.reinstate = kind == "reinstate"
            self.zone.decide(message)
        elif kind == "remove":
            self.zone.decide(pb.MsgRemoveValidator(public_key=key, reason="voted out"))
        elif kind == "suspend":
            self._suspend(name)
        else:
            self._freeze(name, is_frozen=kind == "freeze")

    def _suspend(self, name: str) -> None:
        (validator,) = (SimValidator(secret=SECRETS[name], voting_power=1),)
        self.zone.misbehaviours = (
            Misbehaviour(
                kind=MisbehaviourKind.DUPLICATE_VOTE,
                validator_address=validator.address,
                power=1,
                height=1,
                time_ns=1,
                total_power=1,
            ),
        )
        ctx = self.zone.context()
        suspend_misbehaving(ctx)
        self.zone.take(ctx)
        self.zone.misbehaviours = ()

    def _freeze(self, name: str, *, is_frozen: bool) -> None:
        ctx = self.zone.context()
        member = get_member(ctx, name)
        member.ClearField("own_freeze")
        if is_frozen:
            member.own_freeze.CopyFrom(members_pb2.Freeze(height=1))
        save_member(ctx, member)
        self.zone.take(ctx)


class Node:
    """A node of the zone, as far as headers go."""

    def __init__(self, chain: SimChain) -> None:
        self.chain = chain
        self.rpc = self

    async def light_block(self, height: int) -> LightBlock:
        return self.chain.light_block(height)

    async def call(self, method: str, *, height: str) -> Any:
        signed = self.chain.block(int(height)).signed_header
        return {
            "signed_header": {
                "header": header_to_json(signed.header),
                "commit": commit_to_json(signed.commit),
            }
        }

    def reading(self, method: str) -> nullcontext[None]:
        return nullcontext()


async def lead(chain: SimChain, stops: list[int], level: TrustLevel) -> list[int]:
    """Lead a client over these heights; return how many headers each way took."""
    store = OverlayStore(EmptyStore())
    source = HeaderSource(Node(chain), 1)  # type: ignore[arg-type]
    now_ns = chain.next_time_ns
    light_client.initialize(
        store,
        CLIENT,
        chain.client_state(1),
        chain.consensus_state(1),
        block_time_ns=now_ns,
        block_height=Height(1, 1),
    )

    async def get_trust_level() -> TrustLevel:
        return level

    steps = []
    trusted = 1
    for height in stops:
        packed = await source.client_messages(height, trusted, get_trust_level)
        for each in packed:
            header = client_message_from_any(each)
            light_client.verify_client_message(store, CLIENT, header, now_ns=now_ns)
            assert not light_client.check_for_misbehaviour(store, CLIENT, header)
            light_client.update_state(
                store, CLIENT, header, now_ns=now_ns, self_height=Height(1, 1)
            )
        trusted = height
        steps.append(len(packed))
    assert light_client.latest_height(store, CLIENT) == Height(1, stops[-1])
    return steps


@settings(deadline=None)
@given(blocks=st.lists(block, min_size=2, max_size=16), data=st.data())
def test_a_client_follows_whatever_members_decide(
    blocks: list[tuple[list[Any], set[int]]], data: st.DataObject
) -> None:
    zone = Zone()
    for happenings, absent in blocks:
        zone.make_block(happenings, absent)
    last = zone.chain.height
    visits = data.draw(st.sets(st.integers(2, last), max_size=4))
    level = zone.chain.client_state(1).trust_level
    asyncio.run(lead(zone.chain, sorted({*visits, last}), level))


def test_an_unchanged_zone_is_followed_in_one_step() -> None:
    zone = Zone()
    for _ in range(30):
        zone.make_block([], set())
    level = zone.chain.client_state(1).trust_level
    assert asyncio.run(lead(zone.chain, [30], level)) == [1]


def test_one_of_four_that_joins_or_leaves_needs_no_header_between() -> None:
    zone = Zone()
    zone.make_block([("set", "org-4", 10)], set())
    for _ in range(4):
        zone.make_block([], set())
    zone.make_block([("remove", "org-0", 1)], set())
    for _ in range(4):
        zone.make_block([], set())
    level = zone.chain.client_state(1).trust_level
    assert asyncio.run(lead(zone.chain, [5, 10], level)) == [1, 1]


def test_a_zone_that_has_changed_altogether_is_followed_over_headers_between() -> None:
    zone = Zone()
    for name in NAMES[4:]:
        zone.make_block([("set", name, 30)], set())
    for name in NAMES[:4]:
        zone.make_block([("remove", name, 1)], set())
    for _ in range(10):
        zone.make_block([], set())
    level = zone.chain.client_state(1).trust_level
    (steps,) = asyncio.run(lead(zone.chain, [zone.chain.height], level))
    assert 2 <= steps <= 8
