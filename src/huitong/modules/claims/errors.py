"""Refusals of the module ``claims``, codespace ``claims``.

To have too little is ``sdk`` 5, as wallets know it.
"""

from __future__ import annotations

from huitong.core.errors import RejectedError


class SupplyOverflowError(
    RejectedError,
    codespace="claims",
    code=2,
    text="{amount} more of {denom} beside {supply} pass 2^256 - 1",
):
    """Amounts have 256 bits; a chain that issues more than that is not followed."""
