"""Carries out one block in memory: the modules' hooks around its transactions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from huitong.core.abci import TxResult
from huitong.core.context import Context
from huitong.core.errors import OutOfGasError, RejectedError
from huitong.core.execution import Authenticator, deliver, failed_result
from huitong.core.module import Module
from huitong.core.tx_memo import TxMemo


def run_block(
    ctx: Context,
    txs: Iterable[bytes],
    gas_max: int,
    *,
    modules: Sequence[Module],
    authenticator: Authenticator,
    memo: TxMemo,
) -> tuple[TxResult, ...]:
    """Write a block into ``ctx`` and return what came of each transaction.

    Args:
        ctx: of the block, upon the state before it.
        txs: in order.
        gas_max: sum of gas that they may want; those beyond it fail.
        modules: in the order of their hooks.
        authenticator: checks signers.
        memo: what is known of transactions already.

    Raises:
        UnavailableError, BrokenError: this node cannot read its state.
    """
    for module in modules:
        if module.begin_block is not None:
            module.begin_block(ctx)
    results: list[TxResult] = []
    gas_left = gas_max
    for raw in txs:
        result = _deliver(ctx, raw, gas_left, authenticator, memo)
        gas_left -= min(result.gas_wanted, gas_left)
        results.append(result)
    for module in modules:
        if module.end_block is not None:
            module.end_block(ctx)
    return tuple(results)


def _deliver(
    ctx: Context, raw: bytes, gas_left: int, authenticator: Authenticator, memo: TxMemo
) -> TxResult:
    try:
        prepared = memo.prepare(raw)
        memo.forget(prepared.tx.hash)  # this was its last use
        if prepared.tx.gas_limit > gas_left:
            raise OutOfGasError(
                location="block", wanted=gas_left, used=prepared.tx.gas_limit
            )
    except RejectedError as refused:
        return failed_result(refused, 0, 0)
    return deliver(ctx, prepared, authenticator, memo.signature_check(prepared.tx))
