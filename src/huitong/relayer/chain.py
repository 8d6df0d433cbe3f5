"""What differs between the chains that a relayer serves, as data.

Zones of this software and chains of the Cosmos SDK speak the same IBC. They differ in how
accounts are written, what gas costs, how much a transaction may hold, and for how long
their validators answer for what they signed. A node tells most of it; the configuration
has the last word.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from google.protobuf import wrappers_pb2

from huitong.client import AccountTerms, GasPrice, QueryError, ZoneClient
from huitong.client.terms import parse_gas_price
from huitong.core.address import ADDRESS_PREFIX
from huitong.core.time import NS_PER_SECOND
from huitong.light.tendermint.terms import (
    MAX_CLOCK_DRIFT_NS,
    TRUSTING_PERIOD_NS,
    UNBONDING_PERIOD_NS,
)
from huitong.node.config.durations import parse_duration
from huitong.proto.cosmos.base.node.v1beta1 import query_pb2 as node_pb2
from huitong.proto.cosmos.base.tendermint.v1beta1 import query_pb2 as tendermint_pb2
from huitong.proto.cosmos.staking.v1beta1 import query_pb2 as staking_pb2
from huitong.relayer.errors import InvalidConfigError
from huitong.relayer.settings import FILE_NAME, ZoneConfig

_NODE_INFO: Final = "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo"
_NODE_CONFIG: Final = "/cosmos.base.node.v1beta1.Service/Config"
_PREFIX: Final = "/cosmos.auth.v1beta1.Query/Bech32Prefix"
_STAKING: Final = "/cosmos.staking.v1beta1.Query/Params"
#: Name that nodes of ours give as their application.
_OUR_APP_NAME: Final = "huitong"
#: Prefix of addresses where a chain of the Cosmos SDK does not tell its own.
_COSMOS_PREFIX: Final = "cosmos"
#: Bytes of messages in one transaction: zones of ours take 1 MiB, nodes of the Cosmos SDK
#: often less than CometBFT would.
_TX_BYTES_MAX: Final = 1_000_000
_COSMOS_TX_BYTES_MAX: Final = 180_000
#: A chain whose blocks take seconds sees headers of faster chains as from the future.
_COSMOS_CLOCK_DRIFT_NS: Final = 40 * NS_PER_SECOND


class ChainKind(StrEnum):
    """Whose software a chain runs."""

    HUITONG = "huitong"
    """Ours: no fees, gas by table, many proofs in one question."""
    COSMOS = "cosmos"
    """Any other that speaks as the Cosmos SDK does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainTerms:
    """How one chain is dealt with; the defaults are those of our own zones."""

    kind: ChainKind = ChainKind.HUITONG
    """Whose software it runs."""
    account: AccountTerms = field(default_factory=AccountTerms)
    """How transactions are signed."""
    simulates_gas: bool = False
    """Whether the chain is asked what a transaction takes, instead of a table."""
    gas_margin_percent: int = 130
    """Gas asked for, in hundredths of what a simulation used."""
    max_gas: int = 0
    """Most gas of a transaction; 0 for no bound."""
    max_messages: int = 100
    """Most packets in a transaction."""
    max_tx_bytes: int = _TX_BYTES_MAX
    """Most bytes of a transaction's messages."""
    trusting_period_ns: int = TRUSTING_PERIOD_NS
    """How long new clients trust a header of this chain."""
    unbonding_period_ns: int = UNBONDING_PERIOD_NS
    """How long its validators answer for what they signed."""
    max_clock_drift_ns: int = MAX_CLOCK_DRIFT_NS
    """How far in the future headers may lie for new clients on this chain."""


async def ask_terms(client: ZoneClient, config: ZoneConfig) -> ChainTerms:
    """Return how to deal with a chain, from its configuration and its node.

    Raises:
        InvalidConfigError: headers would be trusted longer than validators answer.
        UnavailableError: the node does not answer.
    """
    kind = ChainKind(config.kind) if config.kind else await _ask_kind(client)
    account, max_gas, unbonding_period_ns = await asyncio.gather(
        _account_terms(client, config, kind),
        _ask_max_gas(client),
        _ask_unbonding_period_ns(client),
    )
    return replace(
        _configured(config, kind, unbonding_period_ns),
        account=account,
        max_gas=min(filter(None, (config.max_gas, max_gas)), default=0),
    )


