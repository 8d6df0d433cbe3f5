"""The exchange protocol between two zones.

Request, decision, delivery and receipt; standing permissions, under which new versions
are pushed; and hand-overs, by which a record moves to another zone.
"""

from __future__ import annotations

from typing import Final

from huitong.core.grades import GRADES
from huitong.core.module import MessageRoute, Module, QueryRoute
from huitong.modules.exchange import (
    breaking,
    hand_over_messages,
    handlers,
    more_queries,
    params,
    queries,
    subscription_messages,
)
from huitong.modules.exchange.application import ExchangeApplication
from huitong.modules.exchange.blocks import begin_block
from huitong.modules.exchange.genesis import export_genesis, init_genesis
from huitong.modules.exchange.keys import (
    PORT_ID,
    PROVIDER,
    REQUESTER,
    STORE,
    VERSION,
    exchange_key,
    hand_over_key,
    receipts_key,
    subscription_key,
)
from huitong.modules.exchange.state import find_exchange, get_exchange
from huitong.modules.members import roles
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.exchange.v1 import handover_pb2

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
    "hand_over_key",
    "receipts_key",
    "subscription_key",
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
            request=pb.MsgPushVersion,
            check=subscription_messages.check_push_version,
            apply=subscription_messages.apply_push_version,
            roles=(roles.PUBLISHER, roles.OFFICER),
        ),
        MessageRoute(
            request=pb.MsgEndSubscription,
            check=subscription_messages.check_end_subscription,
            apply=subscription_messages.apply_end_subscription,
            roles=(roles.PUBLISHER, roles.OFFICER, roles.REQUESTER),
        ),
        MessageRoute(
            request=handover_pb2.MsgOfferHandOver,
            check=hand_over_messages.check_offer_hand_over,
            apply=hand_over_messages.apply_offer_hand_over,
            roles=(roles.PUBLISHER, roles.OFFICER),
        ),
        MessageRoute(
            request=handover_pb2.MsgDecideHandOver,
            check=hand_over_messages.check_decide_hand_over,
            apply=hand_over_messages.apply_decide_hand_over,
            roles=(roles.OFFICER,),
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
        QueryRoute(
            path=f"{_QUERY}/Subscription",
            request=pb.QuerySubscriptionRequest,
            answer=more_queries.answer_subscription,
        ),
        QueryRoute(
            path=f"{_QUERY}/Subscriptions",
            request=pb.QuerySubscriptionsRequest,
            answer=more_queries.answer_subscriptions,
        ),
        QueryRoute(
            path=f"{_QUERY}/Pushes",
            request=pb.QueryPushesRequest,
            answer=more_queries.answer_pushes,
        ),
        QueryRoute(
            path=f"{_QUERY}/MissedPushes",
            request=pb.QueryMissedPushesRequest,
            answer=more_queries.answer_missed_pushes,
        ),
        QueryRoute(
            path=f"{_QUERY}/HandOver",
            request=pb.QueryHandOverRequest,
            answer=more_queries.answer_hand_over,
        ),
        QueryRoute(
            path=f"{_QUERY}/HandOvers",
            request=pb.QueryHandOversRequest,
            answer=more_queries.answer_hand_overs,
        ),
        QueryRoute(
            path=f"{_QUERY}/RecordReceipts",
            request=pb.QueryRecordReceiptsRequest,
            answer=more_queries.answer_record_receipts,
        ),
    ),
    init_genesis=init_genesis,
    export_genesis=export_genesis,
    begin_block=begin_block,
)
