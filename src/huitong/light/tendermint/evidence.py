"""Evidence against validators, as blocks carry it (CometBFT ``types/evidence.go``).

* *Duplicate vote*: one validator signed two blocks in one round of one height.
* *Light client attack*: validators of a common height signed a header that their chain
  does not have. From the common height on a light client could have been led astray.

Not here: whether it is true (``evidence_checks``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from huitong.core.abci import Misbehaviour, MisbehaviourKind
from huitong.core.codec import decode, encode, encode_uvarint
from huitong.core.hashing import sha256
from huitong.core.time import ns_from_timestamp
from huitong.light.tendermint.block_types import (
    NO_BLOCK,
    BlockId,
    block_id_from_proto,
    encode_block_id,
    set_block_id,
)
from huitong.light.tendermint.commit import BlockIdFlag, Commit
from huitong.light.tendermint.errors import InvalidEvidenceError
from huitong.light.tendermint.header import header_hash
from huitong.light.tendermint.signed_header import (
    SignedHeader,
    signed_header_from_proto,
    signed_header_to_proto,
)
from huitong.light.tendermint.validator_set import (
    Validator,
    ValidatorSet,
    validator_from_proto,
    validator_set_from_proto,
    validator_set_to_proto,
    validator_to_proto,
)
from huitong.light.tendermint.wire import (
    bytes_field,
    encode_timestamp,
    present_field,
    set_time,
    sfixed64_field,
    varint_field,
)
from huitong.proto.tendermint.types import evidence_pb2, types_pb2

#: ``SignedMsgType`` of the votes that validators cast.
PREVOTE: Final = 1
PRECOMMIT: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A validator's vote as evidence shows it."""

    kind: int
    """``PREVOTE`` or ``PRECOMMIT``."""
    height: int
    """Height it is for, 1 ≤ height < 2^63."""
    round: int
    """Round it is for, 0 ≤ round < 2^31."""
    block_id: BlockId
    """The block; names none in a vote for nil."""
    timestamp_ns: int
    """The voter's clock, nanoseconds since the epoch."""
    validator_address: bytes
    """The voter, 20 bytes."""
    validator_index: int
    """The voter's place in its set; nothing signs it."""
    signature: bytes
    """Ed25519 signature over ``sign_bytes``, 1 to 64 bytes."""
    extension: bytes = b""
    """What the application added; nothing in our zones."""
    extension_signature: bytes = b""
    """Signature over that."""

    def sign_bytes(self, chain_id: str) -> bytes:
        """Return what the voter signs: the canonical vote after its length."""
        block = b"" if self.block_id == NO_BLOCK else encode_block_id(self.block_id)
        vote = (
            varint_field(1, self.kind)
            + sfixed64_field(2, self.height)
            + sfixed64_field(3, self.round)
            + bytes_field(4, block)
            + present_field(5, encode_timestamp(self.timestamp_ns))
            + bytes_field(6, chain_id.encode())
        )
        return encode_uvarint(len(vote)) + vote


