"""ICS-20 as an IBC application: what happens when transfers arrive and are settled.

A packet that cannot be taken is refused with an error acknowledgement and leaves nothing
behind, so that its sender gets the tokens back. An acknowledgement or a timeout never
fails, whatever the other chain wrote: a packet that cannot be settled would be sent again
for ever. What the other chain cannot be given back, because it sent more than it was
owed, is told and stays where it is.

Who sent a token is that chain's word; here it gives no right.
"""

from __future__ import annotations

import re
from typing import Final, final

from huitong.core.context import Context
from huitong.core.errors import OutOfGasError, RejectedError
from huitong.core.go_text import is_blank
from huitong.core.invariants import invariant
from huitong.core.limits import UINT32_MAX
from huitong.core.ports import ChannelOpening, ReceiveOutcome
from huitong.modules.claims.amounts import amount_from_text
from huitong.modules.links.acknowledgements import (
    find_error,
    find_result,
    result_acknowledgement,
)
from huitong.modules.links.errors import (
    IbcRequestError,
    InvalidChannelOrderingError,
)
from huitong.modules.members.authentication import check_may_act
from huitong.modules.members.state import get_account
from huitong.modules.transfer import events
from huitong.modules.transfer.errors import (
    ReceiveDisabledError,
    TooManyTransferChannelsError,
    TransferPortError,
    TransferVersionError,
)
from huitong.modules.transfer.escrow import (
    give_back,
    goes_back,
    release_returned,
    take_in,
)
from huitong.modules.transfer.keys import PORT_ID, VERSION
from huitong.modules.transfer.packet_data import (
    TransferData,
    check_transfer_data,
    decode_transfer,
)
from huitong.modules.transfer.permission import (
    check_channel_allowed,
    check_connection_allowed,
)
from huitong.modules.transfer.state import get_params
from huitong.modules.transfer.traces import prefix_of
from huitong.proto.ibc.core.channel.v1 import channel_pb2

#: Acknowledgement of a transfer that was taken.
TAKEN: Final = result_acknowledgement(b"\x01")
#: What is told of an acknowledgement that is neither result nor error.
_UNREADABLE: Final = "unreadable acknowledgement"
_CHANNEL: Final = re.compile(r"channel-([0-9]{1,20})", re.ASCII)


@final
class TransferApplication:
    """Callbacks of the port ``transfer``; keeps nothing."""

    __slots__ = ()

    def on_chan_open_init(self, ctx: Context, opening: ChannelOpening) -> str:
        """Return the version to propose.

        Raises:
            RejectedError: transfer/4, 9, 101; channel/6; port/4.
        """
        _check_opening(ctx, opening)
        if not is_blank(opening.version):
            _check_version(opening.version)
        return VERSION

    def on_chan_open_try(self, ctx: Context, opening: ChannelOpening) -> str:
        """Return the version to use, which is the one that the other end proposes.

        Raises:
            RejectedError: transfer/4, 9, 101; channel/6; port/4.
        """
        _check_opening(ctx, opening)
        _check_version(opening.version)
        return VERSION

    def on_chan_open_ack(
        self, ctx: Context, port_id: str, channel_id: str, counterparty_version: str
    ) -> None:
        """Check the version that the other end chose.

        Raises:
            TransferVersionError: another one than proposed.
        """
        _check_version(counterparty_version)

    def on_chan_open_confirm(self, ctx: Context, port_id: str, channel_id: str) -> None:
        """Nothing is left to agree on."""

    def on_chan_close_init(self, ctx: Context, port_id: str, channel_id: str) -> None:
        """Refuse: what is held in escrow would be held for ever.

        Raises:
            IbcRequestError: always.
        """
        raise IbcRequestError(reason="user cannot close channel")

    def on_chan_close_confirm(
        self, ctx: Context, port_id: str, channel_id: str
    ) -> None:
        """The other end is closed already; what is on its way will time out here."""

    def on_recv_packet(
        self, ctx: Context, packet: channel_pb2.Packet, relayer: str
    ) -> ReceiveOutcome:
        """Give the receiver what came in, or what came back.

        Raises:
            RejectedError: the packet is refused: transfer/3, 5, 8, 11, 101; claims/2;
                ibc/5, 12; sdk/4, 5, 7, 9.
        """
        data: TransferData | None = None
        try:
            data = decode_transfer(packet.data)
            _receive(ctx, packet, data)
        except OutOfGasError:
            raise
        except RejectedError as refused:
            ctx.emit(events.packet_refused(data, str(refused)))
            raise
        ctx.emit(events.packet_taken(data))
        return ReceiveOutcome(acknowledgement=TAKEN, success=True)

    def on_acknowledgement_packet(
        self,
        ctx: Context,
        packet: channel_pb2.Packet,
        acknowledgement: bytes,
        relayer: str,
    ) -> None:
        """Give back what the other chain refused; raises nothing but out of gas.

        Only an error says that nothing was taken there. Whatever is neither error nor
        result does not, so nothing is given back for it.
        """
        data = _own_data(packet)
        error, result = find_error(acknowledgement), find_result(acknowledgement)
        if error is not None:
            _refund(ctx, packet, data)
            ctx.emit(
                events.packet_answered(data, f"error:{_go_quoted(error.encode())} ")
            )
            ctx.emit(events.answer_refused(error))
        elif result is not None:
            ctx.emit(events.packet_answered(data, f"result:{_go_quoted(result)} "))
            ctx.emit(events.answer_taken(result.decode(errors="replace")))
        else:
            ctx.emit(events.packet_answered(data, ""))
            ctx.emit(events.answer_refused(_UNREADABLE))

    def on_timeout_packet(
        self, ctx: Context, packet: channel_pb2.Packet, relayer: str
    ) -> None:
        """Give back what did not arrive in time; raises nothing but out of gas."""
        data = _own_data(packet)
        _refund(ctx, packet, data)
        ctx.emit(events.packet_timed_out(data))


