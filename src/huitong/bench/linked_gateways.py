"""Two gateways on two linked zones: what ``huitong bench exchange`` measures.

Each is a process with one worker and the settings that ``huitong gateway init`` gives,
but for the rate of one caller, because one caller is the whole load. They reach each
other by mutual TLS.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from huitong.bench.linked_zones import PROVIDER, REQUESTER, LinkedZones
from huitong.core.time import SECONDS_PER_DAY
from huitong.gateway.access.api_keys import ApiKeys
from huitong.gateway.access.roles import Role
from huitong.gateway.service.home import GatewayHome, open_database
from huitong.gateway.service.making import make_gateway
from huitong.gateway.settings import read_settings
from huitong.localnet.gateway import GatewayProcess
from huitong.localnet.ports import free_ports
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import KEYRING_FOLDER

#: Requests of the caller in a second, and at once: more than it will send.
_PER_S: Final = 100_000
_READER_KEY: Final = "reader"


class BenchGateway:
    """One gateway, and the key of a caller that may publish and ask."""

    def __init__(self, folder: Path, member_id: str, key_name: str) -> None:
        """Prepare; nothing is written or started yet.

        Args:
            folder: its home.
            member_id: whose it is.
            key_name: key of the zone's keyring that signs for the member.
        """
        self.member_id = member_id
        """Whose it is."""
        self.process = GatewayProcess(folder)
        """What runs."""
        self.api_key = ""
        """Of the caller."""
        self._home = GatewayHome(folder)
        self._key_name = key_name

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.process.url

    @property
    def certificate(self) -> str:
        """File of what it shows to its peers."""
        return str(self._home.path / "peer.crt")

    async def make(
        self, node: NodeProcess, other: NodeProcess, peer: Mapping[str, Any]
    ) -> None:
        """Make its home: on ``node``, knowing ``other``, with sections about peers."""
        self._home.reader_keys.create(_READER_KEY, None)
        said = {
            "member": self.member_id,
            "zone": {"chain_id": node.chain_id, "node": node.rpc_url},
            "zones": {other.chain_id: {"node": other.rpc_url}},
            "keys": {"account": self._key_name, "reader": _READER_KEY},
            "service": {"listen": "tcp://127.0.0.1:0"},
            "http": {"requests_per_s": _PER_S, "requests_burst": _PER_S},
            **peer,
        }
        settings = read_settings(said, self._home.settings_file)
        await make_gateway(self._home, settings, key_from=node.home / KEYRING_FOLDER)
        async with open_database(self._home, settings) as database:
            keys = ApiKeys(database, settings.access, clock=time.time_ns)
            made = await keys.create(
                "bench", [Role.INTEGRATOR], term_s=SECONDS_PER_DAY, by="bench"
            )
        self.api_key = made.key


class LinkedGateways:
    """Two zones, the relayer and two gateways, all of them running."""

    def __init__(self, folder: Path, *, block_time_ms: int) -> None:
        """Prepare; nothing is written or started yet."""
        self.zones = LinkedZones(folder, block_time_ms=block_time_ms, serves_grpc=False)
        """Below the gateways."""
        self.provider = BenchGateway(folder / "gateway-provider", PROVIDER, "tax")
        """The member that gives."""
        self.requester = BenchGateway(folder / "gateway-requester", REQUESTER, "bank-0")
        """The member that asks."""
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.zones)
            self.link = asyncio.run(self._make())
            for gateway in (self.provider, self.requester):
                stack.enter_context(gateway.process)
            self._running = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.__exit__(kind, error, trace)

    async def _make(self) -> str:
        """Link the zones and make both homes; tell of the link."""
        link = await self.zones.link_by_our_relayer()
        ports = free_ports(2)
        gateways = (self.provider, self.requester)
        nodes = (self.zones.provider, self.zones.requester)
        for own, gateway in enumerate(gateways):
            other = 1 - own
            peer = {
                "peer": {"listen": f"tcp://127.0.0.1:{ports[own]}"},
                "peers": {
                    gateways[other].member_id: {
                        "url": f"https://127.0.0.1:{ports[other]}",
                        "certificate": gateways[other].certificate,
                    }
                },
            }
            await gateway.make(nodes[own], nodes[other], peer)
        return link

    @property
    def processes(self) -> Mapping[str, int]:
        """Process ids by name: nodes, relayer, gateways."""
        of_zones = self.zones.processes
        return {
            "provider node": of_zones["provider"],
            "requester node": of_zones["requester"],
            "relayer": of_zones["relayer"],
            "provider gateway": self.provider.process.pid,
            "requester gateway": self.requester.process.pid,
        }
