"""What the module ``transfer`` tells the world: names and attributes of ibc-go v8.

Order and form are ibc-go's, because explorers read transfers from them. What this module
tells besides begins with ``transfer_``.
"""

from __future__ import annotations

from typing import Final

from huitong.core.events import Event, event
from huitong.modules.transfer.packet_data import TransferData
from huitong.proto.huitong.transfer.v1.transfer_pb2 import Params

_MODULE: Final = "transfer"


def transfer_sent(data: TransferData, denom: str) -> Event:
    """A claim left in a packet; the denomination is the one that it has here."""
    return event(
        "ibc_transfer",
        sender=data.sender,
        receiver=data.receiver,
        amount=data.amount,
        denom=denom,
        memo=data.memo,
    )


def module_told() -> Event:
    """Whose event the one before was, for subscriptions."""
    return event("message", module=_MODULE)


def packet_taken(data: TransferData | None) -> Event:
    """A packet came in and gave its receiver a claim."""
    return Event("fungible_token_packet", (*_packet(data), ("success", "true")))


def packet_refused(data: TransferData | None, error: str) -> Event:
    """A packet came in and was refused; told under the prefix of refused callbacks."""
    return Event(
        "fungible_token_packet",
        (*_packet(data), ("success", "false"), ("error", error)),
    )


def packet_answered(data: TransferData, acknowledgement: str) -> Event:
    """A packet of this zone was acknowledged, with the acknowledgement as text."""
    return Event(
        "fungible_token_packet",
        (*_packet(data), ("acknowledgement", acknowledgement)),
    )


def answer_taken(result: str) -> Event:
    """The other zone took the packet."""
    return event("fungible_token_packet", success=result)


def answer_refused(error: str) -> Event:
    """The other zone refused the packet."""
    return event("fungible_token_packet", error=error)


def packet_timed_out(data: TransferData) -> Event:
    """A packet of this zone was not received in time."""
    return event(
        "timeout",
        module=_MODULE,
        refund_receiver=data.sender,
        refund_denom=data.denom,
        refund_amount=data.amount,
        memo=data.memo,
    )


def voucher_named(trace_hash: str, denom: str) -> Event:
    """A voucher came in under the name that its way gives it."""
    return event("denomination_trace", trace_hash=trace_hash, denom=denom)


def refund_failed(data: TransferData, reason: str) -> Event:
    """What came back cannot be given back: the other zone sent more than it was owed."""
    return event(
        "transfer_refund_failed",
        sender=data.sender,
        denom=data.denom,
        amount=data.amount,
        reason=reason,
    )


def transfer_params_changed(params: Params) -> Event:
    """Members decided on other rules of transfers."""
    return event(
        "transfer_params_changed",
        allow_any_client=_truth(params.allow_any_client),
        allowed_clients=",".join(params.allowed_clients),
        send_enabled=_truth(params.send_enabled),
        receive_enabled=_truth(params.receive_enabled),
    )


def _packet(data: TransferData | None) -> tuple[tuple[str, str], ...]:
    return (
        ("module", _MODULE),
        ("sender", data.sender if data else ""),
        ("receiver", data.receiver if data else ""),
        ("denom", data.denom if data else ""),
        ("amount", data.amount if data else ""),
        ("memo", data.memo if data else ""),
    )


def _truth(value: bool) -> str:
    return "true" if value else "false"
