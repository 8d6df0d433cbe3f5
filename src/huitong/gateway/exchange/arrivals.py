"""Sealed bytes that a peer brings: taken if this gateway asked for them.

Whatever comes together is looked up by one statement, and written in one transaction once
all of its bytes are in the store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final, final

from huitong.core.errors import HuitongError
from huitong.core.hashing import sha256
from huitong.gateway.exchange.advancing import arrive
from huitong.gateway.exchange.arrival_rows import (
    Arrival,
    Verdict,
    find_rows,
    lock_rows,
    not_asked_for,
    place_of,
    reason_of,
    reasons_of_absence,
    verdict_on,
)
from huitong.gateway.exchange.errors import NotAskedForError, RequestNotKnownYetError
from huitong.gateway.exchange.orders import Stage
from huitong.gateway.exchange.parts import Parts
from huitong.gateway.exchange.subscription_errors import PushNotKnownYetError
from huitong.gateway.vault.blocks import one_piece
from huitong.gateway.vault.model import WrittenSealed
from huitong.payload.errors import SealedDigestError

#: Seconds in which the own zone's blocks are expected to tell of a request whose answer is
#: here already.
KNOWN_WITHIN_S: Final = 5.0
#: Bytes that are hashed before a thread would have begun it.
_HASHED_INLINE_BYTES: Final = 262_144
NOT_KNOWN_YET: Final = (RequestNotKnownYetError, PushNotKnownYetError)


@final
class Arrivals:
    """Takes what peers bring."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def look(self, arrivals: Sequence[Arrival]) -> list[Verdict]:
        """Return what is known of arrivals of one peer and channel; one statement.

        One more for each of these: there is one that was not asked for, or a pushed
        version that is not known.
        """
        async with self._parts.database.reading() as session:
            rows = await find_rows(session, arrivals)
            absent = [one for one in arrivals if place_of(one) not in rows]
            reasons = await reasons_of_absence(session, absent)
        if rows and not await self._is_of_zone(arrivals[0]):
            return [not_asked_for(one) for one in arrivals]
        return [
            reasons[place_of(one)]
            if place_of(one) in reasons
            else verdict_on(rows[place_of(one)], one)
            for one in arrivals
        ]

    async def wait_known(self, arrival: Arrival) -> None:
        """Let an arrival wait a little that is quicker than the blocks of the own zone.

        Nothing is said of the bytes, only that this peer was asked for something there.

        Raises:
            NotAskedForError: it belongs to nothing that was asked for.
            RequestNotKnownYetError, PushNotKnownYetError: it is to come again.
        """
        learned = self._parts.learned
        deadline_s = time.monotonic() + KNOWN_WITHIN_S
        while True:
            news = learned.news
            (verdict,) = await self.look([arrival])
            left_s = deadline_s - time.monotonic()
            if not isinstance(verdict, NOT_KNOWN_YET) or left_s <= 0:
                break
            await learned.wait(news, left_s)
        if isinstance(verdict, (NotAskedForError, *NOT_KNOWN_YET)):
            raise verdict

    async def is_here(self, arrival: Arrival) -> bool:
        """Return whether these very bytes are here already.

        Raises:
            NotAskedForError: this gateway asked this peer for no such thing.
            RequestNotKnownYetError, PushNotKnownYetError: it may have.
            DeliveryDiffersError: other bytes came before, and passed or are being checked.
        """
        (verdict,) = await self.look([arrival])
        if isinstance(verdict, HuitongError):
            raise verdict
        return verdict

    async def take(self, arrival: Arrival, sealed: AsyncIterator[bytes]) -> None:
        """Keep sealed bytes, and have them checked once the request is granted.

        The same bytes again change nothing.

        Raises:
            NotAskedForError: this gateway asked this peer for no such thing.
            RequestNotKnownYetError, PushNotKnownYetError: it may have.
            DeliveryDiffersError: other bytes came before, and passed or are being checked.
            SealedDigestError: the bytes are not those that were announced.
            SealedFormError: more bytes than any sealed payload has.
        """
        if await self.is_here(arrival):
            return
        written = await self._parts.vault.write_sealed(sealed)
        actual = written.payload.sealed_digest
        if actual != arrival.sealed_digest:
            await self._parts.vault.forget_written([written])
            raise SealedDigestError(actual=actual, expected=arrival.sealed_digest)
        (failure,) = await self._enter([(arrival, written)])
        if failure is not None:
            raise failure

    async def take_many(
        self,
        arrivals: Sequence[Arrival],
        sealed: Sequence[bytes],
        verdicts: Sequence[Verdict] = (),
    ) -> list[HuitongError | None]:
        """Keep sealed bytes of one peer and channel, each for itself.

        What the own zone's blocks have not told yet is waited for a little; the rest is
        kept at once.

        Args:
            arrivals: what comes; no place twice.
            sealed: the bytes of each.
            verdicts: what ``look`` has just given; empty: it is asked.

        Returns:
            For each, why it is not kept, as in ``take``; None where it is.

        Raises:
            DatabaseDownError: perhaps some are kept; all are to come again.
        """
        learned, deadline_s = self._parts.learned, time.monotonic() + KNOWN_WITHIN_S
        failures: dict[int, HuitongError | None] = await _find_changed(arrivals, sealed)
        left = [at for at in range(len(arrivals)) if at not in failures]
        known = dict(enumerate(verdicts))
        while left:
            news = learned.news
            if not known:
                looked = await self.look([arrivals[at] for at in left])
                known = dict(zip(left, looked, strict=True))
            wanted = [at for at in left if known[at] is False]
            kept = await self._keep([(arrivals[at], sealed[at]) for at in wanted])
            failures |= {at: reason_of(known[at]) for at in left}
            failures |= dict(zip(wanted, kept, strict=True))
            left = [at for at in left if isinstance(failures[at], NOT_KNOWN_YET)]
            known = {}
            if (left_s := deadline_s - time.monotonic()) <= 0:
                break
            if left:
                await learned.wait(news, left_s)
        return [failures[at] for at in range(len(arrivals))]

    async def _keep(
        self, wanted: Sequence[tuple[Arrival, bytes]]
    ) -> list[HuitongError | None]:
        """Write bytes, and then the rows of all that the store took."""
        vault = self._parts.vault
        tried = await asyncio.gather(
            *(vault.write_sealed(one_piece(data)) for _, data in wanted),
            return_exceptions=True,
        )
        failures: dict[int, HuitongError | None] = {}
        written = {}
        for at, one in enumerate(tried):
            if isinstance(one, HuitongError):
                failures[at] = one
            elif isinstance(one, BaseException):
                raise one
            else:
                written[at] = (wanted[at][0], one)
        entered = await self._enter(list(written.values()))
        failures |= dict(zip(written, entered, strict=True))
        return [failures[at] for at in range(len(wanted))]

    async def _enter(
        self, written: Sequence[tuple[Arrival, WrittenSealed]]
    ) -> list[HuitongError | None]:
        """Note in one transaction what lies in the store, and have it checked."""
        if not written:
            return []
        parts = self._parts
        failures: list[HuitongError | None] = []
        steps, entering, formers = [], [], []
        async with parts.database.transaction() as session:
            rows = await lock_rows(session, [arrival for arrival, _ in written])
            for arrival, one in written:
                row = rows.get(place_of(arrival))
                verdict = verdict_on(row, arrival) if row else not_asked_for(arrival)
                failures.append(reason_of(verdict))
                if row is None or verdict is not False:
                    continue
                if row.sealed_digest:
                    formers.append(row.sealed_digest)  # they did not pass
                entering.append(one)
                row.sealed_digest = one.payload.sealed_digest
                row.sealed_size, row.keeps_sealed = one.payload.size, True
                if row.stage != Stage.REQUESTED:
                    steps.append(arrive(row))
            needless = list(await parts.vault.enter_sealed(session, entering))
            await parts.outbox.add(session, *steps)
        needless += [one for _, one in written if one not in entering]
        await parts.vault.forget_written(needless)
        for former in formers:
            await parts.vault.drop_sealed(former)
        return failures

    async def _is_of_zone(self, arrival: Arrival) -> bool:
        """A channel leads to one zone; the peer must be a member of that one."""
        end = await self._parts.links.other_end(arrival.channel_on_b)
        return end.chain_id == arrival.chain_id_of_a


async def _find_changed(
    arrivals: Sequence[Arrival], sealed: Sequence[bytes]
) -> dict[int, HuitongError | None]:
    """Return the refusals of bytes that are not those that were announced."""

    def digests() -> list[bytes]:
        return [sha256(data) for data in sealed]

    is_small = sum(map(len, sealed)) <= _HASHED_INLINE_BYTES
    actual = digests() if is_small else await asyncio.to_thread(digests)
    return {
        at: SealedDigestError(actual=digest, expected=one.sealed_digest)
        for at, (one, digest) in enumerate(zip(arrivals, actual, strict=True))
        if digest != one.sealed_digest
    }
