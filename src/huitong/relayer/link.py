"""Making a link: clients on both zones, a connection, a channel.

``open_link`` looks at both zones, takes the steps that ``handshake.plan_handshake``
names, and looks again, until nothing is left. It may be stopped and called again at any
point.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog
from google.protobuf.message import Message

from huitong.client import ProvenValue, TxOutcome
from huitong.core.codec import unpack_any
from huitong.core.gogoproto import with_required
from huitong.core.height import Height
from huitong.light.tendermint.client_state import client_state_to_any
from huitong.light.tendermint.consensus_state import (
    consensus_state_of,
    consensus_state_to_any,
)
from huitong.light.tendermint.terms import client_state_for
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.modules.links import keys, versions
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2
from huitong.proto.ibc.core.connection.v1 import tx_pb2 as connection_tx_pb2
from huitong.relayer import messages
from huitong.relayer.discovery import find_link_ends, get_client_state, ordering_of
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.handshake import (
    LinkEnd,
    OpeningState,
    Side,
    Step,
    StepKind,
    plan_handshake,
)
from huitong.relayer.settings import LinkConfig

log = structlog.get_logger("relayer")

#: Rounds of looking and stepping: a handshake has nine steps.
ROUNDS_MAX: Final = 30
#: Seconds to wait for the block that proves a step.
BLOCK_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Situation:
    """A link while it is made."""

    zones: dict[Side, Endpoint]
    ends: dict[Side, LinkEnd]
    link: LinkConfig

    def port(self, side: Side) -> str:
        """Return the channel's port on that side."""
        return self.link.port_on_a if side is Side.A else self.link.port_on_b


async def open_link(
    a: Endpoint,
    b: Endpoint,
    link: LinkConfig,
    *,
    reuse: bool = True,
    told: Callable[[Step], None] = lambda step: None,
) -> LinkConfig:
    """Make what is missing of a link and return it with all identifiers.

    Args:
        a: zone a; its account needs the role ``relayer``.
        b: zone b; likewise.
        link: what is wanted; identifiers in it are kept.
        reuse: whether clients that exist already may be used.
        told: called after each step.

    Raises:
        WrongChainError: a node serves another zone than configured.
        HandshakeStuckError: the identifiers given lead nowhere.
        TransactionFailedError: a zone refuses a step.
        UnreachableError: a node does not answer.
    """
    zones = {Side.A: a, Side.B: b}
    for zone in zones.values():
        await zone.check_chain()
    for _ in range(ROUNDS_MAX):
        ends = await find_link_ends(a, b, link, reuse=reuse)
        link = _with_identifiers(link, ends)
        steps = plan_handshake(ends[Side.A], ends[Side.B])
        if not steps:
            return link
        situation = _Situation(zones=zones, ends=ends, link=link)
        outcomes = await asyncio.gather(*(_take(situation, step) for step in steps))
        for step, outcome in zip(steps, outcomes, strict=True):
            link = _with_outcome(link, step, outcome)
            log.info(
                "handshake_step_taken", step=step.kind, chain=zones[step.on].chain_id
            )
            told(step)
    raise AssertionError  # every round brings the handshake forward or raises


def _with_identifiers(link: LinkConfig, ends: dict[Side, LinkEnd]) -> LinkConfig:
    end_on_a, end_on_b = ends[Side.A], ends[Side.B]
    return replace(
        link,
        client_on_a=end_on_a.client_id or link.client_on_a,
        client_on_b=end_on_b.client_id or link.client_on_b,
        connection_on_a=end_on_a.connection_id or link.connection_on_a,
        connection_on_b=end_on_b.connection_id or link.connection_on_b,
        channel_on_a=end_on_a.channel_id or link.channel_on_a,
        channel_on_b=end_on_b.channel_id or link.channel_on_b,
    )


def _with_outcome(link: LinkConfig, step: Step, outcome: TxOutcome) -> LinkConfig:
    """Take up the client's id; the state shows all others in the next round."""
    if step.kind is not StepKind.CREATE_CLIENT:
        return link
    client_id = _created_client(outcome)
    if step.on is Side.A:
        return replace(link, client_on_a=client_id)
    return replace(link, client_on_b=client_id)


