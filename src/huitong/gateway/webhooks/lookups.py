"""Finding the addresses of names, while the name service may answer late or never."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from functools import partial
from typing import Final, TypeAlias, final

from anyio import CapacityLimiter, to_thread

from huitong.gateway.webhooks.errors import WebhookDownError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
#: Names that are looked up at one time; each occupies a thread, for up to half a minute
#: if the name service does not answer.
LOOKUPS_MAX: Final = 32


@final
class Lookups:
    """Looks each name up once at a time, however many wait for it."""

    def __init__(self) -> None:
        """Prepare; threads are started when they are needed."""
        # Of its own, so that it holds up nothing else that works in threads.
        self._threads = CapacityLimiter(LOOKUPS_MAX)
        self._under_way: dict[tuple[str, int], asyncio.Task[Address]] = {}

    async def find(self, host: str, port: int) -> Address:
        """Return the first address of a name.

        Raises:
            WebhookDownError: it has none, or too many others are being looked up.
        """
        place = host, port
        lookup = self._under_way.get(place)
        if lookup is None:
            if len(self._under_way) >= LOOKUPS_MAX:
                reason = "too many names wait for their addresses"
                raise WebhookDownError(host=host, reason=reason)
            lookup = asyncio.create_task(self._look_up(host, port))
            self._under_way[place] = lookup
            lookup.add_done_callback(partial(self._ended, place))
        # Who gives up waiting leaves it alone: its thread cannot be stopped.
        return await asyncio.shield(lookup)

    def _ended(self, place: tuple[str, int], lookup: asyncio.Task[Address]) -> None:
        del self._under_way[place]
        if not lookup.cancelled():
            lookup.exception()  # nobody may be left who waits for it

    async def _look_up(self, host: str, port: int) -> Address:
        call = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        try:
            # It must not hold up the end of the process.
            found = await to_thread.run_sync(
                call, abandon_on_cancel=True, limiter=self._threads
            )
        except (OSError, UnicodeError) as error:
            reason = "its name has no address"
            raise WebhookDownError(host=host, reason=reason) from error
        return ipaddress.ip_address(str(found[0][4][0]).partition("%")[0])
