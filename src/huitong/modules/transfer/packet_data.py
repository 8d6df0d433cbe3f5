"""Packet data of ICS-20: strict in, and out in the one form that ibc-go writes.

What is hashed is always the bytes that travelled; nothing is ever written again to be
compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from huitong.core.canonical_json import JsonError, decode_json
from huitong.core.go_text import go_json_string, is_blank
from huitong.core.limits import TRANSFER_MEMO_BYTES_MAX, TRANSFER_RECEIVER_BYTES_MAX
from huitong.modules.claims.amounts import amount_from_text
from huitong.modules.transfer.errors import (
    MalformedTransferError,
    TransferAddressError,
    TransferAmountError,
    TransferMemoError,
)
from huitong.modules.transfer.traces import check_full_denom

_REQUIRED: Final = ("amount", "denom", "receiver", "sender")
_KNOWN: Final = (*_REQUIRED, "memo")


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferData:
    """``FungibleTokenPacketData``: all fields are texts, as they travel."""

    denom: str
    """The full denomination on the sending chain: its way and its base."""
    amount: str
    """A decimal integer."""
    sender: str
    """Address on the sending chain."""
    receiver: str
    """Address on the receiving chain."""
    memo: str = ""
    """For people or applications; nothing here reads it."""


def encode_transfer(data: TransferData) -> bytes:
    """Return the bytes that ibc-go writes: sorted names, no blanks, no empty memo."""
    fields = {
        "amount": data.amount,
        "denom": data.denom,
        "memo": data.memo,
        "receiver": data.receiver,
        "sender": data.sender,
    }
    parts = (
        go_json_string(name) + b":" + go_json_string(value)
        for name, value in fields.items()
        if value or name != "memo"
    )
    return b"{" + b",".join(parts) + b"}"


def decode_transfer(data: bytes) -> TransferData:
    """Read packet data of any layout; what the fields say is not checked.

    Raises:
        MalformedTransferError: no JSON object, a name that is unknown, missing or given
            twice, or a value that is no text.
    """
    try:
        found = decode_json(data)
    except JsonError as wrong:
        raise MalformedTransferError(reason=str(wrong)) from wrong
    if not isinstance(found, dict):
        raise MalformedTransferError(reason="expected an object")
    for name in _REQUIRED:
        if name not in found:
            raise MalformedTransferError(reason=f"{name} is missing")
    for name, value in found.items():
        _check_field(name, value)
    return TransferData(**found)


def check_transfer_data(data: TransferData) -> int:
    """Check what another chain has written into a packet, and return the amount.

    Raises:
        TransferAmountError: no integer from 1 to 2^256 - 1.
        TransferAddressError: sender or receiver is blank, or the receiver too long.
        TransferMemoError: the memo is too long.
        TransferDenomError: the denomination is none.

    Spec: ICS-20; ibc-go ``transfer/types/packet.go``, with the bounds of v10.
    """
    amount = amount_from_text(data.amount)
    if not amount:
        raise TransferAmountError(
            reason=f"{data.amount[:80]!r} is no integer from 1 to 2^256 - 1"
        )
    if is_blank(data.sender):
        raise TransferAddressError(reason="sender address cannot be blank")
    check_receiver(data.receiver)
    check_memo(data.memo)
    check_full_denom(data.denom)
    return amount


def check_receiver(receiver: str) -> None:
    """Check the form of a receiver, whose chain alone knows what its addresses are.

    Raises:
        TransferAddressError: it is blank or too long.
    """
    if is_blank(receiver):
        raise TransferAddressError(reason="missing recipient address")
    size = len(receiver.encode())
    if size > TRANSFER_RECEIVER_BYTES_MAX:
        raise TransferAddressError(
            reason=f"recipient address of {size} bytes, "
            f"at most {TRANSFER_RECEIVER_BYTES_MAX}"
        )


def check_memo(memo: str) -> None:
    """Check the length of a memo.

    Raises:
        TransferMemoError: it is too long.
    """
    size = len(memo.encode())
    if size > TRANSFER_MEMO_BYTES_MAX:
        raise TransferMemoError(size=size, maximum=TRANSFER_MEMO_BYTES_MAX)


def _check_field(name: str, value: Any) -> None:
    if name not in _KNOWN:
        raise MalformedTransferError(reason=f"unknown field {name[:80]!r}")
    if not isinstance(value, str):
        raise MalformedTransferError(reason=f"{name} is no text")
