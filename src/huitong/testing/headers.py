"""Chains of signed headers with validators who do what a test says.

A ``SimChain`` makes real CometBFT headers and commits without running anything::

    chain = SimChain("chongqing-1", make_validators([1, 1, 1, 1]))
    chain.advance(10)
    header = chain.client_header(8, trusted_height=3)

Time may be warped (``step_ns``, ``time_ns``), validators replaced by any fraction
(``next_validators``), votes left out or given to nil (``absent``, ``nil``), and history
written anew from any height (``fork``): the fork's validators then have signed two blocks
of one height. For a single wrong part, build the pieces with ``make_header`` and
``sign_commit`` and put them together with ``client_header_of``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.core.ids import revision_of_chain_id
from huitong.core.time import NS_PER_SECOND, parse_rfc3339
from huitong.light.tendermint.block_hashes import consensus_hash, data_hash
from huitong.light.tendermint.block_types import NO_BLOCK, BlockId, PartSetHeader
from huitong.light.tendermint.client_message import Header
from huitong.light.tendermint.client_state import ClientState
from huitong.light.tendermint.commit import (
    ABSENT_SIG,
    BlockIdFlag,
    Commit,
    CommitSig,
    vote_template,
)
from huitong.light.tendermint.consensus_state import ConsensusState, consensus_state_of
from huitong.light.tendermint.header import BlockHeader, header_hash
from huitong.light.tendermint.signed_header import LightBlock, SignedHeader
from huitong.light.tendermint.terms import client_state_for
from huitong.testing.validators import SimValidator, validator_set_of

GENESIS_TIME_NS: Final = parse_rfc3339("2026-01-01T00:00:00Z")
_EMPTY_ROOT: Final = data_hash([])


@dataclass(frozen=True, slots=True, kw_only=True)
class SimBlock:
    """One block of a simulated chain, as far as light clients look at it."""

    signed_header: SignedHeader
    """Header and votes."""
    validators: tuple[SimValidator, ...]
    """Who signs this height."""
    next_validators: tuple[SimValidator, ...]
    """Who signs the next one."""


def make_header(
    *,
    chain_id: str,
    height: int,
    time_ns: int,
    validators: Sequence[SimValidator],
    next_validators: Sequence[SimValidator],
    app_hash: bytes = b"\x01" * 32,
    last_block_id: BlockId = NO_BLOCK,
) -> BlockHeader:
    """Return a header of an empty block, proposed by the first validator."""
    return BlockHeader(
        chain_id=chain_id,
        height=height,
        time_ns=time_ns,
        last_block_id=last_block_id,
        last_commit_hash=_EMPTY_ROOT,
        data_hash=_EMPTY_ROOT,
        validators_hash=validator_set_of(validators).hash,
        next_validators_hash=validator_set_of(next_validators).hash,
        consensus_hash=consensus_hash(22_020_096, -1),
        app_hash=app_hash,
        last_results_hash=_EMPTY_ROOT,
        evidence_hash=_EMPTY_ROOT,
        proposer_address=validators[0].address,
    )


def block_id_of(header: BlockHeader) -> BlockId:
    """Return the name of the block with this header; its parts are made up."""
    digest = header_hash(header)
    return BlockId(hash=digest, parts=PartSetHeader(total=1, hash=sha256(digest)))


def sign_commit(
    header: BlockHeader,
    validators: Sequence[SimValidator],
    *,
    absent: Collection[int] = (),
    nil: Collection[int] = (),
    chain_id: str | None = None,
    height: int | None = None,
    block_id: BlockId | None = None,
    round: int = 0,
) -> Commit:
    """Let validators vote for a header.

    Args:
        header: what they vote for.
        validators: the voters, in the order of the set.
        absent: indexes of those who do not vote.
        nil: indexes of those who vote for nil.
        chain_id: what they sign instead of the header's chain id.
        height: what they sign instead of the header's height.
        block_id: what they sign instead of the header's block.
        round: round of consensus.
    """
    block_id = block_id_of(header) if block_id is None else block_id
    height = header.height if height is None else height
    template = vote_template(
        chain_id=header.chain_id if chain_id is None else chain_id,
        height=height,
        round=round,
        block_id=block_id,
    )
    signatures = []
    for index, validator in enumerate(validators):
        if index in absent:
            signatures.append(ABSENT_SIG)
            continue
        # Each votes a little later than the one before.
        time_ns = header.time_ns + (index + 1) * 1_000_003
        message = template.sign_bytes(time_ns, nil=index in nil)
        signatures.append(
            CommitSig(
                flag=BlockIdFlag.NIL if index in nil else BlockIdFlag.COMMIT,
                validator_address=validator.address,
                timestamp_ns=time_ns,
                signature=validator.sign(message),
            )
        )
    return Commit(
        height=height, round=round, block_id=block_id, signatures=tuple(signatures)
    )


def client_header_of(
    header: BlockHeader,
    commit: Commit,
    *,
    validators: Sequence[SimValidator],
    trusted_height: Height,
    trusted_validators: Sequence[SimValidator],
) -> Header:
    """Put the parts of a client's header together, whether they fit or not."""
    return Header(
        signed_header=SignedHeader(header=header, commit=commit),
        validators=validator_set_of(validators),
        trusted_height=trusted_height,
        trusted_validators=validator_set_of(trusted_validators),
    )


