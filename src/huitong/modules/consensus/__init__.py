"""Who makes the zone's blocks, and how large these may be."""

from __future__ import annotations

from typing import Final

from huitong.core.module import MessageRoute, Module, QueryRoute
from huitong.modules.consensus import handlers, queries
from huitong.modules.consensus.evidence import suspend_misbehaving
from huitong.modules.consensus.genesis import export_genesis, init_genesis
from huitong.modules.consensus.keys import STORE
from huitong.modules.consensus.rules import ZoneConsensus
from huitong.modules.consensus.state import get_unbonding_time_ns, power_of_member
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb

__all__ = [
    "MODULE",
    "STORE",
    "ZoneConsensus",
    "get_unbonding_time_ns",
    "power_of_member",
]

_QUERY: Final = "/huitong.consensus.v1.Query"

MODULE: Final = Module(
    name="consensus",
    store=STORE,
    messages=(
        MessageRoute(
            request=pb.MsgSetValidator,
            check=handlers.check_set_validator,
            apply=handlers.apply_set_validator,
            governed=True,
        ),
        MessageRoute(
            request=pb.MsgRemoveValidator,
            check=handlers.check_remove_validator,
            apply=handlers.apply_remove_validator,
            governed=True,
        ),
        MessageRoute(
            request=pb.MsgUpdateBlockParams,
            check=handlers.check_update_block_params,
            apply=handlers.apply_update_block_params,
            governed=True,
        ),
        MessageRoute(
            request=pb.MsgSetUnbondingTime,
            check=handlers.check_set_unbonding_time,
            apply=handlers.apply_set_unbonding_time,
            governed=True,
        ),
    ),
    queries=(
        QueryRoute(
            path=f"{_QUERY}/Validator",
            request=pb.QueryValidatorRequest,
            answer=queries.answer_validator,
        ),
        QueryRoute(
            path=f"{_QUERY}/Validators",
            request=pb.QueryValidatorsRequest,
            answer=queries.answer_validators,
        ),
        QueryRoute(
            path=f"{_QUERY}/Misbehaviours",
            request=pb.QueryMisbehavioursRequest,
            answer=queries.answer_misbehaviours,
        ),
        QueryRoute(
            path=f"{_QUERY}/BlockParams",
            request=pb.QueryBlockParamsRequest,
            answer=queries.answer_block_params,
        ),
    ),
    init_genesis=init_genesis,
    export_genesis=export_genesis,
    begin_block=suspend_misbehaving,
)