def _check_opening(ctx: Context, opening: ChannelOpening) -> None:
    match = _CHANNEL.fullmatch(opening.channel_id)
    sequence = int(match[1]) if match else 0
    if sequence > UINT32_MAX:
        raise TooManyTransferChannelsError(sequence=sequence, maximum=UINT32_MAX)
    if opening.ordering != channel_pb2.ORDER_UNORDERED:
        raise InvalidChannelOrderingError(ordering=opening.ordering)
    if opening.port_id != PORT_ID:
        raise TransferPortError(actual=opening.port_id, expected=PORT_ID)
    check_connection_allowed(ctx, opening.connection_hops[0])


def _check_version(version: str) -> None:
    if version != VERSION:
        raise TransferVersionError(actual=version, expected=VERSION)


def _receive(ctx: Context, packet: channel_pb2.Packet, data: TransferData) -> None:
    amount = check_transfer_data(data)
    if not get_params(ctx).receive_enabled:
        raise ReceiveDisabledError
    port_id, channel_id = packet.destination_port, packet.destination_channel
    check_channel_allowed(ctx, port_id, channel_id)
    check_may_act(ctx, get_account(ctx, data.receiver))
    if goes_back(packet.source_port, packet.source_channel, data.denom):
        prefix = prefix_of(packet.source_port, packet.source_channel)
        own_denom = data.denom.removeprefix(prefix)
        release_returned(ctx, data.receiver, port_id, channel_id, own_denom, amount)
    else:
        take_in(ctx, data.receiver, port_id, channel_id, data.denom, amount)


def _own_data(packet: channel_pb2.Packet) -> TransferData:
    """Return the data of a packet that ``handlers`` has sent."""
    data = decode_transfer(packet.data)
    invariant(
        bool(amount_from_text(data.amount)),
        "a packet of this zone carries an amount",
        amount=data.amount,
    )
    return data


def _refund(ctx: Context, packet: channel_pb2.Packet, data: TransferData) -> None:
    branch = ctx.branch()
    port_id, channel_id = packet.source_port, packet.source_channel
    amount = int(data.amount)
    try:
        give_back(branch, data.sender, port_id, channel_id, data.denom, amount)
    except OutOfGasError:
        raise
    except RejectedError as wrong:
        ctx.emit(events.refund_failed(data, str(wrong)))
        return
    ctx.merge(branch)


def _go_quoted(data: bytes) -> str:
    """Return bytes in quotes as Go's text form of protobuf writes them."""
    return '"' + "".join(_GO_QUOTES.get(byte, f"\\{byte:03o}") for byte in data) + '"'


_GO_QUOTES: Final = {
    **{byte: chr(byte) for byte in range(0x20, 0x7F)},
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    ord('"'): '\\"',
    ord("\\"): "\\\\",
}
