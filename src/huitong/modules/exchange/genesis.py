"""Exchanges and the zone's rules in the genesis file.

::

    {"params": {"ask_officer": true, "officer_term": "259200", "level_max": 3,
                "client_levels": [{"client_id": "07-tendermint-0", "level_max": 2}]},
     "exchanges": [Exchange…], "waiting": [Packet…], "subscriptions": [Subscription…],
     "pushes": [Exchange…], "hand_overs": [HandOver…], "receipts": [RecordReceipts…]}

A rule that is left out has its default, as shown; the default names no client. The last
four are in ``more_genesis``.
"""

from __future__ import annotations

from typing import Any

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.genesis import (
    GenesisError,
    check_known_keys,
    integer_from_json,
    message_to_json,
    messages_from_json,
)
from huitong.core.ids import check_channel_id
from huitong.core.limits import UINT32_MAX
from huitong.modules.exchange.hand_overs import find_hand_over
from huitong.modules.exchange.keys import PROVIDER, RECEIVER, REQUESTER
from huitong.modules.exchange.more_genesis import (
    MORE,
    export_more,
    init_more,
    waits_for_officer,
)
from huitong.modules.exchange.packets import check_request
from huitong.modules.exchange.params import check_params
from huitong.modules.exchange.state import (
    DEFAULT_PARAMS,
    all_exchanges,
    all_waiting,
    find_exchange,
    find_waiting,
    get_params,
    save_exchange,
    save_params,
    save_waiting,
)
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.exchange.v1.handover_pb2 import HandOver
from huitong.proto.ibc.core.channel.v1.channel_pb2 import Packet

_PARAMS = ("ask_officer", "officer_term", "level_max", "client_levels")


def init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Write the rules and exchanges of a genesis file.

    Raises:
        GenesisError: anything in it is unknown, malformed, twice or without its packet.
    """
    check_known_keys(state, ("params", "exchanges", "waiting", *MORE), "exchange")
    save_params(ctx, _params_from_json(state.get("params", {})))
    where = "exchange.exchanges"
    exchanges = messages_from_json(pb.Exchange, state.get("exchanges", []), where)
    for index, exchange in enumerate(exchanges):
        try:
            _init_exchange(ctx, exchange)
        except RejectedError as wrong:
            raise GenesisError(where=f"{where}[{index}]", reason=str(wrong)) from wrong
    hand_overs = init_more(ctx, state)
    packets = messages_from_json(Packet, state.get("waiting", []), "exchange.waiting")
    for index, packet in enumerate(packets):
        _init_waiting(ctx, packet, f"exchange.waiting[{index}]")
    everything: list[pb.Exchange | HandOver] = [*exchanges, *hand_overs]
    for kept in everything:
        if _waits(kept) and not find_waiting(ctx, kept.channel_id, kept.sequence):
            raise GenesisError(
                where="exchange.waiting",
                reason=f"no packet for {kept.channel_id}/{kept.sequence}",
            )


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return the rules, all exchanges and the packets that wait."""
    params = get_params(ctx)
    return {
        "params": {
            "ask_officer": params.ask_officer,
            "officer_term": str(params.officer_term),
            "level_max": params.level_max,
            "client_levels": [message_to_json(item) for item in params.client_levels],
        },
        "exchanges": [message_to_json(exchange) for exchange in all_exchanges(ctx)],
        "waiting": [message_to_json(packet) for packet in all_waiting(ctx)],
        **export_more(ctx),
    }


def _params_from_json(data: object) -> pb.Params:
    where = "exchange.params"
    if not isinstance(data, dict):
        raise GenesisError(where=where, reason="expected an object")
    check_known_keys(data, _PARAMS, where)
    ask_officer = data.get("ask_officer", DEFAULT_PARAMS.ask_officer)
    if not isinstance(ask_officer, bool):
        raise GenesisError(
            where=f"{where}.ask_officer", reason="expected true or false"
        )
    numbers = {
        name: integer_from_json(
            data.get(name, getattr(DEFAULT_PARAMS, name)), f"{where}.{name}"
        )
        for name in ("officer_term", "level_max")
    }
    if numbers["level_max"] > UINT32_MAX:
        raise GenesisError(where=f"{where}.level_max", reason="is too high")
    params = pb.Params(
        ask_officer=ask_officer,
        officer_term=numbers["officer_term"],
        level_max=numbers["level_max"],
        client_levels=messages_from_json(
            pb.ClientLevel, data.get("client_levels", []), f"{where}.client_levels"
        ),
    )
    try:
        check_params(params)
    except RejectedError as wrong:
        raise GenesisError(where=where, reason=str(wrong)) from wrong
    return params


def _init_exchange(ctx: Context, exchange: pb.Exchange) -> None:
    check_channel_id(exchange.channel_id)
    check_request(exchange.request)
    where = f"{exchange.channel_id}/{exchange.sequence}"
    if not exchange.status or exchange.side not in (PROVIDER, REQUESTER):
        raise GenesisError(where=where, reason="status or side is missing")
    if exchange.push_number:
        raise GenesisError(where=where, reason="a push is no request")
    if bool(exchange.deadline) != _waits(exchange):
        raise GenesisError(where=where, reason="a deadline is for waiting requests")
    side, channel_id, sequence = exchange.side, exchange.channel_id, exchange.sequence
    if find_exchange(ctx, side, channel_id, sequence) is not None:
        raise GenesisError(where=where, reason="stands twice")
    save_exchange(ctx, exchange)


def _init_waiting(ctx: Context, packet: Packet, where: str) -> None:
    channel_id, sequence = packet.destination_channel, packet.sequence
    kept = find_exchange(ctx, PROVIDER, channel_id, sequence) or find_hand_over(
        ctx, RECEIVER, channel_id, sequence
    )
    if kept is None or not _waits(kept):
        raise GenesisError(where=where, reason="no exchange waits for it")
    if find_waiting(ctx, channel_id, sequence) is not None:
        raise GenesisError(where=where, reason="stands twice")
    save_waiting(ctx, packet, kept.deadline)


def _waits(kept: pb.Exchange | HandOver) -> bool:
    if isinstance(kept, HandOver):
        return waits_for_officer(kept)
    return kept.side == PROVIDER and kept.status == pb.EXCHANGE_STATUS_REQUESTED
