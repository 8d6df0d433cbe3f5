"""Is evidence true? What a full node checks before a block may carry it.

Rules and their order (CometBFT ``evidence/verify.go``):

* The node has the header of the height, and the evidence carries its time.
* It is not too old: in blocks *and* in time.
* *Duplicate vote*: a validator of that height signed two votes of one height, round and
  kind for different blocks; powers are as they were.
* *Light client attack*: over a third of the validators of the common height signed the
  conflicting header (if it is higher), or it could have been made by the chain (if it is
  of the same height); over two thirds of its own validators signed it; the chain has
  another header there; and exactly those who did it are named.

Texts are CometBFT's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

from huitong.core.errors import RejectedError
from huitong.core.time import format_rfc3339
from huitong.light.tendermint.commit import BlockIdFlag
from huitong.light.tendermint.errors import (
    InsufficientPowerError,
    InsufficientTrustError,
    InvalidEvidenceError,
    InvalidSignatureError,
)
from huitong.light.tendermint.evidence import (
    DuplicateVoteEvidence,
    Evidence,
    LightClientAttackEvidence,
)
from huitong.light.tendermint.header import BlockHeader, header_hash
from huitong.light.tendermint.signatures import is_signed
from huitong.light.tendermint.signed_header import SignedHeader
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.light.tendermint.validator_set import (
    Validator,
    ValidatorSet,
    sorted_validators,
)
from huitong.light.tendermint.verify import Votes

#: The share of the common validators that must have signed: one honest one is among them.
_ONE_THIRD: Final = TrustLevel(numerator=1, denominator=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceTerms:
    """How long validators answer for what they signed, and the present."""

    chain_id: str
    """The chain."""
    height: int
    """Height of its newest block."""
    time_ns: int
    """Time of that block, nanoseconds since the epoch."""
    age_blocks_max: int
    """Evidence may be this many blocks old, however long that is."""
    age_ns_max: int
    """Evidence may be this old, however many blocks that is; nanoseconds."""


class ChainRecord(Protocol):
    """What a node knows of its own chain; None where it does not."""

    def header_at(self, height: int) -> BlockHeader | None:
        """Return the header of a height."""
        ...

    def signed_header_at(self, height: int) -> SignedHeader | None:
        """Return the header of a height with the votes for it."""
        ...

    def validators_at(self, height: int) -> ValidatorSet | None:
        """Return the set that signed a height."""
        ...


def verify_evidence(
    evidence: Evidence, record: ChainRecord, terms: EvidenceTerms
) -> None:
    """Raise unless the evidence is true and not too old.

    Raises:
        InvalidEvidenceError: it is not.

    Cost: two signature checks, or two for each vote of the conflicting header.
    """
    height = evidence.height
    header = record.header_at(height)
    if header is None:
        _refuse(f"don't have header #{height}")
    if evidence.time_ns != header.time_ns:
        _refuse(
            "evidence has a different time to the block it is associated with "
            f"({_shown(evidence.time_ns)} != {_shown(header.time_ns)})"
        )
    _check_age(height, header.time_ns, terms)
    validators = record.validators_at(height)
    if validators is None:
        _refuse(f"could not find validator set for height #{height}")
    if isinstance(evidence, DuplicateVoteEvidence):
        _verify_duplicate_vote(evidence, validators, terms.chain_id)
    else:
        _verify_attack(evidence, validators, record, terms)


def _check_age(height: int, time_ns: int, terms: EvidenceTerms) -> None:
    is_old_in_blocks = terms.height - height > terms.age_blocks_max
    if is_old_in_blocks and terms.time_ns - time_ns > terms.age_ns_max:
        _refuse(
            f"evidence from height {height} (created at: {_shown(time_ns)}) is too "
            f"old; min height is {terms.height - terms.age_blocks_max} and evidence "
            f"can not be older than {_shown(terms.time_ns + terms.age_ns_max)}"
        )


def _refuse(reason: str) -> NoReturn:
    raise InvalidEvidenceError(reason=reason)


def _shown(time_ns: int) -> str:
    """Return a time as Go prints it by default."""
    return f"{format_rfc3339(time_ns)[:-1].replace('T', ' ')} +0000 UTC"


# --- duplicate votes ----------------------------------------------------------------------


def _verify_duplicate_vote(
    evidence: DuplicateVoteEvidence, validators: ValidatorSet, chain_id: str
) -> None:
    first, second = evidence.vote_a, evidence.vote_b
    address = first.validator_address
    voter = validators.find(address)
    if voter is None:
        _refuse(
            f"address {address.hex().upper()} was not a validator "
            f"at height {evidence.height}"
        )
    steps = [(vote.height, vote.round, vote.kind) for vote in (first, second)]
    if steps[0] != steps[1]:
        shown = ["/".join(str(part) for part in step) for step in steps]
        _refuse(f"h/r/s does not match: {shown[0]} vs {shown[1]}")
    if second.validator_address != address:
        _refuse(
            f"validator addresses do not match: {address.hex().upper()} vs "
            f"{second.validator_address.hex().upper()}"
        )
    if first.block_id == second.block_id:
        shown_id = first.block_id.hash.hex().upper()
        _refuse(f"block IDs are the same ({shown_id}) - not a real duplicate vote")
    if evidence.validator_power != voter.voting_power:
        _refuse(
            "validator power from evidence and our validator set does not match "
            f"({evidence.validator_power} != {voter.voting_power})"
        )
    _check_total_power(evidence.total_power, validators)
    for name, vote in (("VoteA", first), ("VoteB", second)):
        signed = vote.sign_bytes(chain_id)
        if not _is_signed(voter.public_key, signed, vote.signature):
            _refuse(f"verifying {name}: invalid signature")


def _is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    return len(signature) == 64 and is_signed(public_key, message, signature)


def _check_total_power(claimed: int, validators: ValidatorSet) -> None:
    if claimed != validators.total_power:
        _refuse(
            "total voting power from the evidence and our validator set does not match "
            f"({claimed} != {validators.total_power})"
        )


# --- light client attacks -----------------------------------------------------------------


def _verify_attack(
    evidence: LightClientAttackEvidence,
    common: ValidatorSet,
    record: ChainRecord,
    terms: EvidenceTerms,
) -> None:
    conflicting = evidence.signed_header
    height = conflicting.header.height
    trusted = _trusted_header(evidence, record, terms)
    _check_votes(evidence, common, trusted, terms.chain_id)
    _check_total_power(evidence.total_power, common)
    own_hash = header_hash(trusted.header)
    if height > trusted.header.height:
        if conflicting.header.time_ns > trusted.header.time_ns:
            _refuse(
                "conflicting block doesn't violate monotonically increasing time "
                f"({_shown(conflicting.header.time_ns)} is after "
                f"{_shown(trusted.header.time_ns)})"
            )
    elif header_hash(conflicting.header) == own_hash:
        _refuse(
            "trusted header hash matches the evidence's conflicting header hash: "
            + own_hash.hex().upper()
        )
    _check_named(evidence.byzantine_validators, _guilty(evidence, common, trusted))


def _trusted_header(
    evidence: LightClientAttackEvidence, record: ChainRecord, terms: EvidenceTerms
) -> SignedHeader:
    """Return our header of the conflicting one's height, or the newest if it is above."""
    conflicting = evidence.signed_header.header
    trusted = record.signed_header_at(conflicting.height)
    if trusted is not None:
        return trusted
    newest = record.signed_header_at(terms.height)
    if newest is None:
        _refuse(f"don't have header at height #{terms.height}")
    if newest.header.time_ns < conflicting.time_ns:
        _refuse(
            f"latest block time ({_shown(newest.header.time_ns)}) is before "
            f"conflicting block time ({_shown(conflicting.time_ns)})"
        )
    return newest


