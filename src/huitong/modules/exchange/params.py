"""The zone's rules of exchange: what they may be, and how members change them."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import check_sorted
from huitong.core.ids import check_client_id
from huitong.core.limits import CLIENT_LEVELS_MAX, LEVEL_MAX, OFFICER_TERM_S_MAX
from huitong.modules.exchange import events
from huitong.modules.exchange.errors import ExchangeParamsError
from huitong.modules.exchange.state import save_params
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb


def check_params(params: pb.Params) -> None:
    """Raise unless a zone can work by these rules.

    Raises:
        ExchangeParamsError: the officers' term or the highest level is out of bounds.
        InvalidRequestError: the clients are too many, no ids, or not ascending.
    """
    if len(params.client_levels) > CLIENT_LEVELS_MAX:
        raise InvalidRequestError(
            reason=f"client_levels has {len(params.client_levels)} entries, at most "
            f"{CLIENT_LEVELS_MAX}"
        )
    for entry in params.client_levels:
        check_client_id(entry.client_id)
        if entry.level_max > LEVEL_MAX:
            raise ExchangeParamsError(
                field=f"level_max for {entry.client_id}",
                actual=entry.level_max,
                maximum=LEVEL_MAX,
            )
    clients = [entry.client_id for entry in params.client_levels]
    check_sorted(clients, "client_levels")
    for field, actual, maximum in (
        ("officer_term", params.officer_term, OFFICER_TERM_S_MAX),
        ("level_max", params.level_max, LEVEL_MAX),
    ):
        if not 1 <= actual <= maximum:
            raise ExchangeParamsError(field=field, actual=actual, maximum=maximum)


def check_update_params(ctx: Context, msg: pb.MsgUpdateParams) -> None:
    """Raise unless these may be the zone's rules.

    Raises:
        ExchangeParamsError: they may not.
    """
    check_params(msg.params)


def apply_update_params(
    ctx: Context, msg: pb.MsgUpdateParams
) -> pb.MsgUpdateParamsResponse:
    """Write the rules; requests that wait keep the term that they came in with."""
    save_params(ctx, msg.params)
    ctx.emit(events.exchange_params_changed(msg.params))
    return pb.MsgUpdateParamsResponse()
