"""Answers about grants and consents."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.paging import page_of
from huitong.modules.grants.state import get_consent, get_grant, grants_after
from huitong.proto.huitong.grants.v1 import grants_pb2 as pb


def answer_grant(ctx: Context, request: pb.QueryGrantRequest) -> pb.QueryGrantResponse:
    """Return one grant.

    Raises:
        GrantNotFoundError: there is none.
    """
    return pb.QueryGrantResponse(grant=get_grant(ctx, request.grant_id))


def answer_grants(
    ctx: Context, request: pb.QueryGrantsRequest
) -> pb.QueryGrantsResponse:
    """Return a holder's grants by ascending id."""
    after = grants_after(ctx, request.holder, request.start_after)
    grants, more = page_of(after, request.limit)
    return pb.QueryGrantsResponse(
        grants=grants, next=grants[-1].grant_id if more else 0
    )


def answer_consent(
    ctx: Context, request: pb.QueryConsentRequest
) -> pb.QueryConsentResponse:
    """Return one consent.

    Raises:
        ConsentNotFoundError: there is none.
    """
    return pb.QueryConsentResponse(consent=get_consent(ctx, request.consent_id))
