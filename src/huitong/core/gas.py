"""Gas: a deterministic measure of work, so that no transaction stops a zone.

Gas costs nothing in money. A transaction says how much it wants; a block holds a bounded
sum; whoever does more work than it said fails with ``OutOfGasError``. The prices below
are proportional to measured time (one gas is about 10 ns on the machine of
docs/explanation/benchmarks.md), rounded, and part of consensus.
"""

from __future__ import annotations

from typing import Final

from huitong.core.errors import OutOfGasError

#: For each transaction: decoding, authentication, bookkeeping.
GAS_TRANSACTION: Final = 10_000
#: For each byte of a transaction.
GAS_TRANSACTION_BYTE: Final = 2
#: For each verified secp256k1 or ed25519 signature.
GAS_SIGNATURE: Final = 4_000
#: For each validator of a set that is shown: decoding and hashing.
GAS_VALIDATOR: Final = 400
#: For each message that is routed.
GAS_MESSAGE: Final = 2_000
#: For each read of the state.
GAS_READ: Final = 200
#: For each byte read.
GAS_READ_BYTE: Final = 1
#: For each write: tree insertion, hashing and storage.
GAS_WRITE: Final = 4_000
#: For each byte written.
GAS_WRITE_BYTE: Final = 5
#: For each step of an iteration over keys.
GAS_ITERATION: Final = 300
#: For each step of a policy's expressions.
GAS_POLICY_STEP: Final = 50
#: For each Merkle proof that is verified.
GAS_PROOF: Final = 15_000


class GasMeter:
    """Counts the work of one transaction against its limit.

    A limit of None counts without bound: genesis, block hooks, queries.
    """

    __slots__ = ("limit", "used")

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.used = 0

    def consume(self, amount: int, location: str) -> None:
        """Add ``amount``.

        Raises:
            OutOfGasError: the sum passes the limit. ``used`` keeps the sum, so that the
                result tells how much was asked for.
        """
        self.used += amount
        if self.limit is not None and self.used > self.limit:
            raise OutOfGasError(location=location, wanted=self.limit, used=self.used)
