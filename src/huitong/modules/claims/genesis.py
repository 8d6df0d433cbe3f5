"""Holdings in the genesis file.

::

    {"holdings": [{"address": "ht1…", "denom": "ibc/C053…", "amount": "12"}]}

Supplies follow from holdings. That each denomination has a history, and each holder a
reason, is checked by the module ``transfer``, whose genesis comes after this one.
"""

from __future__ import annotations

from typing import Any

from huitong.core.context import Context
from huitong.core.errors import InvalidAddressError
from huitong.core.genesis import (
    GenesisError,
    check_known_keys,
    message_to_json,
    messages_from_json,
)
from huitong.core.limits import UINT256_MAX
from huitong.modules.claims.amounts import amount_from_text, is_voucher_denom
from huitong.modules.claims.state import (
    all_holdings,
    get_holding,
    get_supply,
    save_holding,
    save_supply,
)
from huitong.proto.huitong.claims.v1.claims_pb2 import Holding


def init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Write the holdings of a genesis file.

    Raises:
        GenesisError: anything in it is unknown, malformed, twice or too much.
    """
    check_known_keys(state, ("holdings",), "claims")
    where = "claims.holdings"
    holdings = messages_from_json(Holding, state.get("holdings", []), where)
    for index, holding in enumerate(holdings):
        _init_holding(ctx, holding, f"{where}[{index}]")


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return all holdings, by address and denomination."""
    return {
        "holdings": [
            message_to_json(Holding(address=address, denom=denom, amount=str(amount)))
            for address, denom, amount in all_holdings(ctx)
        ]
    }


def _init_holding(ctx: Context, holding: Holding, where: str) -> None:
    address, denom = holding.address, holding.denom
    amount = amount_from_text(holding.amount)
    if not amount:
        raise GenesisError(
            where=f"{where}.amount", reason="expected an integer from 1 to 2^256 - 1"
        )
    if not is_voucher_denom(denom):
        raise GenesisError(
            where=f"{where}.denom", reason="expected ibc/ and 64 hexadecimal digits"
        )
    try:
        known = get_holding(ctx, address, denom)
    except InvalidAddressError as wrong:
        raise GenesisError(where=f"{where}.address", reason=str(wrong)) from wrong
    if known:
        raise GenesisError(where=where, reason="stands twice")
    supply = get_supply(ctx, denom) + amount
    if supply > UINT256_MAX:
        raise GenesisError(where=where, reason=f"more than 2^256 - 1 of {denom}")
    save_holding(ctx, address, denom, amount)
    save_supply(ctx, denom, supply)
