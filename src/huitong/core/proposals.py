"""What a block may hold: the one rule by which blocks are proposed and judged.

A transaction is admitted if it can be read, is not in the block already, relays something
that the committed state does not have yet, and its gas fits. Bytes and the committed state
decide alone, so a proposal made by this rule is accepted by it on every honest node that
stands at the same height. Whether it would succeed is not asked: the block tells.

Two relayers may bring the same packet in one block. Both are admitted, because only
carrying them out shows whose proof holds: else a transaction with a worthless proof could
keep the good one out, block after block.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, unique

from huitong.core import execution
from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.tx_memo import TxMemo


@unique
class Verdict(Enum):
    """Whether a transaction may be in the block."""

    ADMITTED = "admitted"
    """It may, behind those admitted before it."""
    USELESS = "useless"
    """It may not, whatever else is in the block."""
    TOO_MUCH_GAS = "too much gas"
    """It may be in a block with fewer transactions."""


class Proposal:
    """The transactions of one block, as far as they are admitted."""

    def __init__(self, ctx: Context, memo: TxMemo, gas_max: int) -> None:
        """Begin with an empty block.

        Args:
            ctx: a branch of the committed state, with unlimited gas; nothing is written.
            memo: what was read before.
            gas_max: sum of gas that the block's transactions may want.
        """
        self._ctx = ctx
        self._memo = memo
        self._gas_left = gas_max
        self._hashes: set[bytes] = set()

    def judge(self, raw: bytes) -> Verdict:
        """Admit a transaction, or tell why not; raises for no bytes at all.

        Raises:
            UnavailableError, BrokenError: this node cannot read its state.
        """
        try:
            prepared = self._memo.prepare(raw)
            tx = prepared.tx
            if tx.hash in self._hashes or execution.is_redundant(self._ctx, prepared):
                return Verdict.USELESS
        except RejectedError:
            return Verdict.USELESS
        except Exception as bug:
            # A bug that these bytes set off would stop every node that carries them out.
            if isinstance(bug, execution.FAULTS_OF_THE_MACHINE):
                raise
            return Verdict.USELESS
        if tx.gas_limit > self._gas_left:
            return Verdict.TOO_MUCH_GAS
        self._gas_left -= tx.gas_limit
        self._hashes.add(tx.hash)
        return Verdict.ADMITTED

    def choose(self, txs: Iterable[bytes], size_bytes_max: int) -> list[bytes]:
        """Return the transactions for a block, in order, until size or gas is used up.

        Args:
            txs: what waits, oldest first.
            size_bytes_max: bytes that they may take in the encoded block.
        """
        chosen: list[bytes] = []
        size_left = size_bytes_max
        for raw in txs:
            size = encoded_size(raw)
            if size > size_left:
                break
            verdict = self.judge(raw)
            if verdict is Verdict.TOO_MUCH_GAS:
                break
            if verdict is Verdict.ADMITTED:
                chosen.append(raw)
                size_left -= size
        return chosen

    def accepts(self, txs: Iterable[bytes]) -> bool:
        """Tell whether all of a proposed block's transactions are admitted."""
        return all(self.judge(raw) is Verdict.ADMITTED for raw in txs)


def encoded_size(raw: bytes) -> int:
    """Return the bytes that a transaction takes in a block: tag, length, itself."""
    size = len(raw)
    return 1 + max(1, (size.bit_length() + 6) // 7) + size
