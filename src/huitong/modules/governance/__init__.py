"""What the members of a zone decide together, and how it comes to pass."""

from __future__ import annotations

from typing import Final

from huitong.core.module import MessageRoute, Module, QueryRoute
from huitong.modules.governance import handlers, queries
from huitong.modules.governance.closing import close_due
from huitong.modules.governance.genesis import export_genesis, init_genesis
from huitong.modules.governance.keys import STORE, proposal_key, vote_key
from huitong.modules.governance.state import get_params, get_proposal
from huitong.modules.members import roles
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb

__all__ = [
    "MODULE",
    "STORE",
    "get_params",
    "get_proposal",
    "proposal_key",
    "vote_key",
]

_QUERY: Final = "/huitong.governance.v1.Query"
_DELEGATES: Final = (roles.DELEGATE,)

MODULE: Final = Module(
    name="governance",
    store=STORE,
    messages=(
        MessageRoute(
            request=pb.MsgSubmitProposal,
            check=handlers.check_submit_proposal,
            apply=handlers.apply_submit_proposal,
            roles=_DELEGATES,
        ),
        MessageRoute(
            request=pb.MsgVote,
            check=handlers.check_vote,
            apply=handlers.apply_vote,
            roles=_DELEGATES,
        ),
        MessageRoute(
            request=pb.MsgWithdrawProposal,
            check=handlers.check_withdraw_proposal,
            apply=handlers.apply_withdraw_proposal,
            roles=_DELEGATES,
        ),
        MessageRoute(
            request=pb.MsgUpdateParams,
            check=handlers.check_update_params,
            apply=handlers.apply_update_params,
            governed=True,
        ),
    ),
    queries=(
        QueryRoute(
            path=f"{_QUERY}/Proposal",
            request=pb.QueryProposalRequest,
            answer=queries.answer_proposal,
        ),
        QueryRoute(
            path=f"{_QUERY}/Proposals",
            request=pb.QueryProposalsRequest,
            answer=queries.answer_proposals,
        ),
        QueryRoute(
            path=f"{_QUERY}/Votes",
            request=pb.QueryVotesRequest,
            answer=queries.answer_votes,
        ),
        QueryRoute(
            path=f"{_QUERY}/Tally",
            request=pb.QueryTallyRequest,
            answer=queries.answer_tally,
        ),
        QueryRoute(
            path=f"{_QUERY}/Params",
            request=pb.QueryParamsRequest,
            answer=queries.answer_params,
        ),
    ),
    init_genesis=init_genesis,
    export_genesis=export_genesis,
    begin_block=close_due,
)
