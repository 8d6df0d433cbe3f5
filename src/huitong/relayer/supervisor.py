"""Several links kept going by one program.

Zones are opened once and shared by their links, so that one account counts one sequence.
A link that cannot be relayed does not stop the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from huitong.relayer.config import LinkConfig, RelayConfig
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.handshake import Step
from huitong.relayer.link import open_link
from huitong.relayer.worker import LinkStatus, LinkWorker


class Supervisor:
    """The zones and links of one configuration."""

    def __init__(
        self, config: RelayConfig, private_key_of: Callable[[str], bytes]
    ) -> None:
        """Open keys; nothing is sent yet.

        Args:
            config: zones and links.
            private_key_of: returns the 32 bytes of the key with a name.

        Raises:
            RejectedError: a key is missing or sealed.
        """
        self.config = config
        """Zones and links; ``make_links`` completes the links' identifiers."""
        self._endpoints = {
            zone.chain_id: Endpoint(zone, private_key_of(zone.key))
            for zone in config.zones
        }
        self._workers: list[LinkWorker] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for endpoint in self._endpoints.values():
            await endpoint.close()

    def endpoint(self, chain_id: str) -> Endpoint:
        """Return the zone with this chain id."""
        return self._endpoints[chain_id]

    async def make_link(
        self,
        link: LinkConfig,
        *,
        reuse: bool = True,
        told: Callable[[Step], None] = lambda step: None,
    ) -> LinkConfig:
        """Make or complete one link and keep it in the configuration.

        Args:
            link: what is wanted; identifiers in it are binding.
            reuse: whether clients that exist already may be used.
            told: called after each step of the handshakes.

        Raises:
            WrongChainError: a node serves another zone than configured.
            HandshakeStuckError, TransactionFailedError, UnreachableError: see ``open_link``.
        """
        a, b = self._endpoints[link.chain_a], self._endpoints[link.chain_b]
        await a.check_chain()
        await b.check_chain()
        made = await open_link(a, b, link, reuse=reuse, told=told)
        self.config = self.config.with_link(made)
        return made

    async def run(self) -> None:
        """Relay all links until cancelled; links without identifiers are made first."""
        for link in self.config.links:
            if not link.channel_on_a or not link.channel_on_b:
                await self.make_link(link)
        self._workers = [self._worker(link) for link in self.config.links]
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(worker.run())

    async def relay_once(self) -> list[tuple[LinkConfig, LinkStatus]]:
        """Relay what waits on every link, and return how the links stand then."""
        return [
            (link, await self._worker(link).relay_once()) for link in self.config.links
        ]

    async def read(self) -> list[tuple[LinkConfig, LinkStatus]]:
        """Return how the links stand by the zones' state; relays nothing."""
        found = []
        for link in self.config.links:
            worker = self._worker(link)
            await worker.read()
            found.append((link, worker.status()))
        return found

    def status(self) -> list[tuple[LinkConfig, LinkStatus]]:
        """Return how the running links stand."""
        return [(worker.link, worker.status()) for worker in self._workers]

    def _worker(self, link: LinkConfig) -> LinkWorker:
        return LinkWorker(
            link, self._endpoints[link.chain_a], self._endpoints[link.chain_b]
        )
