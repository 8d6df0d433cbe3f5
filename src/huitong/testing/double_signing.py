"""What a validator must never do, done with its key: forged headers and the evidence of it.

::

    block = await client.light_block(7)               # any zone with one validator
    forged = forged_header(block.signed_header, key)  # a second header of that height
    evidence = attack_evidence(forged, block)         # what `broadcast_evidence` takes
"""

from __future__ import annotations

from dataclasses import replace

from huitong.core.hashing import sha256
from huitong.engines.validator_key import ValidatorKey
from huitong.light.tendermint.block_types import BlockId
from huitong.light.tendermint.commit import (
    BlockIdFlag,
    Commit,
    CommitSig,
    commit_vote_template,
)
from huitong.light.tendermint.evidence import (
    PRECOMMIT,
    DuplicateVoteEvidence,
    LightClientAttackEvidence,
    Vote,
)
from huitong.light.tendermint.header import BlockHeader
from huitong.light.tendermint.signed_header import LightBlock, SignedHeader
from huitong.light.tendermint.validator_set import ValidatorSet
from huitong.testing.headers import block_id_of


def forged_header(
    signed: SignedHeader, key: ValidatorKey, header: BlockHeader | None = None
) -> SignedHeader:
    """Return another header of the same height, signed by its only validator.

    Args:
        signed: the chain's own header.
        key: signs, though it did before.
        header: the forged one; the chain's own with another root of transactions if None.
    """
    forged = header or replace(signed.header, data_hash=sha256(b"forged"))
    commit = Commit(
        height=forged.height,
        round=signed.commit.round,
        block_id=block_id_of(forged),
        signatures=signed.commit.signatures,
    )
    time_ns = forged.time_ns + 1_000_000
    template = commit_vote_template(commit, forged.chain_id)
    vote = CommitSig(
        flag=BlockIdFlag.COMMIT,
        validator_address=key.address,
        timestamp_ns=time_ns,
        signature=key.sign(template.sign_bytes(time_ns)),
    )
    return SignedHeader(header=forged, commit=replace(commit, signatures=(vote,)))


def attack_evidence(
    forged: SignedHeader, common: LightBlock
) -> LightClientAttackEvidence:
    """Return the evidence that a relayer makes of a forged header.

    Args:
        forged: the header that the chain does not have.
        common: the chain's block at the last height on which both agree.
    """
    validators = _validators(common)
    return LightClientAttackEvidence(
        signed_header=forged,
        validators=replace(validators, proposer=validators.validators[0]),
        common_height=common.signed_header.header.height,
        byzantine_validators=validators.validators,
        total_power=validators.total_power,
        time_ns=common.signed_header.header.time_ns,
    )


def duplicate_vote_evidence(
    block: LightBlock, key: ValidatorKey, chain_id: str
) -> DuplicateVoteEvidence:
    """Return evidence of two votes of the only validator at the height of a block."""
    validators = _validators(block)
    height = block.signed_header.header.height
    names = [
        block_id_of(replace(block.signed_header.header, data_hash=sha256(salt)))
        for salt in (b"one", b"two")
    ]
    names.sort(key=lambda name: name.hash)
    first, second = (_vote(key, chain_id, height, name) for name in names)
    return DuplicateVoteEvidence(
        vote_a=first,
        vote_b=second,
        total_power=validators.total_power,
        validator_power=validators.validators[0].voting_power,
        time_ns=block.signed_header.header.time_ns,
    )


def _validators(block: LightBlock) -> ValidatorSet:
    if block.validators is None:
        raise AssertionError("the light block has no validators")
    return block.validators


def _vote(key: ValidatorKey, chain_id: str, height: int, block_id: BlockId) -> Vote:
    vote = Vote(
        kind=PRECOMMIT,
        height=height,
        round=0,
        block_id=block_id,
        timestamp_ns=1_000_000_000,
        validator_address=key.address,
        validator_index=0,
        signature=b"",
    )
    return replace(vote, signature=key.sign(vote.sign_bytes(chain_id)))
