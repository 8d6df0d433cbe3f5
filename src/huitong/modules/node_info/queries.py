"""What relayers and wallets ask about the software and its settings.

The announced versions are those whose behaviour this zone shows on the wire; clients
choose their dialect by them.
"""

from __future__ import annotations

from typing import Final

from huitong import __version__
from huitong.core.context import Context
from huitong.core.time import duration_from_ns
from huitong.modules.consensus import get_unbonding_time_ns
from huitong.proto.cosmos.base.node.v1beta1 import query_pb2 as node_pb2
from huitong.proto.cosmos.base.tendermint.v1beta1 import query_pb2 as tendermint_pb2
from huitong.proto.cosmos.staking.v1beta1 import query_pb2 as staking_query_pb2
from huitong.proto.cosmos.staking.v1beta1 import staking_pb2
from huitong.proto.tendermint.p2p import types_pb2

COMETBFT_VERSION: Final = "0.38.25"
COSMOS_SDK_VERSION: Final = "v0.50.9"
IBC_GO_VERSION: Final = "v8.8.0"
#: Fees are zero; relayers want the name of a denomination all the same.
MINIMUM_GAS_PRICE: Final = "0nofee"
FEE_DENOM: Final = "nofee"
_HISTORICAL_ENTRIES: Final = 10_000
_MAX_VALIDATORS: Final = 100
_MAX_ENTRIES: Final = 7
_DECIMAL_ZERO: Final = "0.000000000000000000"


def answer_node_info(
    ctx: Context, request: tendermint_pb2.GetNodeInfoRequest
) -> tendermint_pb2.GetNodeInfoResponse:
    """Return the zone's chain id and the versions of its dialect."""
    return tendermint_pb2.GetNodeInfoResponse(
        default_node_info=types_pb2.DefaultNodeInfo(
            protocol_version=types_pb2.ProtocolVersion(p2p=8, block=11, app=0),
            network=ctx.block.chain_id,
            version=COMETBFT_VERSION,
            moniker="huitong",
            other=types_pb2.DefaultNodeInfoOther(tx_index="on"),
        ),
        application_version=tendermint_pb2.VersionInfo(
            name="huitong",
            app_name="huitong",
            version=__version__,
            build_deps=[
                tendermint_pb2.Module(
                    path="github.com/cometbft/cometbft", version=f"v{COMETBFT_VERSION}"
                ),
                tendermint_pb2.Module(
                    path="github.com/cosmos/cosmos-sdk", version=COSMOS_SDK_VERSION
                ),
                tendermint_pb2.Module(
                    path="github.com/cosmos/ibc-go/v8", version=IBC_GO_VERSION
                ),
            ],
            cosmos_sdk_version=COSMOS_SDK_VERSION,
        ),
    )


def answer_config(
    ctx: Context, request: node_pb2.ConfigRequest
) -> node_pb2.ConfigResponse:
    """Return the price of gas, which is zero."""
    return node_pb2.ConfigResponse(minimum_gas_price=MINIMUM_GAS_PRICE)


def answer_staking_params(
    ctx: Context, request: staking_query_pb2.QueryParamsRequest
) -> staking_query_pb2.QueryParamsResponse:
    """Return how long validators answer for what they signed, as members decided.

    Relayers choose trusting periods below it. Of the other fields none means anything
    here: nothing is staked.
    """
    return staking_query_pb2.QueryParamsResponse(
        params=staking_pb2.Params(
            unbonding_time=duration_from_ns(get_unbonding_time_ns(ctx)),
            max_validators=_MAX_VALIDATORS,
            max_entries=_MAX_ENTRIES,
            historical_entries=_HISTORICAL_ENTRIES,
            bond_denom=FEE_DENOM,
            min_commission_rate=_DECIMAL_ZERO,
        )
    )
