"""Headers that contradict each other: proof that validators signed what they must not.

What is misbehaviour (ibc-go 07-tendermint ``misbehaviour_handle.go``):

* a verified header that differs from the consensus state of the same height;
* a verified header whose time is not between those of the consensus states around it;
* two headers of one height whose commits are for different blocks;
* a higher header whose time is not after that of a lower one.

Two headers must verify before they count: each against a consensus state of the client
that has not expired, signed by over the trust level's share of the validators trusted
there *and* by over two thirds of its own. They may start from different heights and be of
different revisions. Identical headers are no misbehaviour.
"""

from __future__ import annotations

from huitong.core.errors import RejectedError
from huitong.core.store.kv import ReadStore
from huitong.light.tendermint.client_message import Header, Misbehaviour
from huitong.light.tendermint.client_state import ClientState
from huitong.light.tendermint.client_store import (
    find_consensus_state,
    find_next_consensus_state,
    find_previous_consensus_state,
    get_consensus_state,
)
from huitong.light.tendermint.consensus_state import consensus_state_of
from huitong.light.tendermint.errors import (
    InvalidHeaderHeightError,
    MisbehaviourChainIdError,
    MisbehaviourOrderError,
)
from huitong.light.tendermint.header import chain_id_at_revision
from huitong.light.tendermint.signed_header import check_signed_header
from huitong.light.tendermint.verify import (
    Votes,
    check_not_expired,
    check_trusted_validators,
    check_validators_hash,
)


def verify_misbehaviour(
    store: ReadStore,
    client_id: str,
    client: ClientState,
    misbehaviour: Misbehaviour,
    *,
    now_ns: int,
) -> None:
    """Raise unless both headers were signed by validators that the client trusted.

    Raises:
        MisbehaviourChainIdError: the headers are of two chains.
        MisbehaviourOrderError: the lower header comes first.
        InvalidHeaderHeightError: a header is not above its trusted height.
        ConsensusStateNotFoundError: nothing is trusted at a trusted height.
        InvalidValidatorSetError, TrustingPeriodExpiredError, InvalidHeaderError: see
            ``verify``; the text says which header.
    """
    first, second = misbehaviour.header_1, misbehaviour.header_2
    chain_id_1 = first.signed_header.header.chain_id
    chain_id_2 = second.signed_header.header.chain_id
    if chain_id_1 != chain_id_2:
        raise MisbehaviourChainIdError(first=chain_id_1, second=chain_id_2)
    if first.height < second.height:
        raise MisbehaviourOrderError(first=first.height, second=second.height)
    for name, header in (("header 1", first), ("header 2", second)):
        try:
            _verify_header(store, client_id, client, header, now_ns=now_ns)
        except RejectedError as error:
            raise error.prefixed(f"verifying {name}") from None


def contradicts_stored(store: ReadStore, client_id: str, header: Header) -> bool:
    """Tell whether a verified header contradicts what the client remembers."""
    state = consensus_state_of(header.signed_header.header)
    height = header.height
    known = find_consensus_state(store, client_id, height)
    if known is not None:
        return known != state
    before = find_previous_consensus_state(store, client_id, height)
    if before is not None and before.timestamp_ns >= state.timestamp_ns:
        return True
    after = find_next_consensus_state(store, client_id, height)
    return after is not None and after.timestamp_ns <= state.timestamp_ns


def contradict_each_other(misbehaviour: Misbehaviour) -> bool:
    """Tell whether two verified headers contradict each other."""
    first = misbehaviour.header_1.signed_header
    second = misbehaviour.header_2.signed_header
    if misbehaviour.header_1.height == misbehaviour.header_2.height:
        return first.commit.block_id.hash != second.commit.block_id.hash
    return first.header.time_ns <= second.header.time_ns


def _verify_header(
    store: ReadStore,
    client_id: str,
    client: ClientState,
    header: Header,
    *,
    now_ns: int,
) -> None:
    trusted_height = header.trusted_height
    if trusted_height.revision_height == 0 or header.height <= trusted_height:
        raise InvalidHeaderHeightError(
            actual=header.height, rule="needs to be above trusted", limit=trusted_height
        )
    trusted = get_consensus_state(store, client_id, trusted_height)
    check_trusted_validators(header.trusted_validators, trusted.next_validators_hash)
    check_not_expired(trusted.timestamp_ns, client.trusting_period_ns, now_ns)
    signed = header.signed_header
    chain_id = chain_id_at_revision(client.chain_id, header.height.revision_number)
    check_signed_header(signed, chain_id)
    check_validators_hash(header.validators, signed.header.validators_hash)
    votes = Votes(signed.commit, chain_id)
    votes.verify_trusting(header.trusted_validators, client.trust_level)
    votes.verify_all(header.validators)