async def _take(situation: _Situation, step: Step) -> TxOutcome:
    zone = situation.zones[step.on]
    if step.kind is StepKind.CREATE_CLIENT:
        across = situation.zones[step.on.other]
        return await zone.send(await _client_message(on=zone, of=across))
    if step.kind is StepKind.CONNECTION_INIT:
        return await zone.send(_connection_init(situation, step.on))
    if step.kind is StepKind.CHANNEL_INIT:
        return await zone.send(_channel_init(situation, step.on))
    return await _take_proven(situation, step)


async def create_client(*, on: Endpoint, of: Endpoint) -> str:
    """Make a light client of zone ``of`` on zone ``on``; return its id.

    Raises:
        TransactionFailedError: the zone refuses it.
    """
    outcome = await on.send(await _client_message(on=on, of=of))
    return _created_client(outcome)


def _created_client(outcome: TxOutcome) -> str:
    created = outcome.find_event("create_client")
    return (created.find("client_id") if created else None) or ""


async def _client_message(*, on: Endpoint, of: Endpoint) -> Message:
    height = await of.client.wait_height(1, BLOCK_TIMEOUT_S)
    block = await of.headers.light_block(height)
    state = replace(
        client_state_for(of.chain_id, Height(of.revision, height)),
        trusting_period_ns=of.terms.trusting_period_ns,
        unbonding_period_ns=of.terms.unbonding_period_ns,
        max_clock_drift_ns=on.terms.max_clock_drift_ns,
    )
    consensus = consensus_state_of(block.signed_header.header)
    return client_tx_pb2.MsgCreateClient(
        client_state=client_state_to_any(state),
        consensus_state=consensus_state_to_any(consensus),
        signer=on.sender.address,
    )


def _connection_init(situation: _Situation, side: Side) -> Message:
    own, across = situation.ends[side], situation.ends[side.other]
    return with_required(
        connection_tx_pb2.MsgConnectionOpenInit(
            client_id=own.client_id,
            counterparty=_connection_counterparty(across.client_id, ""),
            version=versions.compatible_versions()[0],
            signer=situation.zones[side].sender.address,
        )
    )


def _connection_counterparty(
    client_id: str, connection_id: str
) -> connection_pb2.Counterparty:
    return connection_pb2.Counterparty(
        client_id=client_id,
        connection_id=connection_id,
        prefix=commitment_pb2.MerklePrefix(key_prefix=keys.STORE_PREFIX),
    )


def _channel(situation: _Situation, side: Side, state: int) -> channel_pb2.Channel:
    across = situation.ends[side.other]
    return channel_pb2.Channel(
        state=channel_pb2.State.Name(state),
        ordering=ordering_of(situation.link),
        counterparty=channel_pb2.Counterparty(
            port_id=situation.port(side.other), channel_id=across.channel_id
        ),
        connection_hops=[situation.ends[side].connection_id],
        version=situation.link.version,
    )


def _channel_init(situation: _Situation, side: Side) -> Message:
    return with_required(
        channel_tx_pb2.MsgChannelOpenInit(
            port_id=situation.port(side),
            channel=_channel(situation, side, OpeningState.INIT),
            signer=situation.zones[side].sender.address,
        )
    )


async def _take_proven(situation: _Situation, step: Step) -> TxOutcome:
    """Send a step that proves the state of the other zone, behind a client update."""
    zone, across = situation.zones[step.on], situation.zones[step.on.other]
    client_id = situation.ends[step.on].client_id
    proven = await _prove_newest(across, _proven_key(situation, step))
    update = await client_update(
        on=zone, of=across, client_id=client_id, height=proven.height + 1
    )
    message = _proven_message(
        situation, step, proven.proof, Height(across.revision, proven.height + 1)
    )
    return await zone.send(*update, message)


