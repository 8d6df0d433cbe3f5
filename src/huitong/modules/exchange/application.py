"""The exchange protocol as an IBC application: what happens when packets arrive.

Zone a holds the record, zone b asks for it. On a, a request is decided at once or waits
for an officer; a malformed packet is refused with an error acknowledgement and leaves
nothing behind. On b, an acknowledgement or a timeout never fails, whatever the other
zone wrote: a packet that cannot be settled would be sent again for ever.

Who asks is a member behind a channel. The channel stands for the zone whose light client
vouches for it; the name in the packet is that zone's word about its own members.
"""

from __future__ import annotations

from typing import final

from huitong.core.context import Context
from huitong.core.ports import ChannelOpening, ReceiveOutcome
from huitong.modules.exchange import events
from huitong.modules.exchange.breaking import break_by_policy
from huitong.modules.exchange.deciding import decision_of, write_decision
from huitong.modules.exchange.decisions import (
    check_grade,
    decode_decision,
    encode_decision,
)
from huitong.modules.exchange.errors import (
    ChannelCloseError,
    ChannelOrderingError,
    ChannelPortError,
    ChannelVersionError,
    DecisionError,
    DigestMismatchError,
    ExchangeStatusError,
    MalformedPacketError,
    ReceiptExistsError,
)
from huitong.modules.exchange.keys import PORT_ID, PROVIDER, REQUESTER, VERSION
from huitong.modules.exchange.other_packets import receive_other, settle_other
from huitong.modules.exchange.packets import decode_packet
from huitong.modules.exchange.passed_on import add_receipt
from huitong.modules.exchange.policy import WAITS, judge
from huitong.modules.exchange.standing import judge_standing
from huitong.modules.exchange.state import (
    deadline_of,
    find_exchange,
    get_exchange,
    save_exchange,
    save_waiting,
    status_name,
)
from huitong.modules.exchange.subscriptions import TAKEN, TAKEN_ACKNOWLEDGEMENT
from huitong.modules.grants.coverage import use_grant
from huitong.modules.links.acknowledgements import find_error, find_result
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.ibc.core.channel.v1 import channel_pb2


@final
class ExchangeApplication:
    """Callbacks of the port ``exchange``; keeps nothing."""

    __slots__ = ()

    def on_chan_open_init(self, ctx: Context, opening: ChannelOpening) -> str:
        """Return the version to propose.

        Raises:
            RejectedError: codespace ``exchange``: 4, 5 or 6.
        """
        _check_opening(opening)
        if opening.version not in ("", VERSION):
            raise ChannelVersionError(actual=opening.version, expected=VERSION)
        return VERSION

    def on_chan_open_try(self, ctx: Context, opening: ChannelOpening) -> str:
        """Return the version to use, which is the one that the other end proposes.

        Raises:
            RejectedError: codespace ``exchange``: 4, 5 or 6.
        """
        _check_opening(opening)
        if opening.version != VERSION:
            raise ChannelVersionError(actual=opening.version, expected=VERSION)
        return VERSION

    def on_chan_open_ack(
        self, ctx: Context, port_id: str, channel_id: str, counterparty_version: str
    ) -> None:
        """Check the version that the other end chose.

        Raises:
            ChannelVersionError: another one than proposed.
        """
        if counterparty_version != VERSION:
            raise ChannelVersionError(actual=counterparty_version, expected=VERSION)

    def on_chan_open_confirm(self, ctx: Context, port_id: str, channel_id: str) -> None:
        """Nothing is left to agree on."""

    def on_chan_close_init(self, ctx: Context, port_id: str, channel_id: str) -> None:
        """Refuse.

        Raises:
            ChannelCloseError: always.
        """
        raise ChannelCloseError(channel_id=channel_id)

    def on_chan_close_confirm(
        self, ctx: Context, port_id: str, channel_id: str
    ) -> None:
        """The other end is closed already; open requests will time out there."""

    def on_recv_packet(
        self, ctx: Context, packet: channel_pb2.Packet, relayer: str
    ) -> ReceiveOutcome:
        """Take a packet.

        Raises:
            RejectedError: it is refused, codespace ``exchange``: 2, 3, 9, 10, 15, 30 for
                requests and receipts; 17 to 22 and 25 for the others.
        """
        data = decode_packet(packet.data)
        kind = data.WhichOneof("packet")
        if kind == "request":
            return _receive_request(ctx, packet, data.request)
        if kind == "receipt":
            return _receive_receipt(ctx, packet, data.receipt)
        return receive_other(ctx, packet, data)

    def on_acknowledgement_packet(
        self,
        ctx: Context,
        packet: channel_pb2.Packet,
        acknowledgement: bytes,
        relayer: str,
    ) -> None:
        """Take the answer to a packet of ours; does not raise."""
        data = _read_own(packet)
        kind = data.WhichOneof("packet")
        if kind == "request":
            _settle_request(ctx, packet, acknowledgement)
        elif kind == "receipt":
            _settle_receipt(ctx, packet, data.receipt, acknowledgement)
        elif kind is not None:
            settle_other(ctx, packet, data, acknowledgement)

    def on_timeout_packet(
        self, ctx: Context, packet: channel_pb2.Packet, relayer: str
    ) -> None:
        """Note that a packet of ours did not arrive in time; does not raise."""
        data = _read_own(packet)
        kind = data.WhichOneof("packet")
        if kind == "request":
            _time_out_request(ctx, packet)
        elif kind == "receipt":
            _reopen(ctx, packet, data.receipt, "timed out")
        elif kind is not None:
            settle_other(ctx, packet, data, None)


