"""Standing permissions, pushes, hand-overs and receipts in the genesis file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.fields import (
    DIGEST_SIZE_BYTES,
    check_name,
    check_record_id,
    check_size,
)
from huitong.core.genesis import GenesisError, message_to_json, messages_from_json
from huitong.core.ids import check_channel_id
from huitong.modules.exchange.hand_overs import (
    OFFERED,
    all_hand_overs,
    find_hand_over,
    save_hand_over,
)
from huitong.modules.exchange.keys import GIVER, PROVIDER, RECEIVER, REQUESTER
from huitong.modules.exchange.packets import check_hand_over, check_request
from huitong.modules.exchange.passed_on import (
    all_receipts,
    find_receipts,
    save_receipts,
)
from huitong.modules.exchange.pushes import list_version
from huitong.modules.exchange.standing import ACTIVE
from huitong.modules.exchange.state import all_pushes, find_exchange, save_exchange
from huitong.modules.exchange.subscriptions import (
    all_subscriptions,
    find_subscription,
    get_subscription,
    list_term,
    save_subscription,
)
from huitong.modules.records.keys import RECORD_PREFIX
from huitong.modules.records.state import IN_HAND_OVER, all_records, find_record
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.exchange.v1.handover_pb2 import HandOver

#: Names in the module's genesis state.
MORE: Final = ("subscriptions", "pushes", "hand_overs", "receipts")


def init_more(ctx: Context, state: dict[str, Any]) -> list[HandOver]:
    """Write what a genesis file says of these; return its hand-overs.

    Raises:
        GenesisError: anything in it is malformed, twice, or refers to what is not there.
    """
    _init_each(ctx, state, "subscriptions", pb.Subscription, _init_subscription)
    _init_each(ctx, state, "pushes", pb.Exchange, _init_push)
    hand_overs = _init_each(ctx, state, "hand_overs", HandOver, _init_hand_over)
    _init_each(ctx, state, "receipts", pb.RecordReceipts, _init_receipts)
    _check_locks(ctx, hand_overs)
    return hand_overs


def export_more(ctx: Context) -> dict[str, Any]:
    """Return all of these, each in the order of its keys."""
    return {
        "subscriptions": [message_to_json(item) for item in all_subscriptions(ctx)],
        "pushes": [message_to_json(item) for item in all_pushes(ctx)],
        "hand_overs": [message_to_json(item) for item in all_hand_overs(ctx)],
        "receipts": [message_to_json(item) for item in all_receipts(ctx)],
    }


def waits_for_officer(hand_over: HandOver) -> bool:
    """Return whether an officer of this zone is to decide on a hand-over."""
    return hand_over.side == RECEIVER and hand_over.status == OFFERED


def _init_each(
    ctx: Context,
    state: dict[str, Any],
    name: str,
    kind: type[Any],
    init: Callable[[Context, Any, str], None],
) -> list[Any]:
    where = f"exchange.{name}"
    items = messages_from_json(kind, state.get(name, []), where)
    for index, item in enumerate(items):
        place = f"{where}[{index}]"
        try:
            init(ctx, item, place)
        except GenesisError:
            raise
        except RejectedError as wrong:
            raise GenesisError(where=place, reason=str(wrong)) from wrong
    return items


def _init_subscription(ctx: Context, subscription: pb.Subscription, where: str) -> None:
    channel_id, sequence = subscription.channel_id, subscription.sequence
    check_channel_id(channel_id)
    check_request(subscription.request)
    if not subscription.state or subscription.side not in (PROVIDER, REQUESTER):
        raise GenesisError(where=where, reason="state or side is missing")
    exchange = find_exchange(ctx, subscription.side, channel_id, sequence)
    if exchange is None or exchange.status != pb.EXCHANGE_STATUS_STANDING:
        raise GenesisError(where=where, reason="no standing request was granted")
    if find_subscription(ctx, subscription.side, channel_id, sequence) is not None:
        raise GenesisError(where=where, reason="stands twice")
    save_subscription(ctx, subscription)
    if subscription.state == ACTIVE:
        list_term(ctx, subscription)


def _init_push(ctx: Context, push: pb.Exchange, where: str) -> None:
    check_request(push.request)
    channel_id, sequence = push.channel_id, push.sequence
    subscription = get_subscription(ctx, push.side, channel_id, sequence)
    if not 0 < push.push_number <= subscription.push_last or not push.status:
        raise GenesisError(where=where, reason="push_number or status is wrong")
    key = (push.side, channel_id, sequence, push.push_number)
    if find_exchange(ctx, *key) is not None:
        raise GenesisError(where=where, reason="stands twice")
    save_exchange(ctx, push)
    list_version(ctx, subscription, push)


def _init_hand_over(ctx: Context, hand_over: HandOver, where: str) -> None:
    channel_id, sequence = hand_over.channel_id, hand_over.sequence
    check_channel_id(channel_id)
    check_hand_over(hand_over.offer)
    if not hand_over.status or hand_over.side not in (GIVER, RECEIVER):
        raise GenesisError(where=where, reason="status or side is missing")
    if bool(hand_over.deadline) != waits_for_officer(hand_over):
        raise GenesisError(where=where, reason="a deadline is for what waits")
    if find_hand_over(ctx, hand_over.side, channel_id, sequence) is not None:
        raise GenesisError(where=where, reason="stands twice")
    save_hand_over(ctx, hand_over)


def _init_receipts(ctx: Context, receipts: pb.RecordReceipts, where: str) -> None:
    check_name(receipts.issuer, "issuer")
    check_record_id(receipts.record_id)
    check_size(receipts.digest, "digest", DIGEST_SIZE_BYTES)
    if (
        not receipts.count
        or find_receipts(ctx, receipts.issuer, receipts.record_id).count
    ):
        raise GenesisError(where=where, reason="count is 0, or stands twice")
    save_receipts(ctx, receipts)


def _check_locks(ctx: Context, hand_overs: list[HandOver]) -> None:
    """Check that the records in a hand-over are those that were offered, each once.

    Raises:
        GenesisError: one would be locked for ever, or could be given away twice.
    """
    offered = [
        (hand_over.offer.record.issuer, hand_over.offer.record.record_id)
        for hand_over in hand_overs
        if hand_over.side == GIVER and hand_over.status == OFFERED
    ]
    for issuer, record_id in offered:
        record = find_record(ctx, issuer, record_id)
        if record is None or record.status != IN_HAND_OVER:
            raise GenesisError(
                where="exchange.hand_overs",
                reason=f"{issuer}/{record_id} is not locked",
            )
    locked = [
        (record.issuer, record.record_id)
        for record in all_records(ctx, RECORD_PREFIX)
        if record.status == IN_HAND_OVER
    ]
    if sorted(offered) != sorted(locked):
        raise GenesisError(
            where="exchange.hand_overs",
            reason="records are locked that were not offered, or offered twice",
        )
