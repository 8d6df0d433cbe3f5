"""Grants of the holder and consents of the data subject."""

from __future__ import annotations

from typing import Final

from huitong.core.module import MessageRoute, Module, QueryRoute
from huitong.modules.grants import consents, handlers, queries
from huitong.modules.grants.coverage import (
    Asked,
    check_consent,
    find_covering_grant,
    use_grant,
)
from huitong.modules.grants.genesis import export_genesis, init_genesis
from huitong.modules.grants.keys import STORE, consent_key, grant_key
from huitong.modules.grants.state import (
    find_consent,
    find_grant,
    get_consent,
    get_grant,
)
from huitong.modules.members import roles
from huitong.proto.huitong.grants.v1 import grants_pb2 as pb

__all__ = [
    "MODULE",
    "STORE",
    "Asked",
    "check_consent",
    "consent_key",
    "find_consent",
    "find_covering_grant",
    "find_grant",
    "get_consent",
    "get_grant",
    "grant_key",
    "use_grant",
]


_QUERY: Final = "/huitong.grants.v1.Query"

MODULE: Final = Module(
    name="grants",
    store=STORE,
    messages=(
        MessageRoute(
            request=pb.MsgGrant,
            check=handlers.check_grant,
            apply=handlers.apply_grant,
            roles=(roles.PUBLISHER, roles.OFFICER),
        ),
        MessageRoute(
            request=pb.MsgWithdrawGrant,
            check=handlers.check_withdraw_grant,
            apply=handlers.apply_withdraw_grant,
            roles=(roles.PUBLISHER, roles.OFFICER),
        ),
        MessageRoute(
            request=pb.MsgRecordConsent,
            check=consents.check_record_consent,
            apply=consents.apply_record_consent,
            roles=(roles.PUBLISHER, roles.OFFICER),
        ),
        MessageRoute(
            request=pb.MsgWithdrawConsent,
            check=consents.check_withdraw_consent,
            apply=consents.apply_withdraw_consent,
            roles=(roles.PUBLISHER, roles.OFFICER),
        ),
        MessageRoute(
            request=pb.MsgSubmitConsent,
            check=consents.check_submit_consent,
            apply=consents.apply_submit_consent,
        ),
        MessageRoute(
            request=pb.MsgSubmitWithdrawal,
            check=consents.check_submit_withdrawal,
            apply=consents.apply_submit_withdrawal,
        ),
    ),
    queries=(
        QueryRoute(
            path=f"{_QUERY}/Grant",
            request=pb.QueryGrantRequest,
            answer=queries.answer_grant,
        ),
        QueryRoute(
            path=f"{_QUERY}/Grants",
            request=pb.QueryGrantsRequest,
            answer=queries.answer_grants,
        ),
        QueryRoute(
            path=f"{_QUERY}/Consent",
            request=pb.QueryConsentRequest,
            answer=queries.answer_consent,
        ),
        QueryRoute(
            path=f"{_QUERY}/Consents",
            request=pb.QueryConsentsRequest,
            answer=queries.answer_consents,
        ),
    ),
    init_genesis=init_genesis,
    export_genesis=export_genesis,
)
