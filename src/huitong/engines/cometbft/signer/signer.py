"""Signs votes and proposals, never two that contradict each other.

The rule is CometBFT's: places (height, round, step) only rise. At the last signed place
the same content is answered with the same signature, also if only its time differs, which
happens when CometBFT ended between asking and writing down; then the time of before
counts. Anything else there is refused.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from huitong.engines.cometbft.signer.errors import (
    ConflictingSignError,
    SignerRunsError,
    SignRegressionError,
    SignRequestError,
)
from huitong.engines.cometbft.signer.sign_bytes import (
    Canonical,
    find_signed_time,
    proposal_sign_bytes,
    vote_sign_bytes,
)
from huitong.engines.cometbft.signer.sign_state import (
    Place,
    SignedStep,
    Step,
    load_signed_step,
    save_signed_step,
)
from huitong.engines.validator_key import ValidatorKey
from huitong.proto.google.protobuf.timestamp_pb2 import Timestamp
from huitong.proto.tendermint.types import canonical_pb2, types_pb2

_STEPS: Final = {
    types_pb2.SIGNED_MSG_TYPE_PREVOTE: Step.PREVOTE,
    types_pb2.SIGNED_MSG_TYPE_PRECOMMIT: Step.PRECOMMIT,
}


class ValidatorSigner:
    """One validator's key with its record of what was signed."""

    def __init__(self, *, key: ValidatorKey, chain_id: str, state_file: Path) -> None:
        """Read the record.

        Args:
            key: signs.
            chain_id: the only zone that it signs for.
            state_file: the record, CometBFT's ``priv_validator_state.json``.

        Raises:
            SignStateError: the record is absent or malformed.
        """
        self._key = key
        self._chain_id = chain_id
        self._state_file = state_file
        self._last = load_signed_step(state_file)

    @property
    def public_key(self) -> bytes:
        """ed25519, 32 bytes."""
        return self._key.public_key

    @property
    def last_place(self) -> Place:
        """Where it signed last."""
        return self._last.place

    def check_chain(self, chain_id: str) -> None:
        """Check that a request is of the zone that this key signs for.

        Raises:
            SignRequestError: it is of another.
        """
        if chain_id != self._chain_id:
            raise SignRequestError(
                reason=f"it is for {chain_id[:60]!r}, this key signs for "
                f"{self._chain_id}"
            )

    def sign_vote(self, vote: types_pb2.Vote, chain_id: str) -> types_pb2.Vote:
        """Return the vote with its signature, and perhaps the time of before.

        Raises:
            SignRequestError: another zone, no vote, or with an extension, of which
                zones have none.
            SignRegressionError: something later is signed.
            ConflictingSignError: something else is signed at its place.
            SignStateUnwritableError: the record cannot be written; nothing is signed.
        """
        self.check_chain(chain_id)
        step = _STEPS.get(vote.type)
        if step is None:
            raise SignRequestError(reason=f"a vote of type {vote.type}")
        if vote.extension:
            raise SignRequestError(reason="the vote has an extension")
        place = _place(vote.height, vote.round, step)
        signed = types_pb2.Vote()
        signed.CopyFrom(vote)
        signed.signature, time = self._sign(
            canonical_pb2.CanonicalVote, place, vote_sign_bytes(vote, chain_id)
        )
        if time is not None:
            signed.timestamp.CopyFrom(time)
        return signed

    def sign_proposal(
        self, proposal: types_pb2.Proposal, chain_id: str
    ) -> types_pb2.Proposal:
        """Return the proposal with its signature, and perhaps the time of before.

        Raises:
            SignRequestError: another zone, or no proposal.
            SignRegressionError: something later is signed.
            ConflictingSignError: something else is signed at its place.
            SignStateUnwritableError: the record cannot be written; nothing is signed.
        """
        self.check_chain(chain_id)
        if proposal.type != types_pb2.SIGNED_MSG_TYPE_PROPOSAL:
            raise SignRequestError(reason=f"a proposal of type {proposal.type}")
        place = _place(proposal.height, proposal.round, Step.PROPOSE)
        signed = types_pb2.Proposal()
        signed.CopyFrom(proposal)
        signed.signature, time = self._sign(
            canonical_pb2.CanonicalProposal,
            place,
            proposal_sign_bytes(proposal, chain_id),
        )
        if time is not None:
            signed.timestamp.CopyFrom(time)
        return signed

    def _sign(
        self, cls: type[Canonical], place: Place, sign_bytes: bytes
    ) -> tuple[bytes, Timestamp | None]:
        """Return the signature, and the time that counts if it is not the asked one."""
        last = self._last
        if place < last.place:
            raise SignRegressionError(asked=str(place), signed=str(last.place))
        if place == last.place:
            return self._signed_before(cls, place, sign_bytes)
        signature = self._key.sign(sign_bytes)
        fresh = SignedStep(place=place, sign_bytes=sign_bytes, signature=signature)
        save_signed_step(self._state_file, fresh)
        self._last = fresh
        return signature, None

    def _signed_before(
        self, cls: type[Canonical], place: Place, sign_bytes: bytes
    ) -> tuple[bytes, Timestamp | None]:
        last = self._last
        if last.sign_bytes == sign_bytes:
            return last.signature, None
        time = find_signed_time(cls, last.sign_bytes, sign_bytes)
        if time is None:
            raise ConflictingSignError(asked=str(place))
        return last.signature, time


@contextmanager
def owned_sign_state(path: Path) -> Iterator[None]:
    """Keep the record of what was signed to this process.

    Raises:
        SignerRunsError: another process has it.
    """
    handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SignerRunsError(path=path) from None
        yield
    finally:
        os.close(handle)


def _place(height: int, round_: int, step: Step) -> Place:
    if height < 1 or round_ < 0:
        raise SignRequestError(reason=f"height {height}, round {round_}")
    return Place(height=height, round=round_, step=step)
