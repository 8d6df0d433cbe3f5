"""Commits: the votes that made a block final, and the bytes that each vote signs.

Rules (CometBFT ``types/block``, ``types/vote``): height and round not negative; a block
named in full; one vote for each validator of the height, in the set's order. A vote is
for the block, for nil, or absent; an absent one is empty and has Go's zero time. What a
validator signs is the canonical vote with its length in front; the parts that all votes
of a commit share are encoded once. Not here: whose votes they are (``verify``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final, cast

from huitong.core.codec import encode_uvarint
from huitong.core.limits import VALIDATORS_MAX
from huitong.core.time import GO_ZERO_TIME_NS, TIME_NS_MAX, ns_from_timestamp
from huitong.light.tendermint.block_types import (
    ADDRESS_SIZE_BYTES,
    NO_BLOCK,
    BlockId,
    block_id_from_proto,
    check_block_id,
    encode_block_id,
    set_block_id,
)
from huitong.light.tendermint.errors import MalformedCommitError
from huitong.light.tendermint.signatures import SIGNATURE_SIZE_BYTES
from huitong.light.tendermint.wire import (
    bytes_field,
    encode_timestamp,
    present_field,
    set_time,
    sfixed64_field,
    varint_field,
)
from huitong.proto.tendermint.types import types_pb2, validator_pb2

#: ``SignedMsgType`` of a precommit, the only kind of vote in a commit.
_PRECOMMIT: Final = 2


@unique
class BlockIdFlag(IntEnum):
    """What a vote in a commit is for."""

    ABSENT = 1
    """No vote arrived in time."""
    COMMIT = 2
    """For the committed block."""
    NIL = 3
    """For no block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitSig:
    """One validator's vote inside a commit."""

    flag: BlockIdFlag
    """What the vote is for."""
    validator_address: bytes = b""
    """The voter, 20 bytes; empty if absent."""
    timestamp_ns: int = GO_ZERO_TIME_NS
    """The voter's clock, nanoseconds since the epoch; Go's zero time if absent."""
    signature: bytes = b""
    """Ed25519 signature over the canonical vote, 64 bytes; empty if absent."""

    def __post_init__(self) -> None:
        if not GO_ZERO_TIME_NS <= self.timestamp_ns <= TIME_NS_MAX:
            raise _malformed("time", self.timestamp_ns, "is no time")
        if self.flag == BlockIdFlag.ABSENT:
            is_empty = not self.validator_address and not self.signature
            if not is_empty or self.timestamp_ns != GO_ZERO_TIME_NS:
                raise _malformed("vote", "absent", "carries a vote")
            return
        if len(self.validator_address) != ADDRESS_SIZE_BYTES:
            raise _malformed("address", self.validator_address, "needs 20 bytes")
        if len(self.signature) != SIGNATURE_SIZE_BYTES:
            raise _malformed("signature", self.signature, "needs 64 bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The votes for one block."""

    height: int
    """Height of the block, 1 ≤ height < 2^63."""
    round: int
    """Round of consensus in which it was decided, 0 ≤ round < 2^31."""
    block_id: BlockId
    """The block."""
    signatures: tuple[CommitSig, ...]
    """One for each validator of the height, in the order of the set."""

    def __post_init__(self) -> None:
        if not 0 < self.height < 2**63:
            raise _malformed("height", self.height, "needs to be above 0")
        if not 0 <= self.round < 2**31:
            raise _malformed("round", self.round, "is out of range")
        check_block_id("block_id", self.block_id, _malformed)
        if not self.block_id.hash or not self.block_id.parts.hash:
            raise _malformed("block_id", self.block_id.hash, "names no block")
        if not 0 < len(self.signatures) <= VALIDATORS_MAX:
            raise _malformed("votes", len(self.signatures), "count is out of range")


#: The place of a validator whose vote did not arrive.
ABSENT_SIG: Final = CommitSig(flag=BlockIdFlag.ABSENT)


def _malformed(part: str, actual: object, reason: str) -> MalformedCommitError:
    return MalformedCommitError(field=part, actual=actual, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteTemplate:
    """The signed bytes of the votes of one commit, but for the time of each."""

    for_block: bytes
    """Fields before the time, in a vote for the block."""
    for_nil: bytes
    """Fields before the time, in a vote for nil, which names no block."""
    after_time: bytes
    """Fields after the time: the chain id."""

    def sign_bytes(self, timestamp_ns: int, *, nil: bool = False) -> bytes:
        """Return what the validator signs: the canonical vote after its length."""
        vote = (
            (self.for_nil if nil else self.for_block)
            + present_field(5, encode_timestamp(timestamp_ns))
            + self.after_time
        )
        return encode_uvarint(len(vote)) + vote


def vote_template(
    *, chain_id: str, height: int, round: int, block_id: BlockId
) -> VoteTemplate:
    """Encode what all precommits of one round share (CometBFT ``CanonicalVote``)."""
    for_nil = (
        varint_field(1, _PRECOMMIT)
        + sfixed64_field(2, height)
        + sfixed64_field(3, round)
    )
    block = b"" if block_id == NO_BLOCK else encode_block_id(block_id)
    return VoteTemplate(
        for_block=for_nil + bytes_field(4, block),
        for_nil=for_nil,
        after_time=bytes_field(6, chain_id.encode()),
    )


def commit_vote_template(commit: Commit, chain_id: str) -> VoteTemplate:
    """Encode what the votes of ``commit`` share on the chain ``chain_id``."""
    return vote_template(
        chain_id=chain_id,
        height=commit.height,
        round=commit.round,
        block_id=commit.block_id,
    )


def encode_commit_sig(sig: CommitSig) -> bytes:
    """Return the bytes of ``tendermint.types.CommitSig``, a leaf of the commit's hash."""
    return (
        varint_field(1, sig.flag)
        + bytes_field(2, sig.validator_address)
        + present_field(3, encode_timestamp(sig.timestamp_ns))
        + bytes_field(4, sig.signature)
    )


def commit_from_proto(message: types_pb2.Commit) -> Commit:
    """Return the checked, frozen form.

    Raises:
        MalformedCommitError: a part is absent or malformed.
        InvalidTimeError: the time of a vote is none.
    """
    if not message.HasField("block_id"):
        raise _malformed("block_id", "absent", "needs to be present")
    if len(message.signatures) > VALIDATORS_MAX:
        raise _malformed("votes", len(message.signatures), "count is out of range")
    return Commit(
        height=message.height,
        round=message.round,
        block_id=block_id_from_proto("block_id", message.block_id, _malformed),
        signatures=tuple([_sig_from_proto(sig) for sig in message.signatures]),
    )


def commit_to_proto(commit: Commit) -> types_pb2.Commit:
    """Return the message whose encoding equals Go's, byte for byte."""
    message = types_pb2.Commit(height=commit.height, round=commit.round)
    set_block_id(message.block_id, commit.block_id)
    for sig in commit.signatures:
        entry = message.signatures.add(
            block_id_flag=cast("validator_pb2.BlockIDFlag", sig.flag.value),
            validator_address=sig.validator_address,
            signature=sig.signature,
        )
        set_time(entry.timestamp, sig.timestamp_ns)
    return message


def block_id_flag(number: int) -> BlockIdFlag:
    """Return the flag with this number.

    Raises:
        MalformedCommitError: no flag has it.
    """
    if number not in (1, 2, 3):
        raise _malformed("flag", number, "is unknown")
    return BlockIdFlag(number)


def _sig_from_proto(message: types_pb2.CommitSig) -> CommitSig:
    if not message.HasField("timestamp"):
        raise _malformed("time", "absent", "needs to be present")
    return CommitSig(
        flag=block_id_flag(message.block_id_flag),
        validator_address=message.validator_address,
        timestamp_ns=ns_from_timestamp(message.timestamp),
        signature=message.signature,
    )