def _check_opening(opening: ChannelOpening) -> None:
    if opening.ordering != channel_pb2.ORDER_UNORDERED:
        raise ChannelOrderingError(ordering=opening.ordering)
    for port_id in (opening.port_id, opening.counterparty_port_id):
        if port_id != PORT_ID:
            raise ChannelPortError(actual=port_id, expected=PORT_ID)


# --- on a ---------------------------------------------------------------------------------


def _receive_request(
    ctx: Context, packet: channel_pb2.Packet, request: pb.RequestPacket
) -> ReceiveOutcome:
    channel_id = packet.destination_channel
    verdict = (judge_standing if request.standing else judge)(ctx, channel_id, request)
    exchange = pb.Exchange(
        channel_id=channel_id,
        sequence=packet.sequence,
        request=request,
        status=pb.EXCHANGE_STATUS_REQUESTED,
        requested_height=ctx.block.height.revision_height,
        requested_time=ctx.block.time_ns,
        side=PROVIDER,
    )
    if verdict.outcome == WAITS:
        exchange.deadline = deadline_of(ctx, packet)
        save_waiting(ctx, packet, exchange.deadline)
        save_exchange(ctx, exchange)
        ctx.emit(events.exchange_requested(exchange))
        return ReceiveOutcome(acknowledgement=None, success=True)
    use_id = break_by_policy(ctx, exchange, verdict)
    decision = decision_of(ctx, request, verdict, break_glass_id=use_id)
    ctx.emit(events.exchange_requested(exchange))
    if verdict.grant_id and not request.standing:
        used_for = f"{channel_id}/{packet.sequence}"
        use_grant(ctx, verdict.grant_id, used_for=used_for)
    write_decision(ctx, exchange, decision)
    return ReceiveOutcome(acknowledgement=encode_decision(decision), success=True)


