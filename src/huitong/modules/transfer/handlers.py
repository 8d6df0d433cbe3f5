"""Send a claim to another chain (ICS-20 ``MsgTransfer``).

Rules: [TRANSFER.1] nobody sends more than it holds; [TRANSFER.2] only over a channel
whose client the members have put on the list; [TRANSFER.3] only what came in can leave:
there is no coin of this zone.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import InsufficientFundsError
from huitong.core.height import Height
from huitong.core.ids import check_channel_id, check_port_id
from huitong.core.limits import UINT256_MAX
from huitong.modules.claims.amounts import (
    amount_from_text,
    coin_text,
    is_denom,
    is_voucher_denom,
)
from huitong.modules.claims.ledger import check_holds
from huitong.modules.claims.state import get_holding
from huitong.modules.links.packets import send_packet
from huitong.modules.transfer import events
from huitong.modules.transfer.errors import (
    SendDisabledError,
    TraceNotFoundError,
    TransferAmountError,
    TransferCoinsError,
    TransferDenomError,
    TransferFundsError,
    TransferPortError,
)
from huitong.modules.transfer.escrow import take_for_sending
from huitong.modules.transfer.keys import PORT_ID
from huitong.modules.transfer.packet_data import (
    TransferData,
    check_memo,
    check_receiver,
    encode_transfer,
)
from huitong.modules.transfer.permission import check_channel_allowed
from huitong.modules.transfer.state import find_trace, get_params
from huitong.modules.transfer.traces import full_denom_of, hash_in_voucher
from huitong.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from huitong.proto.ibc.applications.transfer.v1 import tx_pb2 as pb

#: Stands for all that the sender holds, as in ibc-go.
WHOLE_HOLDING = UINT256_MAX


def check_transfer_form(msg: pb.MsgTransfer) -> None:
    """Raise for what no state could make right.

    Raises:
        InvalidIdentifierError: port or channel are no identifiers.
        TransferPortError: another port.
        TransferCoinsError, TransferFundsError: no coin, or nothing of it.
        TransferAddressError, TransferMemoError: receiver or memo are malformed.
        TransferDenomError: the denomination cannot be a voucher's.
    """
    check_port_id(msg.source_port)
    check_channel_id(msg.source_channel)
    if msg.source_port != PORT_ID:
        raise TransferPortError(actual=msg.source_port, expected=PORT_ID)
    _check_coin(msg.token)
    check_receiver(msg.receiver)
    check_memo(msg.memo)
    denom = msg.token.denom
    if denom == "ibc" or (denom.startswith("ibc/") and not is_voucher_denom(denom)):
        reason = "expected ibc/ and 64 upper-case hexadecimal digits"
        raise TransferDenomError(denom=denom, reason=reason)


def check_transfer(ctx: Context, msg: pb.MsgTransfer) -> None:
    """Raise unless the claim, whose form is checked, may be sent.

    Raises:
        SendDisabledError: the zone sends no claims.
        ChannelNotFoundError, ClientNotAllowedError: no channel for transfers.
        TraceNotFoundError: no voucher of this name ever came in.
        TransferAmountError: all of it, but the sender holds nothing.
        InsufficientFundsError: the sender holds less.

    Cost: 6 reads.
    """
    if not get_params(ctx).send_enabled:
        raise SendDisabledError
    check_channel_allowed(ctx, msg.source_port, msg.source_channel)  # [TRANSFER.2]
    denom = msg.token.denom
    amount = _amount_sent(ctx, msg)
    if not is_voucher_denom(denom):  # [TRANSFER.3]
        raise InsufficientFundsError(
            reason=f"spendable balance {coin_text(0, denom)} is smaller than "
            f"{coin_text(amount, denom)}; this zone has no coin of its own"
        )
    _full_denom(ctx, denom)
    if not amount:
        raise TransferAmountError(reason=f"empty spendable balance for {denom}")
    check_holds(ctx, msg.sender, denom, amount)  # [TRANSFER.1]


def apply_transfer(ctx: Context, msg: pb.MsgTransfer) -> pb.MsgTransferResponse:
    """Take the claim from its holder and send it in a packet.

    Raises:
        RejectedError: the channel does not take the packet, see ``links.send_packet``.
    """
    denom = msg.token.denom
    full_denom = _full_denom(ctx, denom)
    amount = _amount_sent(ctx, msg)
    port_id, channel_id = msg.source_port, msg.source_channel
    take_for_sending(ctx, msg.sender, port_id, channel_id, full_denom, amount)
    data = TransferData(
        denom=full_denom,
        amount=str(amount),
        sender=msg.sender,
        receiver=msg.receiver,
        memo=msg.memo,
    )
    sequence = send_packet(
        ctx,
        port_id,
        channel_id,
        Height.from_proto(msg.timeout_height),
        msg.timeout_timestamp,
        encode_transfer(data),
    )
    ctx.emit(events.transfer_sent(data, denom))
    ctx.emit(events.module_told())
    return pb.MsgTransferResponse(sequence=sequence)


def _check_coin(coin: Coin) -> None:
    amount = amount_from_text(coin.amount)
    if amount is None or not is_denom(coin.denom):
        raise TransferCoinsError(amount=coin.amount, denom=coin.denom)
    if not amount:
        raise TransferFundsError(reason=coin_text(amount, coin.denom))


def _amount_sent(ctx: Context, msg: pb.MsgTransfer) -> int:
    amount = int(msg.token.amount)
    if amount == WHOLE_HOLDING:
        return get_holding(ctx, msg.sender, msg.token.denom)
    return amount


def _full_denom(ctx: Context, denom: str) -> str:
    trace = find_trace(ctx, hash_in_voucher(denom))
    if trace is None:
        raise TraceNotFoundError(denom=denom)
    return full_denom_of(trace)
