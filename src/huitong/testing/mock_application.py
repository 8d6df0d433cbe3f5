"""An IBC application that does what the packet tells it, on port ``mock``.

The first word of a packet's data is the order::

    ok …       result acknowledgement with the data
    refuse …   raises, so that the packet is refused
    error …    returns an error acknowledgement itself
    async …    acknowledges nothing; ``write_acknowledgement`` does so later
    gas …      uses more gas than anybody has

It counts in its own store what happened to each packet, so that tests can tell what was
undone, and tells it as events.
"""

from __future__ import annotations

from typing import Any, Final, final

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.events import event
from huitong.core.module import Module
from huitong.core.ports import ChannelOpening, PortApplication, ReceiveOutcome
from huitong.core.store.kv import iterate_prefix
from huitong.modules.links.acknowledgements import (
    error_acknowledgement_of,
    result_acknowledgement,
)
from huitong.proto.ibc.core.channel.v1 import channel_pb2

PORT: Final = "mock"
VERSION: Final = "mock-1"
STORE: Final = "mock"
ERROR_TEXT: Final = "the application says no"
#: More than any limit of a test.
_GAS: Final = 10**15


class MockRefusalError(
    RejectedError, codespace="mock", code=7, text="{what} is refused: mock refusal"
):
    """What the application was told to refuse."""


@final
class MockApplication:
    """See the module's docstring; ``refuse`` names callbacks that shall raise."""

    def __init__(
        self, version: str = VERSION, *, acknowledgement: bytes | None = None
    ) -> None:
        """Answer for one version.

        Args:
            version: the only version of a channel that it agrees to.
            acknowledgement: of every packet that it takes; its data by default.
        """
        self.version = version
        self.acknowledgement = acknowledgement
        self.refuse: list[str] = []
        """Names of callbacks that raise, for example ``on_chan_open_try``."""

    def on_chan_open_init(self, ctx: Context, opening: ChannelOpening) -> str:
        """Agree to its own version, given or left open."""
        self._step(ctx, "on_chan_open_init", opening.port_id, opening.channel_id)
        return self._agree(opening.version or self.version)

    def on_chan_open_try(self, ctx: Context, opening: ChannelOpening) -> str:
        """Agree to its own version."""
        self._step(ctx, "on_chan_open_try", opening.port_id, opening.channel_id)
        return self._agree(opening.version)

    def on_chan_open_ack(
        self, ctx: Context, port_id: str, channel_id: str, counterparty_version: str
    ) -> None:
        """Agree to its own version."""
        self._step(ctx, "on_chan_open_ack", port_id, channel_id)
        self._agree(counterparty_version)

    def on_chan_open_confirm(self, ctx: Context, port_id: str, channel_id: str) -> None:
        """Agree."""
        self._step(ctx, "on_chan_open_confirm", port_id, channel_id)

    def on_chan_close_init(self, ctx: Context, port_id: str, channel_id: str) -> None:
        """Agree."""
        self._step(ctx, "on_chan_close_init", port_id, channel_id)

    def on_chan_close_confirm(
        self, ctx: Context, port_id: str, channel_id: str
    ) -> None:
        """Agree."""
        self._step(ctx, "on_chan_close_confirm", port_id, channel_id)

    def on_recv_packet(
        self, ctx: Context, packet: channel_pb2.Packet, relayer: str
    ) -> ReceiveOutcome:
        """Do as the packet says."""
        key = f"{packet.destination_channel}/{packet.sequence}"
        self._step(ctx, "on_recv_packet", packet.destination_port, key)
        order = packet.data.partition(b" ")[0]
        if order == b"refuse":
            raise MockRefusalError(what="packet")
        if order == b"gas":
            ctx.gas.consume(_GAS, "mock")
        if order == b"error":
            return ReceiveOutcome(
                acknowledgement=error_acknowledgement_of(ERROR_TEXT), success=False
            )
        if order == b"silent":
            return ReceiveOutcome(acknowledgement=None, success=False)
        if order == b"async":
            return ReceiveOutcome(acknowledgement=None, success=True)
        acknowledgement = self.acknowledgement or result_acknowledgement(packet.data)
        return ReceiveOutcome(acknowledgement=acknowledgement, success=True)

    def on_acknowledgement_packet(
        self,
        ctx: Context,
        packet: channel_pb2.Packet,
        acknowledgement: bytes,
        relayer: str,
    ) -> None:
        """Count it."""
        key = f"{packet.source_channel}/{packet.sequence}"
        self._step(ctx, "on_acknowledgement_packet", packet.source_port, key)

    def on_timeout_packet(
        self, ctx: Context, packet: channel_pb2.Packet, relayer: str
    ) -> None:
        """Count it."""
        key = f"{packet.source_channel}/{packet.sequence}"
        self._step(ctx, "on_timeout_packet", packet.source_port, key)

    def _step(self, ctx: Context, name: str, port_id: str, key: str) -> None:
        store = ctx.store(STORE)
        place = f"{name}/{key}".encode()
        count = int(store.get(place) or b"0") + 1
        store.set(place, str(count).encode())
        ctx.emit(event("mock_step", name=name, port_id=port_id, key=key))
        if name in self.refuse:
            raise MockRefusalError(what=name)

    def _agree(self, version: str) -> str:
        if version != self.version:
            raise MockRefusalError(what=f"version {version}")
        return self.version


def count_steps(ctx: Context, name: str) -> dict[str, int]:
    """Return how often a callback was called, by channel or by channel and sequence."""
    prefix = f"{name}/".encode()
    return {
        key[len(prefix) :].decode(): int(value)
        for key, value in iterate_prefix(ctx.store(STORE), prefix)
    }


def _init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Put one key down, so that the store is never empty."""
    ctx.store(STORE).set(b"genesis", b"1")


#: The store in which the application counts.
MODULE: Final = Module(name="mock", store=STORE, init_genesis=_init_genesis)


def mock_ports(
    application: PortApplication | None = None,
) -> dict[str, PortApplication]:
    """Return a routing table with the application on its port."""
    return {PORT: application or MockApplication()}
