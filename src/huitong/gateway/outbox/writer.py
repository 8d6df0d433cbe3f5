"""One account's transactions: signed, stored, then sent.

The messages of many steps go into one transaction. Its bytes are stored, with the
sequence that they use up, before they leave; after a stop the same bytes are sent again.
A sequence is used up once, so a step is done at most once as long as it never stands in
two transactions that could both come into a block. So a step leaves a stored transaction
only when

* a block holds the transaction, succeeded or failed;
* a block holds another one with its sequence;
* the zone is past its timeout height and no block holds it; or
* the node refused it when it was handed over for the first time.

What became of a transaction is read from the blocks, not asked for.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, final

import structlog
from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.client.errors import RpcError, TransactionFailedError
from huitong.client.sender import get_account, is_wrong_sequence
from huitong.client.subscription import BlockSeen, TxSeen
from huitong.client.terms import AccountTerms
from huitong.client.zone import ZoneClient
from huitong.core.errors import HuitongError, TxTimeoutHeightError
from huitong.gateway.database.engine import SQLITE, Database
from huitong.gateway.outbox.batches import make_batches
from huitong.gateway.outbox.errors import TransactionLostError
from huitong.gateway.outbox.follower import BlockFollower
from huitong.gateway.outbox.lease import Lease
from huitong.gateway.outbox.ledger import STEPS, Ledger
from huitong.gateway.outbox.outcomes import Outcomes
from huitong.gateway.outbox.signing import Signer
from huitong.gateway.outbox.steps import Failed, StepState
from huitong.gateway.outbox.tables import SIGNED, ChainTransactionRow
from huitong.gateway.outbox.transactions import (
    TRANSACTIONS,
    Flight,
    find_transaction,
    signed_row,
)

log = structlog.get_logger("gateway")

#: Transactions of one account under way at once; the mempool checks all of them again
#: after each block.
IN_FLIGHT_MAX: Final = 64
#: How long the first step waits for company; and while other transactions wait for their
#: block, so that steps fill transactions rather than blocks.
GATHER_S: Final = 0.01
GATHER_BUSY_S: Final = 0.05
#: Seconds between two looks whether something is late.
LOOK_S: Final = 1.0
#: Seconds without a block that holds it, until a transaction is handed over again.
RESEND_S: Final = 5.0
#: Seconds before a round is begun again that the zone or the database broke off.
PAUSE_S: Final = 0.5
#: Looks, and seconds between them, whether the follower has reached a height.
FOLLOW_LOOKS: Final = 40
FOLLOW_LOOK_S: Final = 0.05
#: What a node says that has the bytes already.
_IN_CACHE: Final = "already exists in cache"


@final
class ChainWriter:
    """Signs for one account of the own zone; no other program should sign for it."""

    def __init__(
        self,
        database: Database,
        zone: ZoneClient,
        private_key: bytes,
        terms: AccountTerms = AccountTerms(),  # noqa: B008 - frozen
    ) -> None:
        """Prepare; the account is asked for when it is first needed.

        Args:
            database: keeps what was signed.
            zone: a node of the own zone.
            private_key: secp256k1, 32 bytes.
            terms: how the zone wants its transactions.
        """
        self._database = database
        self._zone = zone
        self._signer = Signer(private_key, terms)
        self.address: str = self._signer.address
        """bech32 address of the account."""
        self._in_flight: dict[bytes, Flight] = {}
        self._is_loaded = False
        self._account_number = -1
        self._sequence = -1
        self._resend_at_s = 0.0
        self._newest_height = 0
        self._wake = asyncio.Event()
        self._may_be_due = True
        self._working = asyncio.Lock()
        self._ledger: Ledger
        self._outcomes: Outcomes
        self._follower: BlockFollower
        self._lease: Lease

    def bind(self, ledger: Ledger, follower: BlockFollower, lease: Lease) -> None:
        """Become part of an outbox."""
        self._ledger, self._follower, self._lease = ledger, follower, lease
        self._outcomes = Outcomes(self.address, ledger, self._signer.gas, self.wake)
        follower.add(self)

    def wake(self) -> None:
        """Look at once for steps that are due."""
        self._may_be_due = True
        self._wake.set()

    # --- what the follower tells --------------------------------------------------------

    async def prepare(self) -> None:
        """Know which transactions to look for."""
        async with self._working:
            await self._load()

    async def read(self, block: BlockSeen) -> Any:
        """Return which of our transactions a block holds."""
        if not self._in_flight:
            return None
        hashed = (
            (hashlib.sha256(base64.b64decode(tx.raw)).digest(), tx) for tx in block.txs
        )
        return {h: tx for h, tx in hashed if h in self._in_flight} or None

    async def apply(
        self, session: AsyncSession, block: BlockSeen, found: Mapping[bytes, TxSeen]
    ) -> None:
        """Write what became of our transactions."""
        await self._outcomes.note_committed(
            session, self._in_flight, found, block.height
        )

    async def applied(
        self, block: BlockSeen, found: Mapping[bytes, TxSeen] | None
    ) -> None:
        """Forget the transactions that a block holds."""
        for tx_hash, tx in (found or {}).items():
            flight = self._in_flight.get(tx_hash)
            if flight is not None and self._outcomes.is_used_up(flight, tx):
                del self._in_flight[tx_hash]
        if found:
            self._wake.set()  # there is room again

    async def reconcile(self) -> None:
        """Ask for our transactions one by one: blocks are missing."""
        for flight in list(self._in_flight.values()):
            await self._ask(flight)

    async def resumed(self) -> None:
        """Hand everything over again: the node may have been started anew."""
        self._resend_at_s = 0.0
        self.wake()

    # --- working ------------------------------------------------------------------------

    async def run(self) -> None:
        """Sign and send what is due until cancelled."""
        while True:
            try:
                if self._follower.height:
                    async with self._working:
                        await self._round()
            except HuitongError as failure:
                log.warning("writer_broken", reason=failure.diagnostics())
                self._is_loaded = False
                await asyncio.sleep(PAUSE_S)
            except Exception as bug:
                log.error("writer_broken", reason=type(bug).__name__, exc_info=bug)
                self._is_loaded = False
                await asyncio.sleep(PAUSE_S)
            await self._pause()

    async def _pause(self) -> None:
        """Wait until there may be something to do."""
        try:
            async with asyncio.timeout(LOOK_S):
                await self._wake.wait()
            await asyncio.sleep(GATHER_BUSY_S if self._in_flight else GATHER_S)
        except TimeoutError:
            pass
        self._wake.clear()

    async def _load(self) -> None:
        """Take up what was signed before; a node may have it or not."""
        async with self._database.reading() as session:
            rows = await session.scalars(
                select(ChainTransactionRow)
                .where(ChainTransactionRow.account == self.address)
                .where(ChainTransactionRow.state == SIGNED)
                .order_by(ChainTransactionRow.sequence, ChainTransactionRow.id)
            )
            self._in_flight = {
                row.tx_hash: Flight(
                    id=row.id,
                    sequence=row.sequence,
                    tx_hash=row.tx_hash,
                    raw=row.raw,
                    timeout_height=row.timeout_height,
                    was_offered=True,
                )
                for row in rows
            }
        self._sequence = -1
        self._resend_at_s = 0.0
        self._is_loaded = True

    async def _round(self) -> None:
        if not self._is_loaded:
            await self._load()
        now_s = time.monotonic()
        if self._in_flight and now_s >= self._resend_at_s:
            self._resend_at_s = now_s + RESEND_S
            await self._resend(now_s)
        while self._may_be_due and (flights := await self._sign_due()):
            await self._offer(flights)
            if self._sequence < 0:
                return  # one before them is lost: it is sent again before others are

    # --- signing ------------------------------------------------------------------------

    async def _sign_due(self) -> list[Flight]:
        """Sign and store what is due, as far as there is room."""
        room = IN_FLIGHT_MAX - len(self._in_flight)
        if room <= 0 or not await self._know_account():
            return []
        messages_max = self._ledger.settings.batch_messages_max
        chain_id = await self._zone.chain_id()
        self._may_be_due = False  # unless somebody adds something meanwhile
        try:
            async with self._database.transaction() as session:
                await self._lease.check(session)
                found = await session.execute(
                    self._due().order_by(STEPS.c.id).limit(room * messages_max)
                )
                rows = found.all()
                batches = list(make_batches(rows, messages_max))
                signed = [
                    (self._sign(batch, chain_id, place), batch)
                    for place, batch in enumerate(batches[:room])
                ]
                if signed:
                    await self._store(session, signed)
        except BaseException:
            self._may_be_due = True
            raise
        if len(rows) == room * messages_max or len(batches) > room:
            self._may_be_due = True
        flights = [flight for flight, _ in signed]
        self._sequence += len(flights)
        self._in_flight.update({flight.tx_hash: flight for flight in flights})
        return flights

    def _due(self) -> Any:
        return (
            select(STEPS.c.id, STEPS.c.payload, STEPS.c.is_alone, STEPS.c.request_id)
            .where(STEPS.c.state == StepState.WAITING, STEPS.c.is_chain)
            .where(STEPS.c.next_attempt_ns <= time.time_ns())
            .where(STEPS.c.lane == self.address)
        )

    async def _know_account(self) -> bool:
        """Learn the next sequence: behind what is under way, else from the zone.

        Returns whether it is known; the zone is not asked while nothing is to be signed.
        """
        unknown = self._account_number < 0
        if unknown or (self._sequence < 0 and not self._in_flight):
            self._may_be_due = False  # unless somebody adds something meanwhile
            async with self._database.reading() as session:
                if await session.scalar(self._due().limit(1)) is None:
                    return False
            self._may_be_due = True
            account = await get_account(self._zone, self.address)
            self._account_number = account.account_number
            self._sequence = account.sequence
        if self._in_flight:
            highest = max(flight.sequence for flight in self._in_flight.values())
            self._sequence = max(self._sequence, highest + 1)
        return True

    def _sign(self, batch: Sequence[Any], chain_id: str, place: int) -> Flight:
        return self._signer.sign(
            batch,
            chain_id,
            account_number=self._account_number,
            sequence=self._sequence + place,
            height=max(self._follower.height, self._newest_height),
        )

    async def _store(
        self, session: AsyncSession, signed: Sequence[tuple[Flight, Sequence[Any]]]
    ) -> None:
        """Write transactions, and which steps they carry."""
        now_ns = time.time_ns()
        ids = await self._store_transactions(session, [f for f, _ in signed], now_ns)
        carried = []
        for flight, batch in signed:
            flight.id = ids[flight.tx_hash]
            carried += [
                {"of_id": step.id, "transaction_id": flight.id, "message_index": index}
                for index, step in enumerate(batch)
            ]
        await session.execute(
            update(STEPS)
            .where(STEPS.c.id == bindparam("of_id"))
            .values(
                state=StepState.RUNNING,
                changed_ns=now_ns,
                attempts=STEPS.c.attempts + 1,
                transaction_id=bindparam("transaction_id"),
                message_index=bindparam("message_index"),
            ),
            carried,
        )

    async def _store_transactions(
        self, session: AsyncSession, flights: Sequence[Flight], now_ns: int
    ) -> dict[bytes, int]:
        """Write transactions that are signed now and return their numbers by hash.

        Before the next block the same steps make the same bytes again; what the node
        refused then, because a sequence before it was missing, is the transaction that it
        takes now.
        """
        insert = sqlite.insert if self._database.kind == SQLITE else postgresql.insert
        new = insert(TRANSACTIONS)
        written = await session.execute(
            new.on_conflict_do_update(
                index_elements=[TRANSACTIONS.c.tx_hash],
                set_={
                    name: new.excluded[name] for name in ("raw", "state", "created_ns")
                },
            ).returning(TRANSACTIONS.c.id, TRANSACTIONS.c.tx_hash),
            [signed_row(self.address, flight, now_ns) for flight in flights],
        )
        return {row.tx_hash: row.id for row in written}

    # --- sending ------------------------------------------------------------------------

    async def _offer(self, flights: Sequence[Flight]) -> None:
        """Hand transactions to the node for the first time, in the order of sequences."""
        offered = {flight.tx_hash: flight.was_offered for flight in flights}
        for flight in flights:
            flight.was_offered, flight.sent_s = True, time.monotonic()
        outcomes = await self._zone.broadcast_many([flight.raw for flight in flights])
        refused: list[tuple[Flight, TransactionFailedError]] = []
        for flight, outcome in zip(flights, outcomes, strict=True):
            if isinstance(outcome, TransactionFailedError):
                if offered[flight.tx_hash]:
                    log.warning("transaction_waits", reason=str(outcome))
                else:
                    refused.append((flight, outcome))
            elif isinstance(outcome, RpcError) and _IN_CACHE not in str(outcome):
                self._resend_at_s = min(self._resend_at_s, time.monotonic() + PAUSE_S)
        if refused:
            await self._on_refused(refused)

    async def _on_refused(
        self, refused: Sequence[tuple[Flight, TransactionFailedError]]
    ) -> None:
        """Take back transactions that the node has refused and therefore does not have.

        Only the first of them is at fault; the others came behind a sequence that is
        missing. If it is the sequence itself, the account is asked for it. If it is the
        height, the follower is far behind the zone, and the step is not at fault.
        """
        async with self._database.transaction() as session:
            for place, (flight, error) in enumerate(refused):
                steps = await self._outcomes.drop(session, flight)
                if place or is_wrong_sequence(error) or _is_too_late(error):
                    await self._outcomes.free(session, steps)
                else:
                    await self._outcomes.note_failed(session, steps, error)
        for flight, _ in refused:
            self._in_flight.pop(flight.tx_hash, None)
        first, error = refused[0]
        if is_wrong_sequence(error):
            log.warning("sequence_differs", account=self.address, reason=str(error))
            for flight in self._in_flight.values():
                flight.sent_s = 0.0  # the node may have lost those before it
            self._resend_at_s = 0.0
            self._sequence = -1
            self._account_number = -1
            await asyncio.sleep(PAUSE_S)
        else:
            self._sequence = first.sequence
        if _is_too_late(error):
            log.warning("follower_behind", height=self._follower.height)
            self._newest_height = await self._zone.latest_height()
        self.wake()

    async def _resend(self, now_s: float) -> None:
        """Hand over again what no block holds, and find out what never will."""
        late = sorted(self._in_flight.values(), key=lambda flight: flight.sequence)
        late = [flight for flight in late if flight.sent_s <= now_s - RESEND_S]
        if not late:
            return
        account = await get_account(self._zone, self.address)
        height = await self._zone.latest_height()  # of that account's state, or newer
        if not await self._has_followed(height):
            return  # a block that holds some of them may be on its way
        for flight in late:
            passed = flight.timeout_height < height
            if passed or flight.sequence < account.sequence:
                await self._ask(flight, lost=True)
        late = [flight for flight in late if flight.tx_hash in self._in_flight]
        if late:
            log.info("transactions_resent", account=self.address, count=len(late))
            await self._offer(late)

    async def _has_followed(self, height: int) -> bool:
        """Wait a little until the follower has applied the block at ``height``."""
        for _ in range(FOLLOW_LOOKS):
            if self._follower.height >= height:
                return True
            await asyncio.sleep(FOLLOW_LOOK_S)
        return False

    async def _ask(self, flight: Flight, *, lost: bool = False) -> None:
        """Ask the zone for one transaction.

        Args:
            flight: the transaction.
            lost: whether its sequence or its time is over, so that, if no block has
                carried it out, none ever will.
        """
        found, height = await find_transaction(self._zone, flight.tx_hash)
        if flight.tx_hash not in self._in_flight:
            return
        if found is not None and lost and not self._outcomes.is_used_up(flight, found):
            found = (
                None  # a block refused it before its messages, and none will take it
            )
        over = lost
        async with self._database.transaction() as session:
            if found is not None:
                over = self._outcomes.is_used_up(flight, found)
                await self._outcomes.note_committed(
                    session, self._in_flight, {flight.tx_hash: found}, height
                )
            elif lost:
                error = TransactionLostError(
                    tx_hash=flight.tx_hash, height=flight.timeout_height
                )
                steps = await self._outcomes.drop(session, flight)
                await self._ledger.note(
                    session, [(step, Failed(error=error)) for step in steps]
                )
        if over:
            self._in_flight.pop(flight.tx_hash, None)
            self._sequence = -1
            self._account_number = -1


def _is_too_late(error: TransactionFailedError) -> bool:
    late = (TxTimeoutHeightError.codespace, TxTimeoutHeightError.code)
    return (error.codespace, error.code) == late