def _configured(
    config: ZoneConfig, kind: ChainKind, unbonding_period_ns: int
) -> ChainTerms:
    is_ours = kind is ChainKind.HUITONG
    trusting_period_ns = (
        parse_duration(config.trusting_period) or unbonding_period_ns * 2 // 3
    )
    if trusting_period_ns >= unbonding_period_ns:
        raise InvalidConfigError(
            path=FILE_NAME,
            reason=f"trusting_period {config.trusting_period} of {config.chain_id} is not "
            f"below its unbonding period, {unbonding_period_ns // NS_PER_SECOND} s",
        )
    drift_ns = parse_duration(config.max_clock_drift)
    return ChainTerms(
        kind=kind,
        simulates_gas=config.gas == "simulate" or (not config.gas and not is_ours),
        gas_margin_percent=config.gas_margin_percent,
        max_messages=config.max_messages,
        max_tx_bytes=config.max_tx_bytes
        or (_TX_BYTES_MAX if is_ours else _COSMOS_TX_BYTES_MAX),
        trusting_period_ns=trusting_period_ns,
        unbonding_period_ns=unbonding_period_ns,
        max_clock_drift_ns=drift_ns
        or (MAX_CLOCK_DRIFT_NS if is_ours else _COSMOS_CLOCK_DRIFT_NS),
    )


async def _ask_kind(client: ZoneClient) -> ChainKind:
    try:
        answer = await client.query(
            _NODE_INFO,
            tendermint_pb2.GetNodeInfoRequest(),
            tendermint_pb2.GetNodeInfoResponse,
        )
    except QueryError:
        return ChainKind.COSMOS
    if answer.application_version.app_name == _OUR_APP_NAME:
        return ChainKind.HUITONG
    return ChainKind.COSMOS


async def _account_terms(
    client: ZoneClient, config: ZoneConfig, kind: ChainKind
) -> AccountTerms:
    if kind is ChainKind.HUITONG:
        prefix = config.account_prefix or ADDRESS_PREFIX
        price = parse_gas_price(config.gas_price)
    else:
        prefix = config.account_prefix or await _ask_prefix(client)
        price = parse_gas_price(config.gas_price) or await _ask_gas_price(client)
    return AccountTerms(address_prefix=prefix, gas_price=price, memo=config.memo)


async def _ask_prefix(client: ZoneClient) -> str:
    # The answer is one text as its first field, as in this message.
    try:
        answer = await client.query(
            _PREFIX, wrappers_pb2.StringValue(), wrappers_pb2.StringValue
        )
    except QueryError:
        return _COSMOS_PREFIX
    return answer.value or _COSMOS_PREFIX


async def _ask_gas_price(client: ZoneClient) -> GasPrice | None:
    """Return the first of the prices that the node accepts."""
    try:
        answer = await client.query(
            _NODE_CONFIG, node_pb2.ConfigRequest(), node_pb2.ConfigResponse
        )
    except QueryError:
        return None
    return parse_gas_price(answer.minimum_gas_price.partition(",")[0])


async def _ask_unbonding_period_ns(client: ZoneClient) -> int:
    try:
        answer = await client.query(
            _STAKING, staking_pb2.QueryParamsRequest(), staking_pb2.QueryParamsResponse
        )
    except QueryError:
        return UNBONDING_PERIOD_NS
    time = answer.params.unbonding_time
    return time.seconds * NS_PER_SECOND + time.nanos or UNBONDING_PERIOD_NS


async def _ask_max_gas(client: ZoneClient) -> int:
    """Return how much gas a block holds; 0 for no bound."""
    # Those of the next block, which stand for no height, may not be there yet.
    height = max(await client.latest_height(), 1)
    answer = await client.rpc.call("consensus_params", height=str(height))
    with client.rpc.reading("consensus_params"):
        return max(int(answer["consensus_params"]["block"]["max_gas"]), 0)
