"""Submessages that peers written in Go put on the wire even when they are empty.

Protobuf leaves an unset submessage out. Go's structs hold many submessages by value,
which always exist, so Go writes them always: an empty one as its tag and a zero length.
Bytes that are hashed, signed or proven (client states, connection ends, packets,
headers) must therefore be built through ``with_required`` before they are encoded.

Only presence is set here. Go's zero time is not the empty ``Timestamp`` but the year 1:
whoever writes an absent time sets ``core.time.GO_ZERO_TIME_NS`` himself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final, TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

MessageT = TypeVar("MessageT", bound=Message)

#: Full name of a message type, and its submessages that are always present.
#: Source: the option ``nullable = false`` in the peers' definitions.
REQUIRED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "cosmos.auth.v1beta1.QueryParamsResponse": ("params",),
        "cosmos.base.tendermint.v1beta1.Block": ("header", "data", "evidence"),
        "cosmos.base.tendermint.v1beta1.Header": ("version", "time", "last_block_id"),
        "cosmos.staking.v1beta1.Params": ("unbonding_time",),
        "cosmos.staking.v1beta1.QueryParamsResponse": ("params",),
        "cosmos.upgrade.v1beta1.Plan": ("time",),
        "ibc.applications.transfer.v1.MsgTransfer": (
            "token",
            "timeout_height",
        ),
        "ibc.core.channel.v1.Channel": ("counterparty",),
        "ibc.core.channel.v1.GenesisState": ("params",),
        "ibc.core.channel.v1.IdentifiedChannel": ("counterparty",),
        "ibc.core.channel.v1.MsgAcknowledgement": (
            "packet",
            "proof_height",
        ),
        "ibc.core.channel.v1.MsgChannelCloseConfirm": ("proof_height",),
        "ibc.core.channel.v1.MsgChannelOpenAck": ("proof_height",),
        "ibc.core.channel.v1.MsgChannelOpenConfirm": ("proof_height",),
        "ibc.core.channel.v1.MsgChannelOpenInit": ("channel",),
        "ibc.core.channel.v1.MsgChannelOpenTry": (
            "channel",
            "proof_height",
        ),
        "ibc.core.channel.v1.MsgChannelUpgradeAck": (
            "counterparty_upgrade",
            "proof_height",
        ),
        "ibc.core.channel.v1.MsgChannelUpgradeCancel": (
            "error_receipt",
            "proof_height",
        ),
        "ibc.core.channel.v1.MsgChannelUpgradeConfirm": (
            "counterparty_upgrade",
            "proof_height",
        ),
        "ibc.core.channel.v1.MsgChannelUpgradeInit": ("fields",),
        "ibc.core.channel.v1.MsgChannelUpgradeInitResponse": ("upgrade",),
        "ibc.core.channel.v1.MsgChannelUpgradeOpen": ("proof_height",),
        "ibc.core.channel.v1.MsgChannelUpgradeTimeout": (
            "counterparty_channel",
            "proof_height",
        ),
        "ibc.core.channel.v1.MsgChannelUpgradeTry": (
            "counterparty_upgrade_fields",
            "proof_height",
        ),
        "ibc.core.channel.v1.MsgChannelUpgradeTryResponse": ("upgrade",),
        "ibc.core.channel.v1.MsgRecvPacket": (
            "packet",
            "proof_height",
        ),
        "ibc.core.channel.v1.MsgTimeout": (
            "packet",
            "proof_height",
        ),
        "ibc.core.channel.v1.MsgTimeoutOnClose": (
            "packet",
            "proof_height",
        ),
        "ibc.core.channel.v1.MsgUpdateParams": ("params",),
        "ibc.core.channel.v1.Packet": ("timeout_height",),
        "ibc.core.channel.v1.Params": ("upgrade_timeout",),
        "ibc.core.channel.v1.QueryChannelClientStateResponse": ("proof_height",),
        "ibc.core.channel.v1.QueryChannelConsensusStateResponse": ("proof_height",),
        "ibc.core.channel.v1.QueryChannelResponse": ("proof_height",),
        "ibc.core.channel.v1.QueryChannelsResponse": ("height",),
        "ibc.core.channel.v1.QueryConnectionChannelsResponse": ("height",),
        "ibc.core.channel.v1.QueryNextSequenceReceiveResponse": ("proof_height",),
        "ibc.core.channel.v1.QueryNextSequenceSendResponse": ("proof_height",),
        "ibc.core.channel.v1.QueryPacketAcknowledgementResponse": ("proof_height",),
        "ibc.core.channel.v1.QueryPacketAcknowledgementsResponse": ("height",),
        "ibc.core.channel.v1.QueryPacketCommitmentResponse": ("proof_height",),
        "ibc.core.channel.v1.QueryPacketCommitmentsResponse": ("height",),
        "ibc.core.channel.v1.QueryPacketReceiptResponse": ("proof_height",),
        "ibc.core.channel.v1.QueryUnreceivedAcksResponse": ("height",),
        "ibc.core.channel.v1.QueryUnreceivedPacketsResponse": ("height",),
        "ibc.core.channel.v1.QueryUpgradeErrorResponse": (
            "error_receipt",
            "proof_height",
        ),
        "ibc.core.channel.v1.QueryUpgradeResponse": (
            "upgrade",
            "proof_height",
        ),
        "ibc.core.channel.v1.Timeout": ("height",),
        "ibc.core.channel.v1.Upgrade": (
            "fields",
            "timeout",
        ),
        "ibc.core.client.v1.ConsensusStateWithHeight": ("height",),
        "ibc.core.client.v1.GenesisState": ("params",),
        "ibc.core.client.v1.MsgIBCSoftwareUpgrade": ("plan",),
        "ibc.core.client.v1.MsgUpdateParams": ("params",),
        "ibc.core.client.v1.QueryClientStateResponse": ("proof_height",),
        "ibc.core.client.v1.QueryConsensusStateResponse": ("proof_height",),
        "ibc.core.client.v1.QueryVerifyMembershipRequest": (
            "proof_height",
            "merkle_path",
        ),
        "ibc.core.connection.v1.ConnectionEnd": ("counterparty",),
        "ibc.core.connection.v1.Counterparty": ("prefix",),
        "ibc.core.connection.v1.GenesisState": ("params",),
        "ibc.core.connection.v1.IdentifiedConnection": ("counterparty",),
        "ibc.core.connection.v1.MsgConnectionOpenAck": (
            "proof_height",
            "consensus_height",
        ),
        "ibc.core.connection.v1.MsgConnectionOpenConfirm": ("proof_height",),
        "ibc.core.connection.v1.MsgConnectionOpenInit": ("counterparty",),
        "ibc.core.connection.v1.MsgConnectionOpenTry": (
            "counterparty",
            "proof_height",
            "consensus_height",
        ),
        "ibc.core.connection.v1.MsgUpdateParams": ("params",),
        "ibc.core.connection.v1.QueryClientConnectionsResponse": ("proof_height",),
        "ibc.core.connection.v1.QueryConnectionClientStateResponse": ("proof_height",),
        "ibc.core.connection.v1.QueryConnectionConsensusStateResponse": (
            "proof_height",
        ),
        "ibc.core.connection.v1.QueryConnectionResponse": ("proof_height",),
        "ibc.core.connection.v1.QueryConnectionsResponse": ("height",),
        "ibc.core.types.v1.GenesisState": (
            "client_genesis",
            "connection_genesis",
            "channel_genesis",
        ),
        "ibc.lightclients.tendermint.v1.ClientState": (
            "trust_level",
            "trusting_period",
            "unbonding_period",
            "max_clock_drift",
            "frozen_height",
            "latest_height",
        ),
        "ibc.lightclients.tendermint.v1.ConsensusState": (
            "timestamp",
            "root",
        ),
        "ibc.lightclients.tendermint.v1.Header": ("trusted_height",),
        "tendermint.abci.ExtendedVoteInfo": ("validator",),
        "tendermint.abci.Misbehavior": (
            "validator",
            "time",
        ),
        "tendermint.abci.RequestExtendVote": (
            "time",
            "proposed_last_commit",
        ),
        "tendermint.abci.RequestFinalizeBlock": (
            "decided_last_commit",
            "time",
        ),
        "tendermint.abci.RequestInitChain": ("time",),
        "tendermint.abci.RequestPrepareProposal": (
            "local_last_commit",
            "time",
        ),
        "tendermint.abci.RequestProcessProposal": (
            "proposed_last_commit",
            "time",
        ),
        "tendermint.abci.TxResult": ("result",),
        "tendermint.abci.ValidatorUpdate": ("pub_key",),
        "tendermint.abci.VoteInfo": ("validator",),
        "tendermint.p2p.DefaultNodeInfo": (
            "protocol_version",
            "other",
        ),
        "tendermint.privval.PubKeyResponse": ("pub_key",),
        "tendermint.privval.SignedProposalResponse": ("proposal",),
        "tendermint.privval.SignedVoteResponse": ("vote",),
        "tendermint.types.Block": (
            "header",
            "data",
            "evidence",
        ),
        "tendermint.types.BlockID": ("part_set_header",),
        "tendermint.types.BlockMeta": (
            "block_id",
            "header",
        ),
        "tendermint.types.CanonicalBlockID": ("part_set_header",),
        "tendermint.types.CanonicalProposal": ("timestamp",),
        "tendermint.types.CanonicalVote": ("timestamp",),
        "tendermint.types.Commit": ("block_id",),
        "tendermint.types.CommitSig": ("timestamp",),
        "tendermint.types.DuplicateVoteEvidence": ("timestamp",),
        "tendermint.types.EvidenceParams": ("max_age_duration",),
        "tendermint.types.ExtendedCommit": ("block_id",),
        "tendermint.types.ExtendedCommitSig": ("timestamp",),
        "tendermint.types.Header": (
            "version",
            "time",
            "last_block_id",
        ),
        "tendermint.types.LightClientAttackEvidence": ("timestamp",),
        "tendermint.types.Part": ("proof",),
        "tendermint.types.Proposal": (
            "block_id",
            "timestamp",
        ),
        "tendermint.types.Validator": ("pub_key",),
        "tendermint.types.Vote": (
            "block_id",
            "timestamp",
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What ``with_required`` does in a message of one type."""

    required: tuple[str, ...]
    """Submessages to set and enter."""
    optional: tuple[str, ...]
    """Submessages to enter where they are present."""
    repeated: tuple[str, ...]
    """Lists of messages to enter."""


