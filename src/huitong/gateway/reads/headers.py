"""Headers of a provider's zone that the reader's own zone vouches for, each verified once.

The own zone's light client knows a header; newer ones are verified from it on the same
terms (``exchange.proven_read``). Every answer names the height that it is proven against,
so as many readers as ask within a block share one check of signatures.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Final, final

from huitong.client.zone import ZoneClient
from huitong.core.codec import decode
from huitong.core.height import Height
from huitong.core.time import NS_PER_SECOND, TimeNs
from huitong.gateway.exchange.proven_read import (
    ClientView,
    follow_header,
    get_client_view,
)
from huitong.gateway.reads.errors import ReadAnswerError
from huitong.light.tendermint.consensus_state import consensus_state_from_any
from huitong.light.tendermint.verify import check_not_expired
from huitong.modules.links import keys
from huitong.proto.google.protobuf.any_pb2 import Any

#: Verified headers kept; readers of one block are done long before.
HEADERS_KEPT: Final = 64
#: Seconds after which the own zone's client is looked at again: it may have frozen.
CLIENT_LOOK_S: Final = 1.0


@final
class HeaderRoom:
    """Verified headers of one other zone."""

    def __init__(
        self,
        own_zone: ZoneClient,
        other_zone: ZoneClient,
        port_id: str,
        channel_id: str,
        *,
        clock: Callable[[], TimeNs],
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            own_zone: its node is believed.
            other_zone: a node of the provider's zone; it is not believed.
            port_id: port of the channel that leads there.
            channel_id: the channel, on the own zone.
            clock: nanoseconds since the epoch, UTC.
        """
        self._own_zone = own_zone
        self._other_zone = other_zone
        self._place = port_id, channel_id
        self._clock = clock
        self._lock = asyncio.Lock()
        self._client: ClientView | None = None
        self._looked_ns = 0
        self._known: OrderedDict[int, ClientView] = OrderedDict()

    async def at(self, height: int) -> ClientView:
        """Return the verified header at ``height``.

        Raises:
            ClientUnusableError, AnswerMissingError: the own zone's client does not vouch.
            TrustingPeriodExpiredError: it is expired.
            RejectedError: the header does not follow from what the client knows.
            UnreachableError: a node does not answer.
        """
        async with self._lock:
            client = await self._client_now()
            known = self._known.get(height)
            if known is None:
                known = await self._verify(client, height)
                self._known[height] = known
                if len(self._known) > HEADERS_KEPT:
                    self._known.popitem(last=False)
            return known

    async def _client_now(self) -> ClientView:
        """Return the own zone's client, looked at a moment ago at most."""
        now_ns = self._clock()
        if self._client is None or now_ns - self._looked_ns > (
            CLIENT_LOOK_S * NS_PER_SECOND
        ):
            self._client = None
            client = await get_client_view(self._own_zone, *self._place, now_ns=now_ns)
            self._client, self._looked_ns = client, now_ns
        return self._client

    async def _verify(self, client: ClientView, height: int) -> ClientView:
        if height < client.height:
            return await self._known_to_the_zone(client, height)
        below = [view for known, view in self._known.items() if known <= height]
        start = max([client, *below], key=lambda view: view.height)
        return await follow_header(
            start, self._other_zone, height, now_ns=self._clock()
        )

    async def _known_to_the_zone(self, client: ClientView, height: int) -> ClientView:
        """Return an older header, if the own zone's client was shown it."""
        at = Height(client.state.latest_height.revision_number, height)
        key = keys.consensus_state(client.client_id, str(at))
        result = await self._own_zone.abci_query(f"store/{keys.STORE}/key", key)
        if result.code or not result.value:
            raise ReadAnswerError(
                zone=client.state.chain_id,
                reason=f"its height {height} is below {client.height}, which the own "
                "zone knows, and was never shown to it",
            )
        consensus = consensus_state_from_any(decode(Any, result.value))
        check_not_expired(
            consensus.timestamp_ns, client.state.trusting_period_ns, self._clock()
        )
        return replace(client, height=height, consensus=consensus)
