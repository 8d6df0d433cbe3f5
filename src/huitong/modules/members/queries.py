"""Answers about members and accounts."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.grpc_words import not_found
from huitong.core.paging import page_of
from huitong.modules.members.calls import find_live_call
from huitong.modules.members.state import (
    accounts_after,
    get_account,
    get_member,
    members_after,
)
from huitong.proto.huitong.members.v1 import members_pb2 as pb


def answer_member(
    ctx: Context, request: pb.QueryMemberRequest
) -> pb.QueryMemberResponse:
    """Return one member.

    Raises:
        MemberNotFoundError: there is none.
    """
    return pb.QueryMemberResponse(member=get_member(ctx, request.member_id))


def answer_members(
    ctx: Context, request: pb.QueryMembersRequest
) -> pb.QueryMembersResponse:
    """Return members by ascending id."""
    members, more = page_of(members_after(ctx, request.start_after), request.limit)
    return pb.QueryMembersResponse(
        members=members, next=members[-1].member_id if more else ""
    )


def answer_account(
    ctx: Context, request: pb.QueryAccountRequest
) -> pb.QueryAccountResponse:
    """Return one account with its roles.

    Raises:
        InvalidAddressError: the address is malformed.
        UnknownAddressError: there is none.
    """
    return pb.QueryAccountResponse(account=get_account(ctx, request.address))


def answer_emergency_call(
    ctx: Context, request: pb.QueryEmergencyCallRequest
) -> pb.QueryEmergencyCallResponse:
    """Return the call to freeze a member that waits for a second one.

    Raises:
        NotFoundError: none waits.
    """
    call = find_live_call(ctx, request.member_id)
    if call is None:
        raise not_found(f"call for the emergency freeze of {request.member_id}")
    return pb.QueryEmergencyCallResponse(call=call)


def answer_accounts(
    ctx: Context, request: pb.QueryAccountsRequest
) -> pb.QueryAccountsResponse:
    """Return accounts in the order of their 20 bytes.

    Raises:
        InvalidAddressError: ``start_after`` is malformed.
    """
    accounts, more = page_of(accounts_after(ctx, request.start_after), request.limit)
    return pb.QueryAccountsResponse(
        accounts=accounts, next=accounts[-1].address if more else ""
    )