def _check_votes(
    evidence: LightClientAttackEvidence,
    common: ValidatorSet,
    trusted: SignedHeader,
    chain_id: str,
) -> None:
    votes = Votes(evidence.signed_header.commit, chain_id)
    if evidence.signed_header.header.height != evidence.common_height:
        try:
            votes.verify_trusting(common, _ONE_THIRD)
        except RejectedError as wrong:
            head = "skipping verification of conflicting block failed"
            _refuse(f"{head}: {_words(wrong, evidence)}")
    elif _is_invented(evidence, trusted):
        _refuse(
            "common height is the same as conflicting block height so expected the "
            "conflicting block to be correctly derived yet it wasn't"
        )
    try:
        votes.verify_all(evidence.validators)
    except RejectedError as wrong:
        _refuse(f"invalid commit from conflicting block: {_words(wrong, evidence)}")


def _words(wrong: RejectedError, evidence: LightClientAttackEvidence) -> str:
    """Return why votes do not verify, as CometBFT says it where it has words for it."""
    if isinstance(wrong, InsufficientPowerError | InsufficientTrustError):
        fields = wrong.fields
        return (
            f"invalid commit -- insufficient voting power: got {fields['actual']}, "
            f"needed more than {fields['needed']}"
        )
    if isinstance(wrong, InvalidSignatureError):
        index = wrong.fields["index"]
        sig = evidence.signed_header.commit.signatures[index].signature
        return f"wrong signature (#{index}): {sig.hex().upper()}"
    return str(wrong)


