"""What became of an account's transactions, written into the database with their steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final

import structlog
from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.client.errors import TransactionFailedError
from huitong.client.subscription import TxSeen
from huitong.core.errors import HuitongError, OutOfGasError, UnauthorizedError
from huitong.gateway.database.commits import after_commit
from huitong.gateway.outbox.ledger import STEPS, Ledger
from huitong.gateway.outbox.steps import Done, Failed, Step, StepOutcome, StepState
from huitong.gateway.outbox.tables import DROPPED, SIGNED
from huitong.gateway.outbox.transactions import (
    TRANSACTIONS,
    Carried,
    Flight,
    carried_by,
    committed_row,
    responses_of,
)
from huitong.relayer.gas import GasTable

log = structlog.get_logger("gateway")

_OUT_OF_GAS: Final = (OutOfGasError.codespace, OutOfGasError.code)
#: Refusals whose reason may go: a frozen or suspended member, a role taken away.
_MAY_GO: Final = ((UnauthorizedError.codespace, UnauthorizedError.code), _OUT_OF_GAS)


@final
class Outcomes:
    """Ends the transactions of one account, and frees or settles the steps they carry."""

    def __init__(
        self, address: str, ledger: Ledger, gas: GasTable, wake: Callable[[], None]
    ) -> None:
        """Prepare.

        Args:
            address: bech32 address of the account.
            ledger: settles steps.
            gas: is told of transactions that had too little.
            wake: called once freed steps are committed and may be signed anew.
        """
        self._address = address
        self._ledger = ledger
        self._gas = gas
        self._wake = wake

    def is_used_up(self, flight: Flight, tx: TxSeen) -> bool:
        """Whether the transaction in the block has used up its sequence.

        One that is refused before its messages has not, and may come into a later block.
        """
        if tx.code == 0:
            return True
        wanted = f"{self._address}/{flight.sequence}"
        return any(
            told["type"] == "tx"
            and any(
                pair["key"] == "acc_seq" and pair.get("value") == wanted
                for pair in told["attributes"]
            )
            for told in tx.events
        )

    async def note_committed(
        self,
        session: AsyncSession,
        flights: Mapping[bytes, Flight],
        found: Mapping[bytes, TxSeen],
        height: int,
    ) -> None:
        """Write what transactions came to that one block holds.

        Args:
            session: is in a transaction.
            flights: those under way, by hash.
            found: those in the block, by hash; who is not under way is passed over.
            height: of the block.
        """
        done: dict[int, TxSeen] = {}
        for tx_hash, tx in found.items():
            flight = flights.get(tx_hash)
            if flight is None:
                continue
            if self.is_used_up(flight, tx):
                done[flight.id] = tx
            else:
                log.warning("transaction_refused", tx=tx_hash.hex(), reason=tx.log)
        signed = await session.scalars(
            select(TRANSACTIONS.c.id)
            .where(TRANSACTIONS.c.id.in_(done), TRANSACTIONS.c.state == SIGNED)
            .order_by(TRANSACTIONS.c.id)
            .with_for_update()
        )
        ids = signed.all()
        if not ids:
            return
        await session.execute(
            update(TRANSACTIONS).where(TRANSACTIONS.c.id == bindparam("of_id")),
            [committed_row(of_id, done[of_id], height) for of_id in ids],
        )
        carried = await carried_by(session, ids)
        outcomes: list[tuple[Step, StepOutcome]] = []
        for of_id in ids:
            steps = [one for one in carried if one.transaction_id == of_id]
            outcomes += await self._outcomes(session, steps, done[of_id])
        await self._ledger.note(session, outcomes)

    async def note_failed(
        self, session: AsyncSession, steps: Sequence[Step], error: HuitongError
    ) -> None:
        """Write why no block will ever hold what carried some steps."""
        await self._ledger.note(session, await self._failures(session, steps, error))

    async def drop(self, session: AsyncSession, flight: Flight) -> list[Step]:
        """Note that a transaction cannot come into a block any more; return its steps."""
        await session.execute(
            update(TRANSACTIONS)
            .where(TRANSACTIONS.c.id == flight.id)
            .values(state=DROPPED, raw=b"")
        )
        return [one.step for one in await carried_by(session, [flight.id])]

    async def free(
        self, session: AsyncSession, steps: Sequence[Step], **changes: Any
    ) -> None:
        """Let steps be taken up again, as if they had not been tried."""
        now_ns = time.time_ns()
        await session.execute(
            update(STEPS)
            .where(STEPS.c.id.in_([step.id for step in steps]))
            .values(
                state=StepState.WAITING,
                attempts=STEPS.c.attempts - 1,
                next_attempt_ns=now_ns,
                changed_ns=now_ns,
                **changes,
            )
        )
        after_commit(session, self._wake)

    async def _outcomes(
        self, session: AsyncSession, carried: Sequence[Carried], tx: TxSeen
    ) -> list[tuple[Step, StepOutcome]]:
        """Return what a committed transaction means for its steps."""
        if tx.code == 0:
            responses = responses_of(tx)
            return [(one.step, Done(result=responses[one.index])) for one in carried]
        error = TransactionFailedError(codespace=tx.codespace, code=tx.code, log=tx.log)
        if (tx.codespace, tx.code) == _OUT_OF_GAS:
            self._gas.note_out_of_gas()
        return await self._failures(session, [one.step for one in carried], error)

    async def _failures(
        self, session: AsyncSession, steps: Sequence[Step], error: HuitongError
    ) -> list[tuple[Step, StepOutcome]]:
        """Return what a failure means: of several steps each is tried alone."""
        if len(steps) > 1:
            await self.free(session, steps, is_alone=True)
            return []
        retry: bool | None = None
        if isinstance(error, TransactionFailedError):
            retry = (error.codespace, error.code) in _MAY_GO
        return [(step, Failed(error=error, retry=retry)) for step in steps]
