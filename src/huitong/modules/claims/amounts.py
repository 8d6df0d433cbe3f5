"""Amounts and denominations: exact integers, and names in the forms of the Cosmos SDK."""

from __future__ import annotations

import re
from typing import Final

from huitong.core.limits import UINT256_MAX

#: Bytes of an amount in the state.
AMOUNT_SIZE_BYTES: Final = 32
_AMOUNT: Final = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_DENOM: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9/:._-]{2,127}", re.ASCII)
_VOUCHER: Final = re.compile(r"ibc/[0-9A-F]{64}", re.ASCII)


def amount_from_text(text: str) -> int | None:
    """Return the amount that decimal digits stand for, 0 to 2^256 - 1; else None.

    Chains write amounts without sign, zeros in front or other bases; nothing else is read.
    """
    if _AMOUNT.fullmatch(text) is None:
        return None
    amount = int(text)
    return amount if amount <= UINT256_MAX else None


def is_denom(text: str) -> bool:
    """Return whether a text has the form that the Cosmos SDK asks of a denomination."""
    return _DENOM.fullmatch(text) is not None


def is_voucher_denom(text: str) -> bool:
    """Return whether a text names a voucher: ``ibc/`` and 64 upper-case hex digits."""
    return _VOUCHER.fullmatch(text) is not None


def coin_text(amount: int, denom: str) -> str:
    """Return an amount as events tell it, for example ``1ibc/C053…``."""
    return f"{amount}{denom}"
