"""The zone's rules of facts: what they may be, and how members change them."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.limits import FACT_TERM_S_MAX, FACT_TERM_S_MIN
from huitong.modules.facts import events
from huitong.modules.facts.errors import FactParamsError
from huitong.modules.facts.state import save_params
from huitong.proto.huitong.facts.v1 import facts_pb2 as pb


def check_params(params: pb.Params) -> None:
    """Raise unless a zone can work by these rules.

    Raises:
        FactParamsError: the term is out of bounds.
    """
    if not FACT_TERM_S_MIN <= params.term <= FACT_TERM_S_MAX:
        raise FactParamsError(
            actual=params.term, minimum=FACT_TERM_S_MIN, maximum=FACT_TERM_S_MAX
        )


def check_update_params(ctx: Context, msg: pb.MsgUpdateParams) -> None:
    """Raise unless these may be the zone's rules.

    Raises:
        FactParamsError: they may not.
    """
    check_params(msg.params)


def apply_update_params(
    ctx: Context, msg: pb.MsgUpdateParams
) -> pb.MsgUpdateParamsResponse:
    """Write the rules; facts that are here keep their term until they are refreshed."""
    save_params(ctx, msg.params)
    ctx.emit(events.fact_params_changed(msg.params))
    return pb.MsgUpdateParamsResponse()