def vote_in_commit(commit: Commit, index: int) -> Vote:
    """Return a vote that is not absent as its voter cast it."""
    sig = commit.signatures[index]
    is_nil = sig.flag is BlockIdFlag.NIL
    return Vote(
        kind=PRECOMMIT,
        height=commit.height,
        round=commit.round,
        block_id=NO_BLOCK if is_nil else commit.block_id,
        timestamp_ns=sig.timestamp_ns,
        validator_address=sig.validator_address,
        validator_index=index,
        signature=sig.signature,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateVoteEvidence:
    """Two votes of one validator that exclude one another."""

    vote_a: Vote
    """The one whose block sorts first."""
    vote_b: Vote
    """The other one."""
    total_power: int
    """Voting power of all validators at the height."""
    validator_power: int
    """Voting power of the voter."""
    time_ns: int
    """Time of the block at the height, nanoseconds since the epoch."""

    @property
    def height(self) -> int:
        """Height at which it happened."""
        return self.vote_a.height

    @property
    def encoded(self) -> bytes:
        """The bytes that ``evidence_hash`` is made over."""
        return encode(self.to_proto())

    @property
    def hash(self) -> bytes:
        """Its name, 32 bytes."""
        return sha256(self.encoded)

    def misbehaviours(self) -> tuple[Misbehaviour, ...]:
        """Return what the application is told."""
        return (
            Misbehaviour(
                kind=MisbehaviourKind.DUPLICATE_VOTE,
                validator_address=self.vote_a.validator_address,
                power=self.validator_power,
                height=self.height,
                time_ns=self.time_ns,
                total_power=self.total_power,
            ),
        )

    def to_proto(self) -> evidence_pb2.DuplicateVoteEvidence:
        """Return the message whose encoding equals Go's, byte for byte."""
        message = evidence_pb2.DuplicateVoteEvidence(
            vote_a=_vote_to_proto(self.vote_a),
            vote_b=_vote_to_proto(self.vote_b),
            total_voting_power=self.total_power,
            validator_power=self.validator_power,
        )
        set_time(message.timestamp, self.time_ns)
        return message


@dataclass(frozen=True, slots=True, kw_only=True)
class LightClientAttackEvidence:
    """A signed header that the chain does not have."""

    signed_header: SignedHeader
    """The conflicting header with the votes for it."""
    validators: ValidatorSet
    """The set that is said to have signed it, with its proposer."""
    common_height: int
    """Last height at which the client and the chain agreed, at least 1."""
    byzantine_validators: tuple[Validator, ...]
    """Who did it: strongest first, equal ones by address."""
    total_power: int
    """Voting power of all validators at the common height."""
    time_ns: int
    """Time of the block at the common height, nanoseconds since the epoch."""

    @property
    def height(self) -> int:
        """Height from which on the validators answer for it: the common one."""
        return self.common_height

    @property
    def encoded(self) -> bytes:
        """The bytes that ``evidence_hash`` is made over."""
        return encode(self.to_proto())

    @property
    def hash(self) -> bytes:
        """Its name, 32 bytes: the same for the same header and common height.

        CometBFT copies 31 of the 32 bytes of the header's hash, and writes the height as
        a signed varint.
        """
        number = encode_uvarint(self.common_height << 1)
        block_hash = header_hash(self.signed_header.header)
        return sha256(block_hash[:31].ljust(32, b"\x00") + number)

    def misbehaviours(self) -> tuple[Misbehaviour, ...]:
        """Return what the application is told, one for each validator."""
        return tuple(
            Misbehaviour(
                kind=MisbehaviourKind.LIGHT_CLIENT_ATTACK,
                validator_address=validator.address,
                power=validator.voting_power,
                height=self.height,
                time_ns=self.time_ns,
                total_power=self.total_power,
            )
            for validator in self.byzantine_validators
        )

    def to_proto(self) -> evidence_pb2.LightClientAttackEvidence:
        """Return the message whose encoding equals Go's, byte for byte."""
        message = evidence_pb2.LightClientAttackEvidence(
            common_height=self.common_height, total_voting_power=self.total_power
        )
        block = message.conflicting_block
        block.signed_header.CopyFrom(signed_header_to_proto(self.signed_header))
        block.validator_set.CopyFrom(validator_set_to_proto(self.validators))
        for validator in self.byzantine_validators:
            message.byzantine_validators.append(validator_to_proto(validator))
        set_time(message.timestamp, self.time_ns)
        return message


Evidence = DuplicateVoteEvidence | LightClientAttackEvidence


def encode_evidence_list(evidence: tuple[Evidence, ...]) -> bytes:
    """Return the bytes of ``tendermint.types.EvidenceList``, as blocks carry it."""
    wrapped = []
    for item in evidence:
        if isinstance(item, DuplicateVoteEvidence):
            inner = evidence_pb2.Evidence(duplicate_vote_evidence=item.to_proto())
        else:
            inner = evidence_pb2.Evidence(light_client_attack_evidence=item.to_proto())
        wrapped.append(inner)
    return encode(evidence_pb2.EvidenceList(evidence=wrapped))


def decode_evidence_list(data: bytes) -> tuple[Evidence, ...]:
    """Read what ``encode_evidence_list`` wrote.

    Raises:
        RejectedError: it is not such a list.
    """
    message = decode(evidence_pb2.EvidenceList, data)
    return tuple(_evidence_from_proto(item) for item in message.evidence)


def _evidence_from_proto(message: evidence_pb2.Evidence) -> Evidence:
    match message.WhichOneof("sum"):
        case "duplicate_vote_evidence":
            return _duplicate_vote_from_proto(message.duplicate_vote_evidence)
        case "light_client_attack_evidence":
            return _attack_from_proto(message.light_client_attack_evidence)
        case _:
            raise InvalidEvidenceError(reason="evidence is not recognized")


def _duplicate_vote_from_proto(
    message: evidence_pb2.DuplicateVoteEvidence,
) -> DuplicateVoteEvidence:
    return DuplicateVoteEvidence(
        vote_a=_vote_from_proto(message.vote_a),
        vote_b=_vote_from_proto(message.vote_b),
        total_power=message.total_voting_power,
        validator_power=message.validator_power,
        time_ns=ns_from_timestamp(message.timestamp),
    )


def _attack_from_proto(
    message: evidence_pb2.LightClientAttackEvidence,
) -> LightClientAttackEvidence:
    block = message.conflicting_block
    return LightClientAttackEvidence(
        signed_header=signed_header_from_proto(block.signed_header),
        validators=validator_set_from_proto(block.validator_set),
        common_height=message.common_height,
        byzantine_validators=tuple(
            validator_from_proto(item) for item in message.byzantine_validators
        ),
        total_power=message.total_voting_power,
        time_ns=ns_from_timestamp(message.timestamp),
    )


def _vote_to_proto(vote: Vote) -> types_pb2.Vote:
    message = types_pb2.Vote(
        type=cast("types_pb2.SignedMsgType", vote.kind),
        height=vote.height,
        round=vote.round,
        validator_address=vote.validator_address,
        validator_index=vote.validator_index,
        signature=vote.signature,
        extension=vote.extension,
        extension_signature=vote.extension_signature,
    )
    set_block_id(message.block_id, vote.block_id)
    set_time(message.timestamp, vote.timestamp_ns)
    return message


def _vote_from_proto(message: types_pb2.Vote) -> Vote:
    return Vote(
        kind=message.type,
        height=message.height,
        round=message.round,
        block_id=block_id_from_proto("block_id", message.block_id),
        timestamp_ns=ns_from_timestamp(message.timestamp),
        validator_address=message.validator_address,
        validator_index=message.validator_index,
        signature=message.signature,
        extension=message.extension,
        extension_signature=message.extension_signature,
    )
