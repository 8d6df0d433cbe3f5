"""Other zones, as the own zone's channels and light clients know them.

What a channel leads to never changes and is asked for once. What a light client knows is
asked for again every few seconds, because it may be frozen; from it newer headers of the
other zone are verified here, each once for all exchanges that need it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from huitong.client.zone import ZoneClient
from huitong.core.codec import decode
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.exchange.errors import AnswerMissingError, OtherZoneUnknownError
from huitong.gateway.exchange.proven_read import (
    HEADER_TIMEOUT_S,
    ClientView,
    ValidatorSets,
    get_client_view,
    verify_header,
)
from huitong.modules.exchange.keys import PORT_ID
from huitong.modules.links import keys
from huitong.proto.ibc.core.channel.v1.channel_pb2 import Channel

#: Seconds for which the own zone's client is believed not to be frozen meanwhile.
CLIENT_FRESH_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherEnd:
    """What a channel leads to."""

    chain_id: str
    channel_id: str
    """The same channel's id on the other zone."""
    client_id: str
    """The own zone's light client of it."""


@final
class _Followed:
    """The newest header of another zone that was verified."""

    def __init__(self, view: ClientView) -> None:
        self.view = view
        self.sets = ValidatorSets()
        self.turn = asyncio.Lock()
        """Held while a header is verified from the one before."""
        self._asked_ns = 0

    @property
    def is_stale(self) -> bool:
        """Whether the own zone is to be asked again for its client."""
        fresh_ns = int(CLIENT_FRESH_S * NS_PER_SECOND)
        return self._asked_ns + fresh_ns < time.time_ns()

    def refresh(self, view: ClientView) -> None:
        """Take what the own zone's client knows now."""
        if view.height >= self.view.height:
            self.view = view
        self._asked_ns = time.time_ns()


@final
class Links:
    """The other ends of the own zone's channels."""

    def __init__(self, own_zone: ZoneClient, zones: Mapping[str, ZoneClient]) -> None:
        """Prepare; nothing is asked yet.

        Args:
            own_zone: a node of the own zone, which is trusted.
            zones: a node of each other zone by chain id; none is trusted.
        """
        self.own_zone = own_zone
        """The own zone."""
        self._zones = zones
        self._ends: dict[str, OtherEnd] = {}
        self._followed: dict[str, _Followed] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def other_end(self, channel_id: str) -> OtherEnd:
        """Return what a channel leads to.

        Raises:
            AnswerMissingError: there is no such channel.
            ClientUnusableError, TrustingPeriodExpiredError: see ``get_client_view``.
        """
        known = self._ends.get(channel_id)
        if known is None:
            found = await self.own_zone.abci_query(
                f"store/{keys.STORE}/key", keys.channel(PORT_ID, channel_id)
            )
            if found.code or not found.value:
                chain_id = await self.own_zone.chain_id()
                raise AnswerMissingError(zone=chain_id, what=channel_id)
            channel = decode(Channel, found.value)
            view = await self._ask_client(channel_id)
            known = OtherEnd(
                chain_id=view.state.chain_id,
                channel_id=channel.counterparty.channel_id,
                client_id=view.client_id,
            )
            self._ends[channel_id] = known
        return known

    def other_zone(self, end: OtherEnd) -> ZoneClient:
        """Return a node of another zone.

        Raises:
            OtherZoneUnknownError: the settings name none.
        """
        try:
            return self._zones[end.chain_id]
        except KeyError:
            raise OtherZoneUnknownError(chain_id=end.chain_id) from None

    async def verified(self, channel_id: str, height: int) -> ClientView:
        """Return a verified header of the other zone, at ``height`` or later.

        Raises:
            ClientUnusableError, TrustingPeriodExpiredError: the own zone's client no
                longer vouches for the other zone.
            InvalidHeaderError, HeightNotReachedError: its node shows no such header.
        """
        end = await self.other_end(channel_id)
        followed = await self._follow(end, channel_id)
        if height <= followed.view.height:
            return followed.view
        return await self._advance(followed, self.other_zone(end), height)

    async def newest(self, channel_id: str) -> ClientView:
        """Return the newest header of the other zone that its node shows, verified.

        Raises:
            What ``verified`` raises.
        """
        end = await self.other_end(channel_id)
        followed = await self._follow(end, channel_id)
        return await self._advance(followed, self.other_zone(end), 0)

    async def _follow(self, end: OtherEnd, channel_id: str) -> _Followed:
        """Return what is known of another zone, with the own zone's client looked at."""
        followed = self._followed.get(end.client_id)
        if followed is None or followed.is_stale:
            async with self._locks.setdefault(end.client_id, asyncio.Lock()):
                followed = self._followed.get(end.client_id)
                if followed is None or followed.is_stale:
                    view = await self._ask_client(channel_id)
                    if followed is None:
                        followed = _Followed(view)
                        self._followed[end.client_id] = followed
                    followed.refresh(view)
        return followed

    @staticmethod
    async def _advance(
        followed: _Followed, zone: ZoneClient, height: int
    ) -> ClientView:
        """Verify the zone's newest header, which is waited for outside of any lock."""
        signed = await zone.newest_header(height, HEADER_TIMEOUT_S)
        async with followed.turn:
            followed.view = await verify_header(
                followed.view, zone, signed, followed.sets, now_ns=time.time_ns()
            )
            return followed.view

    async def _ask_client(self, channel_id: str) -> ClientView:
        return await get_client_view(
            self.own_zone, PORT_ID, channel_id, now_ns=time.time_ns()
        )