def _receive_receipt(
    ctx: Context, packet: channel_pb2.Packet, receipt: pb.ReceiptPacket
) -> ReceiveOutcome:
    exchange = get_exchange(
        ctx,
        PROVIDER,
        packet.destination_channel,
        receipt.request_sequence,
        receipt.push_number,
    )
    if exchange.HasField("receipt"):
        raise ReceiptExistsError(
            channel_id=exchange.channel_id, sequence=exchange.sequence
        )
    if exchange.status not in (
        pb.EXCHANGE_STATUS_GRANTED,
        pb.EXCHANGE_STATUS_DELIVERED,
    ):
        raise ExchangeStatusError(
            channel_id=exchange.channel_id,
            sequence=exchange.sequence,
            status=status_name(exchange.status),
            wanted="a receipt",
        )
    _check_digest(
        "payload digest", receipt.payload_digest, exchange.decision.payload_digest
    )
    check_grade(exchange.decision, receipt.grade)
    if exchange.sealed_digest:
        _check_digest("sealed digest", receipt.sealed_digest, exchange.sealed_digest)
    exchange.status = pb.EXCHANGE_STATUS_RECEIVED
    exchange.receipt.CopyFrom(receipt)
    exchange.receipt_sequence = packet.sequence
    save_exchange(ctx, exchange)
    add_receipt(ctx, exchange)
    ctx.emit(events.exchange_received(exchange))
    return ReceiveOutcome(acknowledgement=TAKEN_ACKNOWLEDGEMENT, success=True)


def _check_digest(what: str, actual: bytes, expected: bytes) -> None:
    if actual != expected:
        raise DigestMismatchError(what=what, actual=actual, expected=expected)


# --- on b ---------------------------------------------------------------------------------


def _read_own(packet: channel_pb2.Packet) -> pb.ExchangePacketData:
    """Return the data of a packet of ours; of no kind if this zone did not make it."""
    try:
        return decode_packet(packet.data)
    except MalformedPacketError:
        return pb.ExchangePacketData()


def _time_out_request(ctx: Context, packet: channel_pb2.Packet) -> None:
    exchange = find_exchange(ctx, REQUESTER, packet.source_channel, packet.sequence)
    if exchange is not None:
        exchange.status = pb.EXCHANGE_STATUS_TIMED_OUT
        save_exchange(ctx, exchange)
        ctx.emit(events.exchange_timed_out(exchange))


def _settle_request(
    ctx: Context, packet: channel_pb2.Packet, acknowledgement: bytes
) -> None:
    exchange = find_exchange(ctx, REQUESTER, packet.source_channel, packet.sequence)
    if exchange is None:
        return
    try:
        decision = decode_decision(acknowledgement, exchange.request)
    except DecisionError as wrong:
        exchange.status = pb.EXCHANGE_STATUS_FAILED
        exchange.failure = wrong.fields["reason"]
        save_exchange(ctx, exchange)
        ctx.emit(events.exchange_failed(exchange))
        return
    write_decision(ctx, exchange, decision)


def _settle_receipt(
    ctx: Context,
    packet: channel_pb2.Packet,
    receipt: pb.ReceiptPacket,
    acknowledgement: bytes,
) -> None:
    if find_result(acknowledgement) != TAKEN:
        refused = "refused" if find_error(acknowledgement) is not None else "unreadable"
        _reopen(ctx, packet, receipt, refused)
        return
    exchange = _find_confirmed(ctx, packet, receipt)
    if exchange is not None:
        exchange.receipt_acknowledged = True
        save_exchange(ctx, exchange)
        ctx.emit(events.receipt_acknowledged(exchange))


def _reopen(
    ctx: Context, packet: channel_pb2.Packet, receipt: pb.ReceiptPacket, reason: str
) -> None:
    """Take back a receipt that did not reach the other zone, so another can be sent."""
    exchange = _find_confirmed(ctx, packet, receipt)
    if exchange is None:
        return
    exchange.status = pb.EXCHANGE_STATUS_GRANTED
    exchange.ClearField("receipt")
    exchange.ClearField("receipt_sequence")
    if not exchange.push_number:
        exchange.ClearField("sealed_digest")
    save_exchange(ctx, exchange)
    ctx.emit(events.receipt_refused(exchange, sequence=packet.sequence, reason=reason))


def _find_confirmed(
    ctx: Context, packet: channel_pb2.Packet, receipt: pb.ReceiptPacket
) -> pb.Exchange | None:
    """Return the exchange whose receipt this packet is, if it is its last one."""
    exchange = find_exchange(
        ctx,
        REQUESTER,
        packet.source_channel,
        receipt.request_sequence,
        receipt.push_number,
    )
    if exchange is None or exchange.receipt_sequence != packet.sequence:
        return None
    return exchange
