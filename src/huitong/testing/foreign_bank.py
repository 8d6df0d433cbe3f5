"""A chain with a coin of its own, as the other end of transfers.

Our zones have no coin: whatever they hold came in from a chain that has one. This is the
smallest such chain that speaks ICS-20, written apart from our own transfer application
and in another way: it names every denomination by its full way and never hashes::

    bank = ForeignBank()
    zone = SimZone("simd-1", [links.MODULE, foreign_bank.MODULE], clock=clock,
                   ports={foreign_bank.PORT: bank})

Its addresses are any texts. A receiver whose address begins with ``nobody`` is refused.
"""

from __future__ import annotations

import json
from typing import Any, Final, final

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.height import Height
from huitong.core.module import Module
from huitong.core.ports import ChannelOpening, ReceiveOutcome
from huitong.core.store.kv import iterate_prefix
from huitong.modules.links.acknowledgements import find_result, result_acknowledgement
from huitong.modules.links.packets import send_packet
from huitong.proto.ibc.core.channel.v1 import channel_pb2

PORT: Final = "transfer"
VERSION: Final = "ics20-1"
STORE: Final = "foreign"
#: The chain's own coin.
COIN: Final = "stake"


class ForeignRefusalError(
    RejectedError, codespace="foreign", code=7, text="{what}: refused"
):
    """What the chain does not do."""


@final
class ForeignBank:
    """Callbacks of the port ``transfer``, and the chain's ledger; keeps nothing."""

    # --- the ledger -----------------------------------------------------------------------

    def mint(self, ctx: Context, holder: str, amount: int, denom: str = COIN) -> None:
        """Give ``holder`` coins out of nothing."""
        self._change(ctx, holder, denom, amount)

    def balance(self, ctx: Context, holder: str, denom: str = COIN) -> int:
        """Return what ``holder`` has."""
        return int(ctx.store(STORE).get(_key(holder, denom)) or b"0")

    def total(self, ctx: Context, denom: str = COIN) -> int:
        """Return what all have together, what is in escrow included."""
        pairs = iterate_prefix(ctx.store(STORE), b"balance ")
        end = f" {denom}".encode()
        return sum(int(value) for key, value in pairs if key.endswith(end))

    def send(
        self,
        ctx: Context,
        channel_id: str,
        *,
        sender: str,
        receiver: str,
        amount: int,
        denom: str = COIN,
        memo: str = "",
        timeout_height: Height = Height.ZERO,
        timeout_timestamp: int,
    ) -> int:
        """Send coins over a channel; return the packet's sequence."""
        self._change(ctx, sender, denom, -amount)
        if not denom.startswith(f"{PORT}/{channel_id}/"):
            self._change(ctx, _escrow(channel_id), denom, amount)
        fields = {
            "amount": str(amount),
            "denom": denom,
            "receiver": receiver,
            "sender": sender,
        } | ({"memo": memo} if memo else {})
        data = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
        return send_packet(
            ctx, PORT, channel_id, timeout_height, timeout_timestamp, data
        )

    # --- callbacks ------------------------------------------------------------------------

    def on_chan_open_init(self, ctx: Context, opening: ChannelOpening) -> str:
        """Agree."""
        return VERSION

    def on_chan_open_try(self, ctx: Context, opening: ChannelOpening) -> str:
        """Agree."""
        return VERSION

    def on_chan_open_ack(
        self, ctx: Context, port_id: str, channel_id: str, counterparty_version: str
    ) -> None:
        """Agree."""

    def on_chan_open_confirm(self, ctx: Context, port_id: str, channel_id: str) -> None:
        """Agree."""

    def on_chan_close_init(self, ctx: Context, port_id: str, channel_id: str) -> None:
        """Agree."""

    def on_chan_close_confirm(
        self, ctx: Context, port_id: str, channel_id: str
    ) -> None:
        """Agree."""

    def on_recv_packet(
        self, ctx: Context, packet: channel_pb2.Packet, relayer: str
    ) -> ReceiveOutcome:
        """Give the receiver its own coin out of escrow, or a new one for a foreign one."""
        data = json.loads(packet.data)
        if data["receiver"].startswith("nobody"):
            raise ForeignRefusalError(what=data["receiver"])
        amount, denom = int(data["amount"]), data["denom"]
        came_by = f"{packet.source_port}/{packet.source_channel}/"
        if denom.startswith(came_by):
            denom = denom[len(came_by) :]
            self._change(ctx, _escrow(packet.destination_channel), denom, -amount)
        else:
            denom = f"{packet.destination_port}/{packet.destination_channel}/{denom}"
        self._change(ctx, data["receiver"], denom, amount)
        return ReceiveOutcome(
            acknowledgement=result_acknowledgement(b"\x01"), success=True
        )

    def on_acknowledgement_packet(
        self,
        ctx: Context,
        packet: channel_pb2.Packet,
        acknowledgement: bytes,
        relayer: str,
    ) -> None:
        """Give back what was refused."""
        if find_result(acknowledgement) is None:
            self._refund(ctx, packet)

    def on_timeout_packet(
        self, ctx: Context, packet: channel_pb2.Packet, relayer: str
    ) -> None:
        """Give back what did not arrive."""
        self._refund(ctx, packet)

    def _refund(self, ctx: Context, packet: channel_pb2.Packet) -> None:
        data: dict[str, Any] = json.loads(packet.data)
        amount, denom = int(data["amount"]), data["denom"]
        if not denom.startswith(f"{PORT}/{packet.source_channel}/"):
            self._change(ctx, _escrow(packet.source_channel), denom, -amount)
        self._change(ctx, data["sender"], denom, amount)

    def _change(self, ctx: Context, holder: str, denom: str, by: int) -> None:
        after = self.balance(ctx, holder, denom) + by
        if after < 0:
            raise ForeignRefusalError(what=f"{holder} lacks {-after} {denom}")
        ctx.store(STORE).set(_key(holder, denom), str(after).encode())


def _key(holder: str, denom: str) -> bytes:
    return f"balance {holder} {denom}".encode()


def _escrow(channel_id: str) -> str:
    return f"escrow/{channel_id}"


def _init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Put one key down, so that the store is never empty."""
    ctx.store(STORE).set(b"genesis", b"1")


#: The store in which the chain keeps its ledger.
MODULE: Final = Module(name="foreign", store=STORE, init_genesis=_init_genesis)
