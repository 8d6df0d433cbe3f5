"""The ledger: what is held adds up, whatever is issued, moved and redeemed."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.context import Context
from huitong.core.errors import InsufficientFundsError, RejectedError
from huitong.core.invariants import InvariantBrokenError
from huitong.core.limits import UINT256_MAX
from huitong.modules import claims
from huitong.modules.claims.errors import SupplyOverflowError
from huitong.modules.claims.ledger import issue, move, redeem
from huitong.modules.claims.state import all_holdings, all_supplies, get_supply
from huitong.testing.actors import address_of
from huitong.testing.contexts import MemoryZone

NAMES = ("alice", "bob", "carol")
DENOMS = ("ibc/" + "A" * 64, "ibc/" + "B" * 64)
ISSUER = address_of("issuer")
AMOUNTS = st.one_of(st.integers(1, 9), st.integers(1, UINT256_MAX))
STEPS = st.tuples(
    st.sampled_from(("issue", "move", "redeem")),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.sampled_from(DENOMS),
    AMOUNTS,
)


def make_zone() -> MemoryZone:
    return MemoryZone([claims.MODULE])


def check_sums(ctx: Context) -> None:
    sums: Counter[str] = Counter()
    for _, denom, amount in all_holdings(ctx):
        assert 0 < amount <= UINT256_MAX
        sums[denom] += amount
    assert dict(all_supplies(ctx)) == dict(sums)


@given(st.lists(STEPS, max_size=30))
def test_holdings_add_up_to_the_supply(steps: list[tuple[str, ...]]) -> None:
    ctx = make_zone().context()
    expected: Counter[tuple[str, str]] = Counter()
    for action, name, other, denom, amount in steps:
        one, two = address_of(name), address_of(other)
        branch = ctx.branch()
        with suppress(RejectedError):
            if action == "issue":
                issue(branch, one, denom, int(amount), by=ISSUER)
                expected[one, denom] += int(amount)
            elif action == "move":
                move(branch, one, two, denom, int(amount))
                expected[one, denom] -= int(amount)
                expected[two, denom] += int(amount)
            else:
                redeem(branch, one, denom, int(amount), by=ISSUER)
                expected[one, denom] -= int(amount)
            ctx.merge(branch)
        check_sums(ctx)
    held = {(address, denom): amount for address, denom, amount in all_holdings(ctx)}
    assert held == {key: amount for key, amount in expected.items() if amount}


def test_nobody_spends_more_than_it_holds() -> None:
    ctx = make_zone().context()
    alice, denom = address_of("alice"), DENOMS[0]
    issue(ctx, alice, denom, 5, by=ISSUER)
    with pytest.raises(InsufficientFundsError, match=f"5{denom} is smaller than 6"):
        move(ctx.branch(), alice, address_of("bob"), denom, 6)
    with pytest.raises(InsufficientFundsError):
        redeem(ctx.branch(), alice, denom, 6, by=ISSUER)
    redeem(ctx, alice, denom, 5, by=ISSUER)
    assert get_supply(ctx, denom) == 0
    assert not list(ctx.store(claims.STORE).iterate(b"", None))


def test_supply_does_not_pass_256_bits() -> None:
    ctx = make_zone().context()
    issue(ctx, address_of("alice"), DENOMS[0], UINT256_MAX, by=ISSUER)
    with pytest.raises(SupplyOverflowError):
        issue(ctx.branch(), address_of("bob"), DENOMS[0], 1, by=ISSUER)
    move(ctx, address_of("alice"), address_of("bob"), DENOMS[0], UINT256_MAX)


def test_a_move_to_oneself_changes_nothing() -> None:
    ctx = make_zone().context()
    alice = address_of("alice")
    issue(ctx, alice, DENOMS[0], 5, by=ISSUER)
    before = list(all_holdings(ctx))
    move(ctx, alice, alice, DENOMS[0], 5)
    assert list(all_holdings(ctx)) == before


def test_amount_of_nothing_stops_the_node() -> None:
    ctx = make_zone().context()
    with pytest.raises(InvariantBrokenError):
        issue(ctx, address_of("alice"), DENOMS[0], 0, by=ISSUER)
