"""Answers about the software itself; a module without state."""

from __future__ import annotations

from typing import Final

from huitong.core.module import Module, QueryRoute
from huitong.modules.node_info import queries
from huitong.modules.node_info.queries import (
    COMETBFT_VERSION,
    COSMOS_SDK_VERSION,
    FEE_DENOM,
    IBC_GO_VERSION,
    MINIMUM_GAS_PRICE,
)
from huitong.proto.cosmos.base.node.v1beta1 import query_pb2 as node_pb2
from huitong.proto.cosmos.base.tendermint.v1beta1 import query_pb2 as tendermint_pb2
from huitong.proto.cosmos.staking.v1beta1 import query_pb2 as staking_query_pb2

__all__ = [
    "COMETBFT_VERSION",
    "COSMOS_SDK_VERSION",
    "FEE_DENOM",
    "IBC_GO_VERSION",
    "MINIMUM_GAS_PRICE",
    "MODULE",
]

MODULE: Final = Module(
    name="nodeinfo",
    store="",
    queries=(
        QueryRoute(
            path="/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo",
            request=tendermint_pb2.GetNodeInfoRequest,
            answer=queries.answer_node_info,
        ),
        QueryRoute(
            path="/cosmos.base.node.v1beta1.Service/Config",
            request=node_pb2.ConfigRequest,
            answer=queries.answer_config,
        ),
        QueryRoute(
            path="/cosmos.staking.v1beta1.Query/Params",
            request=staking_query_pb2.QueryParamsRequest,
            answer=queries.answer_staking_params,
        ),
    ),
)
