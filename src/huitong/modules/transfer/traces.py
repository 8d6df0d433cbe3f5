"""Denominations and the way they came: ``port/channel/…/base``.

On each chain that a token passes, the receiving end's port and channel are put in front
of its denomination; on the way back they are taken off again. A chain names a voucher
after the hash of the whole. Spec: ICS-20; ibc-go ``transfer/types/trace.go``.
"""

from __future__ import annotations

import re
from typing import Final

from huitong.core.go_text import is_blank
from huitong.core.hashing import sha256
from huitong.core.ids import InvalidIdentifierError, check_channel_id, check_port_id
from huitong.core.limits import TRANSFER_DENOM_BYTES_MAX, UINT64_MAX
from huitong.modules.transfer.errors import TransferDenomError
from huitong.proto.ibc.applications.transfer.v1.token_pb2 import Denom, Hop
from huitong.proto.ibc.applications.transfer.v1.transfer_pb2 import DenomTrace

_CHANNEL: Final = re.compile(r"channel-([0-9]{1,20})", re.ASCII)
_VOUCHER_HEAD: Final = "ibc/"


def parse_trace(full_denom: str) -> DenomTrace:
    """Split a full denomination into its way and its base.

    Pairs whose second part looks like a channel of ibc-go belong to the way; what is left
    is the base, which may have slashes. Two parts alone are a base.
    """
    parts = full_denom.split("/")
    hops = 0
    while len(parts) > 2 and hops + 1 < len(parts) and _is_channel(parts[hops + 1]):
        hops += 2
    return DenomTrace(path="/".join(parts[:hops]), base_denom="/".join(parts[hops:]))


def full_denom_of(trace: DenomTrace) -> str:
    """Return the full denomination: the way and the base."""
    return f"{trace.path}/{trace.base_denom}" if trace.path else trace.base_denom


def hash_of(full_denom: str) -> bytes:
    """Return the hash that a voucher is named after, 32 bytes."""
    return sha256(full_denom.encode())


def voucher_denom(full_denom: str) -> str:
    """Return the denomination of the voucher for a token that came a way."""
    return _VOUCHER_HEAD + hash_of(full_denom).hex().upper()


def hash_in_voucher(denom: str) -> bytes:
    """Return the hash in the denomination of a voucher."""
    return bytes.fromhex(denom.removeprefix(_VOUCHER_HEAD))


def prefix_of(port_id: str, channel_id: str) -> str:
    """Return what a chain that receives at this end puts before a denomination."""
    return f"{port_id}/{channel_id}/"


def hops_of(trace: DenomTrace) -> Denom:
    """Return a trace in the form of ibc-go v10: its hops as a list."""
    parts = trace.path.split("/") if trace.path else []
    return Denom(
        base=trace.base_denom,
        trace=[
            Hop(port_id=port, channel_id=channel) for port, channel in _pairs(parts)
        ],
    )


def check_full_denom(full_denom: str) -> DenomTrace:
    """Check a full denomination that another chain has written, and split it.

    Raises:
        TransferDenomError: no base, hops whose names are none, or too long.
    """
    size = len(full_denom.encode())
    if size > TRANSFER_DENOM_BYTES_MAX:
        reason = f"{size} bytes, at most {TRANSFER_DENOM_BYTES_MAX}"
        raise TransferDenomError(denom=full_denom, reason=reason)
    trace = parse_trace(full_denom)
    if is_blank(trace.base_denom.rpartition("/")[2]):
        raise TransferDenomError(
            denom=full_denom, reason="base denomination cannot be blank"
        )
    for port_id, channel_id in _pairs(trace.path.split("/") if trace.path else []):
        try:
            check_port_id(port_id)
            check_channel_id(channel_id)
        except InvalidIdentifierError as wrong:
            raise TransferDenomError(denom=full_denom, reason=str(wrong)) from wrong
    return trace


def _is_channel(text: str) -> bool:
    match = _CHANNEL.fullmatch(text)
    return match is not None and int(match[1]) <= UINT64_MAX


def _pairs(parts: list[str]) -> list[tuple[str, str]]:
    return list(zip(parts[::2], parts[1::2], strict=True))
