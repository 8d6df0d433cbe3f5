"""The application as the mempool sees it: may a transaction wait for a block?

CheckTx runs on a state of its own: the newest committed version, with the sequences that
waiting transactions have used up. Nothing of it reaches a block. It never reads through
the store that blocks are carried out on, because other threads may call it meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping

from huitong.core import execution
from huitong.core.abci import CheckResult
from huitong.core.context import BlockContext, Context, StateSource
from huitong.core.errors import HuitongError, OutOfGasError
from huitong.core.execution import Authenticator, Prepared
from huitong.core.gas import GasMeter
from huitong.core.hashing import sha256
from huitong.core.ports import PortApplication
from huitong.core.store.kv import EmptyStore, ReadStore
from huitong.core.store.multistore import MultiStore
from huitong.core.store.view import ReadView
from huitong.core.tx_memo import TxMemo


class Checking:
    """Answers CheckTx; calls must not overlap one another."""

    def __init__(
        self,
        *,
        state: MultiStore,
        block: BlockContext,
        authenticator: Authenticator,
        ports: Mapping[str, PortApplication],
        memo: TxMemo,
        block_gas_max: int,
    ) -> None:
        """Stand on the newest committed version, or on nothing before the first.

        Args:
            state: the committed state.
            block: the block that made its newest version.
            authenticator: checks signers.
            ports: IBC applications by port id.
            memo: shared with the blocks.
            block_gas_max: sum of gas the transactions of one block may want.
        """
        self._state = state
        self._authenticator = authenticator
        self._ports = ports
        self._memo = memo
        self.block_gas_max = block_gas_max
        """Sum of gas the transactions of the next block may want."""
        self._view: ReadView | None = None
        self._ctx = self._open(block)

    def check(self, raw: bytes) -> CheckResult:
        """Tell whether a transaction may wait; if so, its sequence counts as used."""
        sender, gas_wanted = "", 0
        try:
            prepared = self._memo.prepare(raw)
            sender, gas_wanted = prepared.sender, prepared.tx.gas_limit
            if gas_wanted > self.block_gas_max:
                raise OutOfGasError(
                    location="block", wanted=self.block_gas_max, used=gas_wanted
                )
            self._check_prepared(prepared)
        except HuitongError as refused:
            self._memo.forget(sha256(raw))  # it is not seen again, or read anew
            return CheckResult(
                code=refused.code,
                codespace=refused.codespace,
                log=str(refused),
                gas_wanted=gas_wanted,
                sender=sender,
            )
        return CheckResult(
            code=0, codespace="", log="", gas_wanted=gas_wanted, sender=sender
        )

    def _check_prepared(self, prepared: Prepared) -> None:
        meter = GasMeter(prepared.tx.gas_limit)
        ctx = self._ctx.branch(gas=meter, signer=prepared.sender)
        execution.authenticate(
            ctx, prepared, self._authenticator, self._memo.signature_check(prepared.tx)
        )
        execution.check_not_redundant(ctx.branch(gas=GasMeter(None)), prepared)
        self._ctx.merge_writes(ctx)

    def reset(self, block: BlockContext) -> None:
        """Stand on the newest committed version, which ``block`` made."""
        self.close()
        self._ctx = self._open(block)

    def begin(self, genesis: Context) -> None:
        """Stand on what genesis wrote, until the first block is committed."""
        self._ctx = self._context(genesis.block, _NoState())
        self._ctx.merge_writes(genesis)

    def close(self) -> None:
        """Let go of the committed version."""
        if self._view is not None:
            self._view.close()
            self._view = None

    def _open(self, block: BlockContext) -> Context:
        if self._state.version == 0:
            return self._context(block, _NoState())
        self._view = self._state.at(self._state.version)
        return self._context(block, self._view)

    def _context(self, block: BlockContext, source: StateSource) -> Context:
        return Context(
            block=block, source=source, gas=GasMeter(None), ports=self._ports
        )


class _NoState:
    """What lies below genesis."""

    __slots__ = ()

    def store(self, name: str) -> ReadStore:
        return EmptyStore()

    def find_row(self, table: bytes, key: bytes) -> bytes | None:
        return None