def _is_invented(evidence: LightClientAttackEvidence, trusted: SignedHeader) -> bool:
    """Tell whether no execution of the chain could give the conflicting header."""
    ours, theirs = trusted.header, evidence.signed_header.header
    return (
        ours.validators_hash != theirs.validators_hash
        or ours.next_validators_hash != theirs.next_validators_hash
        or ours.consensus_hash != theirs.consensus_hash
        or ours.app_hash != theirs.app_hash
        or ours.last_results_hash != theirs.last_results_hash
    )


def _guilty(
    evidence: LightClientAttackEvidence, common: ValidatorSet, trusted: SignedHeader
) -> tuple[Validator, ...]:
    """Return who did it, in the order of validator sets.

    Of an invented header everybody of the common set who signed it; of a second header of
    one round those who signed both; of rounds that differ nobody can be named.
    """
    conflicting = evidence.signed_header.commit
    signers = [
        sig.validator_address if sig.flag is BlockIdFlag.COMMIT else b""
        for sig in conflicting.signatures
    ]
    if _is_invented(evidence, trusted):
        found = [common.find(address) for address in signers if address]
    elif trusted.commit.round == conflicting.round:
        found = [
            evidence.validators.find(address)
            for address, ours in zip(signers, trusted.commit.signatures, strict=False)
            if address and ours.flag is BlockIdFlag.COMMIT
        ]
    else:
        return ()
    return sorted_validators(item for item in found if item is not None)


def _check_named(named: tuple[Validator, ...], guilty: tuple[Validator, ...]) -> None:
    if not guilty and named:
        _refuse(
            "expected nil validators from an amnesia light client attack "
            f"but got {len(named)}"
        )
    if len(named) != len(guilty):
        _refuse(
            f"expected {len(guilty)} byzantine validators from evidence "
            f"but got {len(named)}"
        )
    for claimed, found in zip(named, guilty, strict=True):
        if claimed.address != found.address:
            _refuse(
                "evidence contained an unexpected byzantine validator address; "
                f"expected: {found.address.hex().upper()}, "
                f"got: {claimed.address.hex().upper()}"
            )
        if claimed.voting_power != found.voting_power:
            _refuse(
                "evidence contained unexpected byzantine validator power; "
                f"expected {found.voting_power}, got {claimed.voting_power}"
            )
