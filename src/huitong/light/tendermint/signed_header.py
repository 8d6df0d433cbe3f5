"""Headers with the votes for them, and light blocks, which add the validators."""

from __future__ import annotations

from dataclasses import dataclass

from huitong.light.tendermint.block_types import invalid_header
from huitong.light.tendermint.commit import Commit, commit_from_proto, commit_to_proto
from huitong.light.tendermint.errors import (
    CommitBlockIdError,
    CommitHeightError,
    HeaderChainIdError,
)
from huitong.light.tendermint.header import (
    BlockHeader,
    header_from_proto,
    header_hash,
    header_to_proto,
)
from huitong.light.tendermint.validator_set import ValidatorSet
from huitong.proto.tendermint.types import types_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHeader:
    """A header and the commit that should be for it."""

    header: BlockHeader
    """The header."""
    commit: Commit
    """The votes; whether they are for this header is checked, not assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LightBlock:
    """What a light client needs of one height, as a node's RPC serves it."""

    signed_header: SignedHeader
    """Header and votes of the height."""
    validators: ValidatorSet | None
    """The set that signs the height; None where nobody asked for it."""
    next_validators: ValidatorSet | None
    """The set that signs the height after; None where nobody asked for it."""


def check_signed_header(signed: SignedHeader, chain_id: str) -> None:
    """Raise unless the commit is for the header and the header of this chain.

    Raises:
        HeaderChainIdError: the header is of another chain.
        CommitHeightError: the commit is for another height.
        CommitBlockIdError: the commit is for another block.
    """
    header, commit = signed.header, signed.commit
    if header.chain_id != chain_id:
        raise HeaderChainIdError(actual=header.chain_id, expected=chain_id)
    if commit.height != header.height:
        raise CommitHeightError(actual=commit.height, expected=header.height)
    expected = header_hash(header)
    if commit.block_id.hash != expected:
        raise CommitBlockIdError(actual=commit.block_id.hash, expected=expected)


def signed_header_from_proto(message: types_pb2.SignedHeader) -> SignedHeader:
    """Return the checked, frozen form.

    Raises:
        InvalidHeaderError: the header or the commit is absent or malformed.
    """
    for field in ("header", "commit"):
        if not message.HasField(field):
            raise invalid_header(field, "absent", "needs to be present")
    return SignedHeader(
        header=header_from_proto(message.header),
        commit=commit_from_proto(message.commit),
    )


def signed_header_to_proto(signed: SignedHeader) -> types_pb2.SignedHeader:
    """Return the message whose encoding equals Go's, byte for byte."""
    return types_pb2.SignedHeader(
        header=header_to_proto(signed.header), commit=commit_to_proto(signed.commit)
    )
