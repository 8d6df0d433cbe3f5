"""The bank's queries about claims, in the words that wallets know."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.errors import InvalidRequestError, NotFoundError
from huitong.proto.cosmos.bank.v1beta1 import query_pb2 as bank
from huitong.proto.cosmos.base.query.v1beta1.pagination_pb2 import PageRequest
from huitong.proto.ibc.applications.transfer.v1 import query_pb2 as pb
from huitong.testing.actors import address_of
from huitong.testing.transfers import TransferNet, open_transfers

ALICE = address_of("alice")
BANK = "/cosmos.bank.v1beta1.Query/"
TRANSFER = "/ibc.applications.transfer.v1.Query/"
COINS = ("ant", "bee", "cat")
UNKNOWN = "ibc/" + "0" * 64


@pytest.fixture(scope="module")
def net() -> TransferNet:
    made = open_transfers()
    for count, denom in enumerate(COINS, 1):
        ctx = made.foreign.context()
        made.bank.mint(ctx, "cosmos1rich", 100, denom)
        made.foreign.take(ctx)
        made.fund("alice", 10 * count, denom=denom)
    out = made.message(
        made.a_to_b.a, "alice", address_of("bob"), made.voucher("ant"), 4
    )
    made.a.deliver(out)
    made.a.next_block()
    return made


def coins(net: TransferNet) -> list[tuple[str, str]]:
    """Return denomination and amount of what alice holds, by denomination."""
    amounts = {"ant": "6", "bee": "20", "cat": "30"}
    return sorted((net.voucher(denom), amount) for denom, amount in amounts.items())


def pairs(found: Any) -> list[tuple[str, str]]:
    return [(coin.denom, coin.amount) for coin in found]


def test_balances_are_listed_by_denomination(net: TransferNet) -> None:
    for name, cls in (
        ("AllBalances", bank.QueryAllBalancesRequest),
        ("SpendableBalances", bank.QuerySpendableBalancesRequest),
    ):
        found = net.a.query(BANK + name, cls(address=ALICE))
        assert pairs(found.balances) == coins(net)
        assert found.pagination.total == 3
        page = PageRequest(limit=2)
        first = net.a.query(BANK + name, cls(address=ALICE, pagination=page))
        assert pairs(first.balances) == coins(net)[:2]
        page = PageRequest(key=first.pagination.next_key)
        rest = net.a.query(BANK + name, cls(address=ALICE, pagination=page))
        assert pairs(rest.balances) == coins(net)[2:]
        assert not rest.pagination.next_key


def test_one_balance_is_told_and_is_0_for_what_nobody_knows(net: TransferNet) -> None:
    for name, cls in (
        ("Balance", bank.QueryBalanceRequest),
        ("SpendableBalanceByDenom", bank.QuerySpendableBalanceByDenomRequest),
    ):
        for address, denom, amount in (
            (ALICE, net.voucher("ant"), "6"),
            (ALICE, "stake", "0"),
            (address_of("stranger"), net.voucher("ant"), "0"),
        ):
            found = net.a.query(BANK + name, cls(address=address, denom=denom)).balance
            assert (found.denom, found.amount) == (denom, amount)
    request = bank.QueryAllBalancesRequest(address=address_of("stranger"))
    assert not net.a.query(BANK + "AllBalances", request).balances


def test_supply_counts_escrows(net: TransferNet) -> None:
    found = net.a.query(BANK + "TotalSupply", bank.QueryTotalSupplyRequest())
    expected = {net.voucher("ant"): "10", net.voucher("bee"): "20"}
    assert dict(pairs(found.supply)) == expected | {net.voucher("cat"): "30"}
    request = bank.QuerySupplyOfRequest(denom=net.voucher("ant"))
    assert net.a.query(BANK + "SupplyOf", request).amount.amount == "10"
    request = bank.QuerySupplyOfRequest(denom="stake")
    assert net.a.query(BANK + "SupplyOf", request).amount.amount == "0"
    escrowed = pb.QueryTotalEscrowForDenomRequest(denom=net.voucher("ant"))
    found = net.a.query(TRANSFER + "TotalEscrowForDenom", escrowed)
    assert found.amount.amount == "4"


def test_metadata_follows_from_the_way(net: TransferNet) -> None:
    denom = net.voucher("ant")
    request = bank.QueryDenomMetadataRequest(denom=denom)
    found = net.a.query(BANK + "DenomMetadata", request).metadata
    assert (found.base, found.display) == (denom, "transfer/channel-0/ant")
    assert (found.symbol, found.denom_units[0].denom) == ("ANT", "ant")
    page = net.a.query(BANK + "DenomsMetadata", bank.QueryDenomsMetadataRequest())
    assert {item.symbol for item in page.metadatas} == {"ANT", "BEE", "CAT"}


def test_sending_within_the_zone_is_not_offered(net: TransferNet) -> None:
    found = net.a.query(BANK + "Params", bank.QueryParamsRequest())
    assert found.HasField("params")
    assert not found.params.default_send_enabled


def test_ways_are_told_to_clients_of_both_kinds(net: TransferNet) -> None:
    traces = net.a.query(TRANSFER + "DenomTraces", pb.QueryDenomTracesRequest())
    denoms = net.a.query(TRANSFER + "Denoms", pb.QueryDenomsRequest())
    assert [item.base_denom for item in traces.denom_traces] == list(COINS)
    assert [item.base for item in denoms.denoms] == list(COINS)
    assert {item.path for item in traces.denom_traces} == {"transfer/channel-0"}
    for hop in (item.trace[0] for item in denoms.denoms):
        assert (hop.port_id, hop.channel_id) == ("transfer", "channel-0")
    denom = net.voucher("bee")
    for asked in (
        denom,
        denom.removeprefix("ibc/"),
        denom.removeprefix("ibc/").lower(),
    ):
        request = pb.QueryDenomTraceRequest(hash=asked)
        found = net.a.query(TRANSFER + "DenomTrace", request).denom_trace
        assert (found.path, found.base_denom) == ("transfer/channel-0", "bee")
        one = net.a.query(TRANSFER + "Denom", pb.QueryDenomRequest(hash=asked))
        assert one.denom.base == "bee"
    request = pb.QueryDenomHashRequest(trace="transfer/channel-0/bee")
    assert f"ibc/{net.a.query(TRANSFER + 'DenomHash', request).hash}" == denom


def test_escrow_address_is_derived_as_ibc_go_derives_it(net: TransferNet) -> None:
    request = pb.QueryEscrowAddressRequest(port_id="transfer", channel_id="channel-0")
    found = net.a.query(TRANSFER + "EscrowAddress", request).escrow_address
    # simd's events name it cosmos1a53udazy8ayufvy0s434pfwjcedzqv34kvz9tw.
    assert found.startswith("ht1a53udazy8ayufvy0s434pfwjcedzqv34")
    switches = net.a.query(TRANSFER + "Params", pb.QueryParamsRequest()).params
    assert switches.send_enabled
    assert switches.receive_enabled


@pytest.mark.parametrize(
    ("path", "request_of", "words"),
    [
        (
            BANK + "Balance",
            bank.QueryBalanceRequest(address="x", denom="stake"),
            "InvalidArgument desc = invalid address: decoding bech32 failed",
        ),
        (
            BANK + "Balance",
            bank.QueryBalanceRequest(address=ALICE, denom="!"),
            "InvalidArgument desc = invalid denom: !",
        ),
        (
            BANK + "AllBalances",
            bank.QueryAllBalancesRequest(address=""),
            "InvalidArgument desc = invalid address",
        ),
        (
            BANK + "SupplyOf",
            bank.QuerySupplyOfRequest(),
            "InvalidArgument desc = invalid denom: ",
        ),
        (
            TRANSFER + "DenomTrace",
            pb.QueryDenomTraceRequest(hash="xyz"),
            "InvalidArgument desc = invalid denom trace hash: xyz",
        ),
        (
            TRANSFER + "DenomHash",
            pb.QueryDenomHashRequest(),
            "InvalidArgument desc = ",
        ),
        (
            TRANSFER + "EscrowAddress",
            pb.QueryEscrowAddressRequest(port_id="!"),
            "InvalidArgument desc = ",
        ),
    ],
)
def test_malformed_question_is_an_invalid_argument(
    net: TransferNet, path: str, request_of: Any, words: str
) -> None:
    with pytest.raises(InvalidRequestError, match=f"rpc error: code = {words}"):
        net.a.query(path, request_of)


@pytest.mark.parametrize(
    ("path", "request_of", "words"),
    [
        (
            TRANSFER + "DenomTrace",
            pb.QueryDenomTraceRequest(hash=UNKNOWN),
            f"{UNKNOWN}: denomination trace not found",
        ),
        (
            TRANSFER + "Denom",
            pb.QueryDenomRequest(hash=UNKNOWN),
            f"{UNKNOWN}: denomination not found",
        ),
        (
            TRANSFER + "DenomHash",
            pb.QueryDenomHashRequest(trace="stake"),
            "stake: denomination trace not found",
        ),
        (
            BANK + "DenomMetadata",
            bank.QueryDenomMetadataRequest(denom=UNKNOWN),
            f"client metadata for denom {UNKNOWN}",
        ),
        (
            BANK + "DenomMetadata",
            bank.QueryDenomMetadataRequest(denom="stake"),
            "client metadata for denom stake",
        ),
    ],
)
def test_what_nobody_knows_is_not_found_in_the_words_of_the_sdk(
    net: TransferNet, path: str, request_of: Any, words: str
) -> None:
    with pytest.raises(NotFoundError) as refused:
        net.a.query(path, request_of)
    told = f"rpc error: code = NotFound desc = {words}: key not found"
    assert str(refused.value) == told
