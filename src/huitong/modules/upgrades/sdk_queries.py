"""Answers about upgrades in the form of the Cosmos SDK: ``cosmos.upgrade.v1beta1.Query``."""

from __future__ import annotations

from typing import Final

from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.core.context import Context
from huitong.core.module import QueryRoute
from huitong.core.time import GO_ZERO_TIME_NS, timestamp_from_ns
from huitong.modules.upgrades.state import find_done, find_plan
from huitong.proto.cosmos.upgrade.v1beta1 import query_pb2 as pb
from huitong.proto.cosmos.upgrade.v1beta1 import upgrade_pb2

_PATH: Final = "/cosmos.upgrade.v1beta1.Query/"


def answer_current_plan(
    ctx: Context, request: pb.QueryCurrentPlanRequest
) -> pb.QueryCurrentPlanResponse:
    """Return the planned upgrade, if there is one."""
    planned = find_plan(ctx)
    if planned is None:
        return pb.QueryCurrentPlanResponse()
    plan = upgrade_pb2.Plan(name=planned.name, height=planned.height, info=planned.info)
    plan.time.CopyFrom(timestamp_from_ns(GO_ZERO_TIME_NS))
    return pb.QueryCurrentPlanResponse(plan=plan)


def answer_applied_plan(
    ctx: Context, request: pb.QueryAppliedPlanRequest
) -> pb.QueryAppliedPlanResponse:
    """Return the height of an upgrade that was carried out; 0 if none of this name was."""
    done = find_done(ctx, request.name)
    return pb.QueryAppliedPlanResponse(height=0 if done is None else done.height)


def answer_upgraded_consensus_state(
    ctx: Context, request: pb.QueryUpgradedConsensusStateRequest
) -> pb.QueryUpgradedConsensusStateResponse:
    """Return none, as the Cosmos SDK does where none was committed to."""
    return pb.QueryUpgradedConsensusStateResponse()


def answer_authority(
    ctx: Context, request: pb.QueryAuthorityRequest
) -> pb.QueryAuthorityResponse:
    """Return in whose name upgrades are planned: that of the vote."""
    return pb.QueryAuthorityResponse(address=GOVERNANCE_ADDRESS)


QUERIES: Final = (
    QueryRoute(
        path=f"{_PATH}CurrentPlan",
        request=pb.QueryCurrentPlanRequest,
        answer=answer_current_plan,
    ),
    QueryRoute(
        path=f"{_PATH}AppliedPlan",
        request=pb.QueryAppliedPlanRequest,
        answer=answer_applied_plan,
    ),
    QueryRoute(
        path=f"{_PATH}UpgradedConsensusState",
        request=pb.QueryUpgradedConsensusStateRequest,
        answer=answer_upgraded_consensus_state,
    ),
    QueryRoute(
        path=f"{_PATH}Authority",
        request=pb.QueryAuthorityRequest,
        answer=answer_authority,
    ),
)
