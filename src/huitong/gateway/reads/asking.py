"""Reading open records of members of other zones, each through its gateway."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

from huitong.client.zone import ZoneClient
from huitong.core.time import TimeNs
from huitong.gateway.exchange.links import Links
from huitong.gateway.reads.headers import HeaderRoom
from huitong.gateway.reads.model import ReadOrder, ReadResult, ReadTransport
from huitong.gateway.reads.reader import ProvenReader
from huitong.gateway.reads.settings import ReadsSettings
from huitong.modules.exchange.keys import PORT_ID


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAsked:
    """Records of one member that are to be read."""

    channel_id: str
    """Channel of the own zone that leads to the member's."""
    issuer: str
    """The member, whose gateway is asked."""
    orders: Sequence[ReadOrder]
    """1 to 100; all of this issuer."""
    purpose: str
    """What for; stands in the issuer's log."""
    request_id: str
    """Of the call that led to it; stands in both logs."""
    minimum_grade: str = ""
    """Lowest grade that is taken; empty for the setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAnswered:
    """What came of it."""

    chain_id: str
    """The issuer's zone."""
    results: Sequence[ReadResult]
    """One for each order."""


@final
class PeerReads:
    """Reads from all peers; headers of each other zone are verified once for all."""

    def __init__(
        self,
        links: Links,
        transport_of: Callable[[str], ReadTransport],
        settings: ReadsSettings,
        *,
        clock: Callable[[], TimeNs],
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            links: the own zone, and the others behind its channels.
            transport_of: the way to the gateway of a member; raises
                ``PeerUnknownError`` if none is known.
            settings: minimum grade and age.
            clock: nanoseconds since the epoch, UTC.
        """
        self._links = links
        self._transport_of = transport_of
        self._settings = settings
        self._clock = clock
        self._headers: dict[str, HeaderRoom] = {}

    async def read(self, asked: ReadAsked) -> ReadAnswered:
        """Read records, and return a result or a refusal for each.

        Raises:
            AnswerMissingError: there is no such channel.
            OtherZoneUnknownError, PeerUnknownError: the settings do not name the zone or
                the gateway.
            ClientUnusableError, TrustingPeriodExpiredError: see ``Links.other_end``.
            RejectedError, UnavailableError: what ``ProvenReader.read`` raises.
        """
        end = await self._links.other_end(asked.channel_id)
        other_zone = self._links.other_zone(end)
        reader = ProvenReader(
            self._transport_of(asked.issuer),
            self._header_room(asked.channel_id, other_zone),
            self._settings,
            chain_id=end.chain_id,
            peer=asked.issuer,
            clock=self._clock,
        )
        results = await reader.read(
            asked.orders,
            purpose=asked.purpose,
            request_id=asked.request_id,
            minimum_grade=asked.minimum_grade,
        )
        return ReadAnswered(chain_id=end.chain_id, results=results)

    def _header_room(self, channel_id: str, other_zone: ZoneClient) -> HeaderRoom:
        """Return the verified headers behind a channel, which exists."""
        known = self._headers.get(channel_id)
        if known is None:
            known = self._headers[channel_id] = HeaderRoom(
                self._links.own_zone,
                other_zone,
                PORT_ID,
                channel_id,
                clock=self._clock,
            )
        return known
