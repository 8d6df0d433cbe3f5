"""The receiver's steps: take the sealed bytes, check them, keep what was accepted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from typing import Final, final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.gateway.hand_over.errors import (
    HandOverAwaitedError,
    HandOverDeliveryError,
)
from huitong.gateway.hand_over.kinds import (
    CHECK,
    CHECK_LANE,
    SEALING_SEQUENCE,
    step_key,
)
from huitong.gateway.hand_over.model import HandOverSide, HandOverStage
from huitong.gateway.hand_over.parts import HandOverParts
from huitong.gateway.hand_over.rows import (
    has_ended,
    move,
    note_problem,
    note_stopped,
    offer_of,
    rows_of,
)
from huitong.gateway.hand_over.tables import HandOverRow
from huitong.gateway.outbox.steps import (
    Done,
    NewStep,
    Settled,
    Step,
    StepOutcome,
    StepState,
)
from huitong.gateway.vault.model import Reception, StagedPayload
from huitong.payload.errors import SealedDigestError
from huitong.payload.sealing import SealingContext

#: Payloads that are opened at once.
CHECKERS: Final = 2
#: What was opened and is remembered until it is committed, which may take some attempts.
STAGED_MAX: Final = 1_000


@final
class HandOverArrivals:
    """Takes the sealed bytes that a giver's gateway brings.

    What they must be is on the own zone: the offer came by a proven packet and names
    their digest. So nothing that the peer says of them has to be believed.
    """

    def __init__(self, parts: HandOverParts) -> None:
        self._parts = parts

    async def is_here(self, channel_id: str, sequence: int, peer: str) -> bool:
        """Return whether the bytes of an offer are here, or not needed any more.

        Args:
            channel_id: channel of the offer, on the own zone.
            sequence: of its packet.
            peer: the member that brings them, by its certificate; empty without TLS.

        Raises:
            HandOverAwaitedError: the own zone has no such offer yet.
            HandOverDeliveryError: somebody else offers it.
        """
        async with self._parts.database.transaction() as session:
            row = await self._find(session, channel_id, sequence, peer)
            return row.stage != HandOverStage.OFFERED

    async def take(
        self, channel_id: str, sequence: int, peer: str, sealed: AsyncIterator[bytes]
    ) -> None:
        """Keep the sealed bytes of an offer, and have them checked.

        The same bytes again change nothing.

        Raises:
            HandOverAwaitedError, HandOverDeliveryError: see ``is_here``.
            SealedDigestError: they are not what the offer names.
            SealedFormError: more bytes than any sealed payload has.
        """
        parts = self._parts
        kept = await parts.vault.keep_sealed(sealed)
        async with parts.database.transaction() as session:
            row = await self._find(session, channel_id, sequence, peer, for_update=True)
            expected = offer_of(row).sealed_digest
            is_taken = (
                row.stage == HandOverStage.OFFERED and kept.sealed_digest == expected
            )
            if is_taken:
                row.sealed_digest, row.sealed_size = kept.sealed_digest, kept.size
                row.keeps_sealed = True
                move(row, HandOverStage.ARRIVED)
                await parts.outbox.add(session, _check(row))
        if kept.sealed_digest != expected:
            await parts.vault.drop_sealed(kept.sealed_digest)
            raise SealedDigestError(actual=kept.sealed_digest, expected=expected)

    @staticmethod
    async def _find(
        session: AsyncSession,
        channel_id: str,
        sequence: int,
        peer: str,
        *,
        for_update: bool = False,
    ) -> HandOverRow:
        query = select(HandOverRow).where(
            HandOverRow.channel_id == channel_id,
            HandOverRow.sequence == sequence,
            HandOverRow.side == HandOverSide.RECEIVER,
        )
        row = await session.scalar(query.with_for_update() if for_update else query)
        if row is None:
            raise HandOverAwaitedError(channel_id=channel_id, sequence=sequence)
        if peer and row.peer != peer:
            raise HandOverDeliveryError(
                channel_id=channel_id, sequence=sequence, peer=peer
            )
        return row


def _check(row: HandOverRow) -> NewStep:
    return NewStep(
        kind=CHECK,
        key=step_key(CHECK, row.id),
        payload=row.sealed_digest,
        lane=CHECK_LANE,
        subject=row.id,
        request_id=row.request_id,
    )


class _Opening:
    """Opens sealed bytes into the vault, where their row is written afterwards."""

    batch_max = 1
    parallel_max = CHECKERS

    def __init__(self, parts: HandOverParts) -> None:
        self._parts = parts
        self._staged: OrderedDict[int, StagedPayload] = OrderedDict()

    async def _open(self, step: Step, row: HandOverRow, holder: str) -> None:
        parts, offer = self._parts, offer_of(row)
        end = await parts.links.other_end(row.channel_id)
        reception = Reception(
            context=SealingContext(
                chain_id_of_a=end.chain_id,
                channel_on_a=end.channel_id,
                sequence=SEALING_SEQUENCE,
                requester=offer.receiver,
                payload_digest=offer.record.payload_digest,
            ),
            sealed_digest=offer.sealed_digest,
            private_key=parts.readers.private_key(offer.reader_key),
            fields=tuple(offer.record.fields),
            granted=(),
            holder=holder,
            subject=offer.record.subject,
        )
        sealed = await parts.vault.open_sealed(row.sealed_digest)
        self._staged[step.id] = await parts.vault.stage_received(sealed, reception)
        if len(self._staged) > STAGED_MAX:
            self._staged.popitem(last=False)

    async def _row_of(self, steps: Sequence[Step]) -> HandOverRow:
        async with self._parts.database.transaction() as session:
            (row,) = (await rows_of(session, steps)).values()
        return row


@final
class Checking(_Opening):
    """Opens what arrived, and holds it against the record that is offered."""

    async def execute(self, steps: Sequence[Step]) -> list[StepOutcome]:
        """Check one payload; it is kept for the officer to look at."""
        row = await self._row_of(steps)
        if row.stage == HandOverStage.ARRIVED:
            await self._open(steps[0], row, row.id)
        return [Done()]

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Keep what passed every check; an officer decides."""
        rows = await rows_of(session, [item.step for item in settled])
        for item in settled:
            row, step = rows[item.step.subject], item.step
            if row.stage != HandOverStage.ARRIVED:
                continue
            if step.state != StepState.DONE:
                note_stopped(row, step)
                continue
            await self._parts.vault.commit(session, self._staged[step.id])
            row.holds_payload = True
            move(row, HandOverStage.CHECKED)


@final
class Keeping(_Opening):
    """Puts the payload of what was accepted among the own ones."""

    async def execute(self, steps: Sequence[Step]) -> list[StepOutcome]:
        """Open one payload once more, as an own one."""
        row = await self._row_of(steps)
        if row.stage == HandOverStage.ACCEPTED:
            await self._open(steps[0], row, "")
        return [Done()]

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Keep it; from now on the receiver can give what the record commits to."""
        rows = await rows_of(session, [item.step for item in settled])
        for item in settled:
            row, step = rows[item.step.subject], item.step
            if row.stage != HandOverStage.ACCEPTED:
                continue
            if step.state == StepState.DONE:
                await self._parts.vault.commit(session, self._staged[step.id])
                move(row, HandOverStage.KEPT)
            else:
                note_stopped(row, step)


@final
class Decisions:
    """Hears of the end of the decisions' steps; the zone's blocks tell the rest."""

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Note the problem of a decision that the zone did not take."""
        rows = await rows_of(session, [item.step for item in settled])
        for item in settled:
            row, step = rows[item.step.subject], item.step
            if step.state == StepState.STUCK and not has_ended(row):
                note_problem(row, step)
