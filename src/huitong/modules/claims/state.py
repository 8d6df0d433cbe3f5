"""Holdings and supplies in the state."""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.context import Context
from huitong.core.store.kv import iterate_prefix
from huitong.modules.claims.amounts import AMOUNT_SIZE_BYTES
from huitong.modules.claims.keys import (
    HOLDING_PREFIX,
    STORE,
    SUPPLY_PREFIX,
    holding_key,
    holdings_prefix,
    parts_of_holding_key,
    supply_key,
)


def get_holding(ctx: Context, address: str, denom: str) -> int:
    """Return what an address holds of a denomination, 0 for nothing.

    Raises:
        InvalidAddressError: the text is no address.
    """
    return _get(ctx, holding_key(address, denom))


def save_holding(ctx: Context, address: str, denom: str, amount: int) -> None:
    """Write what an address holds of a denomination."""
    _save(ctx, holding_key(address, denom), amount)


def get_supply(ctx: Context, denom: str) -> int:
    """Return the sum of all that is held of a denomination."""
    return _get(ctx, supply_key(denom))


def save_supply(ctx: Context, denom: str, amount: int) -> None:
    """Write the sum of all that is held of a denomination."""
    _save(ctx, supply_key(denom), amount)


def holdings_of(ctx: Context, address: str) -> Iterator[tuple[str, int]]:
    """Walk over the denominations and amounts that an address holds, ascending."""
    prefix = holdings_prefix(address)
    for key, value in iterate_prefix(ctx.store(STORE), prefix):
        yield key[len(prefix) :].decode(), int.from_bytes(value, "big")


def all_holdings(ctx: Context) -> Iterator[tuple[str, str, int]]:
    """Walk over address, denomination and amount of all holdings, in order of keys."""
    for key, value in iterate_prefix(ctx.store(STORE), HOLDING_PREFIX):
        yield *parts_of_holding_key(key), int.from_bytes(value, "big")


def all_supplies(ctx: Context) -> Iterator[tuple[str, int]]:
    """Walk over all denominations and their sums, ascending."""
    for key, value in iterate_prefix(ctx.store(STORE), SUPPLY_PREFIX):
        yield key[len(SUPPLY_PREFIX) :].decode(), int.from_bytes(value, "big")


def _get(ctx: Context, key: bytes) -> int:
    value = ctx.store(STORE).get(key)
    return 0 if value is None else int.from_bytes(value, "big")


def _save(ctx: Context, key: bytes, amount: int) -> None:
    if amount:
        ctx.store(STORE).set(key, amount.to_bytes(AMOUNT_SIZE_BYTES, "big"))
    else:
        ctx.store(STORE).delete(key)
