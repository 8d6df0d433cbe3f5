"""The ledger of claims: the only functions that change what anybody holds.

A claim is a voucher for tokens of another chain. Rules: [CLAIMS.1] there is as much of a
denomination as all addresses hold of it together; [CLAIMS.2] it grows only by ``issue``
and shrinks only by ``redeem``, for which the transfer application alone has reasons;
[CLAIMS.3] nobody holds less than nothing or more than 256 bits.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import InsufficientFundsError
from huitong.core.invariants import invariant
from huitong.core.limits import UINT256_MAX
from huitong.modules.claims import events
from huitong.modules.claims.amounts import coin_text
from huitong.modules.claims.errors import SupplyOverflowError
from huitong.modules.claims.state import (
    get_holding,
    get_supply,
    save_holding,
    save_supply,
)


def issue(ctx: Context, receiver: str, denom: str, amount: int, *, by: str) -> None:
    """Give ``receiver`` a claim that did not exist before.

    Args:
        ctx: the branch to write to.
        receiver: the address that holds it from now on.
        denom: the voucher's denomination.
        amount: above 0.
        by: the address that events name as the issuer; it holds nothing.

    Raises:
        SupplyOverflowError: there would be more than 2^256 - 1 of it.

    Cost: 2 reads, 2 writes.
    """
    supply = get_supply(ctx, denom)
    if supply + amount > UINT256_MAX:  # [CLAIMS.3]
        raise SupplyOverflowError(denom=denom, amount=amount, supply=supply)
    save_supply(ctx, denom, supply + amount)
    _add(ctx, receiver, denom, amount)
    text = coin_text(amount, denom)
    ctx.emit(events.coin_received(by, text))
    ctx.emit(events.coins_issued(by, text))
    _tell_move(ctx, by, receiver, text)


def redeem(ctx: Context, holder: str, denom: str, amount: int, *, by: str) -> None:
    """Take from ``holder`` a claim that exists no more afterwards.

    Args:
        ctx: the branch to write to.
        holder: the address that holds it.
        denom: the voucher's denomination.
        amount: above 0.
        by: the address that events name as the one that ends it.

    Raises:
        InsufficientFundsError: the address holds less.

    Cost: 2 reads, 2 writes.
    """
    _take(ctx, holder, denom, amount)
    supply = get_supply(ctx, denom)
    invariant(
        supply >= amount,
        "there is as much of a claim as anybody holds",
        denom=denom,
        supply=supply,
        amount=amount,
    )
    save_supply(ctx, denom, supply - amount)
    text = coin_text(amount, denom)
    _tell_move(ctx, holder, by, text)
    ctx.emit(events.coin_spent(by, text))
    ctx.emit(events.coins_redeemed(by, text))


def move(ctx: Context, sender: str, receiver: str, denom: str, amount: int) -> None:
    """Pass a claim on from one address to another.

    Raises:
        InsufficientFundsError: the sender holds less.

    Cost: 2 reads, 2 writes.
    """
    _take(ctx, sender, denom, amount)
    _add(ctx, receiver, denom, amount)
    _tell_move(ctx, sender, receiver, coin_text(amount, denom))


def check_holds(ctx: Context, address: str, denom: str, amount: int) -> None:
    """Raise unless an address holds that much.

    Raises:
        InsufficientFundsError: it holds less.
    """
    held = get_holding(ctx, address, denom)
    if held < amount:
        raise InsufficientFundsError(
            reason=f"spendable balance {coin_text(held, denom)} is smaller than "
            f"{coin_text(amount, denom)}"
        )


def _take(ctx: Context, address: str, denom: str, amount: int) -> None:
    invariant(amount > 0, "what is taken is more than nothing", amount=amount)
    check_holds(ctx, address, denom, amount)
    save_holding(ctx, address, denom, get_holding(ctx, address, denom) - amount)


def _add(ctx: Context, address: str, denom: str, amount: int) -> None:
    invariant(amount > 0, "what is given is more than nothing", amount=amount)
    save_holding(ctx, address, denom, get_holding(ctx, address, denom) + amount)


def _tell_move(ctx: Context, sender: str, receiver: str, text: str) -> None:
    ctx.emit(events.coin_spent(sender, text))
    ctx.emit(events.coin_received(receiver, text))
    ctx.emit(events.transferred(receiver, sender, text))
    ctx.emit(events.sent_by(sender))