def with_required(message: MessageT) -> MessageT:
    """Set, at every depth of ``message``, the submessages that Go would write.

    What is inside an ``Any`` is bytes already and is not touched.

    Returns:
        The same object, changed in place.

    Cost: one visit per submessage whose type contains required ones; others are skipped.
    """
    _complete(message)
    return message


def _complete(message: Message) -> None:
    plan = _plan_of(message.DESCRIPTOR)
    for name in plan.required:
        submessage = getattr(message, name)
        submessage.SetInParent()
        _complete(submessage)
    for name in plan.optional:
        if message.HasField(name):
            _complete(getattr(message, name))
    for name in plan.repeated:
        for item in getattr(message, name):
            _complete(item)


@cache
def _plan_of(descriptor: Descriptor) -> _Plan:
    required = REQUIRED.get(descriptor.full_name, ())
    entered = [field for field in descriptor.fields if _leads_to_required(field)]
    single = (field.name for field in entered if not field.is_repeated)
    return _Plan(
        required=required,
        optional=tuple(name for name in single if name not in required),
        repeated=tuple(field.name for field in entered if field.is_repeated),
    )


def _leads_to_required(start: FieldDescriptor) -> bool:
    """Return whether the field's type, or one reachable from it, has required ones."""
    waiting = [start]
    seen: set[str] = set()
    while waiting:
        descriptor = waiting.pop().message_type
        if descriptor is None or descriptor.full_name in seen:
            continue
        if descriptor.full_name in REQUIRED:
            return True
        seen.add(descriptor.full_name)
        waiting.extend(descriptor.fields)
    return False
