"""At the deadline: count, and carry out what has passed."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.limits import PROPOSALS_PER_BLOCK_MAX
from huitong.modules.governance import events
from huitong.modules.governance.contents import carry_out
from huitong.modules.governance.counting import count_votes, is_passing
from huitong.modules.governance.state import (
    due_proposals,
    get_proposal,
    save_ended_proposal,
)
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb
from huitong.proto.huitong.governance.v1.governance_pb2 import Proposal


def close_due(ctx: Context) -> None:
    """End the voting on proposals whose deadline has come, some in each block.

    They are taken by deadline, then by number, and each sees what those before it did.
    Its messages are carried out in this block, before any transaction, all or none.

    Cost: one step of a walk if none is due; else for each a tally, and the gas of a
    proposal at most.
    """
    for proposal_id in due_proposals(ctx, ctx.block.time_ns, PROPOSALS_PER_BLOCK_MAX):
        proposal = get_proposal(ctx, proposal_id)
        proposal.tally.CopyFrom(count_votes(ctx, proposal))
        proposal.ended_height = ctx.block.height.revision_height
        proposal.status = pb.PROPOSAL_STATUS_REJECTED
        if is_passing(proposal.tally, proposal.params):
            _carry_out(ctx, proposal)
        save_ended_proposal(ctx, proposal)
        ctx.emit(events.proposal_ended(proposal))


def _carry_out(ctx: Context, proposal: Proposal) -> None:
    failed = carry_out(ctx, proposal.messages)
    if failed is None:
        proposal.status = pb.PROPOSAL_STATUS_PASSED
        return
    place, failure = failed
    proposal.status = pb.PROPOSAL_STATUS_FAILED
    proposal.failed_message = place
    proposal.error_codespace = failure.codespace
    proposal.error_code = failure.code
