"""Several links kept going by one program.

Zones are opened once and shared by their links, so that one account counts one sequence.
Each link lives in a task of its own: one that cannot be made or relayed is tried again
with growing pauses and never stops the others.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import structlog

from huitong.core.errors import RejectedError, UnavailableError
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.errors import LinkNotMadeError
from huitong.relayer.handshake import Step
from huitong.relayer.link import open_link
from huitong.relayer.settings import LinkConfig, RelayConfig, ZoneConfig
from huitong.relayer.status import LinkStatus, status_of_problem
from huitong.relayer.worker import LinkWorker

log = structlog.get_logger("relayer")

#: Seconds before a link that failed is begun again: first, and at most.
PAUSE_FIRST_S: Final = 1.0
PAUSE_LONGEST_S: Final = 60.0
#: Seconds that a link must run before its next failure counts as the first.
STEADY_S: Final = 300.0


@dataclass(slots=True)
class _Served:
    """One link while the program runs."""

    link: LinkConfig
    worker: LinkWorker | None = None
    problem: str = ""
    since_s: float = 0.0

    def status(self) -> LinkStatus:
        if self.worker is not None:
            return self.worker.status()
        return status_of_problem(self.problem, int(_now_s() - self.since_s))


class Supervisor:
    """The zones and links of one configuration."""

    def __init__(
        self,
        config: RelayConfig,
        private_key_of: Callable[[str], bytes],
        keep: Callable[[RelayConfig], None] = lambda config: None,
    ) -> None:
        """Open keys; nothing is sent yet.

        Args:
            config: zones and links.
            private_key_of: returns the 32 bytes of the key with a name.
            keep: called with the configuration when a link's identifiers became known.

        Raises:
            RejectedError: a key is missing or sealed.
        """
        self.config = config
        """Zones and links; ``make_links`` completes the links' identifiers."""
        self._endpoints = {
            zone.chain_id: _endpoint(zone, private_key_of) for zone in config.zones
        }
        self._keep = keep
        self._served = [_Served(link) for link in config.links]
        self._making: dict[frozenset[str], asyncio.Lock] = {}

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

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """All zones, in the order of the configuration."""
        return tuple(self._endpoints.values())

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
        pair = frozenset((link.chain_a, link.chain_b))
        # Two links of the same zones share their clients, so the second waits.
        async with self._making.setdefault(pair, asyncio.Lock()):
            made = await open_link(a, b, link, reuse=reuse, told=told)
        self.config = self.config.with_link(made)
        self._keep(self.config)
        return made

    async def run(self) -> None:
        """Relay all links until cancelled; links without identifiers are made first."""
        async with asyncio.TaskGroup() as tasks:
            for served in self._served:
                tasks.create_task(self._serve(served))

    async def _serve(self, served: _Served) -> None:
        """Keep one link going, whatever becomes of it."""
        pause_s = PAUSE_FIRST_S
        while True:
            begun_s = _now_s()
            try:
                await self._serve_once(served)
            except (UnavailableError, RejectedError) as failure:
                self._note_failure(served, failure.diagnostics(), bug=None)
            except Exception as bug:  # noqa: BLE001 - one link must not end the others
                self._note_failure(served, f"a bug: {type(bug).__name__}", bug=bug)
            if _now_s() - begun_s > STEADY_S:
                pause_s = PAUSE_FIRST_S
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, PAUSE_LONGEST_S)

    async def _serve_once(self, served: _Served) -> None:
        if not served.link.channel_on_a or not served.link.channel_on_b:
            served.link = await self.make_link(served.link)
        served.worker = self._worker(served.link)
        served.problem = ""
        await served.worker.run()

    @staticmethod
    def _note_failure(served: _Served, reason: str, bug: Exception | None) -> None:
        served.worker = None
        if not served.problem:
            served.since_s = _now_s()
        served.problem = reason
        log.error(
            "link_failed",
            chain_a=served.link.chain_a,
            chain_b=served.link.chain_b,
            reason=reason,
            exc_info=bug,
        )

    async def relay_once(self) -> list[tuple[LinkConfig, LinkStatus]]:
        """Relay what waits on every link, and return how the links stand then."""
        return await self._on_each_link(LinkWorker.relay_once)

    async def read(self) -> list[tuple[LinkConfig, LinkStatus]]:
        """Return how the links stand by the zones' state; relays nothing."""

        async def read(worker: LinkWorker) -> LinkStatus:
            await worker.read()
            return worker.status()

        return await self._on_each_link(read)

    async def _on_each_link(
        self, work: Callable[[LinkWorker], Awaitable[LinkStatus]]
    ) -> list[tuple[LinkConfig, LinkStatus]]:
        """Work on one link after another; one that fails is told with its problem."""
        found = []
        for link in self.config.links:
            try:
                if not link.channel_on_a or not link.channel_on_b:
                    raise LinkNotMadeError(chain_a=link.chain_a, chain_b=link.chain_b)
                for chain_id in (link.chain_a, link.chain_b):
                    await self._endpoints[chain_id].check_chain()
                status = await work(self._worker(link))
            except (UnavailableError, RejectedError) as failure:
                status = status_of_problem(failure.diagnostics())
            found.append((link, status))
        return found

    def status(self) -> list[tuple[LinkConfig, LinkStatus]]:
        """Return how the running links stand."""
        return [(served.link, served.status()) for served in self._served]

    @property
    def workers(self) -> list[LinkWorker]:
        """Those of the links that run."""
        return [served.worker for served in self._served if served.worker is not None]

    def _worker(self, link: LinkConfig) -> LinkWorker:
        return LinkWorker(
            link, self._endpoints[link.chain_a], self._endpoints[link.chain_b]
        )


def _endpoint(zone: ZoneConfig, private_key_of: Callable[[str], bytes]) -> Endpoint:
    return Endpoint(
        zone, private_key_of(zone.key), *(private_key_of(key) for key in zone.more_keys)
    )


def _now_s() -> float:
    return asyncio.get_running_loop().time()
