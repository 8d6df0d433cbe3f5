"""How much gas a relayer's transaction asks for, by a table that learns. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Gas asked for: for the transaction and its client update, and for each packet message.
GAS_PER_TX: Final = 400_000
GAS_PER_ITEM: Final = 250_000
#: Gas for each byte of a message.
GAS_PER_BYTE: Final = 20
#: A transaction that ran out of gas is tried again with twice the gas, up to this factor.
GAS_FACTOR_MAX: Final = 8


@dataclass(slots=True)
class GasTable:
    """What one chain's transactions take; too much rather than too little."""

    factor: int = 1
    """How far above the table this chain is, 1 to ``GAS_FACTOR_MAX``."""

    def limit(self, items: int, size_bytes: int) -> int:
        """Return the gas for so many packet messages of so many bytes together."""
        gas = GAS_PER_TX + GAS_PER_ITEM * items + GAS_PER_BYTE * size_bytes
        return gas * self.factor

    def note_out_of_gas(self) -> None:
        """Ask for twice as much from now on."""
        self.factor = min(self.factor * 2, GAS_FACTOR_MAX)
