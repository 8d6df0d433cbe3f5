"""Refusals of the module ``transfer``.

Codespace ``transfer``: up to 99 as ibc-go numbers them, from 101 on our own. Where ibc-go
uses codes of other families (``ibc``, ``port``), so does this module: they appear in the
acknowledgements that other chains read.
"""

from __future__ import annotations

from huitong.core.errors import RejectedError


class TransferDenomError(
    RejectedError,
    codespace="transfer",
    code=3,
    text="{denom}: {reason}: invalid denomination for cross-chain transfer",
):
    """A denomination that no voucher can have."""


class TransferVersionError(
    RejectedError,
    codespace="transfer",
    code=4,
    text="expected {expected}, got {actual}: invalid ICS20 version",
):
    """The other end speaks another protocol."""


class TransferAmountError(
    RejectedError,
    codespace="transfer",
    code=5,
    text="{reason}: invalid token amount",
):
    """No decimal integer from 1 to 2^256 - 1, or all of nothing."""


class TraceNotFoundError(
    RejectedError,
    codespace="transfer",
    code=6,
    text="{denom}: denomination trace not found",
):
    """No voucher of this name ever came in."""


class SendDisabledError(
    RejectedError,
    codespace="transfer",
    code=7,
    text="fungible token transfers from this chain are disabled",
    next_step="Members decide: `huitong governance propose transfer-params`.",
):
    """The zone sends no claims."""


class ReceiveDisabledError(
    RejectedError,
    codespace="transfer",
    code=8,
    text="fungible token transfers to this chain are disabled",
):
    """The zone takes no vouchers."""


class TooManyTransferChannelsError(
    RejectedError,
    codespace="transfer",
    code=9,
    text="channel sequence {sequence} is greater than {maximum}: max transfer channels",
):
    """Escrow addresses are safe from collisions for 2^32 channels."""


class TransferMemoError(
    RejectedError,
    codespace="transfer",
    code=11,
    text="memo of {size} bytes, at most {maximum}: invalid memo",
):
    """The memo passes its limit."""


class ClientNotAllowedError(
    RejectedError,
    codespace="transfer",
    code=101,
    text="light client {client_id} may not carry transfers",
    next_step="Members decide: `huitong governance propose transfer-params`.",
):
    """The members have not put the client on the list, or have taken it off."""


class TransferParamsError(
    RejectedError,
    codespace="transfer",
    code=102,
    text="{reason}: invalid transfer parameters",
):
    """No zone can work by such rules."""


class TransferPortError(
    RejectedError,
    codespace="port",
    code=4,
    text="invalid port: {actual}, expected {expected}: invalid port",
):
    """Transfers leave and arrive at the transfer port only."""


class TransferFundsError(
    RejectedError, codespace="ibc", code=3, text="{reason}: insufficient funds"
):
    """A transfer of nothing."""


class TransferAddressError(
    RejectedError, codespace="ibc", code=5, text="{reason}: invalid address"
):
    """A sender or receiver that is blank or too long."""


class TransferCoinsError(
    RejectedError, codespace="ibc", code=6, text="{amount}{denom}: invalid coins"
):
    """An amount or denomination that no coin can have."""


class MalformedTransferError(
    RejectedError,
    codespace="ibc",
    code=12,
    text="cannot unmarshal ICS-20 transfer packet data: {reason}: invalid type",
):
    """Packet data that is no transfer."""
