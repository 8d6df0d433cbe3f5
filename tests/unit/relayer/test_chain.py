"""What a chain's node tells of its terms, and what the configuration overrules."""

from __future__ import annotations

from contextlib import nullcontext
from decimal import Decimal

import pytest
from google.protobuf import wrappers_pb2

from huitong.client import GasPrice, QueryError
from huitong.client.terms import parse_gas_price
from huitong.core.time import NS_PER_SECOND
from huitong.proto.cosmos.base.node.v1beta1 import query_pb2 as node_pb2
from huitong.proto.cosmos.base.tendermint.v1beta1 import query_pb2 as tendermint_pb2
from huitong.proto.cosmos.staking.v1beta1 import query_pb2 as staking_pb2
from huitong.relayer.chain import ChainKind, ask_terms
from huitong.relayer.errors import InvalidConfigError
from huitong.relayer.settings import ZoneConfig

DAY_NS = 86_400 * NS_PER_SECOND


class FakeNode:
    """Answers what it has been given, and refuses all other questions."""

    def __init__(
        self, *, app="simd", prefix="", price="", unbonding_s=0, max_gas=-1
    ) -> None:
        staking = staking_pb2.QueryParamsResponse()
        staking.params.unbonding_time.seconds = unbonding_s
        self.answers = {
            "GetNodeInfo": tendermint_pb2.GetNodeInfoResponse(
                application_version=tendermint_pb2.VersionInfo(app_name=app)
            ),
            "Bech32Prefix": wrappers_pb2.StringValue(value=prefix),
            "Config": node_pb2.ConfigResponse(minimum_gas_price=price),
            "Params": staking,
        }
        self.max_gas = max_gas

    @property
    def rpc(self):
        return self

    def reading(self, method):
        return nullcontext()

    async def latest_height(self):
        return 7

    async def call(self, method, **params):
        assert (method, params) == ("consensus_params", {"height": "7"})
        return {"consensus_params": {"block": {"max_gas": str(self.max_gas)}}}

    async def query(self, path, request, response):
        answer = self.answers.get(path.rpartition("/")[2])
        if answer is None:
            raise QueryError(path=path, codespace="sdk", code=6, log="unknown")
        return answer


def zone(**options) -> ZoneConfig:
    return ZoneConfig(chain_id="simd-1", rpc="tcp://127.0.0.1:1", **options)


async def test_terms_of_a_chain_come_from_its_node():
    node = FakeNode(
        prefix="osmo",
        price="0.025uosmo,1other",
        unbonding_s=14 * 86_400,
        max_gas=9_000_000,
    )
    terms = await ask_terms(node, zone())
    assert terms.kind is ChainKind.COSMOS
    assert terms.account.address_prefix == "osmo"
    assert terms.account.gas_price == GasPrice(amount=Decimal("0.025"), denom="uosmo")
    assert terms.unbonding_period_ns == 14 * DAY_NS
    assert terms.trusting_period_ns == 14 * DAY_NS * 2 // 3
    assert terms.max_gas == 9_000_000
    assert terms.simulates_gas


async def test_configuration_has_the_last_word():
    node = FakeNode(
        prefix="osmo", price="1uosmo", unbonding_s=86_400, max_gas=9_000_000
    )
    told = zone(
        account_prefix="cosmos",
        gas_price="2stake",
        gas="table",
        max_gas=5_000_000,
        max_tx_bytes=50_000,
        trusting_period="2h",
        max_clock_drift="5s",
        memo="ours",
    )
    terms = await ask_terms(node, told)
    assert terms.account.address_prefix == "cosmos"
    assert terms.account.gas_price == GasPrice(amount=Decimal(2), denom="stake")
    assert terms.account.memo == "ours"
    assert (terms.simulates_gas, terms.max_gas) == (False, 5_000_000)
    assert terms.max_tx_bytes == 50_000
    assert terms.trusting_period_ns == 7_200 * NS_PER_SECOND
    assert terms.max_clock_drift_ns == 5 * NS_PER_SECOND


async def test_our_zones_pay_no_fees_and_take_gas_from_the_table():
    terms = await ask_terms(FakeNode(app="huitong", price="0nofee"), zone())
    assert terms.kind is ChainKind.HUITONG
    assert terms.account.address_prefix == "ht"
    assert terms.account.gas_price is None
    assert not terms.simulates_gas
    assert terms.max_tx_bytes == 1_000_000


async def test_node_that_answers_nothing_has_the_usual_terms():
    node = FakeNode()
    node.answers = {}
    terms = await ask_terms(node, zone())
    assert terms.kind is ChainKind.COSMOS
    assert terms.account.address_prefix == "cosmos"
    assert (terms.account.gas_price, terms.max_gas) == (None, 0)
    assert terms.trusting_period_ns == 14 * DAY_NS


async def test_headers_may_not_be_trusted_longer_than_validators_answer():
    node = FakeNode(unbonding_s=3_600)
    with pytest.raises(
        InvalidConfigError, match="not below its unbonding period, 3600 s"
    ):
        await ask_terms(node, zone(trusting_period="1h"))


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("0.025stake", GasPrice(amount=Decimal("0.025"), denom="stake")),
        ("0stake", GasPrice(amount=Decimal(0), denom="stake")),
        ("1ibc/ABC", GasPrice(amount=Decimal(1), denom="ibc/ABC")),
        ("", None),
        ("stake", None),
        ("1", None),
        ("-1stake", None),
        ("1e3stake", GasPrice(amount=Decimal(1), denom="e3stake")),
    ],
)
def test_gas_price_is_read(text, price):
    assert parse_gas_price(text) == price


@pytest.mark.parametrize(
    ("gas", "fee"), [(0, 0), (1, 1), (40, 1), (41, 2), (4_000, 100)]
)
def test_fee_is_rounded_up(gas, fee):
    price = parse_gas_price("0.025stake")
    assert price is not None
    assert price.fee(gas) == fee
