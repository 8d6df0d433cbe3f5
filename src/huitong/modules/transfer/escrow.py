"""Claims that left, and what brings them back.

A claim that goes back over the end it came in by ends here. A claim that goes on over
another end stays here, held by the address of that end's escrow, until it comes back. So
what an escrow holds bounds what the other chain can ever send back.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import InsufficientFundsError
from huitong.core.invariants import invariant
from huitong.modules.claims.ledger import issue, move, redeem
from huitong.modules.transfer import events
from huitong.modules.transfer.keys import MODULE_ADDRESS, escrow_address
from huitong.modules.transfer.state import (
    find_trace,
    get_escrow_total,
    save_escrow_total,
    save_trace,
)
from huitong.modules.transfer.traces import (
    check_full_denom,
    hash_of,
    parse_trace,
    prefix_of,
    voucher_denom,
)


def goes_back(port_id: str, channel_id: str, full_denom: str) -> bool:
    """Return whether a token came in by an end, so that there it goes back."""
    return full_denom.startswith(prefix_of(port_id, channel_id))


def take_for_sending(
    ctx: Context,
    sender: str,
    port_id: str,
    channel_id: str,
    full_denom: str,
    amount: int,
) -> None:
    """Take a claim from its holder, because a packet carries it away.

    Raises:
        InsufficientFundsError: the sender holds less.

    Cost: at most 3 reads, 3 writes.
    """
    denom = voucher_denom(full_denom)
    if goes_back(port_id, channel_id, full_denom):
        redeem(ctx, sender, denom, amount, by=MODULE_ADDRESS)
        return
    move(ctx, sender, escrow_address(port_id, channel_id), denom, amount)
    save_escrow_total(ctx, denom, get_escrow_total(ctx, denom) + amount)


def give_back(
    ctx: Context,
    receiver: str,
    port_id: str,
    channel_id: str,
    full_denom: str,
    amount: int,
) -> None:
    """Undo ``take_for_sending``.

    Raises:
        InsufficientFundsError: the escrow holds less.
        SupplyOverflowError: more of it came in meanwhile than an amount can tell.
    """
    if goes_back(port_id, channel_id, full_denom):
        denom = voucher_denom(full_denom)
        issue(ctx, receiver, denom, amount, by=MODULE_ADDRESS)
        return
    _release(ctx, receiver, port_id, channel_id, full_denom, amount)


def release_returned(
    ctx: Context,
    receiver: str,
    port_id: str,
    channel_id: str,
    full_denom: str,
    amount: int,
) -> None:
    """Give a claim that came back over an end to its receiver, out of the escrow.

    Args:
        ctx: the branch to write to.
        receiver: an address of this zone.
        port_id: the end on this zone.
        channel_id: the end on this zone.
        full_denom: the denomination as it is here, without the sending chain's part.
        amount: above 0.

    Raises:
        InsufficientFundsError: the escrow holds less; or the denomination is no voucher,
            and this zone has no coin of its own.
    """
    if not parse_trace(full_denom).path:
        raise InsufficientFundsError(reason=f"this zone has no coin {full_denom}")
    _release(ctx, receiver, port_id, channel_id, full_denom, amount)


def take_in(
    ctx: Context,
    receiver: str,
    port_id: str,
    channel_id: str,
    full_denom_there: str,
    amount: int,
) -> None:
    """Issue a voucher for a token that came in over an end.

    Raises:
        TransferDenomError: with this end before it, the denomination is none.
        SupplyOverflowError: there would be too much of it.

    Cost: 3 reads, 3 writes.
    """
    full_denom = prefix_of(port_id, channel_id) + full_denom_there
    trace = check_full_denom(full_denom)
    digest = hash_of(full_denom)
    if find_trace(ctx, digest) is None:
        save_trace(ctx, trace)
    denom = voucher_denom(full_denom)
    ctx.emit(events.voucher_named(digest.hex().upper(), denom))
    issue(ctx, receiver, denom, amount, by=MODULE_ADDRESS)


def _release(
    ctx: Context,
    receiver: str,
    port_id: str,
    channel_id: str,
    full_denom: str,
    amount: int,
) -> None:
    denom = voucher_denom(full_denom)
    move(ctx, escrow_address(port_id, channel_id), receiver, denom, amount)
    total = get_escrow_total(ctx, denom)
    invariant(
        total >= amount,
        "all escrows together hold what one of them held",
        denom=denom,
        total=total,
        amount=amount,
    )
    save_escrow_total(ctx, denom, total - amount)