async def _prove_newest(zone: Endpoint, key: bytes) -> ProvenValue:
    """Return the newest value under ``key`` with a proof for a header that exists.

    A zone makes a block right after each change, so mostly the newest header proves the
    newest value; if it does not, the next one will.
    """
    seen = await zone.client.abci_query(f"store/{keys.STORE}/key", key)
    newest = seen.height
    await zone.client.wait_height(newest, BLOCK_TIMEOUT_S)
    if newest > 1:
        (proven,) = await zone.client.prove(keys.STORE, [key], newest - 1)
        if proven.value == seen.value:
            return proven
    await zone.client.wait_height(newest + 1, BLOCK_TIMEOUT_S)
    (proven,) = await zone.client.prove(keys.STORE, [key], newest)
    return proven


async def client_update(
    *, on: Endpoint, of: Endpoint, client_id: str, height: int
) -> list[Message]:
    """Return the messages that bring a client to ``height``; none if it is there."""
    state = await get_client_state(on.client, client_id)
    trusted_height = state.latest_height.revision_height
    if trusted_height == height:
        return []

    async def get_trust_level() -> TrustLevel:
        return state.trust_level

    headers = await of.headers.client_messages(height, trusted_height, get_trust_level)
    packed = [
        messages.update_client(
            client_id=client_id, client_message=header, signer=on.sender.address
        )
        for header in headers
    ]
    return [unpack_any(each, client_tx_pb2.MsgUpdateClient) for each in packed]


def _proven_key(situation: _Situation, step: Step) -> bytes:
    across = situation.ends[step.on.other]
    if step.kind in (
        StepKind.CONNECTION_TRY,
        StepKind.CONNECTION_ACK,
        StepKind.CONNECTION_CONFIRM,
    ):
        return keys.connection(across.connection_id)
    return keys.channel(situation.port(step.on.other), across.channel_id)


def _proven_message(
    situation: _Situation, step: Step, proof: bytes, proof_height: Height
) -> Message:
    own, across = situation.ends[step.on], situation.ends[step.on.other]
    signer = situation.zones[step.on].sender.address
    height = proof_height.to_proto()
    version = versions.compatible_versions()[0]
    if step.kind is StepKind.CONNECTION_TRY:
        return with_required(
            connection_tx_pb2.MsgConnectionOpenTry(
                client_id=own.client_id,
                counterparty=_connection_counterparty(
                    across.client_id, across.connection_id
                ),
                counterparty_versions=[version],
                proof_height=height,
                proof_init=proof,
                signer=signer,
            )
        )
    if step.kind is StepKind.CONNECTION_ACK:
        return with_required(
            connection_tx_pb2.MsgConnectionOpenAck(
                connection_id=own.connection_id,
                counterparty_connection_id=across.connection_id,
                version=version,
                proof_height=height,
                proof_try=proof,
                signer=signer,
            )
        )
    if step.kind is StepKind.CONNECTION_CONFIRM:
        return with_required(
            connection_tx_pb2.MsgConnectionOpenConfirm(
                connection_id=own.connection_id,
                proof_ack=proof,
                proof_height=height,
                signer=signer,
            )
        )
    port_id = situation.port(step.on)
    if step.kind is StepKind.CHANNEL_TRY:
        return with_required(
            channel_tx_pb2.MsgChannelOpenTry(
                port_id=port_id,
                channel=_channel(situation, step.on, OpeningState.TRYOPEN),
                counterparty_version=situation.link.version,
                proof_init=proof,
                proof_height=height,
                signer=signer,
            )
        )
    if step.kind is StepKind.CHANNEL_ACK:
        return with_required(
            channel_tx_pb2.MsgChannelOpenAck(
                port_id=port_id,
                channel_id=own.channel_id,
                counterparty_channel_id=across.channel_id,
                counterparty_version=situation.link.version,
                proof_try=proof,
                proof_height=height,
                signer=signer,
            )
        )
    return with_required(
        channel_tx_pb2.MsgChannelOpenConfirm(
            port_id=port_id,
            channel_id=own.channel_id,
            proof_ack=proof,
            proof_height=height,
            signer=signer,
        )
    )
