"""What relayers ask first."""

from __future__ import annotations

import pytest

from huitong.core.time import ns_from_duration
from huitong.modules import consensus
from huitong.modules.node_info import MODULE
from huitong.proto.cosmos.base.node.v1beta1 import query_pb2 as node_pb2
from huitong.proto.cosmos.base.tendermint.v1beta1 import query_pb2 as tendermint_pb2
from huitong.proto.cosmos.staking.v1beta1 import query_pb2 as staking_query_pb2
from huitong.testing.contexts import MemoryZone


def test_node_info_lists_the_software_that_hermes_looks_for() -> None:
    zone = MemoryZone([MODULE], chain_id="chongqing-1")
    found = zone.query(
        "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo",
        tendermint_pb2.GetNodeInfoRequest(),
    )
    assert found.default_node_info.network == "chongqing-1"
    assert found.default_node_info.other.tx_index == "on"
    deps = {dep.path: dep.version for dep in found.application_version.build_deps}
    assert deps == {
        "github.com/cometbft/cometbft": "v0.38.25",
        "github.com/cosmos/cosmos-sdk": "v0.50.9",
        "github.com/cosmos/ibc-go/v8": "v8.8.0",
    }
    assert found.application_version.cosmos_sdk_version == "v0.50.9"


def test_gas_costs_nothing() -> None:
    zone = MemoryZone([MODULE])
    path = "/cosmos.base.node.v1beta1.Service/Config"
    assert zone.query(path, node_pb2.ConfigRequest()).minimum_gas_price == "0nofee"


@pytest.mark.parametrize(
    ("genesis", "seconds"),
    [({}, 21 * 86_400), ({"unbonding_time": "3600000000000"}, 3_600)],
)
def test_unbonding_takes_as_long_as_was_decided(
    genesis: dict[str, str], seconds: int
) -> None:
    zone = MemoryZone([consensus.MODULE, MODULE], genesis={"consensus": genesis})
    path = "/cosmos.staking.v1beta1.Query/Params"
    params = zone.query(path, staking_query_pb2.QueryParamsRequest()).params
    assert ns_from_duration(params.unbonding_time) == seconds * 10**9
    assert params.historical_entries == 10_000
