"""Members of the zone, the accounts that sign for them, and what these may do."""

from __future__ import annotations

from typing import Final

from huitong.core.module import Module, QueryRoute
from huitong.modules.members import auth_queries, queries, roles
from huitong.modules.members.genesis import export_genesis, init_genesis
from huitong.modules.members.keys import STORE, account_key, member_key
from huitong.modules.members.routes import MESSAGES
from huitong.modules.members.state import (
    find_account,
    find_member,
    get_account,
    get_member,
    get_member_id,
    is_in_force,
)
from huitong.proto.huitong.members.v1 import members_pb2 as pb

__all__ = [
    "MODULE",
    "STORE",
    "account_key",
    "find_account",
    "find_member",
    "get_account",
    "get_member",
    "get_member_id",
    "is_in_force",
    "member_key",
    "roles",
]


_QUERY: Final = "/huitong.members.v1.Query"

MODULE: Final = Module(
    name="members",
    store=STORE,
    messages=MESSAGES,
    queries=(
        QueryRoute(
            path=f"{_QUERY}/Member",
            request=pb.QueryMemberRequest,
            answer=queries.answer_member,
        ),
        QueryRoute(
            path=f"{_QUERY}/Members",
            request=pb.QueryMembersRequest,
            answer=queries.answer_members,
        ),
        QueryRoute(
            path=f"{_QUERY}/Account",
            request=pb.QueryAccountRequest,
            answer=queries.answer_account,
        ),
        QueryRoute(
            path=f"{_QUERY}/Accounts",
            request=pb.QueryAccountsRequest,
            answer=queries.answer_accounts,
        ),
        QueryRoute(
            path=f"{_QUERY}/EmergencyCall",
            request=pb.QueryEmergencyCallRequest,
            answer=queries.answer_emergency_call,
        ),
        *auth_queries.QUERIES,
    ),
    init_genesis=init_genesis,
    export_genesis=export_genesis,
)
