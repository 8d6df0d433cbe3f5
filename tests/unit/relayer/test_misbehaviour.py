"""Headers that a client is shown beside those of the chain that it follows."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import pytest

from huitong.client import RpcError, TransactionFailedError, TxOutcome
from huitong.client.errors import UnreachableError
from huitong.core.codec import encode, unpack_any
from huitong.light.tendermint.client_message import (
    Misbehaviour,
    client_message_from_any,
    client_message_to_any,
)
from huitong.light.tendermint.commit import BlockIdFlag
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.relayer import messages
from huitong.relayer.evidence import guilty_validators, light_client_attack
from huitong.relayer.misbehaviour import HEADERS_WAITING_MAX, HeaderWatch
from huitong.relayer.packet_events import ClientUpdated
from huitong.relayer.plan import Head
from huitong.testing.headers import SimChain
from huitong.testing.validators import make_validators
from tests.unit.relayer.sightings import tx_with

CLIENT = "07-tendermint-0"


@dataclass
class FakeEndpoint:
    """A zone and its node, which knows one chain; its own client, headers and RPC."""

    chain: SimChain
    sent: list = field(default_factory=list)
    evidence: list = field(default_factory=list)
    given: set = field(default_factory=set)
    refusal: Exception | None = None
    is_reachable: bool = True
    chain_id: str = "hangzhou-1"
    address: str = "ht1relayer"

    @property
    def client(self):
        return self

    headers = rpc = sender = client

    def reading(self, method):
        return nullcontext()

    def has_given(self, message):
        return encode(message) in self.given

    async def head(self):
        if not self.is_reachable:
            raise UnreachableError(url="http://nowhere", reason="refused")
        block = self.chain.block(self.chain.height)
        time_ns = block.signed_header.header.time_ns
        return Head(revision=1, height=self.chain.height, time_ns=time_ns)

    async def latest_height(self):
        return self.chain.height

    async def wait_height(self, height, timeout_s):
        return height

    async def light_block(self, height):
        return self.chain.light_block(height)

    async def signed_header(self, height):
        return self.chain.block(height).signed_header

    async def client_messages(self, height, trusted_height, get_trust_level):
        header = self.chain.client_header(height, trusted_height=trusted_height)
        return [client_message_to_any(header)]

    async def call(self, method, **params):
        assert method == "broadcast_evidence"
        self.evidence.append(params["evidence"])
        raise RpcError(url="http://node", method=method, reason="Method not found")

    async def send(self, *sent):
        if self.refusal:
            raise self.refusal
        self.sent.append(sent)
        return TxOutcome(
            hash="AB",
            height=1,
            code=0,
            codespace="",
            log="",
            events=(),
            data=b"",
            gas_used=1,
        )


@pytest.fixture
def real() -> SimChain:
    chain = SimChain("hangzhou-1", make_validators([1, 1, 1, 1]))
    chain.advance(20)
    return chain


def forged_header(real: SimChain):
    """Another header of height 12, signed by the same validators."""
    fork = real.fork(10)
    fork.advance(2)
    return fork.client_header(12, trusted_height=8)


def told(header, client_id: str = CLIENT) -> ClientUpdated:
    message = client_message_to_any(header)
    return ClientUpdated(
        client_id=client_id, heights=(header.height,), header=encode(message).hex()
    )


def watching(real: SimChain, **host):
    on, of = FakeEndpoint(real, **host), FakeEndpoint(real)
    return HeaderWatch(on, of, CLIENT), on, of


async def test_true_headers_are_no_misbehaviour(real):
    watch, on, _ = watching(real)
    watch.take(told(real.client_header(12, trusted_height=8)))
    assert await watch.compare() is False
    assert (watch.found, on.sent) == (0, [])


async def test_second_header_of_a_height_is_shown_to_the_client_and_the_chain(real):
    watch, on, of = watching(real)
    forged = forged_header(real)
    watch.take(told(forged))
    assert await watch.compare() is True
    ((message,),) = on.sent
    assert isinstance(message, client_tx_pb2.MsgSubmitMisbehaviour)
    shown = client_message_from_any(message.misbehaviour)
    assert isinstance(shown, Misbehaviour)
    assert (shown.client_id, shown.header_1) == (CLIENT, forged)
    assert shown.header_2 == real.client_header(12, trusted_height=8)
    (evidence,) = of.evidence
    assert evidence["value"]["common_height"] == "8"
    assert await watch.compare() is False  # it is dealt with


async def test_updates_in_transactions_serve_where_events_carry_no_header(real):
    watch, on, _ = watching(real)
    forged = forged_header(real)
    update = messages.update_client(
        client_id=CLIENT, client_message=client_message_to_any(forged), signer="x"
    )
    watch.take_tx(tx_with(update))
    assert await watch.compare() is True
    assert len(on.sent) == 1
    assert unpack_any(update, client_tx_pb2.MsgUpdateClient).client_id == CLIENT


@pytest.mark.parametrize("header", ["", "zz", "00ff"], ids=["none", "no hex", "no Any"])
async def test_headers_that_cannot_be_read_are_passed_over(real, header):
    watch, on, _ = watching(real)
    watch.take(ClientUpdated(client_id=CLIENT, heights=(), header=header))
    assert await watch.compare() is False
    assert on.sent == []


async def test_other_clients_and_own_headers_are_not_compared(real):
    watch, on, of = watching(real)
    forged = forged_header(real)
    watch.take(told(forged, client_id="07-tendermint-9"))
    of.given.add(encode(client_message_to_any(forged)))
    watch.take(told(forged))
    assert await watch.compare() is False
    assert on.sent == []


async def test_header_of_the_future_waits_until_the_chain_is_there(real):
    later = SimChain("hangzhou-1", make_validators([1, 1, 1, 1]))
    later.advance(25)
    watch, on, of = watching(real)
    watch.take(told(later.client_header(24, trusted_height=8)))
    assert await watch.compare() is False
    of.chain = later
    assert await watch.compare() is False
    assert (watch.found, on.sent) == (0, [])


async def test_higher_header_that_is_not_later_is_misbehaviour(real):
    ahead = real.fork(20)
    ahead.advance(100, step_ns=1)
    forged = ahead.client_header(120, trusted_height=8)
    watch, on, _ = watching(real)
    watch.take(told(forged))
    real_time_ns = real.block(20).signed_header.header.time_ns
    assert forged.signed_header.header.time_ns > real_time_ns
    assert await watch.compare() is False  # it may become true yet
    real.advance(5)
    assert await watch.compare() is True
    ((message,),) = on.sent
    shown = client_message_from_any(message.misbehaviour)
    assert isinstance(shown, Misbehaviour)
    assert shown.header_1.height.revision_height == 120
    assert shown.header_2.height.revision_height == 25


async def test_client_that_somebody_froze_already_is_no_failure(real):
    refusal = TransactionFailedError(codespace="client", code=29, log="not active")
    watch, _, of = watching(real, refusal=refusal)
    watch.take(told(forged_header(real)))
    assert await watch.compare() is True
    assert len(of.evidence) == 1


async def test_lost_node_loses_no_header(real):
    watch, on, of = watching(real)
    watch.take(told(forged_header(real)))
    of.is_reachable = False
    with pytest.raises(UnreachableError):
        await watch.compare()
    of.is_reachable = True
    assert await watch.compare() is True
    assert len(on.sent) == 1


async def test_headers_that_wait_are_bounded(real):
    watch, _, of = watching(real)
    header = real.client_header(20, trusted_height=8)
    of.chain = SimChain("hangzhou-1", make_validators([1, 1, 1, 1]))
    of.chain.advance(1)
    for _ in range(HEADERS_WAITING_MAX + 5):
        watch.take(told(header))
    assert len(watch._waiting) == HEADERS_WAITING_MAX


def test_guilty_are_those_who_signed_what_the_chain_did_not_make(real):
    forged = forged_header(real)
    common = real.light_block(8)
    guilty = guilty_validators(forged, real.block(12).signed_header, common.validators)
    assert len(guilty) == 4
    evidence = light_client_attack(
        forged,
        real.block(12).signed_header,
        common.validators,
        8,
        common.signed_header,
    )
    value = evidence["value"]
    assert evidence["type"] == "tendermint/LightClientAttackEvidence"
    assert value["total_voting_power"] == "4"
    assert len(value["byzantine_validators"]) == 4
    block = value["conflicting_block"]
    assert block["signed_header"]["header"]["height"] == "12"
    proposer = block["validator_set"]["proposer"]
    assert proposer["address"] == block["signed_header"]["header"]["proposer_address"]


def test_in_two_rounds_nobody_in_particular_is_guilty(real):
    signed = real.block(12).signed_header
    header = replace(signed.header, time_ns=signed.header.time_ns + 1)
    commit = replace(signed.commit, round=1)
    shown = replace(
        real.client_header(12, trusted_height=8),
        signed_header=replace(signed, header=header, commit=commit),
    )
    validators = real.light_block(8).validators
    assert guilty_validators(shown, signed, validators) == []
    same_round = replace(
        shown, signed_header=replace(signed, header=header, commit=signed.commit)
    )
    assert len(guilty_validators(same_round, signed, validators)) == 4
    signers = [
        sig for sig in signed.commit.signatures if sig.flag is BlockIdFlag.COMMIT
    ]
    assert len(signers) == 4
