"""Proposals, votes and the rules of voting in the state."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.limits import PROPOSALS_ENDED_MAX, QUORUM_BP_MIN, THRESHOLD_BP_MIN
from huitong.core.store.kv import prefix_end
from huitong.modules.governance.errors import ProposalNotFoundError
from huitong.modules.governance.keys import (
    ENDED_PREFIX,
    NEXT_PROPOSAL_ID_KEY,
    OPEN_PREFIX,
    PARAMS_KEY,
    PROPOSAL_PREFIX,
    STORE,
    ended_key,
    open_key,
    proposal_key,
    split_open_key,
    vote_key,
    votes_prefix,
)
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb
from huitong.proto.huitong.governance.v1.governance_pb2 import Params, Proposal, Vote

VOTING: Final = pb.PROPOSAL_STATUS_VOTING
#: One organisation one vote; three days; more than half take part; more yes than no.
DEFAULT_PARAMS: Final = Params(
    weight_rule=pb.WEIGHT_RULE_MEMBER,
    voting_period_s=259_200,
    quorum_bp=QUORUM_BP_MIN,
    threshold_bp=THRESHOLD_BP_MIN,
)


# --- rules --------------------------------------------------------------------------------


def get_params(ctx: Context) -> Params:
    """Return the rules for new proposals."""
    value = ctx.store(STORE).get(PARAMS_KEY)
    return DEFAULT_PARAMS if value is None else Params.FromString(value)


def save_params(ctx: Context, params: Params) -> None:
    """Write the rules for new proposals."""
    ctx.store(STORE).set(PARAMS_KEY, encode(params))


# --- proposals ----------------------------------------------------------------------------


def find_proposal(ctx: Context, proposal_id: int) -> Proposal | None:
    """Return a proposal, or None."""
    value = ctx.store(STORE).get(proposal_key(proposal_id))
    return None if value is None else Proposal.FromString(value)


def get_proposal(ctx: Context, proposal_id: int) -> Proposal:
    """Return a proposal.

    Raises:
        ProposalNotFoundError: there is none, or none any more.
    """
    proposal = find_proposal(ctx, proposal_id)
    if proposal is None:
        raise ProposalNotFoundError(proposal_id=proposal_id)
    return proposal


def save_new_proposal(ctx: Context, proposal: Proposal) -> None:
    """Write a proposal, in the queue of deadlines or among those that have ended."""
    store = ctx.store(STORE)
    store.set(proposal_key(proposal.proposal_id), encode(proposal))
    if proposal.status == VOTING:
        queued = open_key(proposal.deadline, proposal.proposal_id)
        store.set(queued, proposal.proposer.encode())
    else:
        store.set(ended_key(proposal.ended_height, proposal.proposal_id), b"\x01")


def save_ended_proposal(ctx: Context, proposal: Proposal) -> None:
    """Write a proposal whose voting has ended; the oldest makes room for it."""
    ctx.store(STORE).delete(open_key(proposal.deadline, proposal.proposal_id))
    save_new_proposal(ctx, proposal)
    ended = _ended_keys(ctx)
    if len(ended) > PROPOSALS_ENDED_MAX:
        _forget(ctx, ended[0])


def all_proposals(ctx: Context, before: int = 0) -> Iterator[Proposal]:
    """Walk over the proposals, newest first, those before ``before`` unless it is 0."""
    end = proposal_key(before) if before else prefix_end(PROPOSAL_PREFIX)
    pairs = ctx.store(STORE).iterate(PROPOSAL_PREFIX, end, reverse=True)
    for _, value in pairs:
        yield Proposal.FromString(value)


def due_proposals(ctx: Context, now_ns: int, count_max: int) -> list[int]:
    """Return the ids of proposals whose deadline has come, by deadline, then id."""
    keys = (key for key, _ in _open_pairs(ctx))
    due = []
    for key in islice(keys, count_max):
        deadline_ns, proposal_id = split_open_key(key)
        if deadline_ns > now_ns:
            break
        due.append(proposal_id)
    return due


def open_proposers(ctx: Context) -> list[str]:
    """Return the member id of the proposer of each proposal under vote."""
    return [value.decode() for _, value in _open_pairs(ctx)]


def next_proposal_id(ctx: Context) -> int:
    """Return the number that the next proposal will have; the first has 1."""
    value = ctx.store(STORE).get(NEXT_PROPOSAL_ID_KEY)
    return 1 if value is None else int.from_bytes(value, "big")


def save_next_proposal_id(ctx: Context, number: int) -> None:
    """Write the number that the next proposal will have."""
    ctx.store(STORE).set(NEXT_PROPOSAL_ID_KEY, number.to_bytes(8, "big"))


def _open_pairs(ctx: Context) -> Iterator[tuple[bytes, bytes]]:
    return ctx.store(STORE).iterate(OPEN_PREFIX, prefix_end(OPEN_PREFIX))


def _ended_keys(ctx: Context) -> list[bytes]:
    pairs = ctx.store(STORE).iterate(ENDED_PREFIX, prefix_end(ENDED_PREFIX))
    return [key for key, _ in pairs]


def _forget(ctx: Context, oldest: bytes) -> None:
    """Remove an ended proposal with its votes; its events stay where blocks are kept."""
    store = ctx.store(STORE)
    proposal_id = split_open_key(oldest)[1]
    prefix = votes_prefix(proposal_id)
    for key, _ in list(store.iterate(prefix, prefix_end(prefix))):
        store.delete(key)
    store.delete(proposal_key(proposal_id))
    store.delete(oldest)


# --- votes --------------------------------------------------------------------------------


def find_vote(ctx: Context, proposal_id: int, member_id: str) -> Vote | None:
    """Return what a member voted, or None."""
    value = ctx.store(STORE).get(vote_key(proposal_id, member_id))
    return None if value is None else Vote.FromString(value)


def save_vote(ctx: Context, vote: Vote) -> None:
    """Write what a member voted."""
    ctx.store(STORE).set(vote_key(vote.proposal_id, vote.member_id), encode(vote))


def votes_after(ctx: Context, proposal_id: int, start_after: str) -> Iterator[Vote]:
    """Walk over a proposal's votes by member id, those behind ``start_after``."""
    prefix = votes_prefix(proposal_id)
    start = vote_key(proposal_id, start_after) + b"\x00" if start_after else prefix
    for _, value in ctx.store(STORE).iterate(start, prefix_end(prefix)):
        yield Vote.FromString(value)