class SimChain:
    """A chain of signed headers; heights begin at ``first_height``."""

    def __init__(
        self,
        chain_id: str,
        validators: Sequence[SimValidator],
        *,
        time_ns: int = GENESIS_TIME_NS,
        first_height: int = 1,
    ) -> None:
        self.chain_id = chain_id
        self.validators = tuple(validators)
        """Who signs the next block to be made."""
        self.next_time_ns = time_ns
        self.first_height = first_height
        self.blocks: list[SimBlock] = []
        self._salt = b""

    @property
    def height(self) -> int:
        """Height of the newest block; one below the first if there is none."""
        return self.first_height + len(self.blocks) - 1

    def height_of(self, height: int) -> Height:
        """Return a height of this chain with its revision."""
        return Height(revision_of_chain_id(self.chain_id), height)

    def block(self, height: int) -> SimBlock:
        """Return the block at ``height``, which exists."""
        return self.blocks[height - self.first_height]

    def advance(
        self,
        blocks: int = 1,
        *,
        step_ns: int = NS_PER_SECOND,
        next_validators: Sequence[SimValidator] | None = None,
        app_hash: bytes | None = None,
        absent: Collection[int] = (),
        nil: Collection[int] = (),
    ) -> SimBlock:
        """Make blocks and return the last.

        Args:
            blocks: how many, at least 1.
            step_ns: time from each to the block after it; may be negative.
            next_validators: who signs after the *first* of them; as before if None.
            app_hash: root of the state in each header; made up if None.
            absent: indexes of validators who do not vote.
            nil: indexes of validators who vote for nil.
        """
        for _ in range(blocks):
            self._append(step_ns, next_validators, app_hash, absent, nil)
        return self.blocks[-1]

    def fork(self, height: int, *, salt: str = "fork") -> SimChain:
        """Return a chain with the same blocks up to ``height`` and others from there."""
        other = SimChain(self.chain_id, (), first_height=self.first_height)
        other.blocks = self.blocks[: height - self.first_height + 1]
        other.validators = other.blocks[-1].next_validators
        other.next_time_ns = self.next_time_ns
        if height < self.height:
            other.next_time_ns = self.block(height + 1).signed_header.header.time_ns
        other._salt = salt.encode()
        return other

    def light_block(self, height: int) -> LightBlock:
        """Return what a node would serve of ``height``."""
        block = self.block(height)
        return LightBlock(
            signed_header=block.signed_header,
            validators=validator_set_of(block.validators),
            next_validators=validator_set_of(block.next_validators),
        )

    def client_header(self, height: int, *, trusted_height: int) -> Header:
        """Return the message that brings a client from one height to another."""
        block, trusted = self.block(height), self.block(trusted_height)
        return client_header_of(
            block.signed_header.header,
            block.signed_header.commit,
            validators=block.validators,
            trusted_height=self.height_of(trusted_height),
            trusted_validators=trusted.next_validators,
        )

    def client_state(self, height: int) -> ClientState:
        """Return the state of a client of this chain at ``height``, on our own terms."""
        return client_state_for(self.chain_id, self.height_of(height))

    def consensus_state(self, height: int) -> ConsensusState:
        """Return what a client remembers of ``height``."""
        return consensus_state_of(self.block(height).signed_header.header)

    def _append(
        self,
        step_ns: int,
        next_validators: Sequence[SimValidator] | None,
        app_hash: bytes | None,
        absent: Collection[int],
        nil: Collection[int],
    ) -> None:
        height = self.height + 1
        following = self.validators if next_validators is None else next_validators
        header = make_header(
            chain_id=self.chain_id,
            height=height,
            time_ns=self.next_time_ns,
            validators=self.validators,
            next_validators=following,
            app_hash=sha256(b"%d" % height + self._salt)
            if app_hash is None
            else app_hash,
            last_block_id=self.blocks[-1].signed_header.commit.block_id
            if self.blocks
            else NO_BLOCK,
        )
        commit = sign_commit(header, self.validators, absent=absent, nil=nil)
        self.blocks.append(
            SimBlock(
                signed_header=SignedHeader(header=header, commit=commit),
                validators=self.validators,
                next_validators=tuple(following),
            )
        )
        self.validators = tuple(following)
        self.next_time_ns += step_ns


def forge_signature(commit: Commit, index: int, forger: SimValidator) -> Commit:
    """Return the commit with one signature made by somebody else over something else."""
    signatures = list(commit.signatures)
    signatures[index] = replace(signatures[index], signature=forger.sign(b"forged"))
    return replace(commit, signatures=tuple(signatures))
