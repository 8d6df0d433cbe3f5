"""What a validator signs: canonical votes and proposals behind their length.

Source: CometBFT v0.38 ``types/canonical.go``; validator, index and extension stay out.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError

from huitong.core.codec import delimited, encode
from huitong.core.gogoproto import with_required
from huitong.proto.google.protobuf.timestamp_pb2 import Timestamp
from huitong.proto.tendermint.types import canonical_pb2, types_pb2

Canonical = canonical_pb2.CanonicalVote | canonical_pb2.CanonicalProposal


def vote_sign_bytes(vote: types_pb2.Vote, chain_id: str) -> bytes:
    """Return the signed bytes of a vote."""
    canonical = canonical_pb2.CanonicalVote(
        type=vote.type,
        height=vote.height,
        round=vote.round,
        block_id=_block_id(vote.block_id),
        timestamp=vote.timestamp,
        chain_id=chain_id,
    )
    return delimited(encode(with_required(canonical)))


def proposal_sign_bytes(proposal: types_pb2.Proposal, chain_id: str) -> bytes:
    """Return the signed bytes of a proposal."""
    canonical = canonical_pb2.CanonicalProposal(
        type=types_pb2.SIGNED_MSG_TYPE_PROPOSAL,
        height=proposal.height,
        round=proposal.round,
        pol_round=proposal.pol_round,
        block_id=_block_id(proposal.block_id),
        timestamp=proposal.timestamp,
        chain_id=chain_id,
    )
    return delimited(encode(with_required(canonical)))


def find_signed_time(
    cls: type[Canonical], signed: bytes, asked: bytes
) -> Timestamp | None:
    """Return the time in ``signed`` if ``asked`` differs in nothing else; else None.

    Args:
        cls: of which kind both are.
        signed: signed bytes of before.
        asked: signed bytes that would be new.
    """
    before, now = _decoded(cls, signed), _decoded(cls, asked)
    if before is None or now is None:
        return None
    time = Timestamp()
    time.CopyFrom(before.timestamp)
    now.timestamp.CopyFrom(time)
    return time if encode(before) == encode(now) else None


def _decoded(cls: type[Canonical], sign_bytes: bytes) -> Canonical | None:
    message = cls()
    try:
        message.ParseFromString(_without_length(sign_bytes))
    except DecodeError:
        return None
    return message


def _without_length(sign_bytes: bytes) -> bytes:
    # At most a few hundred bytes follow, so the length takes one byte or two.
    for size in (1, 2):
        if delimited(sign_bytes[size:]) == sign_bytes:
            return sign_bytes[size:]
    return b"\xff"  # decodes to nothing


def _block_id(block_id: types_pb2.BlockID) -> canonical_pb2.CanonicalBlockID | None:
    parts = block_id.part_set_header
    if not (block_id.hash or parts.total or parts.hash):
        return None  # a vote for nil
    return canonical_pb2.CanonicalBlockID(
        hash=block_id.hash,
        part_set_header=canonical_pb2.CanonicalPartSetHeader(
            total=parts.total, hash=parts.hash
        ),
    )
