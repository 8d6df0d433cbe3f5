"""Sealed bytes that a peer brings: taken if this gateway asked for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NoReturn, final

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.gateway.exchange.advancing import arrive
from huitong.gateway.exchange.errors import (
    DeliveryDiffersError,
    NotAskedForError,
    RequestNotKnownYetError,
)
from huitong.gateway.exchange.orders import Side, Stage
from huitong.gateway.exchange.parts import Parts
from huitong.gateway.exchange.subscription_errors import PushNotKnownYetError
from huitong.gateway.exchange.subscription_orders import SubscriptionStage
from huitong.gateway.exchange.tables import ExchangeRow, SubscriptionRow
from huitong.payload.errors import SealedDigestError

#: Stages in which sealed bytes are waited for, or may replace bytes that did not pass.
_AWAITING = (Stage.REQUESTED, Stage.GRANTED, Stage.ARRIVED)
#: Stages of a permission in which a version may be on the zone that is not known here.
_PUSHED_IN = (
    SubscriptionStage.REQUESTED,
    SubscriptionStage.ACTIVE,
    SubscriptionStage.ENDED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What a peer says that it brings."""

    peer: str
    """The member that brings it, by its certificate."""
    chain_id_of_a: str
    """The zone of the member that brings it."""
    channel_on_b: str
    """Channel of the request on our zone."""
    sequence: int
    """Of the request."""
    push_number: int = 0
    """Of a version that was pushed under that request; 0 for none."""
    sealed_digest: bytes
    """SHA-256 of the bytes."""


@final
class Arrivals:
    """Takes what peers bring."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def check(
        self, channel_id: str, sequence: int, peer: str, push_number: int = 0
    ) -> None:
        """Make sure, before any work is done, that this peer was asked for something.

        Raises:
            NotAskedForError: it was not.
            RequestNotKnownYetError, PushNotKnownYetError: it may have been.
        """
        async with self._parts.database.reading() as session:
            found = await session.scalar(
                _asked_of(peer, channel_id)
                .where(ExchangeRow.sequence == sequence)
                .where(ExchangeRow.push_number == push_number)
                .with_only_columns(ExchangeRow.id)
            )
            if found is None:
                await _raise_absent(session, channel_id, sequence, peer, push_number)

    async def is_here(self, arrival: Arrival) -> bool:
        """Return whether these very bytes are here already.

        Raises:
            NotAskedForError: this gateway asked this peer for no such thing.
            RequestNotKnownYetError: it may have.
            DeliveryDiffersError: other bytes came before, and passed or are being checked.
        """
        await self._check_zone(arrival)
        async with self._parts.database.reading() as session:
            return _is_here(await self._find(session, arrival), arrival)

    async def take(self, arrival: Arrival, sealed: AsyncIterator[bytes]) -> None:
        """Keep sealed bytes, and have them checked once the request is granted.

        The same bytes again change nothing.

        Raises:
            NotAskedForError: this gateway asked this peer for no such thing.
            RequestNotKnownYetError: it may have.
            DeliveryDiffersError: other bytes came before, and passed or are being checked.
            SealedDigestError: the bytes are not those that were announced.
            SealedFormError: more bytes than any sealed payload has.
        """
        parts = self._parts
        if await self.is_here(arrival):
            return
        kept = await parts.vault.keep_sealed(sealed)
        if kept.sealed_digest != arrival.sealed_digest:
            await parts.vault.drop_sealed(kept.sealed_digest)
            raise SealedDigestError(
                actual=kept.sealed_digest, expected=arrival.sealed_digest
            )
        async with parts.database.transaction() as session:
            row = await self._find(session, arrival, for_update=True)
            if _is_here(row, arrival):
                return
            former, row.sealed_digest = row.sealed_digest, kept.sealed_digest
            row.sealed_size = kept.size
            row.keeps_sealed = True
            if row.stage != Stage.REQUESTED:
                await parts.outbox.add(session, arrive(row))
        if former:
            await parts.vault.drop_sealed(former)  # they did not pass

    async def _check_zone(self, arrival: Arrival) -> None:
        """A channel leads to one zone; the peer must be a member of that one."""
        end = await self._parts.links.other_end(arrival.channel_on_b)
        if end.chain_id != arrival.chain_id_of_a:
            raise NotAskedForError(
                channel_id=arrival.channel_on_b, sequence=arrival.sequence
            )

    @staticmethod
    async def _find(
        session: AsyncSession, arrival: Arrival, *, for_update: bool = False
    ) -> ExchangeRow:
        query = (
            _asked_of(arrival.peer, arrival.channel_on_b)
            .where(ExchangeRow.sequence == arrival.sequence)
            .where(ExchangeRow.push_number == arrival.push_number)
        )
        row = await session.scalar(query.with_for_update() if for_update else query)
        if row is None:
            await _raise_absent(
                session,
                arrival.channel_on_b,
                arrival.sequence,
                arrival.peer,
                arrival.push_number,
            )
        return row


def _asked_of(peer: str, channel_id: str) -> Select[ExchangeRow]:
    """Select what this gateway asked of a peer."""
    return (
        select(ExchangeRow)
        .where(ExchangeRow.channel_id == channel_id)
        .where(ExchangeRow.side == Side.REQUESTER, ExchangeRow.peer == peer)
    )


async def _raise_absent(
    session: AsyncSession, channel_id: str, sequence: int, peer: str, push_number: int
) -> NoReturn:
    """Say why a delivery belongs to no request.

    The provider may learn from its zone of a request whose block this gateway has not
    seen yet, above all after a restart: then the delivery is to come again.

    Raises:
        RequestNotKnownYetError: a request to this peer waits for its sequence.
        PushNotKnownYetError: the same of a version, under a permission that is there.
        NotAskedForError: none does.
    """
    if push_number:
        await _raise_absent_push(session, channel_id, sequence, peer, push_number)
    waiting = await session.scalar(
        _asked_of(peer, channel_id)
        .where(ExchangeRow.stage == Stage.ORDERED)
        .with_only_columns(ExchangeRow.id)
        .limit(1)
    )
    if waiting is not None:
        raise RequestNotKnownYetError(channel_id=channel_id, sequence=sequence)
    raise NotAskedForError(channel_id=channel_id, sequence=sequence)


async def _raise_absent_push(
    session: AsyncSession, channel_id: str, sequence: int, peer: str, number: int
) -> NoReturn:
    permission = await session.scalar(
        select(SubscriptionRow)
        .where(SubscriptionRow.channel_id == channel_id)
        .where(SubscriptionRow.sequence == sequence)
        .where(SubscriptionRow.side == Side.REQUESTER, SubscriptionRow.peer == peer)
    )
    may_come = permission is not None and permission.stage in _PUSHED_IN
    if may_come:
        raise PushNotKnownYetError(
            channel_id=channel_id, sequence=sequence, number=number
        )
    raise NotAskedForError(channel_id=channel_id, sequence=sequence)


def _is_here(row: ExchangeRow, arrival: Arrival) -> bool:
    """Return whether these bytes came before.

    Other bytes replace those that came before only while these do not pass.
    """
    if row.sealed_digest == arrival.sealed_digest:
        return True
    has_failed = row.stage == Stage.ARRIVED and bool(row.problem_codespace)
    is_free = not row.sealed_digest and row.stage in _AWAITING
    if not is_free and not has_failed:
        raise DeliveryDiffersError(
            channel_id=arrival.channel_on_b, sequence=arrival.sequence, stage=row.stage
        )
    return False
