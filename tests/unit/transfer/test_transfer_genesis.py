"""Claims and transfers in the genesis file: what is taken and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.genesis import GenesisError
from huitong.modules import claims, links, members, transfer
from huitong.testing.actors import address_of, members_genesis
from huitong.testing.contexts import MemoryZone

TRACE = {"path": "transfer/channel-0", "base_denom": "stake"}
DENOM = transfer.voucher_denom("transfer/channel-0/stake")
ALICE = address_of("alice")


def holding(**changes: Any) -> dict[str, Any]:
    return {"address": ALICE, "denom": DENOM, "amount": "5", **changes}


def zone(holdings: Any, rules: Any) -> MemoryZone:
    return MemoryZone(
        [members.MODULE, links.MODULE, claims.MODULE, transfer.MODULE],
        genesis={
            "members": members_genesis({"alice": ("", "operator")}),
            "claims": holdings,
            "transfer": rules,
        },
    )


def test_default_is_that_no_client_is_allowed() -> None:
    assert zone({}, {}).export()["transfer"] == {
        "allow_any_client": False,
        "allowed_clients": [],
        "send_enabled": True,
        "receive_enabled": True,
        "traces": [],
    }


def test_what_is_given_is_exported_again() -> None:
    given = {"holdings": [holding()]}
    rules = {
        "allow_any_client": True,
        "allowed_clients": [],
        "send_enabled": False,
        "receive_enabled": False,
        "traces": [TRACE],
    }
    exported = zone(given, rules).export()
    assert (exported["claims"], exported["transfer"]) == (given, rules)


@pytest.mark.parametrize(
    "holdings",
    [
        {"more": []},
        {"holdings": {}},
        {"holdings": [holding(amount="0")]},
        {"holdings": [holding(amount="x")]},
        {"holdings": [holding(amount=str(2**256))]},
        {"holdings": [holding(denom="stake")]},
        {"holdings": [holding(address="ht1x")]},
        {"holdings": [holding(), holding()]},
        {"holdings": [holding(address=address_of("stranger"))]},
        {"holdings": [holding(denom="ibc/" + "0" * 64)]},
        {
            "holdings": [
                holding(amount=str(2**256 - 1)),
                holding(address=transfer.escrow_address("transfer", "channel-0")),
            ]
        },
    ],
)
def test_impossible_holdings_are_refused(holdings: dict[str, Any]) -> None:
    with pytest.raises(GenesisError):
        zone(holdings, {"traces": [TRACE]})


@pytest.mark.parametrize(
    "rules",
    [
        {"allow_any": True},
        {"allow_any_client": "yes"},
        {"allowed_clients": ["07-tendermint-0"]},
        {"allowed_clients": "07-tendermint-0"},
        {"traces": [TRACE, TRACE]},
        {"traces": [{"base_denom": "stake"}]},
        {"traces": [{"path": "transfer/channel-0"}]},
        {"traces": [{"path": "transfer", "base_denom": "channel-0/stake"}]},
    ],
)
def test_impossible_rules_and_traces_are_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(GenesisError):
        zone({}, rules)
