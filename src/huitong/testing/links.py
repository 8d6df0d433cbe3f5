"""Links between two zones in one process: coordinator, path and endpoints.

Built like ibc-go's test kit, in four layers: a coordinator makes zones and moves time, a
zone makes blocks and proofs, a path has two endpoints, and an endpoint does one step of
the protocol on its zone with proofs from the other::

    path = open_path()
    packet = path.a.send(b"ok hello")
    path.b.receive(packet)
    path.a.acknowledge(packet)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from huitong.core.module import Module
from huitong.modules import links
from huitong.testing import mock_application
from huitong.testing.endpoints import (
    ORDERED,
    RELAYER,
    TIMEOUT_NS,
    UNORDERED,
    Endpoint,
)
from huitong.testing.zones import SimClock, SimZone

__all__ = [
    "ORDERED",
    "RELAYER",
    "TIMEOUT_NS",
    "UNORDERED",
    "Coordinator",
    "Endpoint",
    "Path",
    "connected_path",
    "make_path",
    "open_path",
]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Two endpoints that face each other."""

    a: Endpoint
    b: Endpoint

    def open_clients(self) -> None:
        """Let each zone follow the other."""
        for end in (self.a, self.b):
            end.create_client()

    def open_connection(self) -> None:
        """Open a connection, begun by ``a``."""
        a, b = self.a, self.b
        a.zone.deliver(a.connection_init_message())
        a.connection_id = a.zone.told("connection_open_init")[0]["connection_id"]
        b.catch_up()
        b.zone.deliver(b.connection_try_message())
        b.connection_id = b.zone.told("connection_open_try")[0]["connection_id"]
        a.catch_up()
        a.zone.deliver(a.connection_ack_message())
        b.catch_up()
        b.zone.deliver(b.connection_confirm_message())

    def open_channel(self) -> None:
        """Open a channel, begun by ``a``."""
        a, b = self.a, self.b
        a.zone.deliver(a.channel_init_message())
        a.channel_id = a.zone.told("channel_open_init")[0]["channel_id"]
        b.catch_up()
        b.zone.deliver(b.channel_try_message())
        b.channel_id = b.zone.told("channel_open_try")[0]["channel_id"]
        a.catch_up()
        a.zone.deliver(a.channel_ack_message())
        b.catch_up()
        b.zone.deliver(b.channel_confirm_message())


@final
class Coordinator:
    """Makes zones that share a clock."""

    def __init__(self) -> None:
        self.clock = SimClock()

    def make_endpoint(
        self, chain_id: str, *, extra_modules: Sequence[Module] = (), **fields: Any
    ) -> Endpoint:
        """Return an endpoint on a zone of its own, with the mock application.

        Args:
            chain_id: the zone's chain id.
            extra_modules: modules of the zone besides links and the application's.
            fields: initial values of the endpoint, for example ``ordering``.
        """
        application = mock_application.MockApplication()
        zone = SimZone(
            chain_id,
            [links.MODULE, mock_application.MODULE, *extra_modules],
            clock=self.clock,
            ports=mock_application.mock_ports(application),
        )
        zone.next_block()
        return Endpoint(zone=zone, application=application, **fields)

    def make_path(self, **fields: Any) -> Path:
        """Return a path between two new zones; nothing is open yet."""
        path = Path(
            a=self.make_endpoint("hangzhou-1", **fields),
            b=self.make_endpoint("chongqing-1", **fields),
        )
        path.a.face(path.b)
        path.b.face(path.a)
        return path


def make_path(**fields: Any) -> Path:
    """Return a path between two new zones; nothing is open yet."""
    return Coordinator().make_path(**fields)


def connected_path(**fields: Any) -> Path:
    """Return a path with an open connection."""
    path = make_path(**fields)
    path.open_clients()
    path.open_connection()
    return path


def open_path(**fields: Any) -> Path:
    """Return a path with an open channel, unordered unless ``ordering`` says otherwise."""
    path = connected_path(**fields)
    path.open_channel()
    return path
