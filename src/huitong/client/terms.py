"""How a chain wants its transactions: addresses, fees, memo.

Zones of this software and chains of the Cosmos SDK differ in nothing else that a signer
must know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

from huitong.core.address import ADDRESS_PREFIX

_GAS_PRICE: Final = re.compile(
    r"([0-9]{1,18}(?:\.[0-9]{1,18})?)([a-zA-Z][a-zA-Z0-9/:._-]{2,127})", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GasPrice:
    """What one unit of gas costs."""

    amount: Decimal
    """Units of ``denom``; 0 or more."""
    denom: str
    """Name of the unit, 3 to 128 characters."""

    def fee(self, gas_limit: int) -> int:
        """Return the fee for so much gas, rounded up to whole units."""
        fee = self.amount * gas_limit
        return int(fee.to_integral_value(rounding=ROUND_CEILING))


def parse_gas_price(text: str) -> GasPrice | None:
    """Return the price in a text such as ``0.025stake``; None for another form."""
    found = _GAS_PRICE.fullmatch(text)
    if found is None:
        return None
    return GasPrice(amount=Decimal(found[1]), denom=found[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTerms:
    """What a signer must know of a chain; the defaults are those of our own zones."""

    address_prefix: str = ADDRESS_PREFIX
    """Part of an address before the separator."""
    gas_price: GasPrice | None = None
    """What gas costs; None names no fee at all."""
    memo: str = ""
    """Note that goes with every transaction."""
