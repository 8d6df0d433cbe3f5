"""The share of trusted voting power that must stand behind a new validator set."""

from __future__ import annotations

from dataclasses import dataclass

from huitong.core.limits import INT64_MAX
from huitong.light.tendermint.errors import (
    InvalidTrustLevelError,
    TrustLevelOverflowError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustLevel:
    """A fraction within [1/3, 1].

    A third is the least at which one correct validator must be among the signers. In a
    set of three equal ones a single validator is a third, so links of our own ask for
    two thirds.
    """

    numerator: int
    """Above the line, 1 ≤ numerator < 2^64."""
    denominator: int
    """Below the line, 1 ≤ denominator < 2^64."""

    def power_needed(self, total_power: int) -> int:
        """Return the power that the signers must *exceed*, as CometBFT computes it.

        Raises:
            TrustLevelOverflowError: the product passes 63 bits.
        """
        product = total_power * self.numerator
        if product > INT64_MAX or self.denominator > INT64_MAX:
            raise TrustLevelOverflowError(total=total_power, numerator=self.numerator)
        return product // self.denominator


#: What links between zones ask for unless told otherwise.
TRUST_LEVEL_DEFAULT = TrustLevel(numerator=2, denominator=3)


def check_trust_level(level: TrustLevel) -> None:
    """Raise unless ``level`` is within [1/3, 1].

    Raises:
        InvalidTrustLevelError: it is not.
    """
    numerator, denominator = level.numerator, level.denominator
    if not 0 < denominator <= numerator * 3 or numerator > denominator:
        raise InvalidTrustLevelError(numerator=numerator, denominator=denominator)
