"""The exchange protocol: request, decision, delivery, receipt, between two zones."""

from __future__ import annotations

from typing import Final

from huitong.core.grades import GRADES
from huitong.core.module import MessageRoute, Module, QueryRoute
from huitong.modules.exchange import breaking, handlers, params, queries
from huitong.modules.exchange.application import ExchangeApplication
from huitong.modules.exchange.deadlines import refuse_overdue
from huitong.modules.exchange.genesis import export_genesis, init_genesis
from huitong.modules.exchange.keys import (
    PORT_ID,
    PROVIDER,
    REQUESTER,
    STORE,
    VERSION,
    exchange_key,
)
from huitong.modules.exchange.state import find_exchange, get_exchange
from huitong.modules.members import roles
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb

__all__ = [
    "GRADES",
    "MODULE",
    "PORT_ID",
    "PROVIDER",
    "REQUESTER",
    "STORE",
    "VERSION",
    "ExchangeApplication",
    "exchange_key",
    "find_exchange",
    "get_exchange",
]


_QUERY: Final = "/huitong.exchange.v1.Query"

MODULE: Final = Module(
    name="exchange",
    store=STORE,
    messages=(
        MessageRoute(
            request=pb.MsgRequestExchange,
            check=handlers.check_request_exchange,
            apply=handlers.apply_request_exchange,
            roles=(roles.REQUESTER,),
        ),
        MessageRoute(
            request=pb.MsgDecideExchange,
            check=handlers.check_decide_exchange,
            apply=handlers.apply_decide_exchange,
            roles=(roles.OFFICER,),
        ),
        MessageRoute(
            request=pb.MsgBreakGlass,
            check=breaking.check_break_glass,
            apply=breaking.apply_break_glass,
            roles=roles.MEMBER_ROLES,
        ),
        MessageRoute(
            request=pb.MsgRecordDelivery,
            check=handlers.check_record_delivery,
            apply=handlers.apply_record_delivery,
            roles=(roles.PUBLISHER, roles.OFFICER),
        ),
        MessageRoute(
            request=pb.MsgConfirmReceipt,
            check=handlers.check_confirm_receipt,
            apply=handlers.apply_confirm_receipt,
            roles=(roles.REQUESTER,),
        ),
        MessageRoute(
            request=pb.MsgUpdateParams,
            check=params.check_update_params,
            apply=params.apply_update_params,
            governed=True,
        ),
    ),
    queries=(
        QueryRoute(
            path=f"{_QUERY}/Exchange",
            request=pb.QueryExchangeRequest,
            answer=queries.answer_exchange,
        ),
        QueryRoute(
            path=f"{_QUERY}/Exchanges",
            request=pb.QueryExchangesRequest,
            answer=queries.answer_exchanges,
        ),
        QueryRoute(
            path=f"{_QUERY}/Params",
            request=pb.QueryParamsRequest,
            answer=queries.answer_params,
        ),
    ),
    init_genesis=init_genesis,
    export_genesis=export_genesis,
    begin_block=refuse_overdue,
)
